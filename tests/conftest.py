"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator

import pytest

import bsr_plugins  # noqa: F401  (basicsr imports on new torchvision only after the pack's mends are in place)

REPO = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='session')
def repo() -> Path:
    """The root of the repository."""
    return REPO


@pytest.fixture(scope='session', autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep cached results of data sets out of the user's folder, in processes that tests start too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('BSR_PLUGINS_CACHE', str(tmp_path_factory.mktemp('cache')))
        yield


@pytest.fixture(scope='session')
def bsr_data() -> Path:
    """The folder of real images (``BSR_DATA``); tests that need it are skipped where it is absent."""
    root = Path(os.environ.get('BSR_DATA', REPO.parent / 'shared' / 'data')).expanduser()
    if not (root / 'train' / 'HR').is_dir():
        pytest.skip(f'real images are absent: no folder {root}/train/HR (set BSR_DATA)')
    return root
