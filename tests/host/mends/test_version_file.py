"""The version module of a package in a clone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Optional

import pytest


def clone(root: Path, version: Optional[str]) -> None:
    (root / 'basicsr').mkdir()
    (root / 'basicsr' / '__init__.py').write_text('from .version import __gitsha__, __version__\n')
    if version is not None:
        (root / 'VERSION').write_text(version)


def test_without_the_mend_a_clone_cannot_be_imported(tmp_path: Path, run_python: Callable[..., Any]) -> None:
    clone(tmp_path, '1.4.2\n')
    assert "No module named 'basicsr.version'" in run_python('import basicsr').stderr


@pytest.mark.parametrize(
    ('text', 'shown'),
    [
        ('1.4.2\n', '1.4.2 unknown (1, 4, 2)'),
        ('0.1.1rc2', "0.1.1rc2 unknown (0, 1, '1rc2')"),
        ('\n', '0.0.0+unknown unknown (0, 0, 0)'),
        (None, '0.0.0+unknown unknown (0, 0, 0)'),
    ],
)
def test_with_the_mend_it_reads_the_version_file(
    text: Optional[str], shown: str, tmp_path: Path, run_python: Callable[..., Any]
) -> None:
    clone(tmp_path, text)
    done = run_python(
        'import bsr_plugins, basicsr; print(basicsr.__version__, basicsr.__gitsha__,basicsr.version.version_info)'
    )
    assert done.stdout.strip() == shown, done.stderr


def test_a_version_file_inside_the_package_is_read_too(tmp_path: Path, run_python: Callable[..., Any]) -> None:
    clone(tmp_path, None)
    (tmp_path / 'basicsr' / 'VERSION').write_text('1.3.2\n')
    done = run_python('import bsr_plugins, basicsr; print(basicsr.__version__)')
    assert done.stdout.strip() == '1.3.2', done.stderr


def test_a_generated_version_file_wins(tmp_path: Path, run_python: Callable[..., Any]) -> None:
    clone(tmp_path, '1.4.2')
    (tmp_path / 'basicsr' / 'version.py').write_text("__version__, __gitsha__ = '9.9', 'abc'\n")
    done = run_python(
        'import bsr_plugins, basicsr; from bsr_plugins.host.patches import active_patches;'
        'print(basicsr.__version__, active_patches())'
    )
    assert done.stdout.strip() == '9.9 []', done.stderr


@pytest.mark.parametrize(
    ('setup', 'is_served'), [("text = '__gitsha__ = {}'", True), ('setup()', False), (None, False)]
)
def test_it_is_made_for_any_package_whose_setup_makes_one(
    setup: Optional[str], is_served: bool, tmp_path: Path, run_python: Callable[..., Any]
) -> None:
    (tmp_path / 'own').mkdir()
    (tmp_path / 'own' / '__init__.py').write_text('from .version import *\nfrom .version import __gitsha__\n')
    (tmp_path / 'VERSION').write_text('0.3\n')
    if setup is not None:
        (tmp_path / 'setup.py').write_text(setup)
    done = run_python('import bsr_plugins, own; print(own.version.__version__)')
    assert done.stdout.strip() == ('0.3' if is_served else '')
    assert is_served or "No module named 'own.version'" in done.stderr
