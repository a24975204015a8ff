"""Overrides of ``--force_yml`` that BasicSR reads too early, or overwrites: they hold, or are refused."""

from __future__ import annotations

import inspect
import random
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
import pytest
import torch
import yaml

from bsr_plugins.common.errors import OptionError
from bsr_plugins.runs.random_states import preserved_random_states

OPTIONS: Dict[str, Any] = {
    'name': 'x',
    'scale': 4,
    'num_gpu': 'auto',
    'manual_seed': 3,
    'datasets': {'train': {'name': 'd', 'scale': 2, 'dataroot_gt': 'HR', 'gt_size': 48}},
    'path': {'experiments_root': None, 'resume_state': None},
    'train': {'total_iter': 9, 'losses': {'a': 1}},
    'val': {'val_freq': 100},
    'logger': {'print_freq': 5, 'save_checkpoint_freq': 5},
}


@pytest.fixture
def parse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Dict[str, Any]]:
    """Return ``parse(*arguments, options)``: BasicSR's parse_options as it is in a run; its options."""
    upstream = pytest.importorskip('basicsr.utils.options')

    def call(*arguments: str, **changes: Any) -> Dict[str, Any]:
        file = tmp_path / 'x.yml'
        file.write_text(yaml.safe_dump({**OPTIONS, **changes}))
        monkeypatch.setattr(sys, 'argv', ['train.py', '-opt', str(file), *arguments])
        return upstream.parse_options(str(tmp_path), is_train=True)[0]

    with preserved_random_states():
        yield call


def draws() -> List[float]:
    return [random.random(), float(np.random.rand()), float(torch.rand(()))]


def test_upstream_leaves_the_seed_of_the_file_in_force(parse: Callable[..., Dict[str, Any]]) -> None:
    upstream = pytest.importorskip('basicsr.utils.options')
    parse('--force_yml', 'manual_seed=1')
    expected = draws()
    assert inspect.unwrap(upstream.parse_options)('root')[0]['manual_seed'] == 1
    assert draws() != expected


def test_a_forced_seed_seeds_as_one_in_the_file_does(parse: Callable[..., Dict[str, Any]]) -> None:
    assert parse(manual_seed=1)['manual_seed'] == 1
    expected = draws()
    assert parse('--force_yml', 'manual_seed=1')['manual_seed'] == 1
    assert draws() == expected
    parse('--force_yml', 'train:total_iter=5', 'manual_seed=7', 'manual_seed=1')
    assert draws() == expected


def test_no_seed_is_a_drawn_one(parse: Callable[..., Dict[str, Any]]) -> None:
    found = {parse('--force_yml', 'manual_seed=~')['manual_seed'] for _ in range(5)}
    assert len(found) > 1 and all(1 <= seed <= 10000 for seed in found)
    seed = parse('--force_yml', 'manual_seed=none')['manual_seed']
    expected = draws()
    parse(manual_seed=seed)
    assert draws() == expected


@pytest.mark.parametrize('seed', ['one', '-1', '1.5', 'true', '4294967296', '[1]', ''])
def test_what_is_no_seed_is_refused(parse: Callable[..., Dict[str, Any]], seed: str) -> None:
    with pytest.raises(OptionError, match='The seed is not one'):
        parse('--force_yml', f'manual_seed={seed}')


@pytest.mark.parametrize(
    'entries, keys, value',
    [
        (['name=y'], ['name'], 'y'),
        (['num_gpu=auto'], ['num_gpu'], torch.cuda.device_count()),
        (['num_gpu=0'], ['num_gpu'], 0),
        (['datasets:train:gt_size=64'], ['datasets', 'train', 'gt_size'], 64),
        (['scale=2'], ['datasets', 'train', 'scale'], 2),
        (['path:resume_state=~/a.state'], ['path', 'resume_state'], str(Path('~/a.state').expanduser())),
        (['train:total_iter=5', 'train:total_iter=6'], ['train', 'total_iter'], 6),
        (['val:val_freq=7', 'val=~'], ['val'], None),
        (['train:losses=~'], ['train', 'losses'], None),
    ],
)
def test_overrides_that_hold(
    parse: Callable[..., Dict[str, Any]], entries: List[str], keys: List[str], value: Any
) -> None:
    found: Any = parse('--force_yml', *entries)
    for key in keys:
        found = found[key]
    assert found == value


@pytest.mark.parametrize(
    'entry', ['datasets:train:scale=3', 'datasets:train:phase=val', 'path:models=/m', 'auto_resume=true', 'is_train=1']
)
def test_what_the_script_sets_after_the_overrides_is_refused(parse: Callable[..., Dict[str, Any]], entry: str) -> None:
    with pytest.raises(OptionError, match='does not take effect') as caught:
        parse('--force_yml', entry)
    assert entry.partition('=')[0] in str(caught.value)


@pytest.mark.parametrize('entry', ['val:val_freq=7', 'logger:print_freq=3'])
def test_what_debug_overwrites_is_refused(parse: Callable[..., Dict[str, Any]], entry: str) -> None:
    assert parse('--debug', '--force_yml', 'name=y')['name'] == 'debug_y'
    with pytest.raises(OptionError, match='does not take effect'):
        parse('--debug', '--force_yml', entry)


@pytest.mark.parametrize('entry', ['rank=1', 'world_size=2', 'dist=true'])
def test_what_the_launcher_decides_is_refused(parse: Callable[..., Dict[str, Any]], entry: str) -> None:
    with pytest.raises(OptionError, match='BasicSR has started the processes'):
        parse('--force_yml', entry)


@pytest.mark.parametrize('again', ['--force_yml', '--force', '--f'])
def test_the_argument_twice_is_refused(parse: Callable[..., Dict[str, Any]], again: str) -> None:
    with pytest.raises(OptionError, match='given twice'):
        parse('--force_yml', 'manual_seed=1', again, 'train:total_iter=5')


def test_overrides_are_lines_of_the_log(parse: Callable[..., Dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    said: List[str] = []
    monkeypatch.setattr('bsr_plugins.host.mends.forced_options.log_with_first_line', said.append)
    parse('--force_yml', 'manual_seed=1', 'train:total_iter=8')
    assert said == ['--force_yml sets manual_seed to 1', '--force_yml sets train:total_iter to 8']
