"""A working directory with image pairs, and the check of an option file in it."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, List

import pytest

from bsr_plugins.checks import option_checks
from bsr_plugins.checks.option_checks import check_options
from bsr_plugins.common.findings import Finding
from bsr_plugins.options.option_file import read_option_file
from option_files import write_pairs


@pytest.fixture(autouse=True)
def _no_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    # In TRAIN the validation set is the training set, which test_overlap_checks is about.
    monkeypatch.setattr(option_checks, 'check_overlap', lambda *arguments: [])


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., List[Finding]]:
    """Return check(text, is_train, deep): the findings in a working directory with 16 pairs in data/HR and data/LR."""
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path / 'data', 16)

    def run(text: str, is_train: bool = True, deep: bool = False) -> List[Finding]:
        Path('x.yml').write_text(text)
        return check_options(read_option_file('x.yml'), tmp_path, is_train, deep=deep)

    return run
