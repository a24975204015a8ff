"""Which files of a checkout a script runs by importing them."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

import pytest

from bsr_plugins.host.scripts.reached_files import reached_files

SCAN = (
    'import importlib, os\n'
    'names = [v[:-3] for v in os.listdir(os.path.dirname(__file__)) if v.endswith("_arch.py")]\n'
    '_modules = [importlib.import_module(f"own.archs.{name}") for name in names]\n'
)
PIPELINE = 'from basicsr.train import train_pipeline\n'


@pytest.mark.parametrize(
    'files, expected',
    [
        ({'own/train.py': PIPELINE, 'basicsr/train.py': ''}, []),
        ({'own/train.py': 'import own.pipeline', 'own/pipeline.py': PIPELINE}, ['own/pipeline.py']),
        ({'own/train.py': 'from own import pipeline', 'own/pipeline.py': ''}, ['own/pipeline.py']),
        # The script's own folder is on the path too; the checkout's root comes first.
        ({'own/train.py': 'from net import Net', 'own/net.py': '', 'own/other.py': ''}, ['own/net.py']),
        ({'own/train.py': 'import net', 'own/net.py': '', 'net/__init__.py': ''}, ['net/__init__.py']),
        (
            {
                'own/train.py': 'import own.archs',
                'own/archs/__init__.py': SCAN,
                'own/archs/a_arch.py': 'from . import b',
                'own/archs/b.py': 'from .c import d',
                'own/archs/c.py': '',
                'own/archs/e.py': '',
            },
            ['own/archs/__init__.py', 'own/archs/a_arch.py', 'own/archs/b.py', 'own/archs/c.py'],
        ),
        ({'own/train.py': 'def late():\n    import net\n', 'own/net.py': 'import train'}, ['own/net.py']),
        ({'own/train.py': 'import net\nimport numpy', 'own/net.py': 'def broken(:'}, ['own/net.py']),
    ],
)
def test_what_a_script_reaches(files: Dict[str, str], expected: List[str], tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    script = tmp_path / 'own' / 'train.py'
    assert sorted(reached_files(script, tmp_path)) == sorted([script, *(tmp_path / name for name in expected)])
