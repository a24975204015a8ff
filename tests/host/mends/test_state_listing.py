"""The listing of training states in scripts that resume by themselves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable

import pytest

# What the training scripts of releases before 1.3 do.
SCRIPT = """
import os
def create_train_val_dataloader():
    pass
def main(folder):
    return max([int(x[0:-6]) for x in os.listdir(folder)])
def other(folder):
    return sorted(os.listdir(folder))
"""
CODE = """
import sys, types
from bsr_plugins.host.mends.state_listing import mend_state_listing
module = types.ModuleType('misc')
if {mended}:
    print(mend_state_listing(module), mend_state_listing(module))
import script
try:
    print(script.main('run/training_states/'))
except ValueError as error:
    print('ValueError')
print(script.other('run/training_states'), len(script.other('run')))
"""


@pytest.fixture
def states(tmp_path: Path) -> Path:
    import torch

    (tmp_path / 'script.py').write_text(SCRIPT)
    legacy = tmp_path / 'basicsr' / 'utils'
    legacy.mkdir(parents=True)
    for package in (legacy, legacy.parent):
        (package / '__init__.py').write_text('')
    folder = tmp_path / 'run' / 'training_states'
    folder.mkdir(parents=True)
    for number in (8, 9, 10):
        torch.save({'iter': number}, folder / f'{number}.state')
    (folder / '11.state').write_bytes((folder / '10.state').read_bytes()[:100])
    (folder / '12.state.partial').write_bytes(b'')
    return folder


def test_without_the_mend_any_other_file_stops_the_script(states: Path, run_python: Callable[..., Any]) -> None:
    assert run_python(CODE.format(mended=False)).stdout.startswith('ValueError\n')


def test_with_the_mend_the_newest_whole_state_is_found(states: Path, run_python: Callable[..., Any]) -> None:
    done = run_python(CODE.format(mended=True))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        'True False',
        '10',
        "['10.state', '11.state', '12.state.partial', '8.state', '9.state'] 1",
    ]
    assert '11.state is skipped: it is cut short' in done.stderr


def test_scripts_of_registries_are_left_alone() -> None:
    pytest.importorskip('basicsr')
    from bsr_plugins.host.mends.state_listing import mend_state_listing

    before = os.listdir
    assert mend_state_listing(None) is False
    assert os.listdir is before
