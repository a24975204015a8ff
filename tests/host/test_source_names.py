"""Names read from source files: those that importing basicsr registers, without importing it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from bsr_plugins.host.source_names import (
    KINDS,
    basicsr_folder,
    basicsr_names,
    checkout_of,
    has_registries,
    names_in,
    project_names,
)

SOURCE = """
from basicsr.utils import registry
from basicsr.utils.registry import ARCH_REGISTRY, LOSS_REGISTRY

@ARCH_REGISTRY.register()
class Net: pass

@registry.ARCH_REGISTRY.register(suffix='basicsr')
class Other: pass

@LOSS_REGISTRY.register
def loss(): pass

class Late: pass
ARCH_REGISTRY.register(Late)
ARCH_REGISTRY.register(Late, suffix='x')

@UNKNOWN_REGISTRY.register()
class Unknown: pass

class Model:
    def get_optimizer(self, optim_type, params):
        if optim_type == 'Adam':
            return 1
        elif optim_type in ('SGD', 'Lion'):
            return 2
        if self.opt['network_g']['type'] == 'NoOptimizer':
            return 3

    def other(self, optim_type):
        return optim_type == 'Elsewhere'
"""


def test_what_counts_as_a_registration(tmp_path: Path) -> None:
    path = tmp_path / 'a.py'
    path.write_text(SOURCE)
    (tmp_path / 'broken.py').write_text('ARCH_REGISTRY.register(\n')
    names = names_in([path, tmp_path / 'broken.py', tmp_path / 'absent.py'])
    assert names.registered == {
        'arch': dict.fromkeys(['Net', 'Other_basicsr', 'Late', 'Late_x'], path),
        'loss': {'loss': path},
        'optimizer': dict.fromkeys(['Adam', 'SGD', 'Lion'], path),
    }
    assert names.of('metric') == {}


def test_the_installed_basicsr_registers_exactly_these(tmp_path: Path) -> None:
    folder = basicsr_folder(tmp_path)
    assert folder is not None and has_registries(folder)
    found = basicsr_names(folder)
    importlib.import_module('basicsr')
    registries = importlib.import_module('basicsr.utils.registry')
    for kind in KINDS:
        registry = getattr(registries, f'{kind.upper()}_REGISTRY')
        theirs = {name for name, entry in registry if entry.__module__.startswith('basicsr.')}
        assert set(found.of(kind)) == theirs and theirs
    assert 'Adam' in found.of('optimizer')
    assert set(found.of('scheduler')) == {'MultiStepLR', 'MultiStepRestartLR', 'CosineAnnealingRestartLR'}


def test_a_checkout_in_the_working_directory_wins(tmp_path: Path) -> None:
    assert checkout_of(tmp_path) is None
    (tmp_path / 'basicsr').mkdir()
    assert checkout_of(tmp_path) is None
    (tmp_path / 'basicsr' / 'train.py').write_text('')
    assert checkout_of(tmp_path) == basicsr_folder(tmp_path) == tmp_path / 'basicsr'
    assert not has_registries(tmp_path / 'basicsr')


def test_without_any_basicsr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'basicsr', None)
    assert basicsr_folder(tmp_path) is None


def test_packages_of_the_working_directory(tmp_path: Path) -> None:
    for folder, name in (
        ('hat/archs', 'HAT'),
        ('archs', 'Top'),
        ('basicsr/archs', 'No'),
        ('hat/other', 'No'),
        ('.hidden/archs', 'No'),
        ('hat/archs/deep', 'No'),
    ):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / f'{name.lower()}_arch.py').write_text(f'@ARCH_REGISTRY.register()\nclass {name}: pass\n')
    assert set(project_names(tmp_path).of('arch')) == {'HAT', 'Top'}
