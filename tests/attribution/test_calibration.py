"""The calibration of CAM: the mask of lowest values, a factor in [0, 1] at every point, the options of the shift."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from bsr_plugins.attribution.blur_path import BlurPath
from bsr_plugins.attribution.calibration import Calibration, calibration_factor, lowest_values
from bsr_plugins.attribution.path_gradients import PathSteps
from bsr_plugins.common.errors import OptionError

POINTS = torch.arange(20) / 20


@pytest.fixture
def path() -> BlurPath:
    return BlurPath(torch.rand(2, 3, 16, 14, generator=torch.Generator().manual_seed(1)), 1.2, 9)


@pytest.mark.parametrize(('fraction', 'count'), [(0, 1), (0.25, 3), (0.5, 5), (1, 10)])
def test_mask_holds_the_lowest_absolute_values(fraction: float, count: int) -> None:
    values = torch.tensor([3.0, -1.0, 9.0, 2.0, -8.0, 4.0, 7.0, 5.0, 0.0, 6.0]).view(1, 1, 1, 2, 5)
    mask = lowest_values(values, fraction)
    assert mask.sum() == count
    assert values.abs()[mask].max() < values.abs()[~mask].min() if count < 10 else mask.all()


def test_factor_is_that_of_equation_6_and_within_bounds(path: BlurPath) -> None:
    mask = torch.ones(2, 20, 3, 16, 14, dtype=torch.bool)
    factor = calibration_factor(path, POINTS, mask, 0.05)
    lq = path.images(torch.ones(1))
    gamma, furthest = path.images(POINTS), path.images((POINTS + 0.05).clamp(max=1))
    l_cu = (gamma - lq).abs().flatten(2).sum(2)
    l_tg = l_cu[:, :1] * (1 - POINTS)
    l_mf = (gamma - furthest).abs().flatten(2).sum(2)
    expected = ((l_cu - l_tg) / l_mf).clamp(0, 1)
    assert torch.allclose(factor.float()[l_mf > 1e-3], expected[l_mf > 1e-3], atol=1e-4)
    assert ((factor >= 0) & (factor <= 1)).all()
    # Printed without guards: late on the path the blur is gone, so nothing can move (0 / 0) and L_CU is below L_TG.
    assert (l_mf[:, 18:] < 1e-6).all()
    assert not factor[:, 14:].any()
    assert factor[:, 1:10].all() and ((factor > 0) & (factor < 1)).any()


def test_constant_images_are_not_shifted() -> None:
    path = BlurPath(torch.full((1, 3, 8, 8), 0.4), 1.2, 9)
    assert not calibration_factor(path, POINTS, torch.ones(1, 20, 3, 8, 8, dtype=torch.bool), 0.05).any()


def steps_of(path: BlurPath) -> PathSteps:
    gradients = torch.rand(2, 20, 3, 16, 14, generator=torch.Generator().manual_seed(2)) - 0.5
    phi = gradients * path.differences(POINTS, POINTS + 0.05)
    return PathSteps(path, POINTS, path.images(POINTS), gradients, phi)


def test_options_of_the_shift(path: BlurPath) -> None:
    steps = steps_of(path)

    def shift(**options: Any) -> Tensor:
        return Calibration(**options)(steps) - steps.phi

    plain = shift()
    # One step of 20 is the furthest: the shift is delta between nothing and the step's own difference.
    assert plain.abs().max() <= steps.phi.abs().max() * 1.001
    assert plain[:, 1:10].abs().sum() > 0
    assert torch.allclose(shift(grad_gain='phi'), plain * (steps.phi / steps.gradients), atol=1e-7)
    mask = lowest_values(steps.gradients, 0.25)
    assert torch.allclose(shift(mask_shift=True), plain * mask)
    assert not torch.allclose(shift(mask='image'), plain)
    assert not shift(max_dist=0).any()


@pytest.mark.parametrize(
    'options', [{'pf': 1.5}, {'max_dist': -0.1}, {'grad_gain': 'psi'}, {'mask': 'none'}, {'mask_shift': 1}]
)
def test_wrong_options_are_refused(options: Any) -> None:
    with pytest.raises(OptionError, match=next(iter(options))):
        Calibration(**options)
