"""Flat indices in the order of the memory."""

from __future__ import annotations

import pytest
import torch

from bsr_plugins.optim.memory_order import flat_view, memory_order, reorder_indices
from cases import every

LAYOUTS = {
    'contiguous': lambda t: t,
    'channels_last': lambda t: t.to(memory_format=torch.channels_last),
    'transposed': lambda t: t.transpose(0, 3).contiguous().transpose(0, 3),
}


@every('shape', [(4, 3, 2, 5), (4, 1, 1, 5), (1, 3, 1, 1), (2, 3, 3, 1)])
@every('layout', list(LAYOUTS))
def test_reordered_indices_point_at_the_same_entries(layout: str, shape: tuple) -> None:
    plain = torch.arange(1, 1 + torch.Size(shape).numel()).view(shape)
    data = LAYOUTS[layout](plain)
    index = torch.arange(plain.numel())[::2]
    order = memory_order(data)
    there = reorder_indices(index, shape, range(4), order)
    assert torch.equal(flat_view(data)[there], plain.view(-1)[index])
    assert torch.equal(reorder_indices(there, shape, order, range(4)), index)
    assert flat_view(data).data_ptr() == data.data_ptr()


def test_the_index_type_stays() -> None:
    index = torch.tensor([1, 5], dtype=torch.int32)
    assert reorder_indices(index, (2, 3), (0, 1), (1, 0)).tolist() == [2, 5]
    assert reorder_indices(index, (2, 3), (0, 1), (1, 0)).dtype == torch.int32


def test_a_tensor_with_gaps_is_refused() -> None:
    with pytest.raises(RuntimeError):
        flat_view(torch.zeros(4, 4)[:, :3])
