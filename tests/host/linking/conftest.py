"""Small trees laid out as forks of each kind; their scripts print which models their basicsr knows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Mapping

import pytest

UTILS = """
import os
def scandir(folder, **_):
    return sorted(os.listdir(folder))
def get_root_logger(**_):
    import logging
    return logging.getLogger('basicsr')
"""
REGISTRY = """
class Registry:
    def __init__(self):
        self._obj_map = {}
    def _do_register(self, name, obj):
        assert name not in self._obj_map, name
        self._obj_map[name] = obj
    def register(self, obj):
        self._do_register(obj.__name__, obj)
    def __iter__(self):
        return iter(self._obj_map.items())
ARCH_REGISTRY, DATASET_REGISTRY, LOSS_REGISTRY, METRIC_REGISTRY, MODEL_REGISTRY = (Registry() for _ in range(5))
"""
SCAN = """
import importlib, os
from basicsr.utils import scandir
FOLDER = os.path.dirname(os.path.abspath(__file__))
{variable} = [importlib.import_module(f'{package}.{{name[:-3]}}') for name in scandir(FOLDER)
              if name.endswith('{suffix}')]
"""
PRINTS_REGISTERED = """
import basicsr.archs, basicsr.data, basicsr.models
from basicsr.utils.registry import MODEL_REGISTRY
print(sorted(name for name, _ in MODEL_REGISTRY))
"""
PRINTS_FOUND = """
from basicsr import data, models
print([name for name in ('ImageCleanModel', 'RebalancedSRModel')
       if any(hasattr(module, name) for module in models._model_modules)])
"""
EMPTY = ''


def scan(package: str, suffix: str, variable: str = '_modules') -> str:
    return SCAN.format(package=package, suffix=suffix, variable=variable)


REGISTRY_TREE = {
    'basicsr/__init__.py': 'from .archs import *\nfrom .data import *\nfrom .models import *\n',
    'basicsr/train.py': PRINTS_REGISTERED,
    'basicsr/utils/__init__.py': UTILS,
    'basicsr/utils/registry.py': REGISTRY,
    'basicsr/archs/__init__.py': scan('basicsr.archs', '_arch.py'),
    'basicsr/archs/net_arch.py': 'from basicsr.utils.registry import ARCH_REGISTRY\n',
    'basicsr/data/__init__.py': scan('basicsr.data', '_dataset.py'),
    'basicsr/models/__init__.py': scan('basicsr.models', '_model.py'),
    'basicsr/models/sr_model.py': 'from basicsr.utils.registry import MODEL_REGISTRY\nclass SRModel: pass\n'
    'MODEL_REGISTRY.register(SRModel)\n',
}
TREES: Dict[str, Mapping[str, str]] = {
    'registry': REGISTRY_TREE,
    'explicit': {**REGISTRY_TREE, 'basicsr/archs/__init__.py': 'from .net_arch import *\n'},
    'legacy': {
        'basicsr/__init__.py': EMPTY,
        'basicsr/train.py': PRINTS_FOUND,
        'basicsr/utils/__init__.py': UTILS,
        'basicsr/data/__init__.py': scan('basicsr.data', '_dataset.py', '_dataset_modules'),
        'basicsr/models/__init__.py': scan('basicsr.models', '_model.py', '_model_modules'),
        'basicsr/models/image_model.py': 'class ImageCleanModel: pass\n',
        'basicsr/models/archs/__init__.py': scan('basicsr.models.archs', '_arch.py', '_arch_modules'),
        'basicsr/models/losses/__init__.py': EMPTY,
        'basicsr/metrics/__init__.py': EMPTY,
    },
    'dependent': {
        'hat/__init__.py': EMPTY,
        'hat/train.py': 'import hat.archs\nfrom basicsr.train import train_pipeline\n',
        'hat/archs/__init__.py': scan('hat.archs', '_arch.py'),
        'hat/archs/hat_arch.py': EMPTY,
    },
}
TREES['namespace'] = {name: text for name, text in TREES['legacy'].items() if name != 'basicsr/__init__.py'}


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    """Return ``tree(kind, {file: text})``: makes a fork of that kind, those files changed; its root."""

    def make(kind: str, changed: Mapping[str, str] = {}, name: str = 'fork') -> Path:  # noqa: B006
        root = tmp_path / name
        for path, text in {**TREES[kind], **changed}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        return root

    return make


@pytest.fixture
def content() -> Callable[[Path], Dict[str, bytes]]:
    """Return ``content(root)``: every file and folder under root, compiled files apart, with the files' bytes."""

    def read(root: Path) -> Dict[str, bytes]:
        return {
            path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else b'a folder'
            for path in sorted(root.rglob('*'))
            if '__pycache__' not in path.parts
        }

    return read


@pytest.fixture
def run_script() -> Callable[..., Any]:
    """Return ``run_script(root, *paths)``: runs basicsr/train.py, seeing nothing installed but ``paths``."""

    def run(root: Path, *paths: Path) -> Any:
        search = os.pathsep.join(map(str, [root, *paths]))
        # -S: without site-packages, where the pack is installed.
        return subprocess.run(
            [sys.executable, '-S', '-B', 'basicsr/train.py'],
            cwd=root,
            text=True,
            capture_output=True,
            env={**os.environ, 'PYTHONPATH': search},
        )

    return run
