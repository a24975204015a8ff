"""BasicSR's own saving: whole files or a stop."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Iterator

import pytest

from bsr_plugins.common.errors import CheckpointError
from bsr_plugins.host.additions.whole_checkpoints import METHODS, save_whole_checkpoints

torch = pytest.importorskip('torch')
pytest.importorskip('basicsr')


@pytest.fixture
def model(tmp_path: Path) -> Any:
    from basicsr.models.base_model import BaseModel

    for folder in ('models', 'training_states'):
        (tmp_path / folder).mkdir()
    model = BaseModel(
        {
            'num_gpu': 0,
            'is_train': True,
            'rank': 0,
            'dist': False,
            'path': {'models': str(tmp_path / 'models'), 'training_states': str(tmp_path / 'training_states')},
        }
    )
    model.net_g = torch.nn.Linear(64, 64)
    return model


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every write of torch.save is cut short by the system's error."""

    def save(content: Any, f: Any, *args: Any, **kwargs: Any) -> None:
        with open(f, 'wb') if isinstance(f, (str, Path)) else f as file:
            file.write(b'half')
            raise OSError(28, 'No space left on device')

    monkeypatch.setattr(torch, 'save', save)
    monkeypatch.setattr('time.sleep', lambda seconds: None)


def save_both(model: Any, iteration: int) -> None:
    model.save_network(model.net_g, 'net_g', iteration)
    model.save_training_state(1, iteration)


def test_the_files_are_those_of_upstream(model: Any, tmp_path: Path) -> None:
    save_both(model, 5)
    assert list(torch.load(tmp_path / 'models' / 'net_g_5.pth', weights_only=True)) == ['params']
    state = torch.load(tmp_path / 'training_states' / '5.state', weights_only=True)
    assert (state['epoch'], state['iter']) == (1, 5)
    model.save_network(model.net_g, 'net_g', -1)
    assert sorted(path.name for path in (tmp_path / 'models').iterdir()) == ['net_g_5.pth', 'net_g_latest.pth']


def test_without_the_addition_a_full_disk_is_ignored_and_leaves_half_a_file(
    model: Any, tmp_path: Path, full_disk: None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in METHODS:
            method = getattr(type(model), name)
            patch.setattr(
                type(model), name, inspect.unwrap(method, stop=lambda f: not hasattr(f, 'patched_by_bsr_plugins'))
            )
        save_both(model, 5)
    assert (tmp_path / 'models' / 'net_g_5.pth').read_bytes() == b'half'


def test_with_the_addition_it_stops_the_run_and_keeps_the_old_pair(
    model: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    save_both(model, 5)
    before = {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()}
    request.getfixturevalue('full_disk')
    replaced = torch.save
    for call in (lambda: model.save_network(model.net_g, 'net_g', 5), lambda: model.save_training_state(1, 5)):
        with pytest.raises(CheckpointError, match='cannot be written: the disk is full') as caught:
            call()
        assert 'MiB free' in str(caught.value) and '--auto_resume' in str(caught.value)
        assert torch.save is replaced
    assert {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()} == before


def test_what_goes_to_an_open_file_goes_there(model: Any, tmp_path: Path) -> None:
    class Base:
        def save_network(self, path: Path) -> None:
            with open(path, 'wb') as file:
                torch.save({'a': 1}, file)

    assert save_whole_checkpoints(SimpleNamespace(BaseModel=Base)) is True
    Base().save_network(tmp_path / 'a.pth')
    assert torch.load(tmp_path / 'a.pth', weights_only=True) == {'a': 1}


def test_modules_without_the_defect_are_left_alone() -> None:
    class Base:
        def save_network(self) -> None:
            self.write()

    assert save_whole_checkpoints(SimpleNamespace()) is False
    assert save_whole_checkpoints(SimpleNamespace(BaseModel=Base)) is False
