"""Windows of one's own images: as published where the images are large enough, else smaller; LMDBs and classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Tuple

import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.difficulty.difficulty_file import read_difficulty
from bsr_plugins.data.own import windows
from bsr_plugins.data.own.folders import OwnImages, prepare_own_images
from bsr_plugins.data.own.manifest import Request, Source
from bsr_plugins.data.sampling.long_tail import class_counts
from bsr_plugins.data.subimages.lmdb_manifest import read_manifest
from bsr_plugins.data.subimages.windows import WindowGrid, check_grid, default_grid, modulus

Write = Callable[..., Path]


def of_size(smallest: int, count: int = 1, side: int = 0) -> OwnImages:
    image = Source(Path('a.png'), None, '', side or smallest, side or smallest, False, True)
    return OwnImages(Path(), {str(index): image for index in range(count)}, {}, smallest, [])


@pytest.mark.parametrize('scale', [2, 3, 4])
@pytest.mark.parametrize('smallest', [64, 96, 100, 127, 128, 129, 200, 312, 480, 1200])
def test_windows_fit_the_smallest_image(scale: int, smallest: int) -> None:
    images = of_size(smallest // scale * scale)
    large, small, published = windows.large_grid(images, scale), windows.small_grid(images, scale), default_grid(scale)
    for grid in (large, small):
        check_grid(grid, scale)
        assert images.smallest // modulus(grid, scale) * modulus(grid, scale) >= grid.crop
        assert grid.crop / 3 <= grid.step <= grid.crop / 2
    assert large.crop == min(480, images.smallest)
    assert modulus(large, scale) == scale and large.threshold == 0  # no pixel is left out
    assert small == published if images.smallest >= published.crop else small.crop == images.smallest


def test_windows_of_many_pixels_do_not_overlap() -> None:
    assert windows.large_grid(of_size(4000, 43), 4).step == 236
    assert windows.large_grid(of_size(4000, 44), 4) == WindowGrid(480, 476, 0)


@pytest.mark.parametrize('count', [1, 2, 9, 12, 30, 1000])
def test_as_many_classes_as_none_is_empty(count: int) -> None:
    classes = windows.classes_for(count)
    assert class_counts(count, classes).all() and (classes == 10 or count < 40)


@pytest.fixture
def made(tmp_path: Path, write: Write) -> Tuple[Path, Callable[[], OwnImages]]:
    for index in range(4):
        write(tmp_path / 'hr' / f'{index}.{"jpg" if index % 2 else "png"}', 131 + index, 200)
    return tmp_path, lambda: prepare_own_images(Request(tmp_path / 'hr', 4), tmp_path / 'made', progress=False)


def test_both_kinds_of_windows_are_made_once(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    root, prepare = made
    found = windows.make_windows(prepare(), 4, True, progress=False)
    uniform, classes = Path(found.uniform), Path(found.classes)
    assert uniform.name == 'windows_128' and classes.name == 'sub_128'
    assert read_manifest(uniform / 'LR_sub_x4.lmdb')['sub_images'] == (1 + 2 + 2) * 3  # 128, 132 and 132 rows
    assert len(read_difficulty(classes / 'HR_sub.lmdb' / 'difficulty_x4.txt')[1]) == found.class_count
    times = {path: path.stat().st_mtime_ns for path in root.rglob('*.mdb') if path.name == 'data.mdb'}
    assert windows.make_windows(prepare(), 4, True, progress=False) == found
    assert {path: path.stat().st_mtime_ns for path in times} == times
    # Other images: what was cut of the old ones goes.
    (root / 'hr' / '9.png').write_bytes((root / 'hr' / '0.png').read_bytes() + b'\0')
    again = windows.make_windows(prepare(), 4, True, progress=False)
    assert again.class_count > found.class_count


def test_no_room_is_said_before_anything_is_cut(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    root, prepare = made
    images = prepare()
    usage = type('Usage', (), {'free': 1000})
    monkeypatch.setattr(windows.shutil, 'disk_usage', lambda path: usage)
    with pytest.raises(DataError, match='(?s)no room.*GB free.*make room'):
        windows.make_windows(images, 4, False, progress=False)
    assert not list((root / 'made').glob('sub_*'))
