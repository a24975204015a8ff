"""What the check of an option file says of ``train.augment``."""

from __future__ import annotations

from typing import Callable, List

import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.findings import ERROR, Finding
from bsr_plugins.models.augment_combinations import check_combinations
from option_files import TRAIN, changed

Check = Callable[..., List[Finding]]
SIGMA = '\nnetwork_sigma: {type: SigmaBranch}\ntrain:\n  sigma_opt: {type: SigmaLoss}\n'
LUMA = TRAIN.replace('_ch: 3', '_ch: 1').replace('    io_backend', '    color: y\n    io_backend')


def with_augment(augment: str, text: str = TRAIN) -> str:
    return changed(changed(text, 'SRModel', 'RebalancedSRModel'), '  total_iter', f'  augment: {augment}\n  total_iter')


@pytest.mark.parametrize(
    'augment',
    [
        '~',
        '{type: CutBlur}',
        '{type: CutMixup, prob: 0.5, mixup_prob: 0.5}',
        '{type: MoA, ops: [Blend, RGBPermutation], alphas: [~, 1], probs: [1, 0.5], mix_p: [0.25, 0.75]}',
    ],
)
def test_what_is_right_is_let_through(check: Check, augment: str) -> None:
    assert check(with_augment(augment)) == []


@pytest.mark.parametrize(
    ('text', 'where', 'words'),
    [
        (with_augment('CutBlur'), 'train.augment', ('keys and values', "'CutBlur'")),
        (with_augment('{prob: 0.5}'), 'train.augment.type', ('type of the augmentation is missing',)),
        (with_augment('{type: Cutblurr}'), 'train.augment.type', ("named 'Cutblurr'", "did you mean 'CutBlur'?")),
        (with_augment('{type: CutBlur, alfa: 0.5}'), 'train.augment.alfa', ("option 'alfa'", "did you mean 'alpha'?")),
        (with_augment('{type: CutBlur, alpha: 1}'), 'train.augment.alpha', ('number >= 0 and <= 0.95', '1')),
        (
            with_augment('{type: ADD, cam_pf: 0.5, cam_steps: 4}'),
            'train.augment.cam_pf',
            ('saliency: proxy', 'leave out cam_pf, cam_steps'),
        ),
        (with_augment('{type: MoA, ops: [CutBlurr]}'), 'train.augment.ops', ("did you mean 'CutBlur'?",)),
        (with_augment('{type: MoA, ops: CutBlur}'), 'train.augment.ops', ('list of text', "'CutBlur'")),
        (with_augment('{type: MoA, mix_p: [1, 0]}'), 'train.augment.mix_p', ('7 entries',)),
        (
            with_augment('{type: RGBPermutation}', LUMA),
            'train.augment.type',
            ('RGBPermutation permutes three channels', 'color: y'),
        ),
        (
            with_augment(
                '{type: MoA, ops: [Mixup, Blend]}',
                changed(TRAIN, '    gt_size', '    mean: [0, 0, 0]\n    std: [1, 1, 1]\n    gt_size'),
            ),
            'train.augment.ops',
            ('Blend needs colours as they are', 'ops: [Mixup]'),
        ),
        (
            with_augment('{type: MoA}', changed(TRAIN, '\ntrain:\n', SIGMA)),
            'train.augment.ops',
            ('Cutout takes pixels out of the losses', 'ops: [Blend, RGBPermutation, Mixup, CutMix, CutMixup, CutBlur]'),
        ),
    ],
)
def test_what_is_wrong_is_said_once(check: Check, text: str, where: str, words: List[str]) -> None:
    findings = check(text)
    assert [(finding.severity, finding.where.partition(': ')[2]) for finding in findings] == [(ERROR, where)]
    assert all(word in str(findings[0]) for word in words), str(findings[0])


def test_a_test_does_not_look_at_it(check: Check) -> None:
    text = with_augment('{type: nonsense}')
    assert all('augment' not in str(finding) for finding in check(text, is_train=False))


def test_what_one_option_alone_decides() -> None:
    check_combinations({'augment': {'type': 'Cutout'}, 'pixel_opt': {'type': 'UncertaintyDrivenLoss'}}, {})
    for option in ('mean', 'std'):
        with pytest.raises(OptionError, match='have them normalised'):
            check_combinations({'augment': {'type': 'Cutout'}}, {option: [0.5, 0.5, 0.5]})
