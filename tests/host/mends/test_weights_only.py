"""Nothing in a weights file or a training state is executed."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bsr_plugins.common.errors import CheckpointError
from bsr_plugins.host.mends.weights_only import TRUST_VARIABLE, mend_weights_only
from bsr_plugins.runs import restricted_pickle
from bsr_plugins.runs.checkpoint_files import what_is_wrong

torch = pytest.importorskip('torch')
pytest.importorskip('basicsr')


class Hostile:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


class _ObjectScalar:
    """Asks numpy for a number of type object, made of whatever stands beside."""

    def __reduce__(self) -> Any:
        return np.float64(1).__reduce__()[0], (np.dtype('O'), b'x')


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    path = tmp_path / 'net_g.pth'
    torch.save({'params': {'weight': torch.zeros(2)}, 'more': Hostile(tmp_path / 'executed')}, path)
    return path


def load_network(path: Path, **options: Any) -> Any:
    """BasicSR's own function, by its name."""
    return torch.load(path, map_location=lambda storage, place: storage, **options)


def test_a_hostile_pickle_is_refused_and_not_executed(hostile: Path) -> None:
    with pytest.raises(CheckpointError, match=r'net_g\.pth holds more than tensors and plain values') as caught:
        load_network(hostile)
    assert 'mkdir' in caught.value.found and TRUST_VARIABLE in str(caught.value)
    assert not (hostile.parent / 'executed').exists()


def test_basicsrs_base_model_refuses_it(hostile: Path) -> None:
    from basicsr.models.base_model import BaseModel

    model = BaseModel({'num_gpu': 0, 'is_train': False})
    with pytest.raises(CheckpointError, match='is refused'):
        model.load_network(torch.nn.Linear(1, 2, bias=False), str(hostile))
    assert not (hostile.parent / 'executed').exists()


def test_a_torch_without_weights_only_refuses_it_too(hostile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = torch.serialization.load

    def old_load(f: Any, map_location: Any = None, pickle_module: Any = None) -> Any:
        return installed(f, map_location, pickle_module, weights_only=False)

    monkeypatch.setattr(torch, 'load', old_load)
    assert mend_weights_only(SimpleNamespace()) is True
    with pytest.raises(CheckpointError, match='is refused'):
        load_network(hostile)
    assert not (hostile.parent / 'executed').exists()


@pytest.mark.parametrize('old_format', [False, True])
def test_the_restricted_pickle_reads_what_a_state_is_made_of(tmp_path: Path, old_format: bool) -> None:
    from collections import Counter, OrderedDict

    network = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    state = {
        'epoch': 1,
        'optimizers': [optimizer.state_dict()],
        'schedulers': [{'milestones': Counter([4])}],
        'params': OrderedDict(network.state_dict()),
        'set': {1},
        'half': torch.ones(2, dtype=torch.half),
        'size': torch.Size([1, 2]),
        'parameter': network.weight,
        'whole': torch.arange(3),
        'bytes': b'x',
    }
    torch.save(state, tmp_path / 'a.state', _use_new_zipfile_serialization=not old_format)
    back = torch.load(tmp_path / 'a.state', pickle_module=restricted_pickle, weights_only=False)
    assert list(back) == list(state) and back['schedulers'] == state['schedulers'] and back['bytes'] == b'x'
    assert torch.equal(back['optimizers'][0]['state'][0]['exp_avg'], optimizer.state_dict()['state'][0]['exp_avg'])


@pytest.mark.parametrize('old_format', [False, True])
@pytest.mark.parametrize('version', ['1.13.1', '2.3.0+cu121', '2.5.1', '2.6.0'])
def test_a_state_is_read_by_every_torch(
    version: str, old_format: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's own ``weights_only`` refuses the Counter of MultiStepLR before 2.4, and numpy's numbers."""
    from collections import Counter

    monkeypatch.setattr(torch, '__version__', version)
    state: Any = {'schedulers': [{'milestones': Counter([4])}], 'weight': torch.ones(2)}
    if version != '2.6.0':
        state['best_metric'] = {'psnr': np.float64(23.5), 'iter': np.int64(7), 'single': np.float32(0.5)}
    torch.save(state, tmp_path / 'a.state', _use_new_zipfile_serialization=not old_format)
    assert what_is_wrong(tmp_path / 'a.state') is None
    back = load_network(tmp_path / 'a.state')
    assert back['schedulers'] == state['schedulers'] and back.get('best_metric') == state.get('best_metric')
    assert restricted_pickle.load_options(torch.load).get('weights_only') is (version == '2.6.0')


@pytest.mark.parametrize('number', [_ObjectScalar, lambda: np.zeros(2, dtype='O')])
def test_numpy_objects_are_refused(number: Any, tmp_path: Path) -> None:
    torch.save({'best_metric': number()}, tmp_path / 'a.state')
    with pytest.raises(pickle.UnpicklingError, match='Unsupported global: GLOBAL numpy'):
        torch.load(tmp_path / 'a.state', pickle_module=restricted_pickle, weights_only=False)


def test_who_says_otherwise_is_heeded(hostile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_network(hostile, weights_only=False)
    assert (hostile.parent / 'executed').is_dir()
    (hostile.parent / 'executed').rmdir()
    monkeypatch.setenv(TRUST_VARIABLE, '1')
    load_network(hostile)
    assert (hostile.parent / 'executed').is_dir()


def test_a_damaged_file_is_named(hostile: Path) -> None:
    hostile.write_bytes(hostile.read_bytes()[:-50])
    with pytest.raises(CheckpointError, match=r'net_g\.pth cannot be read'):
        load_network(hostile)
    with pytest.raises(CheckpointError, match=r'none\.pth cannot be read: it is missing'):
        load_network(hostile.with_name('none.pth'))


def test_calls_from_elsewhere_raise_what_torch_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / 'none.pth')
