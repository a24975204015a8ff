"""A small environment to be examined: packages that import at once, and a basicsr with registries, without torch."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Callable, Dict, List, Optional

import pytest

TORCH = """
import types
__version__ = '9.9'
version = types.SimpleNamespace(cuda={cuda!r}, hip=None)
cuda = types.SimpleNamespace(
    is_available=lambda: {gpus} > 0, device_count=lambda: {gpus},
    get_device_properties=lambda index: types.SimpleNamespace(name='Card', total_memory=2**34, major=9, minor=0),
    nccl=types.SimpleNamespace(version=lambda: (2, 20, 5)))
get_num_threads = lambda: 3
"""
DISTRIBUTED = """
is_available = lambda: True
is_gloo_available = lambda: True
is_nccl_available = lambda: {nccl}
"""
REGISTRY = """
class Registry:
    def __init__(self):
        self._obj_map = {}
    def register(self, obj=None, suffix=None):
        def do(obj):
            self._obj_map[f'{obj.__name__}_{suffix}' if suffix else obj.__name__] = obj
            return obj
        return do if obj is None else do(obj)
    def __iter__(self):
        return iter(self._obj_map.items())
DATASET_REGISTRY, ARCH_REGISTRY, MODEL_REGISTRY = Registry(), Registry(), Registry()
LOSS_REGISTRY, METRIC_REGISTRY = Registry(), Registry()
"""


def write(root: Path, files: Dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return root


@pytest.fixture
def write_packages(tmp_path: Path) -> Callable[..., List[str]]:
    """Return a function that writes torch and what goes with it, and returns an import path that has them first."""

    def run(
        files: Optional[Dict[str, str]] = None, cuda: Optional[str] = None, gpus: int = 0, nccl: bool = False
    ) -> List[str]:
        small = {f'{name}.py': "__version__ = '1.2'" for name in ('numpy', 'cv2', 'lmdb', 'torchvision')}
        packages = write(
            tmp_path / 'packages',
            {
                **small,
                'torch/__init__.py': TORCH.format(cuda=cuda, gpus=gpus),
                'torch/distributed.py': DISTRIBUTED.format(nccl=nccl),
                **(files or {}),
            },
        )
        return [str(packages), *sys.path]

    return run


@pytest.fixture
def write_checkout(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a fork's checkout with registries, some of its files replaced, and returns it."""

    def run(files: Optional[Dict[str, str]] = None, name: str = 'fork') -> Path:
        return write(
            tmp_path / name,
            {
                f'basicsr/{path}': text
                for path, text in {
                    '__init__.py': 'import basicsr.archs, basicsr.models',
                    'train.py': '',
                    'utils/__init__.py': '',
                    'utils/registry.py': REGISTRY,
                    'models/__init__.py': 'import basicsr.utils.registry',
                    'archs/__init__.py': '',
                    'version.py': "__version__ = '1.3.4'",
                    **(files or {}),
                }.items()
            },
        )

    return run
