"""Sequential reading of an LMDB: exact images, bounded memory, errors that name the record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.images.lmdb_reader import open_reader
from bsr_plugins.data.subimages.lmdb_images import LmdbImages
from bsr_plugins.data.subimages.lmdb_manifest import read_keys


def test_the_image_is_basicsrs_in_rgb(sub_images: Any) -> None:
    images = LmdbImages(sub_images.hr_lmdb)
    keys = read_keys(sub_images.hr_lmdb)[:5]
    assert len(keys) == 5
    for key in keys:
        image = images.rgb(key)
        assert image.dtype == np.uint8
        assert np.array_equal(image.astype(np.float32) / 255, open_reader(sub_images.hr_lmdb).image(key)[..., ::-1])


def test_the_database_is_mapped_anew_every_so_often(sub_images: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    maps = []

    def open_counted(path: Path) -> Any:
        maps.append(data_maps(path))
        return open_reader(path)

    monkeypatch.setattr('bsr_plugins.data.subimages.lmdb_images.open_reader', open_counted)
    images = LmdbImages(sub_images.hr_lmdb, reads_per_mapping=4)
    for key in read_keys(sub_images.hr_lmdb)[:9]:
        images.pixels(key)
    assert maps == [0, 0, 0]
    assert data_maps(sub_images.hr_lmdb) == 1
    images.close()
    assert data_maps(sub_images.hr_lmdb) == 0


def data_maps(path: Path) -> int:
    maps = Path('/proc/self/maps')
    if not maps.exists():
        pytest.skip('the mappings of a process are listed on Linux alone')
    return sum(str(path) in line for line in maps.read_text().splitlines())


def test_errors(tmp_path: Path, sub_images: Any) -> None:
    with pytest.raises(DataError, match='cannot be opened'):
        LmdbImages(tmp_path / 'no.lmdb').pixels('a')
    images = LmdbImages(sub_images.hr_lmdb)
    with pytest.raises(DataError, match="no record 'zebra_s001'"):
        images.pixels('zebra_s001')
