"""What the check of an option file says of the saliency maps of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, List

import numpy as np
import pytest

from bsr_plugins.common.findings import ERROR, WARNING, Finding
from option_files import TRAIN, changed
from tests.support.saliency_maps import write_maps

Check = Callable[..., List[Finding]]
FILE = changed(TRAIN, 'type: PairedImageDataset', 'type: SaliencyPairedDataset\n    saliency: maps.lmdb')


@pytest.fixture
def maps(check: Check) -> List[str]:
    """Maps of all images."""
    keys = sorted(path.stem for path in Path('data/LR').iterdir())
    write_maps(Path('maps.lmdb'), {key: np.zeros((2, 2, 3), np.uint8) for key in keys})
    return keys


def test_maps_that_nobody_uses(check: Check, maps: List[str]) -> None:
    (finding,) = check(FILE)
    assert finding.severity == WARNING and str(finding.where).endswith('datasets.train.saliency')
    assert 'nothing goes by them' in str(finding) and 'leave out saliency' in str(finding)


@pytest.mark.parametrize('kind', ['SaliencyPairedDataset', 'SamplingAugDataset'])
def test_maps_that_are_not_there(check: Check, kind: str) -> None:
    found = [each for each in check(FILE.replace('SaliencyPairedDataset', kind)) if each.severity == ERROR]
    assert len(found) == 1 and str(found[0].where).endswith('datasets.train.saliency')
    assert 'no LMDB folder' in str(found[0]) and 'saliency -opt TEST.yml --lq data/LR --out' in str(found[0])


def test_images_without_a_map(check: Check, maps: List[str]) -> None:
    Path('data/LR', f'{maps[0]}.png').rename('data/LR/other.png')
    Path('data/HR', f'{maps[0]}.png').rename('data/HR/other.png')
    found = [each for each in check(FILE) if each.severity == ERROR]
    assert len(found) == 1 and '1 image has no saliency map' in str(found[0]) and 'none of other' in str(found[0])


def test_a_missing_path_and_a_data_set_that_reads_none(check: Check, maps: List[str]) -> None:
    (missing,) = check(FILE.replace('    saliency: maps.lmdb\n', ''))
    assert missing.severity == ERROR and 'saliency' in str(missing.where)
    found = check(FILE.replace('SaliencyPairedDataset', 'PairedImageDataset'))
    assert [(each.severity, str(each.where).rpartition('.')[2]) for each in found] == [(WARNING, 'saliency')]
