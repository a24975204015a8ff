"""Runs that end early or train nothing, reported before they start."""

from __future__ import annotations

from typing import Callable, List

import pytest

from bsr_plugins.common.findings import ERROR, WARNING, Finding
from option_files import TRAIN, changed

Check = Callable[..., List[Finding]]
SHORT = TRAIN.replace('total_iter: 300000', 'total_iter: 100').replace('[200000]', '[50]')


NONE = 'The batch is larger than the data set: no iteration would be trained'


def said_of(findings: List[Finding], severity: str = WARNING) -> List[str]:
    assert all(finding.severity == severity for finding in findings), '\n'.join(map(str, findings))
    return [f'{finding.where.split(": ")[1]}: {finding.problem}' for finding in findings]


@pytest.mark.parametrize(
    ('batch', 'ratio', 'said'),
    [
        (16, 1, []),
        (17, 2, ['BasicSR will end this run']),  # 32 samples: one whole batch of 17, planned as two
        (5, 1, ['BasicSR will end this run after 78 of 100 iterations']),  # 3 whole batches, planned as 4, in 26 epochs
        (5, 1000, []),
        (8, 1, []),
        (16, '1.0e+308', []),
    ],
)
def test_batches_against_the_set(check: Check, batch: int, ratio: int, said: List[str]) -> None:
    text = changed(SHORT, 'batch_size_per_gpu: 16', f'batch_size_per_gpu: {batch}\n    dataset_enlarge_ratio: {ratio}')
    found = said_of(check(text))
    assert len(found) == len(said)
    assert all(words in line for words, line in zip(said, found))


def test_several_gpus_or_processes_share_the_set(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    found = check(changed(SHORT, 'num_gpu: auto', 'num_gpu: 2'))
    assert said_of(found, ERROR) == [f'datasets.train.batch_size_per_gpu: {NONE}']
    monkeypatch.setenv('WORLD_SIZE', '2')
    assert 'expected: at most 8 samples' in str(check(SHORT)[0])


@pytest.mark.parametrize(
    ('old', 'new', 'said'),
    [
        ('[50]', '[50, 200]', 'train.scheduler.milestones: The run ends before milestones of its learning rate'),
        (
            '[50]',
            '[50]\n  warmup_iter: 200',
            'train.warmup_iter: The run ends before the learning rate has risen to its',
        ),
        (
            'num_out_ch: 3',
            'num_out_ch: 3\n  upscale: 2',
            "network_g.upscale: The network's upscale is not the file's scale",
        ),
    ],
)
def test_other_lengths_and_scales(check: Check, old: str, new: str, said: str) -> None:
    (found,) = said_of(check(changed(SHORT, old, new)))
    assert found.startswith(said)


@pytest.mark.parametrize(
    ('total', 'stages', 'accumulate', 'severity', 'problem'),
    [
        (100, 'interval_iter: 60, inverse_iter: 60', 1, WARNING, 'BSPA never reaches an attribution round'),
        (100, 'interval_iter: 30, inverse_iter: 30', 1, WARNING, 'BSPA ends inside an inverse stage'),
        (90, 'interval_iter: 30, inverse_iter: 30', 4, ERROR, 'a stage of BSPA ends inside an update'),
        (90, 'interval_iter: 30, inverse_iter: 30', 1, None, None),
    ],
)
def test_stages_of_bspa(check: Check, total: int, stages: str, accumulate: int, severity: str, problem: str) -> None:
    text = SHORT.replace('total_iter: 100', f'total_iter: {total}\n  accumulate: {accumulate}\n  bspa: {{{stages}}}')
    findings = [finding for finding in check(text.replace('SRModel', 'BSPAModel')) if 'train.bspa' in finding.where]
    assert [finding.severity for finding in findings] == ([severity] if severity else [])
    assert all(problem in finding.problem for finding in findings)


def test_the_best_of_a_metric_that_is_not_there(check: Check) -> None:
    text = changed(changed(SHORT, 'SRModel', 'RebalancedSRModel'), '  save_img', '  save_best: psrn\n  save_img')
    assert [(finding.severity, finding.where.split(': ')[1], finding.remedy) for finding in check(text)] == [
        (ERROR, 'val.save_best', "did you mean 'psnr'?")
    ]


def test_no_iterations_are_said_once(check: Check) -> None:
    findings = check(changed(SHORT, 'total_iter: 100', 'total_iter: 0'))
    assert [each.problem for each in findings] == ["The value of 'train.total_iter' is wrong"]
