"""Golden values of the diffusion index and of normalised maps."""

from __future__ import annotations

import pytest
import torch

from bsr_plugins.attribution.attribution_maps import diffusion_index, normalised_map
from bsr_plugins.common.errors import DataError, OptionError


@pytest.mark.parametrize(
    ('values', 'expected'),
    [
        ([0, 0, 0, 1], 25.00003),
        ([1, 2, 3, 4], 75.0),
        ([0, 0, 1, 1], 50.00001),
        ([0.5] * 4, 100.0),
        ([0] * 4, 100.0),
        ([-1, 0, 1, 2], 58.33333),
    ],
)
def test_golden_indices(values: list, expected: float) -> None:
    assert diffusion_index(torch.tensor(values, dtype=torch.float32).view(2, 2)) == pytest.approx(expected, abs=2e-5)


def test_index_does_not_change_with_order_or_scale() -> None:
    values = torch.rand(7, 9, dtype=torch.float64)
    index = diffusion_index(values)
    assert diffusion_index(values.flip(0).t()) == pytest.approx(index, abs=1e-12)
    assert diffusion_index(values * 1000) == pytest.approx(index, abs=1e-3)


@pytest.mark.parametrize('values', [torch.tensor([[1.0, float('nan')]]), torch.tensor([float('inf')]), torch.zeros(0)])
def test_maps_without_an_index_are_refused(values: torch.Tensor) -> None:
    with pytest.raises(DataError, match='diffusion index'):
        diffusion_index(values)


def test_a_map_is_the_sum_of_channels_by_its_maximum() -> None:
    attribution = torch.tensor([[[1.0, -2.0]], [[1.0, -2.0]], [[-1.0, 0.0]]])
    assert torch.equal(normalised_map(attribution), torch.tensor([[0.25, 1.0]]))
    assert torch.equal(normalised_map(attribution, 'sum_abs'), torch.tensor([[0.75, 1.0]]))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_each_image_has_its_own_maximum_and_none_is_nan(dtype: torch.dtype) -> None:
    attribution = torch.stack([torch.zeros(3, 2, 2), torch.rand(3, 2, 2), 1e-30 * torch.ones(3, 2, 2)]).to(dtype)
    maps = normalised_map(attribution)
    assert maps.shape == (3, 2, 2)
    assert maps.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert not maps[0].any()
    assert maps[1].max() == 1
    assert torch.isfinite(maps).all()
    assert torch.equal(maps[1], normalised_map(attribution[1]))


def test_what_is_no_attribution_is_refused() -> None:
    with pytest.raises(DataError, match='no attribution'):
        normalised_map(torch.zeros(4, 4))
    with pytest.raises(OptionError, match='reduction'):
        normalised_map(torch.zeros(1, 4, 4), 'mean')
