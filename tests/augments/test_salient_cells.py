"""The most salient cells of a grid: by hand, on sides that do not divide, on constant maps, in half precision."""

from __future__ import annotations

import pytest
import torch

from bsr_plugins.augments.salient_cells import salient_cells
from bsr_plugins.common.errors import OptionError


def test_the_cell_of_the_largest_mean_by_hand() -> None:
    saliency = torch.zeros(2, 1, 4, 6)
    saliency[0, 0, 2:, :3] = 0.2  # bottom left
    saliency[0, 0, 0, 5] = 0.9  # one pixel, mean 0.15
    saliency[1, 0, 0, 5] = 0.9
    mask = salient_cells(saliency, grid=2, cells=1)
    assert mask.shape == (2, 1, 4, 6)
    assert mask[0, 0].tolist() == [[0] * 6] * 2 + [[1, 1, 1, 0, 0, 0]] * 2
    assert mask[1, 0].tolist() == [[0, 0, 0, 1, 1, 1]] * 2 + [[0] * 6] * 2


@pytest.mark.parametrize(('height', 'width', 'grid'), [(5, 7, 2), (48, 48, 3), (10, 11, 4), (4, 4, 4), (9, 5, 1)])
def test_cells_are_a_partition_as_even_as_may_be(height: int, width: int, grid: int) -> None:
    marked = torch.zeros(grid * grid, 1, height, width)
    rows, columns = torch.arange(height) * grid // height, torch.arange(width) * grid // width
    number = rows[:, None] * grid + columns
    for cell in range(grid * grid):
        marked[cell, 0] = (number == cell).float()
    masks = salient_cells(marked, grid, cells=1)
    assert torch.equal(masks, marked)
    assert torch.equal(masks.sum(0), torch.ones(1, height, width))
    for sides in (rows, columns):
        counts = torch.bincount(sides)
        assert len(counts) == grid
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize('cells', [1, 2, 5, 9])
def test_so_many_cells_as_asked_and_those_of_the_largest_means(cells: int) -> None:
    saliency = torch.rand(3, 1, 11, 13, generator=torch.Generator().manual_seed(1))
    mask = salient_cells(saliency, 3, cells)
    rows, columns = torch.arange(11) * 3 // 11, torch.arange(13) * 3 // 13
    for sample in range(3):
        means = {
            (y, x): saliency[sample, 0][rows == y][:, columns == x].mean().item() for y in range(3) for x in range(3)
        }
        best = sorted(means, key=means.__getitem__)[-cells:]
        found = {(y, x) for y, x in means if mask[sample, 0][rows == y][:, columns == x].min() == 1}
        assert found == set(best)
        assert mask[sample].sum() == sum(((rows == y).sum() * (columns == x).sum()) for y, x in best)


@pytest.mark.parametrize('value', [0.0, 0.3, 0.9, 1.0])
@pytest.mark.parametrize(('height', 'width'), [(7, 5), (25, 23)])
def test_of_a_constant_map_the_first_cells_are_taken(value: float, height: int, width: int) -> None:
    """The mean over cells of several sizes of 0.9 differs by rounding."""
    mask = salient_cells(torch.full((1, 1, height, width), value), grid=3, cells=2)
    rows, columns = torch.arange(height) * 3 // height, torch.arange(width) * 3 // width
    assert torch.equal(mask[0, 0], ((rows == 0)[:, None] & (columns <= 1)).float())


@pytest.mark.parametrize('kind', [torch.float16, torch.bfloat16, torch.float64])
def test_every_floating_type_gives_the_same_mask(kind: torch.dtype) -> None:
    saliency = torch.arange(16.0).view(1, 1, 4, 4) / 16
    assert torch.equal(salient_cells(saliency.to(kind), 2, 1), salient_cells(saliency, 2, 1))


def test_a_map_that_is_smaller_than_the_grid_is_an_error() -> None:
    with pytest.raises(OptionError, match=r'train\.augment\.grid.*\n?.*<= 3'):
        salient_cells(torch.zeros(1, 1, 8, 3), 4, 1)
