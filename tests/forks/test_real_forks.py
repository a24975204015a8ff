"""Real forks, where BSR_FORKS names a folder of checkouts: each trains by its own script, or is refused in words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fork_matrix import FAILED, OK, WAYS, make_data, options_for, run_fork
from known_forks import known_fork

FOLDER = Path(os.environ.get('BSR_FORKS', 'no folder of forks'))
CHECKOUTS = sorted(path for path in FOLDER.iterdir() if path.is_dir()) if FOLDER.is_dir() else []

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHECKOUTS, reason='BSR_FORKS names no folder of checkouts')]


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('checkout', CHECKOUTS, ids=lambda path: path.name)
def test_a_real_fork(checkout: Path, way: str, bsr_data: Path, tmp_path: Path) -> None:
    known = known_fork(checkout)
    data = make_data(bsr_data / 'train', tmp_path / 'data', known.scale)
    found = run_fork(checkout, way, options_for(known, data, way), tmp_path / 'work')
    assert found.state != FAILED, found.why
    assert found.state == OK or way == 'link', found.why
