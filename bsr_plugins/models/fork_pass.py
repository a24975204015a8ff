"""Over a base whose training pass is not upstream's, the pack's parts are put around that pass, never in its place."""

from __future__ import annotations

import contextlib
import math
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Set, Type

import torch
from basicsr.utils import get_root_logger
from torch import Tensor

from bsr_plugins.common.errors import OptionError
from bsr_plugins.models.base_models import names_in_pass, owners_behind
from bsr_plugins.models.losses import PIXEL
from bsr_plugins.models.part import Part
from bsr_plugins.models.upstream_code import is_upstreams


class ForkPass(Part):
    """What is put around an ``optimize_parameters`` that a fork changed (SAFMN's losses, GAN models, ...).

    That pass runs as it is. What it finds changed, for the time it runs:

    - the network's forward: autocast, memory format, compilation;
    - ``cri_pix``: it adds the named losses and the sigma branch's, and gives lq and noise to losses that want them;
    - a hook before ``optimizer_g`` steps: clipping, and the guard against gradients that are not finite.

    Accumulation, fp16, ``non_finite: skip`` and ``max_loss_jump`` need the inside of the pass.

    Args:
        model: The model.
        owner: The class that has the pass.
        names: The attributes and globals that the pass uses.
        fed: Those that the base's ``feed_data`` uses.

    Attributes:
        owner, names: As given.

    Raises:
        OptionError: One of these three is asked for, or a loss is to be added where ``cri_pix`` is not called.
    """

    def __init__(self, model: Any, owner: str, names: Set[str], fed: Set[str]) -> None:
        super().__init__(model)
        self.owner = owner
        self.names = names
        self._fed = fed
        self._norm: Optional[float] = None
        self._terms: Dict[str, Tensor] = {}
        self._forward: Optional[Callable[..., Any]] = None
        self._added: List[str] = []
        self._has_told = False

    def prepare(self) -> None:
        """Check the options against the pass."""
        options = self.model.engine.options
        no_hooks = not hasattr(torch.optim.Optimizer, 'register_step_pre_hook')
        for key, is_asked, expected in (
            ('amp', options.amp == 'fp16', '~ or bf16'),
            ('accumulate', options.accumulate > 1, '1'),
            ('non_finite', options.non_finite == 'skip', 'stop'),
            ('max_loss_jump', options.max_loss_jump is not None, '~'),
            ('grad_clip', options.grad_clip is not None and no_hooks, '~, or torch >= 2.0'),
        ):
            if is_asked:
                raise OptionError(
                    f'{key}: {getattr(options, key)} needs to change the training pass, which '
                    f'{self.owner} replaces by its own',
                    where=f'train.{key}',
                    expected=expected,
                    found=getattr(options, key),
                )
        added = self._added = [key for key in ('losses', 'sigma_opt') if self.model.opt['train'].get(key)]
        if added and 'cri_pix' not in self.names:
            raise OptionError(
                f'the training pass of {self.owner} does not call cri_pix, through which other losses are added',
                where=f'train.{added[0]}',
                expected='no such losses with this base_model_type',
                found=', '.join(added),
            )

    def images_beside(self) -> List[str]:
        """Return the attributes beside lq and gt that the base has filled from the batch, and that the pass uses."""
        names = sorted(self._fed & self.names - {'lq', 'gt'})
        return [name for name in names if _holds_tensors(getattr(self.model, name, None))]

    def build(self) -> None:
        """Look at the gradients before each step of ``optimizer_g``."""
        if hasattr(self.model.optimizer_g, 'register_step_pre_hook'):
            self.model.optimizer_g.register_step_pre_hook(lambda *_: self._judge_gradients())

    @contextlib.contextmanager
    def around(self, iteration: int) -> Iterator[None]:
        """Change what the pass finds, for the block that runs it, and judge its losses afterwards."""
        self._norm, self._terms = None, {}
        with self._engine_forward(), self._more_losses(iteration):
            yield
        # Losses of other optimizers (a discriminator's) are seen here alone.
        values = self.model.log_dict
        if self.model.engine.guard.spoils(value for value in values.values() if isinstance(value, float)):
            self.model.engine.stop('A loss is not finite', iteration, values, self._norm, self.model.batch_files)

    def log(self) -> Dict[str, float]:
        """Return the norm of the gradients where they are clipped."""
        clips = self.model.engine.options.grad_clip is not None
        return {'grad_norm': self._norm} if clips and self._norm is not None else {}

    def logged_terms(self, terms: Mapping[str, Tensor]) -> Dict[str, Tensor]:
        """Return the losses that the pass is about to log, with its pixel loss taken apart again."""
        terms = dict(terms)
        if not self._terms:
            return terms
        for name in ('l_pix', 'l_g_pix'):
            if name in terms and 'l_pix' in self._terms:
                terms[name] = self._terms['l_pix']
            elif name in terms:
                del terms[name]
        terms.update({name: term for name, term in self._terms.items() if name != 'l_pix'})
        return terms

    @contextlib.contextmanager
    def _engine_forward(self) -> Iterator[None]:
        net, engine = self.model.get_bare_model(self.model.net_g), self.model.engine
        if self._forward is None:
            self._forward = torch.compile(net.forward) if engine.options.compile else net.forward
        run = self._forward

        def forward(lq: Tensor, *args: Any, **kwargs: Any) -> Any:
            with engine.step.autocast():
                output = run(engine.step.prepared(lq), *args, **kwargs)
            return self.model.augmentation.masked(_in_fp32(output) if engine.options.amp else output)

        net.forward = forward
        try:
            with self.model.sigma.tapped():
                yield
        finally:
            del net.forward

    @contextlib.contextmanager
    def _more_losses(self, iteration: int) -> Iterator[None]:
        model = self.model
        # A model may have its losses under other names (ExampleModel of BasicSR-examples).
        pixel = getattr(model, 'cri_pix', None)

        def criterion(pred: Tensor, target: Tensor, *args: Any, **kwargs: Any) -> Any:
            is_first = not self._terms
            if is_first:
                model.sigma.forward()
            terms = {'l_pix': model.losses.term(pixel, pred, target, iteration, PIXEL, **kwargs)} if pixel else {}
            terms.update(model.losses.named_terms(pred, target, iteration))
            if is_first:
                terms.update(model.sigma.terms(pred, target))
            self._terms = {**self._terms, **terms}
            return sum(terms.values())

        is_replaced = bool(model.losses.named or model.sigma.net is not None or pixel)
        if is_replaced:
            model.cri_pix = criterion
        try:
            yield
        finally:
            if is_replaced:
                model.cri_pix = pixel
        if self._added and not self._terms and not self._has_told:
            self._has_told = True
            get_root_logger().warning(
                f'{self.owner} trained without cri_pix in iteration {iteration:,}: what is added through it '
                f'(train.{", train.".join(self._added)}) has no part in such iterations.'
            )

    def _judge_gradients(self) -> None:
        self._norm = float(self.model.engine.step.gradient_norm())
        if not math.isfinite(self._norm):
            values = {name: float(term.detach().mean()) for name, term in self._terms.items()}
            problem = 'A loss or gradient is not finite'
            self.model.engine.stop(problem, self.model.iteration + 1, values, self._norm, self.model.batch_files)


def fork_pass_of(model: Any, mixin: Type[Any]) -> Optional[ForkPass]:
    """Return the part for the training pass behind ``mixin`` in the bases of ``model``; None where it is upstream's."""
    owners = owners_behind(mixin, type(model), 'optimize_parameters')
    if is_upstreams(vars(owners[0])['optimize_parameters']):
        return None
    fed: Set[str] = set()
    for method in ('feed_data', 'feed_train_data'):
        feeding = owners_behind(mixin, type(model), method)
        fed |= names_in_pass(feeding, method) if feeding else set()
    return ForkPass(model, owners[0].__name__, names_in_pass(owners), fed)


def _holds_tensors(value: Any) -> bool:
    return any(isinstance(each, Tensor) for each in (value if isinstance(value, (list, tuple)) else [value]))


def _in_fp32(output: Any) -> Any:
    if isinstance(output, (tuple, list)):
        return type(output)(_in_fp32(part) for part in output)
    return output.float() if isinstance(output, Tensor) and output.is_floating_point() else output
