"""The sigma branch beside a network ("Revisiting L1 loss", section 4.3 and Eq. 10): built, trained, saved, tested."""

from __future__ import annotations

import contextlib
from typing import Any, ContextManager, Dict, Iterator, List, Mapping, Optional, Tuple

import torch
from basicsr.utils import get_root_logger
from torch import Tensor, nn

from bsr_plugins.archs.feature_tap import AUTO, FeatureTap
from bsr_plugins.common.builders import build_loss, build_network
from bsr_plugins.common.errors import CheckpointError
from bsr_plugins.common.naming import plain_name
from bsr_plugins.models.model_options import STRICT_LOAD_SIGMA
from bsr_plugins.models.part import Part
from bsr_plugins.models.sigma_maps import SigmaMaps, check_validation_takes_maps, wants_sigma
from bsr_plugins.models.sigma_options import (
    check_maps,
    check_pair,
    check_weights,
    is_second_step,
    sigma_key,
    sigma_options,
)
from bsr_plugins.models.sigma_statistics import sigma_statistics
from bsr_plugins.models.weight_average import WeightAverage
from bsr_plugins.runs.random_states import preserved_random_states


class SigmaBranch(Part):
    """``network_sigma`` + ``train.sigma_opt``: a branch that predicts sigma from the features of network_g.

    - It reads the features before the upsampler of network_g (``train.sigma_tap: auto | module name``); its
      ``num_in_ch`` and ``upscale`` are found where they are not set.
    - It trains in the optimizer of network_g as a parameter group of its own. The loss (``SigmaLoss``) sees mu
      detached; the features are not, so that the branch shapes the trunk, as the paper's Table 1 (L1 + Eq. 10) implies.
    - Its weights, EMA too, are saved apart as ``net_sigma_*.pth``; net_g's files are those of a run without it.
    - A loss may use its output instead: ExpectationLoss with ``noise_scale: sigma`` (Eq. 6) trains the branch itself.
    - With LogVarianceBranch and UncertaintyEstimationLoss it is the first step of UDN. In the second the branch is
      not built here (:class:`bsr_plugins.models.first_step.FirstStep`).
    - In validations and tests nothing of it is run unless ``val.sigma`` is true (:class:`SigmaMaps`).

    Attributes:
        net: The branch; None in a run without it. ``net_ema``: its average, where net_g has one.
        map: The sigma map of the last test, (1, C, H, W) in (0, 1); None where none was asked for.

    Raises:
        OptionError: network_sigma without a loss that uses it, or the reverse, or a tap that is not found.
        CheckpointError: A resume from a run without the branch.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        check_validation_takes_maps(model.opt)
        if model.opt['is_train']:
            check_pair(model.opt['train'], model.opt.get('network_sigma'))
        check_maps((model.opt.get('val') or {}).get('sigma'), model.opt.get('network_sigma'))
        self.net: Optional[nn.Module] = None
        self.net_ema: Optional[nn.Module] = None
        self.map: Optional[Tensor] = None
        self.maps: Optional[SigmaMaps] = None
        self._prediction: Optional[Tensor] = None
        self._criterion: Optional[nn.Module] = None
        self._told: Optional[Tensor] = None
        self._average: Optional[WeightAverage] = None

    # ------------------------------------------------------------------ building
    def add_to_optimizer(self) -> None:
        """Build branch and loss, and train the branch as a parameter group of its own in ``optimizer_g``."""
        train = self.model.opt['train']
        if not self.model.opt.get('network_sigma') or is_second_step(train):
            return
        # The branch's first weights leave the draws of the run as they are without it.
        with preserved_random_states():
            self.net = self.build_net()
        self.net.train()
        if train.get('sigma_opt'):
            self._criterion = build_loss(train['sigma_opt']).to(self.model.device)
        self.model.optimizer_g.add_param_group({'params': [p for p in self.net.parameters() if p.requires_grad]})
        self.give_maps()

    def build_for_tests(self) -> None:
        """Build the branch of a test whose options ask for sigma maps."""
        if wants_sigma(self.model.opt):
            self.net = self.build_net().eval()
            self.give_maps()

    def build_net(self) -> nn.Module:
        """Return the branch with its weights, tapped into net_g; its average is built too, where net_g has one."""
        model, opt = self.model, self.model.opt
        bare = model.get_bare_model(model.net_g)
        tap = (opt.get('train') or {}).get('sigma_tap') or AUTO
        options = sigma_options(opt, bare, tap)
        net = model.model_to_device(build_network(options))
        model.print_network(net)
        path = opt['path'].get('pretrain_network_sigma')
        check_weights(path, opt['is_train'])
        if path is not None:
            self._load(net, path, sigma_key(opt['path']))
        self._tap = FeatureTap(model.net_g, tap)
        get_root_logger().info(
            f'Sigma branch: {options["num_in_ch"]} features before {self._tap.name} of {type(bare).__name__}.'
        )
        if hasattr(model, 'net_g_ema'):
            self.net_ema = build_network(options).to(model.device)
            if path is not None:
                self._load(self.net_ema, path, 'params_ema')
            else:
                self.net_ema.load_state_dict(model.get_bare_model(net).state_dict())
            self.net_ema.eval()
            self._tap_ema = FeatureTap(model.net_g_ema, tap)
        return net

    def _load(self, net: nn.Module, path: str, key: str) -> None:
        self.model.load_network(
            net, path, self.model.opt['path'].get('strict_load_sigma', STRICT_LOAD_SIGMA.default), key
        )

    def give_maps(self) -> None:
        """Give sigma maps to the metrics, where the options ask for them."""
        if wants_sigma(self.model.opt):
            self.maps = SigmaMaps(self.model.opt, lambda: self.map)

    # ------------------------------------------------------------------ training
    def tapped(self) -> ContextManager[Any]:
        """Return the block for the training pass of net_g, whose features are kept for :meth:`forward`."""
        if self.net is None:
            return contextlib.nullcontext()
        if self.model.engine.options.compile:
            self._tap.attach()  # and left so: a compiled network keeps to the hooks of its first pass
            return contextlib.nullcontext()
        return self._tap

    def forward(self) -> None:
        """Run the branch on the features of the pass that was just made."""
        if self.net is not None:
            self._prediction = self.model.engine.forward(self.net, self._tap.take())
            self._told = self._prediction.detach()

    @property
    def prediction(self) -> Optional[Tensor]:
        """What the branch predicted in the pass that was just made, for losses that use it (Eq. 6)."""
        return self._prediction

    def terms(self, output: Tensor, target: Tensor) -> Dict[str, Tensor]:
        """Return the branch's own loss as ``l_sigma``; nothing in a run without it. The prediction is forgotten."""
        prediction, self._prediction = self._prediction, None
        if self._criterion is None:
            return {}
        return {'l_sigma': self._criterion(prediction, output, target)}

    def log(self) -> Dict[str, float]:
        """Return mean of sigma and its share near zero, of this process, where a log line is due."""
        sigma, self._told = self._told, None
        network = self.model.opt.get('network_sigma') or {}
        due = self.model.iteration % ((self.model.opt.get('logger') or {}).get('print_freq') or 1) == 0
        of_sigma = plain_name(network.get('type')) == 'SigmaBranch'
        return sigma_statistics(sigma) if sigma is not None and due and of_sigma else {}

    def average(self, decay: float) -> None:
        """Average the branch's weights as BasicSR does net_g's."""
        if self.net is not None and self.net_ema is not None:
            if self._average is None:
                self._average = WeightAverage(self.model.get_bare_model(self.net), self.net_ema)
            self._average.update(decay)

    # ------------------------------------------------------------------ tests
    @contextlib.contextmanager
    def map_of_test(self) -> Iterator[None]:
        """Leave the sigma map of what is tested inside the block in ``map``, where the options ask for maps."""
        if self.net is None or self.maps is None:
            yield
            return
        averaged = self.net_ema is not None
        tap = self._tap_ema if averaged else self._tap
        with tap:
            yield
        with torch.no_grad():
            sigma = self.model.get_bare_model(self.net_ema if averaged else self.net)(tap.take())
        # Networks with windows are tested on padded images.
        height, width = self.model.output.shape[-2:]
        self.map = sigma[..., :height, :width]

    def write_map(self) -> None:
        """Write the map of the image that was tested, where maps are to be written."""
        if self.maps is not None:
            self.maps.write(self.model.batch_files)

    @contextlib.contextmanager
    def maps_of_validation(self, dataset: str, iteration: Any, save_images: bool) -> Iterator[None]:
        """Write the maps of a validation beside its images, where the options ask for maps and images are saved."""
        if self.maps is None:
            yield
            return
        try:
            with self.maps.written(dataset, iteration, save_images):
                yield
        finally:
            self.map = None

    # ------------------------------------------------------------------ files
    def networks(self) -> List[Tuple[str, nn.Module]]:
        """Return the branch by its label; none in a run without it."""
        return [] if self.net is None else [('net_sigma', self.net)]

    def save_weights(self, label: Any) -> None:
        """Save ``net_sigma_<label>.pth``."""
        if self.net is not None and self.net_ema is not None:
            nets, keys = [self.net, self.net_ema], ['params', 'params_ema']
            self.model.save_network(nets, 'net_sigma', label, param_key=keys)
        elif self.net is not None:
            self.model.save_network(self.net, 'net_sigma', label)

    def check_resume(self, resume_state: Mapping[str, Any]) -> None:
        """Refuse the state of a run with other parameter groups."""
        groups = self.model.optimizer_g.param_groups
        saved = [len(optimizer['param_groups']) for optimizer in resume_state['optimizers']]
        if saved and saved[0] != len(groups):
            raise CheckpointError(
                'the training state was saved by a run with other parameter groups',
                where=self.model.opt['path'].get('resume_state'),
                expected=f'a run {"without" if self.net is None else "with"} the sigma branch',
                found=f'{saved[0]} parameter groups, not {len(groups)}',
                remedy='resume with the option file of that run, or start again from its weights by '
                'path.pretrain_network_g',
            )
