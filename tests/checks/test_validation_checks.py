"""What is wrong with a validation and shows late: borders, names of sets and of their outputs."""

from __future__ import annotations

from typing import Callable, List, Optional

import pytest

from bsr_plugins.common.findings import ERROR, WARNING, Finding
from option_files import TRAIN, changed

Check = Callable[..., List[Finding]]
SECOND = """  val_2:
    name: second
    type: PairedImageDataset
    dataroot_gt: data/HR
    dataroot_lq: data/LR
    filename_tmpl: '{}'
    io_backend:
      type: disk

network_g:"""


def said_of(findings: List[Finding]) -> List[tuple]:
    return [(finding.severity, finding.problem) for finding in findings]


@pytest.mark.parametrize(
    ('metric', 'border', 'expected'),
    [
        ('calculate_psnr', 4, []),
        ('calculate_psnr', 0, ['another width']),
        ('calculate_ssim', 2, ['another width']),
        ('calculate_niqe', 0, []),  # its border is no matter of the scale
    ],
)
def test_the_border_of_psnr_and_ssim_is_the_scale(check: Check, metric: str, border: int, expected: List[str]) -> None:
    text = changed(TRAIN, 'type: calculate_psnr', f'type: {metric}')
    found = check(changed(text, 'crop_border: 4', f'crop_border: {border}'))
    assert len(found) == len(expected)
    assert all(words in finding.problem for words, finding in zip(expected, found))


def test_the_border_of_other_kinds_of_data_is_not_judged(check: Check) -> None:
    text = changed(TRAIN, 'crop_border: 4', 'crop_border: 0')
    before, val = text.split('  val:\n', 1)
    text = f'{before}  val:\n' + changed(val, 'type: PairedImageDataset', 'type: VideoTestDataset')
    assert not any('another width' in finding.problem for finding in check(text))


@pytest.mark.parametrize(
    ('name', 'expected'),
    [('second', []), ('{}', [(ERROR, "Two sets are called 'Set5'")]), ('SET5', [(WARNING, 'letter case alone')])],
)
def test_each_set_has_a_name_of_its_own(check: Check, name: str, expected: List[tuple]) -> None:
    text = changed(TRAIN, 'network_g:', SECOND).replace('name: second', f'name: {name}').replace('{}\n', 'Set5\n')
    found = [each for each in said_of(check(text)) if 'called' in each[1] or 'letter case' in each[1]]
    assert [severity for severity, _ in found] == [severity for severity, _ in expected]
    assert all(words in problem for (_, words), (_, problem) in zip(expected, found))


def test_outputs_of_one_name_overwrite_each_other(check: Check) -> None:
    text = changed(changed(TRAIN, 'network_g:', SECOND), 'save_img: false', 'save_img: true')
    assert any('would overwrite each other' in problem for _, problem in said_of(check(text)))
    assert not any(
        'overwrite' in problem for _, problem in said_of(check(changed(text, 'save_img: true', 'save_img: false')))
    )


@pytest.mark.parametrize(
    ('channels', 'colour', 'remedy'),
    [
        (3, '~', None),
        (1, 'y', None),
        (1, '~', 'num_out_ch: 3, or color: y in datasets.train and the other data sets'),
        (3, 'y', 'num_out_ch: 1'),
    ],
)
def test_channels_of_the_output(check: Check, channels: int, colour: str, remedy: Optional[str]) -> None:
    text = changed(TRAIN, 'num_out_ch: 3', f'num_out_ch: {channels}')
    text = text.replace('type: PairedImageDataset', f'type: PairedImageDataset\n    color: {colour}')
    findings = [each for each in check(text) if 'num_out_ch' in each.where]
    assert [(each.severity, each.remedy) for each in findings] == ([] if remedy is None else [(ERROR, remedy)])
