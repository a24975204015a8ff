"""``import basicsr`` in a checkout, beside installed ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bsr_plugins.host import root_finder

REPO = Path(root_finder.__file__).parents[2]
CODE = """
import sys
from pathlib import Path
from bsr_plugins.host import root_finder
assert root_finder.package_in_use() is None
root_finder.use_package(Path({unused!r}))
root_finder.use_package(Path({package!r}))
assert root_finder.package_in_use() == Path({package!r})
import importlib.util, pickle
print(importlib.util.find_spec('basicsr').submodule_search_locations)
import basicsr, basicsr.part
print(list(basicsr.__path__), getattr(basicsr, 'NAME', None), basicsr.part.NAME)
print(sum(getattr(finder, 'identity', '') == 'bsr_plugins.root' for finder in sys.meta_path))
"""


@pytest.mark.parametrize('init', ["NAME = 'checkout'\n", None], ids=['package', 'namespace'])
def test_the_checkouts_package_wins_over_all_others(tmp_path: Path, init: str) -> None:
    package, other = tmp_path / 'checkout' / 'basicsr', tmp_path / 'other' / 'basicsr'
    for folder in (package, other):
        folder.mkdir(parents=True)
        (folder / 'part.py').write_text(f'NAME = {folder.parent.name!r}\n')
    (other / '__init__.py').write_text("NAME = 'other'\n")
    if init:
        (package / '__init__.py').write_text(init)
    paths = os.pathsep.join([str(other.parent), str(REPO)])
    done = subprocess.run(
        [sys.executable, '-c', CODE.format(package=str(package), unused=str(tmp_path))],
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': paths},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"['{package}']", f"['{package}'] {'checkout' if init else None} checkout", '1']


def test_nothing_else_is_found() -> None:
    assert root_finder.RootFinder(Path('x')).find_spec('basicsr.models') is None
    assert root_finder.RootFinder(Path('x')).find_spec('numpy') is None
