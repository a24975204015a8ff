"""Records of maps: any PNG reader reads them, they say what they are of; cells against a loop over them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bsr_plugins.data.saliency.saliency_record import (
    MapSource,
    cell_means,
    decode_cells,
    decode_source,
    encode_map,
    source_of,
    spread,
    to_bytes,
)

IMAGE = np.random.default_rng(0).integers(0, 256, (7, 10, 3)).astype(np.uint8)


def test_a_record_gives_back_cells_and_source() -> None:
    cells = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    source = source_of(IMAGE, 3)
    record = encode_map(cells, source)
    assert decode_source(record) == source == decode_source(memoryview(record))
    assert np.array_equal(decode_cells(record, 'a map', 'here', 'none'), cells)
    # As BasicSR's FileClient and imfrombytes would read it.
    assert np.array_equal(cv2.imdecode(np.frombuffer(record, np.uint8), cv2.IMREAD_COLOR)[..., 1], cells)


def test_the_source_is_that_of_the_pixels_alone() -> None:
    source = source_of(IMAGE, 3)
    assert source[:3] == (7, 10, 3)
    assert source_of(np.asfortranarray(IMAGE), 3) == source
    changed = IMAGE.copy()
    changed[6, 9, 2] ^= 1
    assert source_of(changed, 3) != source


@pytest.mark.parametrize('record', [b'', b'no image', cv2.imencode('.png', IMAGE)[1].tobytes()])
def test_what_was_not_made_here_says_no_source(record: bytes) -> None:
    assert decode_source(record) is None


@pytest.mark.parametrize('cell', [1, 2, 3, 7, 16])
def test_cells(cell: int) -> None:
    saliency = np.random.default_rng(1).random((7, 10))
    means = cell_means(saliency, cell)
    rows, columns = range(0, 7, cell), range(0, 10, cell)
    expected = [[saliency[y : y + cell, x : x + cell].mean() for x in columns] for y in rows]
    assert np.allclose(means, expected)
    whole = spread(means, MapSource(7, 10, cell, 0))
    assert whole.shape == (7, 10)
    assert all(whole[y, x] == means[y // cell, x // cell] for y in range(7) for x in range(10))


def test_the_largest_cell_is_255() -> None:
    assert to_bytes(np.array([[0.02, 0.01], [0.0, 0.005]])).tolist() == [[255, 128], [0, 64]]
    # However weak: maps of a network whose output hardly depends on its input rank pixels as well.
    assert to_bytes(np.array([[3e-9, 1e-9]])).tolist() == [[255, 85]]
    assert not to_bytes(np.zeros((2, 3))).any()
