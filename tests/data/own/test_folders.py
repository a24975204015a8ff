"""Images made ready: links and PNGs, cropped and paired, LR by MATLAB's bicubic; a second run, a change, a kill."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any, Callable, Dict

import cv2
import numpy as np
import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.images.image_resizing import shrink
from bsr_plugins.data.own import folders
from bsr_plugins.data.own.folders import folder_for, prepare_own_images
from bsr_plugins.data.own.manifest import Request

Write = Callable[..., Path]


def prepare(root: Path, scale: int = 4, **more: Any) -> folders.OwnImages:
    return prepare_own_images(Request(root / 'hr', scale, **more), root / 'made', progress=False)


def state(root: Path) -> Dict[str, Any]:
    return {
        path.relative_to(root).as_posix(): (path.lstat().st_ino, path.read_bytes())
        for path in root.rglob('*')
        if path.is_file() and path.name != 'images.json'
    }


def decoded(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_COLOR)


@pytest.mark.parametrize('scale', [2, 3, 4])
def test_training_images_are_links_and_held_out_ones_are_pairs(tmp_path: Path, write: Write, scale: int) -> None:
    for index in range(10):
        write(tmp_path / 'hr' / f'{index}{".jpg" if index % 2 else ".png"}', 141, 151)
    for path in (tmp_path / 'hr').iterdir():
        path.chmod(0o444)
    (tmp_path / 'hr').chmod(0o555)
    made = prepare(tmp_path, scale)
    (tmp_path / 'hr').chmod(0o755)
    for key, image in made.training.items():
        link = tmp_path / 'made' / 'train_HR' / f'{key}{image.hr.suffix}'
        assert link.is_symlink() and link.resolve() == image.hr.resolve()
    (key,) = made.held_out
    hr, lr = (decoded(tmp_path / 'made' / name / f'{key}.png') for name in ('val_HR', 'val_LR'))
    assert hr.shape[:2] == (141 // scale * scale, 151 // scale * scale) == tuple(scale * side for side in lr.shape[:2])
    assert np.array_equal(hr, decoded(made.held_out[key].hr)[: hr.shape[0], : hr.shape[1]])
    assert np.array_equal(lr, shrink(hr, 1 / scale))
    assert made.smallest == 141 // scale * scale


def test_the_middle_of_a_large_image_is_held_out(tmp_path: Path, write: Write) -> None:
    for index in range(2):
        write(tmp_path / 'hr' / f'{index}.png', 1100, 1300)
    made = prepare(tmp_path)
    (key,) = made.held_out
    assert decoded(tmp_path / 'made' / 'val_HR' / f'{key}.png').shape[:2] == (1020, 1020)
    assert decoded(tmp_path / 'made' / 'val_LR' / f'{key}.png').shape[:2] == (255, 255)
    # Those that the user has chosen stay whole.
    write(tmp_path / 'val' / 'mine.png', 1100, 1300)
    prepare(tmp_path, val=tmp_path / 'val')
    assert decoded(tmp_path / 'made' / 'val_HR' / 'mine.png').shape[:2] == (1100, 1300)


def test_sixteen_bits_are_rounded_to_eight_and_said(tmp_path: Path, write: Write) -> None:
    for index in range(2):
        write(tmp_path / 'hr' / f'{index}.png', depth=16, channels=1 + 2 * index)
    made = prepare(tmp_path)
    assert made.notes == ['2 images of 16 bits a channel, rounded to 8: 0.png, 1.png']
    for key, image in made.training.items():
        there = cv2.imread(str(tmp_path / 'made' / 'train_HR' / f'{key}.png'), cv2.IMREAD_UNCHANGED)
        full = cv2.imread(str(image.hr), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)[: there.shape[0], : there.shape[1]]
        assert there.dtype == np.uint8 and np.array_equal(there, np.rint(full / 257))


def test_given_lr_images_are_linked_or_both_are_cropped(tmp_path: Path, write: Write) -> None:
    for name, height in (('0001', 160), ('0002', 163), ('0003', 160), ('0004', 161)):
        write(tmp_path / 'hr' / f'{name}.png', height, 160)
        write(tmp_path / 'lr' / f'{name}x4.png', -(-height // 4), 40)
    made = prepare(tmp_path, lr=tmp_path / 'lr')
    for key, image in {**made.training, **made.held_out}.items():
        names = ('val_HR', 'val_LR') if key in made.held_out else ('train_HR', 'train_LR')
        hr, lr = (tmp_path / 'made' / name / f'{key}.png' for name in names)
        assert hr.is_symlink() == lr.is_symlink() == (key in made.training and image.height == 160)
        assert decoded(hr).shape[:2] == (160, 160) and decoded(lr).shape[:2] == (40, 40)
        assert np.array_equal(decoded(lr), decoded(image.lr)[:40])


def test_a_second_run_makes_nothing(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(4):
        write(tmp_path / 'hr' / f'{index}.png')
    prepare(tmp_path)
    before = state(tmp_path / 'made')
    monkeypatch.setattr('bsr_plugins.data.own.choosing.read_image', None)
    monkeypatch.setattr(folders, 'read_image', None)
    assert prepare(tmp_path).notes == [] and state(tmp_path / 'made') == before


def test_what_a_changed_image_made_is_made_anew(tmp_path: Path, write: Write) -> None:
    for index in range(12):
        write(tmp_path / 'hr' / f'{index}.png')
    made = prepare(tmp_path)
    (tmp_path / 'made' / 'sub_128').mkdir()
    changed, held = next(iter(made.training)), next(iter(made.held_out))
    shutil.copy(write(tmp_path / 'x.png'), tmp_path / 'hr' / f'{changed}.png')
    shutil.copy(write(tmp_path / 'y.png'), tmp_path / 'hr' / f'{held}.png')
    (tmp_path / 'hr' / f'{list(made.training)[1]}.png').unlink()
    before = state(tmp_path / 'made')
    notes = prepare(tmp_path).notes
    assert len(notes) == 1 and 'sub-images are made anew' in notes[0] and f'{changed}.png' in notes[0]
    assert not (tmp_path / 'made' / 'sub_128').exists()
    hr = decoded(tmp_path / 'made' / 'val_HR' / f'{held}.png')
    assert np.array_equal(hr, decoded(tmp_path / 'y.png')[: hr.shape[0], : hr.shape[1]])
    after = state(tmp_path / 'made')
    other = next(key for key in made.held_out if key != held)
    assert after[f'val_HR/{other}.png'] == before[f'val_HR/{other}.png']
    assert not (tmp_path / 'made' / 'train_HR' / f'{list(made.training)[1]}.png').exists()


@pytest.mark.parametrize('writes', range(1, 7))
def test_a_run_that_is_killed_anywhere_is_continued(
    tmp_path: Path, write: Write, writes: int, monkeypatch: Any
) -> None:
    for index in range(2):
        write(tmp_path / 'hr' / f'{index}.png', depth=16)
    real, left = os.replace, [writes]

    def replace(*paths: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        real(*paths)

    with monkeypatch.context() as patch:
        patch.setattr(os, 'replace', replace)
        try:
            prepare(tmp_path)
        except KeyboardInterrupt:
            assert not list((tmp_path / 'made').rglob('*.partial*'))
    made = prepare(tmp_path)
    again = prepare_own_images(Request(tmp_path / 'hr', 4), tmp_path / 'fresh', progress=False)
    assert again.training.keys() == made.training.keys()
    for path in (tmp_path / 'fresh').rglob('*.png'):
        assert path.read_bytes() == (tmp_path / 'made' / path.relative_to(tmp_path / 'fresh')).read_bytes()


def test_a_full_disk_is_said(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(2):
        write(tmp_path / 'hr' / f'{index}.png')

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, 'write_bytes', full)
    with pytest.raises(DataError, match='(?s)cannot be written.*No space left.*make room'):
        prepare(tmp_path)
    assert not list((tmp_path / 'made').rglob('*.png*partial*'))


def test_other_images_get_another_folder(tmp_path: Path, write: Write) -> None:
    for name in ('hr', 'else/hr'):
        for index in range(2):
            write(tmp_path / name / f'{index}.png')
    root = tmp_path / 'datasets'
    first, second = Request(tmp_path / 'hr', 4), Request(tmp_path / 'else' / 'hr', 4)
    assert folder_for(first, root) == folder_for(second, root) == root / 'hr_x4'
    prepare_own_images(first, root / 'hr_x4', progress=False)
    assert folder_for(first, root) == root / 'hr_x4' and folder_for(second, root) == root / 'hr_x4_2'
    assert folder_for(first._replace(scale=2), root) == root / 'hr_x2'
    assert folder_for(first._replace(val=tmp_path), root) == root / 'hr_x4_2'
    (root / 'hr_x2').write_text('a file of the user')
    assert folder_for(first._replace(scale=2), root) == root / 'hr_x2_2'
