"""``train.augment``: the batches of a training are augmented on the device, after the base has made lq and gt."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

import torch
from basicsr.utils import get_root_logger
from torch import Tensor

from bsr_plugins.augments.add_plus_augment import ADDPlusAugment
from bsr_plugins.augments.augment import Augment, Augmented, Batch
from bsr_plugins.augments.augment_options import ADD_PLUS, CUTOUT, MIXES_SAMPLES
from bsr_plugins.augments.augments import build_augment
from bsr_plugins.augments.salient_draws import INTENSITY
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.keyed_random import keyed_generator
from bsr_plugins.common.option import yaml_value
from bsr_plugins.models.augment_combinations import check_combinations, combination_error, methods_of
from bsr_plugins.models.part import Part
from bsr_plugins.models.processes import loader_sizes
from bsr_plugins.models.run_state import queue_error, queues_samples
from bsr_plugins.models.saliency_options import MAP, saliency_source

#: Parts these keys from those of the pack's other streams of draws.
AUGMENT_STREAM = 11


class Augmentation(Part):
    """What ``train.augment`` asks for, done to every training batch: of each stage of BSPA, and over any data set.

    Its draws are a function of (manual_seed + rank, iteration): a resumed run repeats them, and processes differ.
    Validations, tests and BSPA's attribution see batches as they are. What a sample says of itself beside lq and gt
    (``class_index``, ``interval_index``, ``pic``, paths) stays that of the sample, whatever is mixed into it.

    Raises:
        OptionError: ``train.augment`` is wrong, or does not fit what it is combined with.
        DataError: While training: lq and gt do not go with ``scale`` or with each other.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self._augment: Optional[Augment] = None
        self._loss_mask: Optional[Tensor] = None
        self._is_checked = False

    def prepare(self) -> None:
        """Build the augmentation, and say in the log what is done."""
        opt, options = self.model.opt, self.model.opt['train'].get('augment')
        if options is None:
            return
        self._augment = build_augment(options, opt.get('scale', 1))
        check_combinations(opt['train'], opt['datasets']['train'])
        self._check_pass(options)
        self._seed = int(torch.initial_seed())
        given = ', '.join(f'{key}: {yaml_value(value)}' for key, value in options.items() if key != 'type')
        log = get_root_logger()
        log.info(f'Augmentation: {options["type"]}{f" ({given})" if given else ""}, {self._augment.degree}.')
        idle = [name for name in methods_of(options) if name in MIXES_SAMPLES]
        if isinstance(self._augment, ADDPlusAugment):
            idle = [f'{name} of {ADD_PLUS.name}' for name in self._augment.operations if name != INTENSITY]
        if idle and loader_sizes(opt['datasets']['train'], opt)[0] == 1:
            log.warning(
                f'Augmentation: in a batch of one the partner of a sample is itself, and {", ".join(idle)} leave it as '
                'it is: batch_size_per_gpu: 2 and more mix.'
            )

    def _check_pass(self, options: Dict[str, Any]) -> None:
        if saliency_source(self.model.opt['train']) == MAP:
            if queues_samples(self.model):
                raise queue_error('saliency: map', 'train.augment.saliency')
            if self.model.script_cuts_batches:
                raise OptionError(
                    "this fork's script hands lq and gt of a batch to the model, and no saliency maps",
                    where='train.augment.saliency',
                    expected='proxy or cam',
                    found=MAP,
                    remedy='saliency: proxy',
                )
        fork_pass = self.model.fork_pass
        if fork_pass is not None and CUTOUT.name in methods_of(options) and 'net_g_ema' in fork_pass.names:
            reason = f'masks the output of net_g, and {fork_pass.owner} compares it with that of net_g_ema'
            raise combination_error(options, [CUTOUT.name], reason, 'an augmentation without a mask of the losses')

    def fed(self, batch: Dict[str, Any]) -> None:
        """Augment ``lq`` and ``gt`` of the model."""
        if self._augment is not None:
            augmented = self.augmented(batch)
            self._loss_mask = augmented.loss_mask
            self.model.lq, self.model.gt = augmented.lq, self.masked(augmented.gt)

    @property
    def degree(self) -> str:
        """How sure it is that this is the published method, in words; '' without an augmentation."""
        return '' if self._augment is None else self._augment.degree

    def augmented(self, batch: Mapping[str, Any]) -> Augmented:
        """Return what becomes of ``lq`` and ``gt`` of the model in the iteration after its last one."""
        augment, model = self._augment, self.model
        if augment is None:
            return Augmented(model.lq, model.gt)
        if not self._is_checked:
            self._check_pair()
            self._is_checked = True
        lq, gt = model.lq, model.gt
        _check_sizes(lq, gt, augment.scale)
        key = (self._seed, AUGMENT_STREAM, model.iteration + 1)
        saliency = None
        if augment.needs_saliency:
            looked_at = augment.looked_at(len(lq), keyed_generator(*key))
            saliency = model.batch_saliency.of(batch, lq, looked_at)
        with torch.no_grad():
            return augment(Batch(lq, gt, saliency), keyed_generator(*key))

    def masked(self, output: Any) -> Any:
        """Return an output without what the losses of this batch leave out; gt is without it already.

        Raises:
            OptionError: Something is left out, and a fork's network returns other outputs than one of the size of gt.
        """
        mask = self._loss_mask
        if mask is None:
            return output
        whole = isinstance(output, Tensor) and output.shape[-2:] == mask.shape[-2:]
        if not whole or len(mask) not in (1, len(output)):
            options = self.model.opt['train']['augment']
            reason = 'masks one output, of the size and number of gt, and network_g returns others'
            raise combination_error(options, [CUTOUT.name], reason, 'an augmentation without a mask of the losses')
        return output * mask

    def _check_pair(self) -> None:
        """Refuse a batch without gt, and a base that trains on further images, which would not be augmented."""
        model = self.model
        if getattr(model, 'gt', None) is None:
            raise DataError(
                'the training batches have no gt, without which lq cannot be augmented',
                where='train.augment',
                expected='a data set of pairs',
                found='lq alone',
                remedy='augment: ~',
            )
        others = model.fork_pass.images_beside() if model.fork_pass is not None else []
        if others:
            raise OptionError(
                f'{model.fork_pass.owner} trains on {others[0]} beside lq and gt, which would not be augmented',
                where='train.augment',
                expected='a model that trains on lq and gt alone, as RealESRNetModel does and RealESRGANModel does not',
                found=f'{others[0]}, made of the batch',
                remedy='augment: ~, or another base_model_type',
            )


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
