"""Which passes are upstream's, and the classes made over a base."""

from __future__ import annotations

import copy

from basicsr.models.realesrgan_model import RealESRGANModel
from basicsr.models.sr_model import SRModel
from basicsr.models.swinir_model import SwinIRModel

from bsr_plugins.models.base_models import over_base, pass_is_upstreams
from bsr_plugins.models.bspa_model import BSPAModel
from bsr_plugins.models.foreign_pass import ForeignPass
from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel


def test_upstream_s_pass_is_known_by_what_it_uses() -> None:
    assert pass_is_upstreams(RebalancedSRModel, ForeignPass)
    assert pass_is_upstreams(over_base(RebalancedSRModel, {'base_model_type': 'SwinIRModel'}), ForeignPass)
    assert not pass_is_upstreams(over_base(RebalancedSRModel, {'base_model_type': 'RealESRGANModel'}), ForeignPass)


def test_a_pass_of_a_class_derived_from_ours_is_not_a_foreign_one() -> None:
    class Own(RebalancedSRModel):
        def optimize_parameters(self, current_iter):
            self.seen = current_iter
            super().optimize_parameters(current_iter)

    assert pass_is_upstreams(Own, ForeignPass)


def test_classes_are_made_once_and_named_after_both() -> None:
    derived = over_base(BSPAModel, {'base_model_type': 'RealESRGANModel'})
    assert derived is over_base(BSPAModel, {'base_model_type': 'RealESRGANModel'})
    assert derived.__name__ == 'BSPARealESRGANModel' and issubclass(derived, (BSPAModel, RealESRGANModel))
    order = derived.__mro__
    assert order.index(RebalancedSRModel) < order.index(RealESRGANModel) < order.index(SRModel)
    assert over_base(RebalancedSRModel, {'base_model_type': 'SRModel'}) is RebalancedSRModel


def test_instances_are_of_the_class_over_the_base() -> None:
    options = {
        'num_gpu': 0,
        'dist': False,
        'is_train': False,
        'scale': 2,
        'path': {},
        'rank': 0,
        'base_model_type': 'SwinIRModel',
        'network_g': {'type': 'FSRCNN', 'upscale': 2},
    }
    before = copy.deepcopy(options)
    model = RebalancedSRModel(options)
    assert isinstance(model, SwinIRModel) and isinstance(model, RebalancedSRModel) and options == before
