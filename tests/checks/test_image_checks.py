"""Every image decoded: what cannot be is listed, the check goes on past the first."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Callable, List

import cv2
import lmdb
import numpy as np
import pytest

from bsr_plugins.common.findings import ERROR, WARNING, Finding
from option_files import TRAIN, write_png

Check = Callable[..., List[Finding]]


def test_nothing_wrong(check: Check, capsys: pytest.CaptureFixture) -> None:
    assert check(TRAIN, deep=True) == []
    assert '32/32' in capsys.readouterr().err  # the validation set has the same folders: each image once


def test_all_unreadable_images_are_listed(check: Check) -> None:
    for name in ('HR/0002.png', 'HR/0009.png', 'LR/0004.png'):
        path = Path('data', name)
        path.write_bytes(path.read_bytes()[:-30])  # the header is whole
    assert check(TRAIN) == []
    findings = check(TRAIN, deep=True)
    assert [(finding.severity, finding.where.split(': ')[1]) for finding in findings] == [
        (ERROR, 'datasets.train.dataroot_gt'),
        (ERROR, 'datasets.train.dataroot_gt'),
        (ERROR, 'datasets.train.dataroot_lq'),
    ]
    assert [name in finding.problem for name, finding in zip(('0002', '0009', '0004'), findings)] == [True] * 3


def test_images_of_16_bits(check: Check) -> None:
    for folder, side in (('HR', 400), ('LR', 100)):
        cv2.imwrite(f'data/{folder}/0000.png', np.zeros((side, side, 3), np.uint16))
    stock = check(TRAIN, deep=True)
    assert {finding.severity for finding in stock} == {WARNING} and 'more than 8 bits' in stock[0].problem
    own = check(TRAIN.replace('PairedImageDataset', 'RFSBalancedBatchDataset', 1), deep=True)
    assert {finding.severity for finding in own if '8 bits' in finding.problem} == {ERROR}


def test_records_of_an_lmdb(check: Check) -> None:
    image = Path('data/LR/0000.png').read_bytes()
    for name in ('HR', 'LR'):
        environment = lmdb.open(f'{name}.lmdb', map_size=1 << 24)
        with environment.begin(write=True) as transaction:
            for key, record in (('a', image), ('b', pickle.dumps(name)), ('c', image[:60])):
                transaction.put(key.encode(), record)
        environment.close()
        side = 100 if name == 'LR' else 400
        Path(f'{name}.lmdb/meta_info.txt').write_text(''.join(f'{key}.png ({side},{side},3) 1\n' for key in 'abcd'))
    text = TRAIN.replace('data/HR', 'HR.lmdb').replace('data/LR', 'LR.lmdb').replace('type: disk', 'type: lmdb')
    findings = [finding for finding in check(text, deep=True) if 'dataroot_gt' in finding.where]
    assert [finding.severity for finding in findings] == [ERROR] * 3
    assert 'HR.lmdb: b' in findings[0].problem and "no record 'd'" in findings[2].problem


def test_a_folder_below_a_folder(check: Check) -> None:
    Path('data/HR/clip').mkdir()
    write_png(Path('data/HR/clip/0001.png'), 8, 8)
    Path('data/HR/clip/0002.png').write_bytes(b'x')
    assert any('clip/0002.png' in finding.problem for finding in check(TRAIN, deep=True))
