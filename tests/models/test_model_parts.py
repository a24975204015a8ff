"""How a model is put together: one class that overrides BasicSR's hooks, and parts that override none of them."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any, Dict, List

import pytest
from basicsr.models.base_model import BaseModel
from basicsr.models.sr_model import SRModel

import bsr_plugins.models
from bsr_plugins.models.base_models import over_base
from bsr_plugins.models.bspa_model import BSPAModel
from bsr_plugins.models.part import Part
from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel, RebalancedTraining

MODELS = Path(bsr_plugins.models.__path__[0])


@pytest.fixture(scope='module', autouse=True)
def fork_models() -> None:
    """A model over SRModel, as HATModel, and one that does not derive from it, as PLKSR's ESRModel."""
    from basicsr.utils.registry import MODEL_REGISTRY

    class PartsSRModel(SRModel):
        def test(self) -> None:
            super().test()

    class PartsOwnModel(BaseModel):
        optimize_parameters = SRModel.optimize_parameters

    for model in (PartsSRModel, PartsOwnModel):
        if model.__name__ not in MODEL_REGISTRY:
            MODEL_REGISTRY.register(model)


def ours(cls: type) -> List[str]:
    return [base.__name__ for base in cls.__mro__ if base.__module__.startswith('bsr_plugins.')]


@pytest.mark.parametrize('cls', [RebalancedSRModel, BSPAModel])
@pytest.mark.parametrize('base', [None, 'PartsSRModel', 'PartsOwnModel', 'SwinIRModel', 'RealESRGANModel'])
def test_at_most_four_classes_of_ours_stand_in_a_model(cls: type, base: Any) -> None:
    derived = over_base(cls, {'base_model_type': base}, RebalancedTraining)
    found = ours(derived)
    assert len(found) <= 4 and 'RebalancedTraining' in found, found
    assert not [name for name in found if issubclass(getattr(derived, name, object), Part)]


def test_the_parts_of_a_model_come_along_over_a_base_of_another_kind() -> None:
    derived = over_base(BSPAModel, {'base_model_type': 'PartsOwnModel'}, RebalancedTraining)
    assert not issubclass(derived, SRModel) and list(derived.extra_parts) == ['bspa']
    assert isinstance(derived.schedule, property) and isinstance(derived.frozen_share, property)


def definitions() -> Dict[str, List[str]]:
    """Return name of a method -> the classes in models/ that define it."""
    found: Dict[str, List[str]] = {}
    for path in MODELS.glob('*.py'):
        for node in ast.parse(path.read_text(encoding='utf-8')).body:
            if isinstance(node, ast.ClassDef):
                for method in node.body:
                    if isinstance(method, ast.FunctionDef):
                        found.setdefault(method.name, []).append(node.name)
    return found


@pytest.mark.parametrize(
    'hook', [name for name, _ in inspect.getmembers(SRModel, inspect.isfunction) if name[:2] != '__']
)
def test_hooks_of_basicsr_are_overridden_in_one_class_alone(hook: str) -> None:
    assert definitions().get(hook, []) in ([], ['RebalancedTraining'])


def test_parts_inherit_from_part_alone() -> None:
    from bsr_plugins.models.bspa import BSPA

    model = BSPAModel({'is_train': False, 'num_gpu': 0, 'dist': False, 'path': {}, 'network_g': FSRCNN})
    assert isinstance(model.bspa, BSPA) and model.parts[-1] is model.bspa
    for part in model.parts:
        assert type(part).__mro__[1:] == (Part, object)


FSRCNN = {'type': 'FSRCNN', 'upscale': 2}
