"""basicsr.losses.losses, which BasicSR 1.4 no longer has."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    losses = tmp_path / 'basicsr' / 'losses'
    losses.mkdir(parents=True)
    (tmp_path / 'basicsr' / '__init__.py').write_text('')
    (losses / '__init__.py').write_text('')
    (losses / 'basic_loss.py').write_text('_reduction_modes = 1\n\n\nclass L1Loss: pass\n')
    (losses / 'gan_loss.py').write_text('class GANLoss: pass\n')
    return losses


USE = 'from basicsr.losses.losses import L1Loss, GANLoss, _reduction_modes; print(L1Loss.__module__, _reduction_modes)'


def test_its_names_come_from_what_it_was_split_into(clone: Path, run_python: Callable[..., Any]) -> None:
    assert "No module named 'basicsr.losses.losses'" in run_python(USE).stderr
    done = run_python(f'import bsr_plugins; {USE}')
    assert done.stdout.strip() == 'basicsr.losses.basic_loss 1', done.stderr


def test_one_that_is_there_wins(clone: Path, run_python: Callable[..., Any]) -> None:
    (clone / 'losses.py').write_text('_reduction_modes = 2\nclass L1Loss: pass\nclass GANLoss: pass\n')
    assert run_python(f'import bsr_plugins; {USE}').stdout.strip() == 'basicsr.losses.losses 2'


def test_a_basicsr_with_neither_says_so(clone: Path, run_python: Callable[..., Any]) -> None:
    (clone / 'basic_loss.py').unlink()
    assert "No module named 'basicsr.losses.basic_loss'" in run_python(f'import bsr_plugins; {USE}').stderr
