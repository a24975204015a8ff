"""The detector of LAM: its values by hand, its window, its derivative where there is no gradient."""

from __future__ import annotations

import pytest
import torch

from bsr_plugins.attribution.gradient_detector import gradient_detector, gradient_magnitude
from bsr_plugins.common.errors import OptionError


def test_magnitudes_by_hand() -> None:
    sr = torch.tensor([[[[0.0, 3.0, 3.0], [4.0, 3.0, 0.0], [4.0, 4.0, 9.0]]]])
    # Between a pixel, the one below and the one to the right.
    expected = torch.tensor([[[[5.0, 0.0], [1.0, 10.0**0.5]]]])
    assert torch.allclose(gradient_magnitude(sr), expected)
    assert torch.allclose(gradient_detector(sr), expected.sum().view(1))


def test_a_window_is_a_part_of_the_whole_magnitude() -> None:
    sr = torch.rand(2, 3, 9, 11)
    whole = gradient_magnitude(sr)
    x, y, size = 4, 2, 5
    expected = whole[:, :, y : y + size, x : x + size].flatten(1).sum(1)
    assert torch.allclose(gradient_detector(sr, (x, y, size)), expected)
    at_the_border = whole[:, :, 6:9, 8:11].flatten(1).sum(1)
    assert torch.allclose(gradient_detector(sr, (8, 6, 3)), at_the_border)


def test_derivative_is_zero_where_the_magnitude_is() -> None:
    flat = torch.ones(1, 1, 4, 4, requires_grad=True)
    gradient_detector(flat).sum().backward()
    assert not flat.grad.any()
    edge = torch.zeros(1, 1, 4, 4)
    edge[..., 3] = 1
    edge.requires_grad_(True)
    gradient_detector(edge).sum().backward()
    assert torch.equal(edge.grad[0, 0, 0], torch.tensor([0.0, 0.0, -1.0, 1.0]))


def test_gradient_is_right() -> None:
    sr = torch.rand(2, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gradient_magnitude, (sr,))
    assert torch.autograd.gradcheck(lambda each: gradient_detector(each, (1, 0, 3)), (sr,))


@pytest.mark.parametrize('window', [(-1, 0, 4), (0, -1, 4), (5, 0, 4), (0, 3, 4), (0, 0, 0), (7, 0, 1), (0, 5, 1)])
def test_windows_outside_the_image_are_refused(window: tuple) -> None:
    with pytest.raises(OptionError, match='inside 8 x 6 pixels'):
        gradient_detector(torch.rand(1, 3, 6, 8), window)


@pytest.mark.parametrize('window', [(1, 2), 4, (1.0, 2.0, 3.0), None])
def test_what_is_no_window_is_refused(window: object) -> None:
    from bsr_plugins.attribution.gradient_detector import check_window

    with pytest.raises(OptionError, match='list of 3 whole numbers'):
        check_window(window, 8, 6)
