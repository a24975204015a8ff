"""Training states that are whole files of tensors and plain values, and wrong: each is named, exit 2."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

import pytest
import torch

from bsr_plugins.common.errors import CheckpointError
from bsr_plugins.runs.random_states import preserved_random_states

STATE = 'experiments/t/training_states/4.state'
RESUME = ['basicsr', 'train', '-opt', 'train.yml', '--auto_resume', '--force_yml', 'train:total_iter=6']


class _Absent:
    def __repr__(self) -> str:
        return 'absent'


ABSENT = _Absent()


Change = Callable[[Any], Any]


def put(path: str, value: Any) -> Change:
    """Return a change of a nested state: the value at ``path`` (``optimizers/0/state``) is ``value``, or absent."""

    def change(state: Any) -> Any:
        *sections, last = path.split('/')
        section = state
        for key in sections:
            section = section[int(key) if key.isdigit() else key]
        if value is ABSENT:
            del section[int(last) if last.isdigit() else last]
        else:
            section[int(last) if last.isdigit() else last] = value
        return state

    return change


def whole(content: Any) -> Change:
    return lambda state: content


def again(path: str) -> Change:
    """Return a change: the first entry of the list at ``path`` stands there twice."""

    def change(state: Any) -> Any:
        section = state
        for key in path.split('/'):
            section = section[int(key) if key.isdigit() else key]
        section.append(copy.deepcopy(section[0]))
        return state

    return change


def moments(key: str, value: Any) -> Change:
    def change(state: Any) -> Any:
        first = next(iter(state['optimizers'][0]['state'].values()))
        if value is ABSENT:
            del first[key]
        else:
            first[key] = value
        return state

    return change


COUNTS: List[Any] = ['x', None, -1, 4.0, True, [4], torch.tensor(4), 2**60, {}]
FORGED: List[Tuple[str, Change]] = [
    ('a tensor', whole(torch.zeros(3))),
    ('a list', whole([1, 2])),
    ('a text', whole('state')),
    ('nothing', whole(None)),
    ('an empty one', whole({})),
    ('weights', whole({'params': {'a': torch.zeros(1)}})),
    *((f'without {key}', put(key, ABSENT)) for key in ('iter', 'epoch', 'optimizers', 'schedulers')),
    *((f'iter {value!r}', put('iter', value)) for value in COUNTS),
    *((f'epoch {value!r}', put('epoch', value)) for value in COUNTS),
    ('iter of another state', put('iter', 7)),
    *((f'optimizers {value!r}', put('optimizers', value)) for value in (None, {}, 'x', [1], [], [None], [{}])),
    *((f'schedulers {value!r}', put('schedulers', value)) for value in (None, {}, 'x', [1], [], [None], [{}])),
    ('an optimizer more', again('optimizers')),
    ('a scheduler more', again('schedulers')),
    ('a group more', again('optimizers/0/param_groups')),
    *((f'groups {value!r}', put('optimizers/0/param_groups', value)) for value in ([], None, [1], [{}])),
    *((f'parameters {value!r}', put('optimizers/0/param_groups/0/params', value)) for value in ([0], None, ['a'], [])),
    *((f'lr {value!r}', put('optimizers/0/param_groups/0/lr', value)) for value in ('x', None, float('nan'), True)),
    ('no betas', put('optimizers/0/param_groups/0/betas', ABSENT)),
    ('a momentum', put('optimizers/0/param_groups/0/momentum', 0.9)),
    *((f'moments {value!r}', put('optimizers/0/state', value)) for value in ([], None, {0: 1}, {99: {}}, {'a': {}})),
    ('moments of another shape', moments('exp_avg', torch.zeros(7))),
    ('moments that are numbers', moments('exp_avg_sq', 3.0)),
    ('no second moment', moments('exp_avg_sq', ABSENT)),
    ('a step of text', moments('step', 'x')),
    *((f'last_epoch {value!r}', put('schedulers/0/last_epoch', value)) for value in ('x', None, -1, 1.5, ABSENT)),
    *((f'own part {value!r}', put('bsr_plugins', value)) for value in (3, [], 'x', {})),
    *((f'a seed {value!r}', put('bsr_plugins/manual_seed', value)) for value in ('x', 1.5, [], ABSENT)),
    *((f'samples {value!r}', put('bsr_plugins/samples_in_epoch', value)) for value in ('x', -3, 1.5, True, ABSENT)),
    *((f'its epoch {value!r}', put('bsr_plugins/epoch', value)) for value in ('x', -3, None)),
    *((f'random states {value!r}', put('bsr_plugins/random_states', value)) for value in (3, None, [1], [{}], ABSENT)),
    ('a short state of torch', put('bsr_plugins/random_states/0/torch', torch.zeros(5, dtype=torch.uint8))),
    ('a state of torch of numbers', put('bsr_plugins/random_states/0/torch', 5)),
    ('a short state of numpy', put('bsr_plugins/random_states/0/numpy', ('MT19937', torch.zeros(3), 0, 0, 0.0))),
    ('a state of another generator', put('bsr_plugins/random_states/0/numpy', ('X', torch.zeros(624), 0, 0, 0.0))),
    ('a short state of Python', put('bsr_plugins/random_states/0/python', (3, (1, 2), None))),
    ('a state of Python of text', put('bsr_plugins/random_states/0/python', 'x')),
    *((f'the engine {value!r}', put('bsr_plugins/engine', value)) for value in (3, [], {}, 'x')),
    *((f'gradients {value!r}', put('bsr_plugins/engine/gradients', value)) for value in (3, None)),
    *((f'a guard {value!r}', put('bsr_plugins/engine/guard', value)) for value in (3, {}, None)),
    *((f'a count of the guard {value!r}', put('bsr_plugins/engine/guard/skipped', value)) for value in ('x', None, -1)),
    *(
        (f'metrics {value!r}', put('bsr_plugins/metrics', value))
        for value in (3, ['x'], {'val': 3}, {'val': {'psnr': 3}})
    ),
    *((f'validated {value!r}', put('bsr_plugins/validated', value)) for value in ('x', -1, [])),
    *((f'bspa {value!r}', put('bsr_plugins/bspa', value)) for value in (3, [], {}, 'x')),
    *((f'frozen {value!r}', put('bsr_plugins/bspa/frozen', value)) for value in (3, {}, None, {'version': 1})),
    *((f'theta {value!r}', put('bsr_plugins/bspa/theta_us', value)) for value in (3, {'a': 1}, {'a': torch.zeros(1)})),
    ('a round of text', put('bsr_plugins/bspa/last_round/p', 'x')),
    *((f'a round {value!r}', put('bsr_plugins/bspa/last_round', value)) for value in (3, {}, {'p': 'x'})),
    *((f'a record {value!r}', put('bsr_plugins_run', value)) for value in (3, [], {}, {'options': 3, 'data': {}})),
    *((f'data {value!r}', put('bsr_plugins_run/data', value)) for value in (3, {'train': 3})),
]


@pytest.fixture(scope='module')
def resumed(whole_project: Path) -> Callable[[Any], None]:
    """Return ``resumed(state)``: what reads a state in a run, with the project's model: the loader, then the model."""
    from bsr_plugins.models.bspa_model import BSPAModel
    from bsr_plugins.options.option_file import read_option_file
    from bsr_plugins.runs.state_structure import check_state

    before = os.getcwd()
    os.chdir(whole_project)
    try:
        opt = copy.deepcopy(read_option_file('train.yml').options)
        opt.update(is_train=True, dist=False, rank=0, world_size=1)
        opt['datasets']['train'].update(phase='train', scale=2)
        opt['path'].update(resume_state=STATE, models='experiments/t/models', experiments_root='experiments/t')
        model = BSPAModel(opt)
    finally:
        os.chdir(before)

    def resume(state: Any) -> None:
        check_state(state, STATE)
        model.resume_training(state)

    return resume


@pytest.fixture(scope='module')
def state_of_project(whole_project: Path) -> Any:
    return torch.load(whole_project / STATE, weights_only=True)


@pytest.mark.parametrize('change', [change for _, change in FORGED], ids=[name for name, _ in FORGED])
def test_a_forged_state_is_named(change: Change, resumed: Callable[[Any], None], state_of_project: Any) -> None:
    with pytest.raises(CheckpointError) as caught, preserved_random_states():
        resumed(change(copy.deepcopy(state_of_project)))
    assert '4.state' in str(caught.value) and 'remedy:' in str(caught.value)


def test_the_state_itself_is_taken(resumed: Callable[[Any], None], state_of_project: Any) -> None:
    with preserved_random_states():
        resumed(copy.deepcopy(state_of_project))


@pytest.mark.parametrize('name', ['a tensor', "iter 'x'", 'an optimizer more', "samples 'x'", 'a short state of torch'])
def test_a_forged_state_ends_the_command_with_a_message(
    name: str, project: Path, call: Callable[[Sequence[str], Path], int], capfd: pytest.CaptureFixture[str]
) -> None:
    path = project / STATE
    torch.save(dict(FORGED)[name](torch.load(path, weights_only=True)), path)
    assert call(RESUME, project) == 2
    said = ''.join(capfd.readouterr())
    assert '4.state' in said and 'Traceback' not in said and 'remedy:' in said, said


FORGED_WEIGHTS: Dict[str, Any] = {
    'a tensor': torch.zeros(3),
    'a list': [1],
    'nothing': None,
    'an empty one': {},
    'no network': {'params': 3},
    'an empty network': {'params': {}, 'params_ema': {}},
    'another network': {'params': {'a': torch.zeros(1)}, 'params_ema': {'a': torch.zeros(1)}},
    'numbers': {'params': {'a': 1}, 'params_ema': {'a': 1}},
}


@pytest.mark.parametrize('name', FORGED_WEIGHTS)
def test_forged_weights_beside_a_state_are_named(
    name: str, project: Path, call: Callable[[Sequence[str], Path], int], capfd: pytest.CaptureFixture[str]
) -> None:
    torch.save(FORGED_WEIGHTS[name], project / 'experiments/t/models/net_g_4.pth')
    assert call(RESUME, project) == 2
    said = ''.join(capfd.readouterr())
    assert 'net_g_4.pth' in said and 'Traceback' not in said and 'remedy:' in said, said
