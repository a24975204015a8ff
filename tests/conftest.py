"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator, List, Optional

import pytest

import bsr_plugins  # noqa: F401  (basicsr imports on new torchvision only after the pack's mends are in place)
from remembered_sources import remember_sources
from sample_images import write_sample_images

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


@pytest.fixture(scope='session', autouse=True)
def _remembered_sources() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        remember_sources(patch)
        yield


def given_images() -> Optional[Path]:
    """The folder of published images: BSR_DATA (none where it is empty), or the one beside a development checkout."""
    value = os.environ.get('BSR_DATA')
    if value is None:
        beside = REPO.parent / 'shared' / 'data'
        return beside if beside.is_dir() else None
    return Path(value).expanduser() if value else None


@pytest.fixture(scope='session')
def bsr_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images, train and Set5, each with HR and LR: the published ones, or such as scikit-image brings."""
    root = given_images()
    if root is None:
        root = tmp_path_factory.mktemp('sample_images')
        write_sample_images(root)
    assert (root / 'train' / 'HR').is_dir(), f'BSR_DATA names a folder without images: no {root}/train/HR'
    return root


@pytest.fixture(scope='session')
def published_images(bsr_data: Path) -> Path:
    """The published images themselves, for tests that compare with their values; skipped where they are absent."""
    if given_images() is None:
        pytest.skip('the published images are absent: set BSR_DATA')
    return bsr_data


# ---------------------------------------------------------------------- a skipped test is no passed one
#: Reasons that may stand in a full run (the beginnings of them); "this" says what is installed.
EXPECTED_SKIPS = (
    'this ',
    'the published images are absent',
    'BSR_STOCK_OPTIONS ',
    'BSR_FORKS ',
    'CUDA ',
    'torch.compile is unavailable',
    "could not import 'distutils.version'",
    "could not import 'fpng'",
)
UNEXPECTED = pytest.StashKey[List[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that tools/test.sh gives for the whole suite."""
    parser.addoption('--strict-skips', action='store_true', help='fail where a test is skipped for no known reason')


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run where a test was skipped for a reason that is not one of ``EXPECTED_SKIPS``."""
    terminal = session.config.pluginmanager.get_plugin('terminalreporter')
    if terminal is None or not session.config.getoption('strict_skips'):
        return
    reasons = [str(report.longrepr[2]).partition('Skipped: ')[2] for report in terminal.stats.get('skipped', [])]
    session.config.stash[UNEXPECTED] = sorted({each for each in reasons if not each.startswith(EXPECTED_SKIPS)})
    if session.config.stash[UNEXPECTED]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which skips failed the run."""
    for reason in config.stash.get(UNEXPECTED, []):
        terminalreporter.write_line(f'FAILED: tests were skipped for no reason of EXPECTED_SKIPS: {reason}', red=True)
