"""Pairs listed as BasicSR lists them, and sizes from headers."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from bsr_plugins.checks.pair_listing import image_size, list_pairs, lmdb_sizes
from option_files import write_png


@pytest.mark.parametrize('ending', ['.png', '.jpg', '.bmp'])
def test_sizes_from_headers(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f'a{ending}'
    cv2.imwrite(str(path), np.zeros((40, 60, 3), np.uint8))
    assert image_size(path) == (40, 60)
    path.write_bytes(path.read_bytes()[:10])
    assert image_size(path) is None


def test_other_files_have_no_size(tmp_path: Path) -> None:
    (tmp_path / 'a.png').write_bytes(b'no image')
    assert image_size(tmp_path / 'a.png') is None and image_size(tmp_path / 'absent.png') is None


def folders(root: Path, gt: list, lq: list) -> dict:
    for name, files in (('gt', gt), ('lq', lq)):
        (root / name).mkdir()
        for file in files:
            write_png(root / name / file, 8, 8)
    return {'dataroot_gt': 'gt', 'dataroot_lq': 'lq'}


@pytest.mark.parametrize(
    ('gt', 'lq', 'template', 'pairs', 'alone'),
    [
        (['a.png', 'b.png'], ['a.png', 'b.png'], None, {'a.png': 'a.png', 'b.png': 'b.png'}, ([], [])),
        (['a.png'], ['ax4.png'], '{}x4', {'a.png': 'ax4.png'}, ([], [])),
        (['a.png', 'b.png'], ['a.png', 'c.png'], None, {'a.png': 'a.png'}, (['b.png'], ['c.png'])),
        (['a.png', '.hidden'], ['a.png'], None, {'a.png': 'a.png'}, ([], [])),
        (['a.png'], ['a.jpg'], None, {}, (['a.png'], ['a.jpg'])),  # BasicSR keeps the ending
    ],
)
def test_folders(tmp_path: Path, gt: list, lq: list, template: str, pairs: dict, alone: tuple) -> None:
    found = list_pairs({**folders(tmp_path, gt, lq), 'filename_tmpl': template}, tmp_path)
    assert (found.pairs, (found.alone_gt, found.alone_lq)) == (pairs, alone)
    assert found.place('gt', 'a.png') == 'gt/a.png'


def test_a_list_of_images(tmp_path: Path) -> None:
    options = folders(tmp_path, ['a.png', 'b.png'], ['a.png', 'b.png', 'c.png'])
    (tmp_path / 'list.txt').write_text('a.png (8,8,3)\nz.png (8,8,3)\n')
    found = list_pairs({**options, 'meta_info_file': 'list.txt'}, tmp_path)
    assert (found.pairs, found.alone_gt, found.alone_lq) == ({'a.png': 'a.png'}, [], [])


def test_lmdbs(tmp_path: Path) -> None:
    for name, lines in (('gt', 'a.png (40,60,3) 1\nb.png (8,8,3) 1\n'), ('lq', 'a.png (10,15,3) 1\nc.png (2,2,3) 1\n')):
        (tmp_path / f'{name}.lmdb').mkdir()
        (tmp_path / f'{name}.lmdb' / 'meta_info.txt').write_text(lines)
    found = list_pairs({'dataroot_gt': 'gt.lmdb', 'dataroot_lq': 'lq.lmdb'}, tmp_path)
    assert (found.pairs, found.alone_gt, found.alone_lq) == ({'a': 'a'}, ['b'], ['c'])
    assert found.size('gt', 'a') == (40, 60) and found.size('lq', 'a') == (10, 15)
    assert found.place('lq', 'a') == 'lq.lmdb: a'
    assert lmdb_sizes(tmp_path / 'absent.lmdb') is None


@pytest.mark.parametrize(
    'options', [{}, {'dataroot_gt': 'gt', 'dataroot_lq': 'absent'}, {'dataroot_gt': ['a', 'b'], 'dataroot_lq': 'lq'}]
)
def test_what_cannot_be_listed(tmp_path: Path, options: dict) -> None:
    folders(tmp_path, ['a.png'], ['a.png'])
    assert list_pairs(options, tmp_path) is None
