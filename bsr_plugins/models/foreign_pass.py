"""Over a base whose training pass is not upstream's, the pack's parts are put around that pass, never in its place."""

from __future__ import annotations

import contextlib
import math
from typing import Any, Callable, Dict, Iterator, Optional

import torch
from torch import Tensor

from bsr_plugins.common.errors import OptionError
from bsr_plugins.models.base_models import names_in_pass, pass_is_upstreams
from bsr_plugins.models.non_finite import non_finite_error
from bsr_plugins.models.open_losses import PIXEL


class ForeignPass:
    """Mixin over the engine, for forks that changed ``optimize_parameters`` (SAFMN's losses, GAN models, ...).

    Their pass runs as it is. What it finds changed, for the time it runs:

    - the network's forward: autocast, memory format, compilation;
    - ``cri_pix``: it adds the named losses and the sigma branch's, and gives lq and noise to losses that want them;
    - a hook before ``optimizer_g`` steps: clipping, and the guard against gradients that are not finite.

    Accumulation, fp16 and ``non_finite: skip`` need the inside of the pass.

    Raises:
        OptionError: One of these three is asked for, or a loss is to be added where ``cri_pix`` is not called.
    """

    def __init__(self, opt: Dict[str, Any]) -> None:
        self.foreign_pass = not pass_is_upstreams(type(self), ForeignPass)
        self._norm: Optional[float] = None
        self._parts: Dict[str, Tensor] = {}
        self._compiled: Optional[Callable[..., Any]] = None
        super().__init__(opt)

    def init_training_settings(self) -> None:
        """Check the options against the pass, then build."""
        if self.foreign_pass:
            self._check_options()
        super().init_training_settings()
        if self.foreign_pass and hasattr(self.optimizer_g, 'register_step_pre_hook'):
            self.optimizer_g.register_step_pre_hook(lambda *_: self._before_step())

    def _check_options(self) -> None:
        options = self.engine_options
        asked = {
            'amp': options.amp == 'fp16',
            'accumulate': options.accumulate > 1,
            'non_finite': options.non_finite == 'skip',
            'grad_clip': options.grad_clip is not None and not hasattr(torch.optim.Optimizer, 'register_step_pre_hook'),
        }
        for key, is_asked in asked.items():
            if is_asked:
                raise OptionError(
                    f'{key}: {getattr(options, key)} needs the inside of the training pass, which '
                    f'{self._base_name()} has of its own',
                    where=f'train.{key}',
                    expected={
                        'amp': '~ or bf16',
                        'accumulate': '1',
                        'non_finite': 'stop',
                        'grad_clip': '~, or torch >= 2.0',
                    }[key],
                    found=getattr(options, key),
                )

        train = self.opt['train']
        added = [key for key in ('losses', 'sigma_opt') if train.get(key)]
        if added and 'cri_pix' not in names_in_pass(type(self), ForeignPass):
            raise OptionError(
                f'the training pass of {self._base_name()} does not call cri_pix, by which other losses are added',
                where=f'train.{added[0]}',
                expected='no such losses over this base',
                found=', '.join(added),
            )

    def _base_name(self) -> str:
        bases = type(self).__mro__[type(self).__mro__.index(ForeignPass) + 1 :]
        return next(base.__name__ for base in bases if 'optimize_parameters' in vars(base))

    def _step(self, current_iter: int, *args: Any, **kwargs: Any) -> None:
        if not self.foreign_pass:
            super()._step(current_iter)
            return
        self._norm, self._parts = None, {}
        with self._engine_forward(), self._open_criterion(current_iter):
            super().optimize_parameters(current_iter, *args, **kwargs)
        # Losses of other optimizers (a discriminator's) are seen here alone.
        if self.guard.spoils(value for value in self.log_dict.values() if isinstance(value, float)):
            raise non_finite_error(
                'A loss is not finite', current_iter, self.log_dict, self._norm, self._files, self.last_state()
            )
        if self.engine_options.grad_clip is not None and self._norm is not None:
            self.log_dict['grad_norm'] = self._norm

    @contextlib.contextmanager
    def _engine_forward(self) -> Iterator[None]:
        net = self.get_bare_model(self.net_g)
        if self._compiled is None:
            self._compiled = torch.compile(net.forward) if self.engine_options.compile else net.forward
        run = self._compiled

        def forward(lq: Tensor, *args: Any, **kwargs: Any) -> Any:
            with self.training_step.autocast():
                output = run(self.training_step.prepared(lq), *args, **kwargs)
            return _in_fp32(output) if self.engine_options.amp else output

        net.forward = forward
        try:
            with self._tapped() if self.net_sigma is not None else contextlib.nullcontext():
                yield
        finally:
            del net.forward

    @contextlib.contextmanager
    def _open_criterion(self, current_iter: int) -> Iterator[None]:
        pixel = self.cri_pix

        def criterion(pred: Tensor, target: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            parts = {'l_pix': self._loss(pixel, pred, target, current_iter, PIXEL, **kwargs)} if pixel else {}
            parts.update(self._named(pred, target, current_iter))
            if self.net_sigma is not None and 'l_sigma' not in self._parts:
                parts['l_sigma'] = self.cri_sigma(self._sigma_of_features(), pred, target)
            self._parts = {**self._parts, **parts}
            return sum(parts.values())

        if self.named_losses or self.net_sigma is not None or pixel:
            self.cri_pix = criterion
        try:
            yield
        finally:
            self.cri_pix = pixel

    def reduce_loss_dict(self, loss_dict: Dict[str, Tensor]) -> Dict[str, float]:
        """Reduce as BasicSR does; what the pass saw as its pixel loss is logged by its parts."""
        if self._parts:
            loss_dict = dict(loss_dict)
            for name in ('l_pix', 'l_g_pix'):
                if name in loss_dict and 'l_pix' in self._parts:
                    loss_dict[name] = self._parts['l_pix']
                elif name in loss_dict:
                    del loss_dict[name]
            loss_dict.update({name: part for name, part in self._parts.items() if name != 'l_pix'})
        return super().reduce_loss_dict(loss_dict)

    def _before_step(self) -> None:
        self._norm = float(self.training_step.gradient_norm())
        if not math.isfinite(self._norm):
            values = {name: float(part.detach().mean()) for name, part in self._parts.items()}
            raise non_finite_error(
                'A loss or gradient is not finite',
                self.iteration + 1,
                values,
                self._norm,
                self._files,
                self.last_state(),
            )


def _in_fp32(output: Any) -> Any:
    if isinstance(output, (tuple, list)):
        return type(output)(_in_fp32(part) for part in output)
    return output.float() if isinstance(output, Tensor) and output.is_floating_point() else output
