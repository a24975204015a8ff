"""Validation images that are trained on, however they are named."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Callable, List

import pytest

from bsr_plugins.checks.overlap_checks import check_overlap
from bsr_plugins.common.findings import WARNING, Finding
from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
from bsr_plugins.options.option_file import read_option_file
from option_files import TRAIN, changed, write_pairs, write_png

Check = Callable[..., List[Finding]]
BEFORE, _, AFTER = TRAIN.partition('  val:\n')


@pytest.fixture(autouse=True)
def _here(check: Check) -> None:
    """Work in the directory with the pairs."""


def found(hr: str, lr: str, more: str = '', train: str = BEFORE) -> List[str]:
    val = AFTER.replace('data/HR', hr).replace('data/LR', lr).replace('    name: Set5', f'    name: Set5\n{more}', 1)
    Path('x.yml').write_text(f'{train}  val:\n{val}')
    findings = check_overlap(read_option_file('x.yml'), Path.cwd())
    assert all(
        (each.severity, each.where.partition(': ')[2]) == (WARNING, 'datasets.val.dataroot_gt') for each in findings
    )
    return [each.problem for each in findings]


ALL = ['All 16 validation images are training images']


def test_the_same_folders() -> None:
    assert found('data/HR', 'data/LR') == found('./data/../data/HR', 'data/LR') == ALL


@pytest.mark.parametrize('arrange', [shutil.copytree, lambda old, new: Path(new).symlink_to(Path(old).resolve())])
def test_a_copy_and_a_link(arrange: Callable[[str, str], None]) -> None:
    for name in ('HR', 'LR'):
        arrange(f'data/{name}', f'val_{name}')
    assert found('val_HR', 'val_LR') == ALL


def test_some_of_the_images() -> None:
    write_pairs(Path('val'), 16, side=200)
    assert found('val/HR', 'val/LR') == []
    for name in ('HR', 'LR'):
        shutil.copy(f'data/{name}/0003.png', f'val/{name}/0003.png')
    assert found('val/HR', 'val/LR') == ['1 of the 16 validation images are training images']


def test_a_folder_inside_the_other_one_is_no_part_of_it() -> None:
    write_pairs(Path('data/HR/val'), 2, side=200)
    assert found('data/HR/val/HR', 'data/HR/val/LR') == []


def test_lists_of_the_same_folder_are_told_apart() -> None:
    Path('a.txt').write_text(''.join(f'{number:04}.png\n' for number in range(12)))
    Path('b.txt').write_text(''.join(f'{number:04}.png\n' for number in range(12, 16)))
    train = changed(BEFORE, '    gt_size', '    meta_info_file: a.txt\n    gt_size')
    assert found('data/HR', 'data/LR', '    meta_info_file: b.txt\n', train) == []
    Path('b.txt').write_text('0011.png\n0012.png\n')
    assert found('data/HR', 'data/LR', '    meta_info_file: b.txt\n', train) == [
        '1 of the 2 validation images are training images'
    ]


def test_an_lmdb_made_of_the_validation_images() -> None:
    create_subimage_lmdbs('data/HR', 'sub', 4, lr='data/LR', progress=False)
    roots = 'dataroot_gt: data/HR\n    dataroot_lq: data/LR\n    io_backend: {type: disk}'
    lmdbs = 'dataroot_gt: sub/HR_sub.lmdb\n    dataroot_lq: sub/LR_sub_x4.lmdb\n    io_backend: {type: lmdb}'
    assert found('data/HR', 'data/LR', train=changed(BEFORE, roots, lmdbs)) == ALL


def test_hr_and_lr_of_one_folder(check: Check) -> None:
    write_png(Path('data/HR/0000.png'), 400, 400)
    text = TRAIN.replace('dataroot_lq: data/LR', 'dataroot_lq: data/HR')
    problems = [each.problem for each in check(text) if ': datasets.train.dataroot_lq' in each.where]
    assert problems == ['HR and LR images are the same files']
    Path('data/LR').rename('data/old')
    Path('data/LR').symlink_to('HR')
    problems = [each.problem for each in check(TRAIN) if ': datasets.train.dataroot_lq' in each.where]
    assert problems == ['HR and LR images are the same files']
