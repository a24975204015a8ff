"""Packaging of bsr_plugins. ``basicsr`` is an extra: a second basicsr beside a fork's is the first cause of trouble."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent


def version() -> str:
    text = (ROOT / 'bsr_plugins' / '__init__.py').read_text(encoding='utf-8')
    return re.search(r"^__version__ = '([^']+)'", text, re.MULTILINE).group(1)


setup(
    name='bsr-plugins',
    version=version(),
    description="Long-tail training methods for super-resolution inside BasicSR's registries",
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=('bsr_plugins', 'bsr_plugins.*')),
    package_data={'bsr_plugins': ['py.typed']},
    python_requires='>=3.8',
    install_requires=[
        'torch >= 2.0',
        'numpy',
        # The build of OpenCV that basicsr and its forks ask for by name: beside them it adds none. Where another build
        # (headless, contrib) does its work, pip cannot be told so: install the pack with --no-deps there.
        'opencv-python',
        'pyyaml',
        'lmdb; python_version >= "3.9"',
        'lmdb < 1.5; python_version < "3.9"',
        'tqdm',
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
