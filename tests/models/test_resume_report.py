"""What is said about a resume, and the arithmetic of runs that BasicSR ends early."""

from __future__ import annotations

import re
from typing import Any, Dict

import pytest

from bsr_plugins.common.keyed_random import DRAW_VERSION
from bsr_plugins.host.additions import EXACT_PLACE
from bsr_plugins.models.resume_report import describe_resume, early_end_warning


def options(**train: Any) -> Dict[str, Any]:
    return {
        'manual_seed': 1,
        'world_size': 1,
        'train': {'total_iter': 12},
        'datasets': {'train': {'type': 'PairedImageDataset', 'num_worker_per_gpu': 0, **train}},
    }


OWN: Dict[str, Any] = {'manual_seed': 1, 'random_states': [{}], 'samples_in_epoch': 4, 'draw_version': DRAW_VERSION}
#: Of a release that drew by numpy's seed sequences.
EARLIER = {key: value for key, value in OWN.items() if key != 'draw_version'}


def with_steps(number: int) -> Dict[str, Any]:
    return {**options(), 'train': {'total_iter': 12, 'bspa': {'ig_steps': number}}}


GO_ON = 'weights, optimizer, schedule and the order of the samples go on'


@pytest.mark.parametrize(
    'opt, own, texts',
    [
        (options(), OWN, ['Resume: exact']),
        (options(type='InverseSampledLMDBDataset', num_worker_per_gpu=4, prefetch_mode='cpu'), OWN, ['Resume: exact']),
        (options(type='InverseSampledLMDBDataset_bsrp', num_worker_per_gpu=4), OWN, ['Resume: exact']),
        (options(num_worker_per_gpu=4), OWN, [GO_ON, 'inside the 4 workers']),
        (options(prefetch_mode='cpu'), OWN, [GO_ON, 'prefetch_mode cpu draws them ahead']),
        (options(), {**OWN, 'manual_seed': 2}, [GO_ON, 'manual_seed was 2 and is 1 now']),
        (options(), {**OWN, 'random_states': [{}, {}]}, [GO_ON, 'saved by 2 processes, resumed by 1']),
        (options(), {**OWN, 'samples_in_epoch': None}, ['schedule go on', 'by a sampler of its own']),
        (options(), {**OWN, 'bspa': {'attribution_draws': 'passes', 'default_ig_steps': 4}}, ['Resume: exact']),
        (with_steps(8), {**OWN, 'bspa': {}}, [GO_ON, 'the rounds of BSPA that are still to come attribute on other']),
        (
            options(),
            {**OWN, 'bspa': {'attribution_draws': 'passes'}},
            [GO_ON, 'ig_steps is 4 by default, and was 8 in the release'],
        ),
        (with_steps(8), {**OWN, 'bspa': {'attribution_draws': 'passes'}}, ['Resume: exact']),
        (options(), EARLIER, ['Resume: exact']),
        (
            options(type='RFSBalancedBatchDataset'),
            EARLIER,
            [GO_ON, 'draw from here on (classes, places, flips) is not'],
        ),
        (options(inverse={'type': 'InverseSampledLMDBDataset'}), EARLIER, [GO_ON, 'the distributions are the same']),
        (options(inverse={'type': 'InverseSampledLMDBDataset'}), OWN, ['Resume: exact']),
        (options(), None, ['written by a stock BasicSR model']),
    ],
)
def test_lines(opt: Dict[str, Any], own: Any, texts: list) -> None:
    lines = describe_resume(opt, own)
    assert len(lines) == len(texts)
    assert all(text in line for text, line in zip(texts, lines))


@pytest.mark.parametrize(
    'alike, own_pass, texts',
    [
        (True, None, ['Resume: exact']),
        (False, None, [GO_ON, 'not exact: what has changed']),
        (None, None, [GO_ON, 'not exact: the state does not say']),
        (True, 'HiTModel', ['continue as in the uninterrupted run; what the training pass of HiTModel keeps']),
    ],
)
def test_exact_is_said_only_where_nothing_else_is_known(alike: Any, own_pass: Any, texts: list) -> None:
    lines = describe_resume(options(), OWN, alike, own_pass)
    assert len(lines) == len(texts)
    assert all(text in line for text, line in zip(texts, lines))
    assert ('Resume: exact' in lines[0]) == (alike is True and own_pass is None)


def test_no_resume_is_exact_without_the_place_in_the_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('bsr_plugins.models.resume_report.is_switched_off', lambda name: name == EXACT_PLACE)
    lines = describe_resume(options(), OWN)
    assert len(lines) == 2 and 'exact place in the epoch' in lines[1]
    assert 'is switched off' in lines[1] and 'starts over' in lines[1]


def basicsr_iterations(samples: int, batch: int, total: int) -> int:
    """Walk through train_pipeline's loop."""
    done = 0
    for _ in range(-(-total // -(-samples // batch)) + 1):
        done += samples // batch
    return min(done, total)


@pytest.mark.parametrize(
    'samples, batch, total',
    [(8, 3, 12), (8, 2, 12), (800, 16, 37500), (5, 4, 9), (31, 16, 1000), (81, 16, 37500), (3, 16, 99)],
)
def test_the_warning_is_given_when_the_loop_falls_short(samples: int, batch: int, total: int) -> None:
    opt = options()
    opt['train']['total_iter'] = total
    warning = early_end_warning(opt, samples, batch)
    done = basicsr_iterations(samples, batch, total)
    if done == total:
        assert warning is None
    else:
        assert f'after {done:,} of {total:,} iterations' in warning
        remedy = re.search(r'Multiply datasets.train.dataset_enlarge_ratio by (\d+)', warning)
        assert remedy is not None
        factor = int(remedy.group(1))
        assert factor <= batch
        assert basicsr_iterations(samples * factor, batch, total) == total
        assert all(basicsr_iterations(samples * less, batch, total) < total for less in range(1, factor))


def test_nothing_is_said_where_the_sampler_is_unknown() -> None:
    assert early_end_warning(options(), None, 4) is None
