"""Packaging of bsr_plugins. ``basicsr`` is an extra: a second basicsr beside a fork's is the first cause of trouble."""

from __future__ import annotations

import importlib.util
import re
import sysconfig
from pathlib import Path
from typing import List

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent


def version() -> str:
    text = (ROOT / 'bsr_plugins' / '__init__.py').read_text(encoding='utf-8')
    return re.search(r"^__version__ = '([^']+)'", text, re.MULTILINE).group(1)


def opencv() -> List[str]:
    """Ask for no OpenCV where a build of it (headless, contrib) is there: two overwrite each other's files.

    pip builds in an isolated environment, where the one being installed into shows in its folders alone.
    """
    folders = [Path(sysconfig.get_path(name)) for name in ('platlib', 'purelib')]
    there = importlib.util.find_spec('cv2') is not None or any((folder / 'cv2').is_dir() for folder in folders)
    return [] if there else ['opencv-python']


setup(
    name='bsr-plugins',
    version=version(),
    description="Long-tail training methods for super-resolution inside BasicSR's registries",
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=('bsr_plugins', 'bsr_plugins.*')),
    python_requires='>=3.8',
    install_requires=[
        'torch',
        'numpy',
        'pyyaml',
        'lmdb; python_version >= "3.9"',
        'lmdb < 1.5; python_version < "3.9"',
        'tqdm',
        *opencv(),
    ],
    extras_require={
        'basicsr': ['basicsr', 'torchvision'],
        'test': [
            'pytest',
            'pytest-xdist',
            'ruff',
            # Types are checked by a mypy of today, which older Pythons do not have.
            *(f'{name}; python_version >= "3.11"' for name in ('mypy', 'types-PyYAML', 'types-tqdm')),
        ],
        'figures': ['matplotlib'],
        'fpng': ['fpng'],
    },
    entry_points={'console_scripts': ['basicsr = bsr_plugins.cli.main:main']},
)
