"""Resuming without CUDA."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, Dict, List

import pytest


@pytest.fixture
def torch(no_cuda: None) -> Any:
    pytest.importorskip('basicsr')
    import torch

    return torch


@pytest.fixture
def state_file(tmp_path: Path, torch: Any) -> Path:
    path = tmp_path / '7.state'
    torch.save({'epoch': 1, 'iter': 7, 'weights': torch.arange(3.0), 'optimizers': [], 'schedulers': []}, path)
    return path


def options_of(state: Path) -> Dict[str, Any]:
    return {'auto_resume': False, 'network_g': {}, 'path': {'resume_state': str(state), 'models': str(state.parent)}}


def test_without_the_mend_resuming_asks_for_a_gpu(
    torch: Any, state_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = pytest.importorskip('basicsr.train')
    monkeypatch.setattr(torch.cuda, 'current_device', inspect.unwrap(torch.cuda.current_device))
    with pytest.raises((RuntimeError, AssertionError), match='NVIDIA|CUDA|exchangeDevice'):
        train.load_resume_state(options_of(state_file))
    monkeypatch.setattr(torch.cuda, 'current_device', lambda: 0)
    monkeypatch.setattr(torch, 'load', inspect.unwrap(torch.load))
    with pytest.raises((RuntimeError, AssertionError), match='NVIDIA|CUDA|exchangeDevice'):
        train.load_resume_state(options_of(state_file))


def test_with_the_mend_the_state_is_read(torch: Any, state_file: Path) -> None:
    train = pytest.importorskip('basicsr.train')
    state = train.load_resume_state(options_of(state_file))
    assert state['iter'] == 7
    assert state['weights'].device.type == 'cpu' and state['weights'].tolist() == [0, 1, 2]


def test_a_map_location_that_works_is_honoured(torch: Any, state_file: Path) -> None:
    asked: List[str] = []

    def load_resume_state(location: Any) -> Any:
        return torch.load(state_file, location)

    def to_cpu(storage: Any, place: str) -> Any:
        asked.append(place)
        return storage

    assert load_resume_state(to_cpu)['iter'] == 7
    assert asked == ['cpu']
    assert load_resume_state('meta')['weights'].device.type == 'meta'


@pytest.mark.parametrize('name', ['main', 'train_pipeline'])
def test_a_script_that_reads_the_state_in_its_main_function(torch: Any, state_file: Path, name: str) -> None:
    code = f"""
def {name}(path):
    device_id = torch.cuda.current_device()
    return torch.load(path, map_location=lambda storage, loc: storage.cuda(device_id))
"""
    training: Dict[str, Any] = {'torch': torch, 'create_train_val_dataloader': None}
    other: Dict[str, Any] = {'torch': torch}
    for namespace in (training, other):
        exec(code, namespace)
    assert training[name](state_file)['iter'] == 7
    with pytest.raises((RuntimeError, AssertionError), match='NVIDIA|CUDA|exchangeDevice'):
        other[name](state_file)


def test_calls_from_elsewhere_are_untouched(torch: Any, state_file: Path) -> None:
    with pytest.raises((RuntimeError, AssertionError), match='NVIDIA|CUDA|exchangeDevice'):
        torch.cuda.current_device()
    with pytest.raises((RuntimeError, AssertionError), match='NVIDIA|CUDA|exchangeDevice'):
        torch.load(state_file, map_location=lambda storage, place: storage.cuda(0))
    assert 'map_location' in inspect.signature(torch.load).parameters


def test_other_errors_of_a_map_location_are_not_hidden(torch: Any, state_file: Path) -> None:
    def load_resume_state() -> Any:
        return torch.load(state_file, map_location=lambda storage, place: {}['absent'])

    with pytest.raises(KeyError, match='absent'):
        load_resume_state()


def test_with_a_gpu_the_state_is_read_to_the_cpu(torch: Any, state_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = pytest.importorskip('basicsr.train')
    from bsr_plugins.host.mends import resume_on_cpu

    monkeypatch.setattr(resume_on_cpu, 'cuda_is_absent', lambda: False)
    monkeypatch.setattr(torch.cuda, 'current_device', lambda: 0)
    asked: List[str] = []

    class Storage:
        """What ``storage.cuda(device)`` of upstream would be called of."""

    def to_gpu(storage: Any, place: str) -> Any:
        asked.append(place)
        return Storage()

    def load_resume_state() -> Any:
        return torch.load(state_file, map_location=to_gpu)

    assert load_resume_state()['weights'].device.type == 'cpu' and asked == []
    assert train.load_resume_state(options_of(state_file))['weights'].device.type == 'cpu'
