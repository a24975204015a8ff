"""``train.augment``: the batches of a training are augmented on the device, after the base has made lq and gt."""

from __future__ import annotations

from typing import Any, Dict, Optional

import torch
from basicsr.utils import get_root_logger
from torch import Tensor

from bsr_plugins.augments.augment import Augment, Batch
from bsr_plugins.augments.augments import build_augment
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.keyed_random import keyed_generator
from bsr_plugins.models.part import Part
from bsr_plugins.models.saliency_maps import SaliencyMaps

#: Parts these keys from those of the pack's other streams of draws.
AUGMENT_STREAM = 11


class Augmentation(Part):
    """What ``train.augment`` asks for, done to every training batch: of each stage of BSPA, and over any data set.

    Its draws are a function of (manual_seed + rank, iteration): a resumed run repeats them, and processes differ.
    Validations, tests and BSPA's attribution see batches as they are.

    Raises:
        OptionError: ``train.augment`` is wrong, or does not fit what it is combined with.
        DataError: While training: the sizes of lq and gt do not go with ``scale``.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self._augment: Optional[Augment] = None
        self._loss_mask: Optional[Tensor] = None

    def prepare(self) -> None:
        """Build the augmentation, and say in the log what is done."""
        opt = self.model.opt
        options = opt['train'].get('augment')
        if options is None:
            return
        self._augment = build_augment(options, opt.get('scale', 1))
        self._seed = int(torch.initial_seed())
        self._saliency = SaliencyMaps(self.model)
        shown = ', '.join(f'{key} {value}' for key, value in options.items() if key != 'type')
        name = self._augment.option_set.name
        get_root_logger().info(f'Augmentation: {name}{f" ({shown})" if shown else ""}, {self._augment.degree}.')

    def fed(self, batch: Dict[str, Any]) -> None:
        """Augment ``lq`` and ``gt`` of the model."""
        augment, model = self._augment, self.model
        self._loss_mask = None
        if augment is None:
            return
        lq, gt = model.lq, model.gt
        _check_sizes(lq, gt, augment.scale)
        saliency = self._saliency.of(batch, lq, gt) if augment.needs_saliency else None
        rng = keyed_generator(self._seed, AUGMENT_STREAM, model.iteration + 1)
        with torch.no_grad():
            augmented = augment(Batch(lq, gt, saliency), rng)
            self._loss_mask = augmented.loss_mask
            model.lq, model.gt = augmented.lq, self.masked(augmented.gt)

    def masked(self, output: Tensor) -> Tensor:
        """Return an output without what the losses of this batch leave out; gt is without it already."""
        return output if self._loss_mask is None else output * self._loss_mask


def _check_sizes(lq: Tensor, gt: Tensor, scale: int) -> None:
    expected = (len(lq), *(scale * side for side in lq.shape[-2:]))
    if (len(gt), *gt.shape[-2:]) != expected:
        raise DataError(
            'lq and gt are no pair of this scale, so that they cannot be augmented together',
            where='train.augment',
            expected=f'gt of {expected[1]} x {expected[2]} pixels for scale {scale}, {len(lq)} samples',
            found=f'lq {tuple(lq.shape)}, gt {tuple(gt.shape)}',
            remedy='correct `scale`, or leave train.augment out',
        )
