"""Training of the sigma branch beside a network ("Revisiting L1 loss", section 4.3 and Eq. 10)."""

from __future__ import annotations

import contextlib
import os
from copy import deepcopy
from typing import Any, ContextManager, Dict, List, Mapping, Optional, Tuple

from basicsr.utils import get_root_logger
from torch import Tensor, nn

from bsr_plugins.archs.feature_tap import AUTO, FeatureTap, tap_channels
from bsr_plugins.common.builders import build_loss, build_network
from bsr_plugins.common.errors import CheckpointError, OptionError
from bsr_plugins.runs.random_states import preserved_random_states


class SigmaTraining:
    """Mixin over SRModel with the engine: ``network_sigma`` + ``train.sigma_opt`` add the sigma branch.

    - ``network_sigma`` reads the features before the upsampler of network_g (``train.sigma_tap: auto | module name``);
      its ``num_in_ch`` and ``upscale`` are found where they are not set.
    - It trains in the optimizer of network_g as a parameter group of its own. The loss (``SigmaLoss``) sees mu
      detached; the features are not, so that the branch shapes the trunk, as the paper's Table 1 (L1 + Eq. 10) implies.
    - Its weights, EMA too, are saved apart as ``net_sigma_*.pth``; net_g's files are those of a run without it.
    - In validation and tests nothing of it is run unless ``val.sigma`` is true (:class:`SigmaMaps`).

    Raises:
        OptionError: One of network_sigma and train.sigma_opt without the other, or a tap that is not found.
        CheckpointError: A resume from a run without the branch.
    """

    net_sigma: Optional[nn.Module] = None

    def __init__(self, opt: Dict[str, Any]) -> None:
        self.cri_sigma: Optional[nn.Module] = None
        self.sigma: Optional[Tensor] = None
        super().__init__(opt)

    # ------------------------------------------------------------------ building
    def setup_optimizers(self) -> None:
        """Set up BasicSR's optimizer, then the branch's parameter group in it."""
        super().setup_optimizers()
        options = self.opt['train'].get('sigma_opt')
        if bool(options) != bool(self.opt.get('network_sigma')):
            raise OptionError(
                'the sigma branch needs a network and a loss',
                where='network_sigma, train.sigma_opt',
                expected='both or neither',
                found='the loss alone' if options else 'the network alone',
                remedy='network_sigma: {type: SigmaBranch} and train.sigma_opt: {type: SigmaLoss}',
            )
        if not options:
            return
        # The branch's first weights leave the draws of the run as they are without it.
        with preserved_random_states():
            self._build_sigma()
        self.net_sigma.train()
        self.cri_sigma = build_loss(options).to(self.device)
        self.optimizer_g.add_param_group({'params': [p for p in self.net_sigma.parameters() if p.requires_grad]})

    def _build_sigma(self) -> None:
        tap = (self.opt.get('train') or {}).get('sigma_tap') or AUTO
        bare = self.get_bare_model(self.net_g)
        options = sigma_options(self.opt, bare, tap)
        self.net_sigma = self.model_to_device(build_network(options))
        self.print_network(self.net_sigma)
        path, key = self.opt['path'].get('pretrain_network_sigma'), sigma_key(self.opt['path'])
        if path is None and not self.is_train:
            raise OptionError(
                'val.sigma needs the weights of the sigma branch',
                where='path.pretrain_network_sigma',
                expected='net_sigma_*.pth, as saved beside net_g_*.pth',
                found='none',
            )
        if path is not None:
            self._load_sigma(self.net_sigma, path, key)
        self.tap = FeatureTap(self.net_g, tap)
        get_root_logger().info(
            f'Sigma branch: {options["num_in_ch"]} features before {self.tap.name} of {type(bare).__name__}.'
        )
        if hasattr(self, 'net_g_ema'):
            self.net_sigma_ema = build_network(options).to(self.device)
            if path is not None:
                self._load_sigma(self.net_sigma_ema, path, 'params_ema')
            else:
                self.net_sigma_ema.load_state_dict(self.get_bare_model(self.net_sigma).state_dict())
            self.net_sigma_ema.eval()
            self.tap_ema = FeatureTap(self.net_g_ema, tap)

    def _load_sigma(self, net: nn.Module, path: str, key: str) -> None:
        if not os.path.exists(path):
            raise CheckpointError(
                'the weights of the sigma branch are missing',
                where='path.pretrain_network_sigma',
                expected='net_sigma_*.pth, saved by a run with network_sigma',
                found=f'no {path}',
                remedy='resume the run that trained the branch, or start a new run from net_g alone '
                'by path.pretrain_network_g',
            )
        self.load_network(net, path, self.opt['path'].get('strict_load_sigma', True), key)

    # ------------------------------------------------------------------ training
    def _trained_networks(self) -> List[Tuple[str, nn.Module]]:
        nets = super()._trained_networks()
        return nets + [('net_sigma', self.net_sigma)] if self.net_sigma is not None else nets

    def _forward(self, lq: Tensor) -> Tensor:
        if self.net_sigma is None:
            return super()._forward(lq)
        with self._tapped():
            output = super()._forward(lq)
        self.sigma = self._sigma_of_features()
        return output

    def _sigma_of_features(self) -> Tensor:
        with self.training_step.autocast():
            sigma = self._pass_of(self.net_sigma)(self.tap.take())
        return sigma.float() if self.engine_options.amp else sigma

    def _tapped(self) -> ContextManager[Any]:
        if self.engine_options.compile:
            self.tap.attach()  # and left so: a compiled network keeps to the hooks of its first pass
            return contextlib.nullcontext()
        return self.tap

    def _losses(self, output: Tensor, iteration: int) -> Tuple[Tensor, Dict[str, Tensor]]:
        l_total, loss_dict = super()._losses(output, iteration)
        if self.cri_sigma is not None:
            loss_dict['l_sigma'] = self.cri_sigma(self.sigma, output, self.gt)
            l_total = l_total + loss_dict['l_sigma']
            self.sigma = None
        return l_total, loss_dict

    def model_ema(self, decay: float = 0.999) -> None:
        """Average the weights of net_g as BasicSR does, and those of the branch."""
        super().model_ema(decay)
        if self.net_sigma is not None:
            trained = dict(self.get_bare_model(self.net_sigma).named_parameters())
            for name, average in self.net_sigma_ema.named_parameters():
                average.data.mul_(decay).add_(trained[name].data, alpha=1 - decay)

    # ------------------------------------------------------------------ files
    def _save_own_networks(self, label: Any) -> None:
        super()._save_own_networks(label)
        if self.net_sigma is None:
            return
        if hasattr(self, 'net_sigma_ema'):
            self.save_network(
                [self.net_sigma, self.net_sigma_ema], 'net_sigma', label, param_key=['params', 'params_ema']
            )
        else:
            self.save_network(self.net_sigma, 'net_sigma', label)

    def resume_training(self, resume_state: Dict[str, Any]) -> None:
        """Resume, unless the state is that of a run with other parameter groups."""
        saved = len(resume_state['optimizers'][0]['param_groups'])
        if saved != len(self.optimizer_g.param_groups):
            having = {True: 'with', False: 'without'}
            raise CheckpointError(
                'the training state is of a run with other parameter groups',
                where=self.opt['path'].get('resume_state'),
                expected=f'a run {having[self.net_sigma is not None]} the sigma branch',
                found=f'{saved} parameter groups, not {len(self.optimizer_g.param_groups)}',
                remedy='resume with the option file of that run, or start anew from its weights by '
                'path.pretrain_network_g',
            )
        super().resume_training(resume_state)


def sigma_options(opt: Mapping[str, Any], net_g: nn.Module, tap: str) -> Dict[str, Any]:
    """Return ``network_sigma`` with ``num_in_ch`` (that of the tapped features) and ``upscale`` filled in."""
    options = deepcopy(dict(opt['network_sigma']))
    if options.get('num_in_ch') is None:
        options['num_in_ch'] = tap_channels(net_g, tap)
    options.setdefault('upscale', opt.get('scale', 1))
    return options


def sigma_key(path: Mapping[str, Any]) -> str:
    """Return which weights of ``net_sigma_*.pth`` to load: ``param_key_sigma``, else that of net_g."""
    return path.get('param_key_sigma') or path.get('param_key_g') or 'params'
