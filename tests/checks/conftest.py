"""A working directory with image pairs, and the check of an option file in it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Callable, List

import pytest

from bsr_plugins.checks import code_in_use, option_checks, type_checks
from bsr_plugins.checks.option_checks import check_options
from bsr_plugins.common.findings import Finding
from bsr_plugins.options.option_file import read_option_file
from option_files import write_pairs

# One scan of the installed basicsr for all tests; it takes some tenths of a second.
NAMES_OF = functools.lru_cache(maxsize=None)(type_checks.basicsr_names)
TREE_OF = functools.lru_cache(maxsize=1)(code_in_use.SourceTree)


@pytest.fixture(autouse=True)
def _no_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    # In TRAIN the validation set is the training set, which test_overlap_checks is about.
    monkeypatch.setattr(option_checks, 'check_overlap', lambda *arguments: [])


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., List[Finding]]:
    """Return check(text, is_train, deep): the findings in a working directory with 16 pairs in data/HR and data/LR."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(type_checks, 'basicsr_names', NAMES_OF)
    monkeypatch.setattr(code_in_use, 'SourceTree', TREE_OF)
    write_pairs(tmp_path / 'data', 16)

    def run(text: str, is_train: bool = True, deep: bool = False) -> List[Finding]:
        Path('x.yml').write_text(text)
        return check_options(read_option_file('x.yml'), tmp_path, is_train, deep=deep)

    return run
