"""The classes made over a base, and which of its passes they keep."""

from __future__ import annotations

import copy

from basicsr.models.realesrgan_model import RealESRGANModel
from basicsr.models.sr_model import SRModel
from basicsr.models.swinir_model import SwinIRModel

from bsr_plugins.models.base_models import names_in_pass, over_base, owners_behind
from bsr_plugins.models.bspa_model import BSPAModel
from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel, RebalancedTraining


def over(cls: type, base: str) -> type:
    return over_base(cls, {'base_model_type': base}, RebalancedTraining)


OPTIONS = {
    'num_gpu': 0,
    'dist': False,
    'is_train': False,
    'scale': 2,
    'path': {},
    'rank': 0,
    'network_g': {'type': 'FSRCNN', 'upscale': 2},
}


def test_a_base_with_a_pass_of_its_own_keeps_it() -> None:
    assert RebalancedSRModel(OPTIONS).fork_pass is None
    assert RebalancedSRModel({**OPTIONS, 'base_model_type': 'SwinIRModel'}).fork_pass is None
    owners = owners_behind(RebalancedTraining, over(RebalancedSRModel, 'RealESRGANModel'), 'optimize_parameters')
    assert owners[0] is RealESRGANModel and SRModel in owners
    assert {'net_d', 'cri_gan'} <= names_in_pass(owners)


def test_a_pass_of_a_class_derived_from_ours_is_not_a_fork_s() -> None:
    class Own(RebalancedSRModel):
        def optimize_parameters(self, current_iter):
            self.seen = current_iter
            super().optimize_parameters(current_iter)

    assert Own(OPTIONS).fork_pass is None


def test_classes_are_made_once_and_named_after_both() -> None:
    derived = over(BSPAModel, 'RealESRGANModel')
    assert derived is over(BSPAModel, 'RealESRGANModel')
    assert derived.__name__ == 'BSPARealESRGANModel' and issubclass(derived, (BSPAModel, RealESRGANModel))
    order = derived.__mro__
    assert order.index(RebalancedSRModel) < order.index(RealESRGANModel) < order.index(SRModel)
    assert over(RebalancedSRModel, 'SRModel') is RebalancedSRModel


def test_instances_are_of_the_class_over_the_base() -> None:
    options = {**OPTIONS, 'base_model_type': 'SwinIRModel'}
    before = copy.deepcopy(options)
    model = RebalancedSRModel(options)
    assert isinstance(model, SwinIRModel) and isinstance(model, RebalancedSRModel) and options == before
