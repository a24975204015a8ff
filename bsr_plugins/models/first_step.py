"""UDN's second step: the networks of the first, loaded and frozen, give the uncertainty ("Uncertainty-Driven Loss")."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Dict, Mapping, Optional

import torch
from basicsr.utils import get_root_logger
from torch import Tensor, nn

from bsr_plugins.archs.feature_tap import AUTO, FeatureTap
from bsr_plugins.common.builders import build_network
from bsr_plugins.models.frozen_weights import FrozenWeights
from bsr_plugins.models.model_options import PARAM_KEY_UDN
from bsr_plugins.models.part import Part
from bsr_plugins.models.sigma_options import check_first_step, first_step_files, is_second_step, sigma_options
from bsr_plugins.runs.random_states import preserved_random_states

_WEIGHTS = FrozenWeights(
    option='path.pretrain_network_udn',
    owner='the first step of UDN',
    files='net_g_*.pth and net_sigma_*.pth of one run with UncertaintyEstimationLoss',
    origin='train the first step first (method udn)',
    entry='first_step',
    gives='uncertainty',
)


class FirstStep(Part):
    """The frozen copy of network_g and branch that UncertaintyDrivenLoss takes s from.

    ``path.pretrain_network_udn`` names net_g_*.pth of the first step; net_sigma_*.pth stands beside it. Both are read
    anew when a run is resumed and are in none of its files; the state keeps their SHA-256 alone, to tell where they
    were changed.

    Raises:
        OptionError: UncertaintyDrivenLoss or ``path.pretrain_network_udn`` is given alone.
        CheckpointError: One of the two files is missing, or is another network's.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self._net_g: Optional[nn.Module] = None
        self._digest: Optional[str] = None

    def prepare(self) -> None:
        """Check the options."""
        check_first_step(self.model.opt['train'], self.model.opt['path'].get('pretrain_network_udn'))

    def build(self) -> None:
        """Load both networks."""
        model, opt = self.model, self.model.opt
        if not is_second_step(opt['train']):
            return
        files = first_step_files(opt['path']['pretrain_network_udn'])
        self._digest = _WEIGHTS.digest(*files)
        tap = opt['train'].get('sigma_tap') or AUTO
        with preserved_random_states():
            net_g = build_network(deepcopy(opt['network_g']))
            branch = build_network(sigma_options(opt, net_g, tap))
        key = opt['path'].get('param_key_udn') or PARAM_KEY_UDN.default
        for net, path, section in zip((net_g, branch), files, ('network_g', 'network_sigma')):
            _WEIGHTS.load(model, net, path, key, section)
        self._net_g, self._branch = net_g, branch
        # And left so: a compiled network keeps to the hooks of its first pass.
        self._tap = FeatureTap(net_g, tap).attach()
        get_root_logger().info(f'UDL: the uncertainty is that of {files[0]} and {files[1]}, frozen.')

    def log_variance(self, lq: Tensor) -> Tensor:
        """Return s = ln(theta) of a batch, (N, C, H, W) in fp32, without gradients."""
        engine = self.model.engine
        with torch.no_grad():
            engine.forward(self._net_g, engine.step.prepared(lq))
            return engine.forward(self._branch, self._tap.take()).float()

    def state(self) -> Dict[str, Any]:
        """Return ``first_step``: the digest of its files, in a run that reads them."""
        return _WEIGHTS.state(self._digest)

    def load_state(self, resume_state: Mapping[str, Any]) -> None:
        """Say where the files of the first step are others than before."""
        _WEIGHTS.tell_change(self._digest, resume_state)
