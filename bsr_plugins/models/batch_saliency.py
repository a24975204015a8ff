"""The saliency of a training batch, for ADD: out of the batch, or attributed to it by a frozen network."""

from __future__ import annotations

import os
from copy import deepcopy
from typing import Any, Dict, Mapping, Optional

import numpy as np
import torch
from basicsr.utils import get_root_logger
from torch import Tensor, nn

from bsr_plugins.attribution.attributed_network import WholeWindows
from bsr_plugins.attribution.cam_saliency import cam_saliency
from bsr_plugins.augments.augment_options import read_augment
from bsr_plugins.augments.whole_batch import to_device
from bsr_plugins.common.builders import build_network, window_size
from bsr_plugins.common.errors import DataError
from bsr_plugins.models.frozen_weights import FrozenWeights
from bsr_plugins.models.model_options import PARAM_KEY_SALIENCY
from bsr_plugins.models.part import Part
from bsr_plugins.models.saliency_options import CAM, MAPS_KEY, check_maps_given, check_saliency_network, saliency_source
from bsr_plugins.runs.random_states import preserved_random_states

_WEIGHTS = FrozenWeights(
    option='path.pretrain_network_saliency',
    owner='the saliency network',
    files='net_g_*.pth of a training without augmentation',
    origin='train it first (method baseline)',
    entry='saliency',
    gives='saliency',
)


class BatchSaliency(Part):
    """What ``train.augment.saliency`` of ADD and ADDPlus asks for: ``map`` or ``cam`` (``proxy`` needs nothing of it).

    ``map``: the key ``saliency`` of the batch, which the pack's data sets cut out of the LMDB of ``basicsr saliency``
    at the crop's own place. ``cam``: the attribution map (reconstructed) by a network of the options
    ``network_saliency``, those of network_g where there are none, with the weights ``path.pretrain_network_saliency``.
    It is frozen, in eval mode, read anew when a run is resumed and in none of its files; the state keeps the SHA-256 of
    its weights, to tell where they were changed. Attribution runs in fp32, compiles nothing, and leaves gradients,
    random generators and the step as they are.

    Raises:
        OptionError: ``cam`` without weights, weights without ``cam``, ``map`` over a data set that gives no maps.
        CheckpointError: The weights are missing, or are another network's.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self._net: Optional[nn.Module] = None
        self._digest: Optional[str] = None

    def prepare(self) -> None:
        """Check the options."""
        opt = self.model.opt
        train = opt['train']
        check_saliency_network(train, opt.get('network_saliency'), opt['path'].get('pretrain_network_saliency'))
        check_maps_given(train, opt.get('datasets', {}).get('train'))

    def build(self) -> None:
        """Load the network of ``cam``."""
        model, opt = self.model, self.model.opt
        if saliency_source(opt['train']) != CAM:
            return
        path = os.path.expanduser(opt['path']['pretrain_network_saliency'])
        self._digest = _WEIGHTS.digest(path)
        section = 'network_saliency' if opt.get('network_saliency') else 'network_g'
        with preserved_random_states():
            net = build_network(deepcopy(opt[section]))
        key = opt['path'].get('param_key_saliency') or PARAM_KEY_SALIENCY.default
        _WEIGHTS.load(model, net, path, key, 'network_saliency')
        self._options = read_augment(opt['train']['augment'])[1]
        self._net = WholeWindows(net, window_size(opt[section]) or 1).eval()
        get_root_logger().info(f'Saliency: attribution maps (CAM, reconstructed) by {path}, frozen.')

    def of(self, batch: Mapping[str, Any], lq: Tensor, needed: np.ndarray) -> Tensor:
        """Return the maps (N, 1, h, w) in [0, 1] of a batch, float32.

        Args:
            batch: As the loader gave it.
            lq: The LR images (N, C, h, w) that the base has made of it, on the device.
            needed: Samples whose map will be looked at; those of the others may be 0.

        Raises:
            DataError: The batch has no maps, or maps of another size.
        """
        if self._net is None:
            return _from_batch(batch.get(MAPS_KEY), lq)
        maps = lq.new_zeros((len(lq), 1, *lq.shape[-2:]), dtype=torch.float32)
        if len(needed) == len(lq):
            return cam_saliency(self._net, lq.float(), self._options)[:, None]
        if len(needed):
            index = to_device(needed, lq)
            maps[index] = cam_saliency(self._net, lq[index].float(), self._options)[:, None]
        return maps

    def state(self) -> Dict[str, Any]:
        """Return ``saliency``: the digest of the network's file, in a run that reads one."""
        return _WEIGHTS.state(self._digest)

    def load_state(self, resume_state: Mapping[str, Any]) -> None:
        """Say where the file is another one than before."""
        _WEIGHTS.tell_change(self._digest, resume_state)


def _from_batch(maps: Any, lq: Tensor) -> Tensor:
    expected = (len(lq), 1, *lq.shape[-2:])
    if not isinstance(maps, Tensor) or tuple(maps.shape) != expected:
        raise DataError(
            'The training batch has no saliency maps' if maps is None else 'The saliency maps do not fit the LR images',
            where='datasets.train.saliency',
            expected=f'{MAPS_KEY}, {expected}',
            found=f'keys of the batch without {MAPS_KEY}' if maps is None else tuple(getattr(maps, 'shape', ())),
            remedy='a data set of the pack with its option saliency (of folders: SaliencyPairedDataset), or saliency: '
            'proxy under train.augment',
        )
    return maps.to(lq.device, torch.float32, non_blocking=True)
