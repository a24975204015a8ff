"""Which images of a folder are taken: odd names, copies, small ones, given LR images, and those that are held out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Callable

import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.own.choosing import choose
from bsr_plugins.data.own.manifest import Request

Write = Callable[..., Path]


def chosen(hr: Path, scale: int = 4, **more: Any) -> Any:
    return choose(Request(hr, scale, **more), {}, False)


def test_one_image_in_ten_is_held_out_by_its_name_alone(tmp_path: Path, write: Write) -> None:
    for index in range(21):
        write(tmp_path / f'{index:02}.png')
    training, held_out, notes = chosen(tmp_path)
    assert len(training) == 18 and len(held_out) == 3 and notes == []
    assert not training.keys() & held_out.keys()
    assert not {image.hr for image in training.values()} & {image.hr for image in held_out.values()}
    copy = shutil.copytree(tmp_path, tmp_path / 'other')
    assert chosen(copy)[1].keys() == held_out.keys()
    # A further image may take the place of one, and of no other.
    write(tmp_path / '99.png')
    assert len(chosen(tmp_path)[1].keys() - held_out.keys()) <= 1


def test_keys_are_plain_and_each_image_has_its_own(tmp_path: Path, write: Write) -> None:
    names = ['é 1 (2).png', 'e_1_2.png', 'a.b.c.png', 'a.b.c.jpg', '写真.png', '写.png', 'A.png']
    for name in names:
        write(tmp_path / name)
    training, held_out, _ = chosen(tmp_path)
    keys = {**training, **held_out}
    assert sorted(image.hr.name for image in keys.values()) == sorted(names)
    assert set(keys) == {'e_1_2', 'e_1_2_2', 'a_b_c', 'a_b_c_2', 'image', 'image_2', 'A'}


def test_what_is_not_taken_is_said(tmp_path: Path, write: Write) -> None:
    for index in range(4):
        write(tmp_path / f'{index}.png')
    for name in ('Thumbs.db', 'notes.txt', 'a.heic', 'b.HEIC', '.hidden.png'):
        (tmp_path / name).write_bytes(b'x')
    write(tmp_path / '2019' / 'more.png')
    training, held_out, notes = chosen(tmp_path)
    assert len(training) + len(held_out) == 4
    assert notes == [
        f'{tmp_path}: files that are no images of a kind that is read: 1 .db, 2 .heic, 1 .txt',
        f'{tmp_path}: folders inside it are not looked into: 2019',
    ]


def test_copies_and_small_images_are_left_out_and_named(tmp_path: Path, write: Write) -> None:
    for index in range(4):
        write(tmp_path / f'{index}.png')
    shutil.copy(tmp_path / '0.png', tmp_path / 'copy.png')
    write(tmp_path / 'icon.png', 127, 400)
    training, held_out, notes = chosen(tmp_path)
    assert len(training) + len(held_out) == 4
    assert notes == [
        '1 image is a copy of others, or in --val too, left out: copy.png',
        '1 image has a side below 128 pixels, left out: icon.png',
    ]


def test_small_images_are_taken_where_most_are_small(tmp_path: Path, write: Write) -> None:
    for index in range(4):
        write(tmp_path / f'{index}.png', 64, 66)
    write(tmp_path / 'tiny.png', 63, 66)
    training, held_out, notes = chosen(tmp_path)
    assert len(training) + len(held_out) == 4 and 'tiny.png' in notes[0]
    with pytest.raises(DataError, match='(?s)too small.*at least 128 pixels, for scale 8.*up to 64'):
        chosen(tmp_path, scale=8)


def test_an_image_for_validation_is_not_trained_on(tmp_path: Path, write: Write) -> None:
    for index in range(3):
        write(tmp_path / 'hr' / f'{index}.png')
    (tmp_path / 'val').mkdir()
    shutil.copy(tmp_path / 'hr' / '1.png', tmp_path / 'val' / 'renamed.png')
    training, held_out, notes = chosen(tmp_path / 'hr', val=tmp_path / 'val')
    assert set(training) == {'0', '2'} and set(held_out) == {'renamed'} and '1.png' in notes[0]
    with pytest.raises(DataError, match='(?s)No image is left.*another folder than --hr'):
        chosen(tmp_path / 'hr', val=tmp_path / 'hr')


def test_lr_images_pair_by_name(tmp_path: Path, write: Write) -> None:
    for name, height in (('0001', 160), ('0002', 161), ('0003', 163)):
        write(tmp_path / 'hr' / f'{name}.png', height, 160)
        write(tmp_path / 'X4' / f'{name}x4.png', -(-height // 4), 40)
    write(tmp_path / 'X4' / '0004x4.png')
    training, held_out, notes = chosen(tmp_path / 'hr', lr=tmp_path / 'X4')
    images = {**training, **held_out}
    assert {key: image.lr.name for key, image in images.items()} == {f'000{n}': f'000{n}x4.png' for n in (1, 2, 3)}
    assert {key: image.cropped(4) for key, image in images.items()} == dict.fromkeys(images, (160, 160))
    assert {key: image.as_it_is for key, image in images.items()} == {'0001': True, '0002': False, '0003': False}
    assert '0004x4' in notes[0]
    (tmp_path / 'X4' / '0001x4.png').unlink()
    with pytest.raises(DataError, match='(?s)without an LR image of their own: 0001.png.*leave --lr out'):
        chosen(tmp_path / 'hr', lr=tmp_path / 'X4')
    write(tmp_path / 'X4' / '0001x4.png', 80, 80)
    with pytest.raises(DataError, match=r'(?s)0001x4.png \(80x80\) is not .*0001.png \(160x160\) divided by 4'):
        chosen(tmp_path / 'hr', lr=tmp_path / 'X4')


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda root, write: None, 'no image in folder'),
        (lambda root, write: write(root / 'a.png'), '(?s)One image is not enough.*--val DIR'),
        (lambda root, write: write(root / 'in' / 'a.png'), '(?s)no image in folder.*name one of these folders'),
        (lambda root, write: (root / 'a.png').write_bytes(b'no image'), 'a.png is damaged'),
        (lambda root, write: root.rmdir(), 'no folder'),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, write: Write, make: Any, message: str) -> None:
    folder = tmp_path / 'hr'
    folder.mkdir()
    make(folder, write)
    with pytest.raises(DataError, match=message):
        chosen(folder)
