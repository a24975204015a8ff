"""The losses of a training step: BasicSR's slots and any number of named ones, each given what it asks for."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Dict

import torch
from torch import Tensor, nn

from bsr_plugins.models.loss_noise import LossNoise, takes_noise
from bsr_plugins.models.named_losses import build_named_loss, named_loss_options, takes_lq, total_of
from bsr_plugins.models.part import Part

#: Places of the losses, by which their noise is keyed: the slots first, then the named ones in their order.
PIXEL, PERCEPTUAL, FIRST_NAMED = 0, 1, 2


class Losses(Part):
    """``train.losses`` beside ``pixel_opt`` and ``perceptual_opt``; one loss anywhere is enough.

    A loss whose ``forward`` has a parameter ``lq``, or that sets ``takes_lq = True``, is given the network's input; one
    that sets ``takes_noise = True`` gets noise that is a function of (manual_seed + rank, iteration, place of the
    loss), so that a resumed run repeats it.

    Attributes:
        named: Name -> loss of ``train.losses``, in the order of the option file.

    Raises:
        OptionError: See :mod:`bsr_plugins.models.named_losses`.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.named: Dict[str, nn.Module] = OrderedDict()
        self._slot_is_filled_in = False

    def prepare(self) -> None:
        """Build the named losses; without a loss in SRModel's slots, give it the one that it insists on."""
        train = self.model.opt['train']
        self._noise = LossNoise(int(torch.initial_seed()))
        for name, options in named_loss_options(train).items():
            self.named[name] = build_named_loss(name, options, self.model.device)
        if (self.named or train.get('sigma_opt')) and not (train.get('pixel_opt') or train.get('perceptual_opt')):
            train['pixel_opt'] = {'type': 'L1Loss'}
            self._slot_is_filled_in = True

    def build(self) -> None:
        """Empty a slot that was filled in."""
        if self._slot_is_filled_in:
            self.model.cri_pix = None

    def terms(self, output: Tensor, target: Tensor, iteration: int) -> Dict[str, Tensor]:
        """Return each loss by its log name, in SRModel's order.

        Args:
            output: Of the network, (N, C, H, W).
            target: gt, of the same shape.
            iteration: From 1.
        """
        terms: Dict[str, Tensor] = OrderedDict()
        if self.model.cri_pix:
            terms['l_pix'] = self.term(self.model.cri_pix, output, target, iteration, PIXEL)
        if self.model.cri_perceptual:
            parts = self.term(self.model.cri_perceptual, output, target, iteration, PERCEPTUAL)
            terms.update((name, part) for name, part in zip(('l_percep', 'l_style'), parts) if part is not None)
        terms.update(self.named_terms(output, target, iteration))
        return terms

    def named_terms(self, output: Tensor, target: Tensor, iteration: int) -> Dict[str, Tensor]:
        """Return the named losses alone."""
        return OrderedDict(
            (f'l_{name}', total_of(self.term(criterion, output, target, iteration, place)))
            for place, (name, criterion) in enumerate(self.named.items(), start=FIRST_NAMED)
        )

    def term(
        self, criterion: nn.Module, output: Tensor, target: Tensor, iteration: int, place: int, **more: Any
    ) -> Any:
        """Return what ``criterion`` at ``place`` makes of ``output``, ``target`` and what else it asks for."""
        if takes_lq(criterion):
            more['lq'] = self.model.lq
        if getattr(criterion, 'takes_sigma', False):
            more['sigma'] = self.model.sigma.prediction
        if getattr(criterion, 'takes_log_variance', False):
            more['log_variance'] = self.model.first_step.log_variance(self.model.lq)
        if takes_noise(criterion):
            more['noise'] = self._noise.draw(criterion, output, iteration, place)
        return criterion(output, target, **more)
