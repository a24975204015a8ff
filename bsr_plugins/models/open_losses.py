"""The losses of a training step: BasicSR's slots and any number of named ones, given lq and noise as they want."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Dict, Tuple, Union

import torch
from torch import Tensor, nn

from bsr_plugins.models.loss_noise import LossNoise, takes_noise
from bsr_plugins.models.named_losses import build_named_loss, named_loss_options, takes_lq, total_of

#: Places of the losses, by which their noise is keyed: the slots first, then the named ones in their order.
PIXEL, PERCEPTUAL, FIRST_NAMED = 0, 1, 2


class OpenLosses:
    """Mixin over SRModel: ``train.losses`` beside ``pixel_opt`` and ``perceptual_opt``; one loss anywhere is enough.

    A loss whose ``forward`` has a parameter ``lq``, or that sets ``takes_lq = True``, is given the network's input; one
    that sets ``takes_noise = True`` gets noise that is a function of (manual_seed + rank, iteration, place of the
    loss), so that a resumed run repeats it.

    Raises:
        OptionError: See :mod:`bsr_plugins.models.named_losses`.
    """

    def init_training_settings(self) -> None:
        """Build BasicSR's losses and the named ones."""
        options = named_loss_options(self.opt['train'])
        self._noise = LossNoise(int(torch.initial_seed()))
        train = self.opt['train']
        if not options or train.get('pixel_opt') or train.get('perceptual_opt'):
            self.named_losses = self._built(options)
            super().init_training_settings()
            return
        # SRModel wants a loss in one of its slots: it builds the first named one.
        given, first = self.opt, next(iter(options))
        self.opt = {**given, 'train': {**train, 'pixel_opt': dict(options[first])}}
        try:
            super().init_training_settings()
        except (TypeError, ValueError):
            build_named_loss(first, options[first], self.device)  # says which options, where it is their fault
            raise
        finally:
            self.opt = given
        built: Dict[str, nn.Module] = OrderedDict({first: self.cri_pix})
        built.update(self._built({name: options[name] for name in list(options)[1:]}))
        self.named_losses, self.cri_pix = built, None

    def _built(self, options: Dict[str, Any]) -> Dict[str, nn.Module]:
        return OrderedDict((name, build_named_loss(name, one, self.device)) for name, one in options.items())

    def _losses(self, output: Tensor, iteration: int) -> Tuple[Tensor, Dict[str, Tensor]]:
        """Return the sum of all losses and each by its log name, in SRModel's order (its sum to the last bit)."""
        l_total: Union[int, Tensor] = 0
        loss_dict = OrderedDict()
        if self.cri_pix:
            loss_dict['l_pix'] = self._loss(self.cri_pix, output, self.gt, iteration, PIXEL)
            l_total = l_total + loss_dict['l_pix']
        if self.cri_perceptual:
            parts = self._loss(self.cri_perceptual, output, self.gt, iteration, PERCEPTUAL)
            for name, value in zip(('l_percep', 'l_style'), parts):
                if value is not None:
                    loss_dict[name] = value
                    l_total = l_total + value
        for name, value in self._named(output, self.gt, iteration).items():
            loss_dict[name] = value
            l_total = l_total + value
        return l_total, loss_dict

    def _named(self, output: Tensor, target: Tensor, iteration: int) -> Dict[str, Tensor]:
        return OrderedDict(
            (f'l_{name}', total_of(self._loss(criterion, output, target, iteration, place)))
            for place, (name, criterion) in enumerate(self.named_losses.items(), start=FIRST_NAMED)
        )

    def _loss(
        self, criterion: nn.Module, output: Tensor, target: Tensor, iteration: int, place: int, **more: Any
    ) -> Any:
        if takes_lq(criterion):
            more['lq'] = self.lq
        if takes_noise(criterion):
            more['noise'] = self._noise.draw(criterion, output, iteration, place)
        return criterion(output, target, **more)
