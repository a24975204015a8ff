"""One attribution round of BSPA: the change of the loss attributed, the most responsible weights chosen."""

from __future__ import annotations

import copy
import math
from typing import Any, Dict, Iterable, Iterator, Mapping, Optional, Tuple

import torch
from torch import Tensor, nn

from bsr_plugins.attribution.integrated_gradients import Attribution, parameter_attribution
from bsr_plugins.common.builders import build_dataset
from bsr_plugins.data.images.byte_batches import float_batch
from bsr_plugins.data.sampling.draw_loader import KeyedPasses, MapDataset, draw_loader
from bsr_plugins.models.bspa_options import BSPAOptions
from bsr_plugins.models.processes import gathered, loader_sizes
from bsr_plugins.runs import training_position

#: Key of the stream of draws that are attributed.
ATTRIBUTION_STREAM = 2


class AttributionRounds:
    """Attributes on uniform batches keyed by (manual_seed, round): the set is passed through, parted among the ranks.

    No sample is taken twice before all were taken, as in the published code, whose 50 batches of 16 are the 800 images.
    Every process has to make one: they agree on the seed of rank 0.

    Args:
        options: ``train.bspa``.
        opt: BasicSR's options.
        device: Where the network is.
    """

    def __init__(self, options: BSPAOptions, opt: Dict[str, Any], device: torch.device) -> None:
        self._options = options
        self._opt = opt
        self._device = device
        self._seed = gathered(int(torch.initial_seed()), opt)[0]
        self._uniform_set: Optional[MapDataset] = None

    def attribute(self, net: nn.Module, number: int, theta_us: Dict[str, Tensor]) -> Attribution:
        """Attribute the change of the mean L1 loss from ``theta_us`` to the present weights of ``net`` (Eq. 10).

        Args:
            net: The bare network, after an inverse stage.
            number: Of the round, from 1.
            theta_us: Its state dict before that stage.
        """
        options, opt = self._options, self._opt
        if self._uniform_set is None:
            self._uniform_set = _listed_already() or build_dataset(opt['datasets']['train'])
        batch_size, num_workers = loader_sizes(opt['datasets']['train'], opt)
        batches = math.ceil(options.ig_batches / opt['world_size'])
        loader = draw_loader(
            KeyedPasses(
                self._uniform_set,
                *(self._seed, ATTRIBUTION_STREAM, number),
                rank=opt['rank'],
                num_ranks=opt['world_size'],
            ),
            first=0,
            batches=batches,
            batch_size=batch_size,
            num_workers=num_workers,
        )
        return parameter_attribution(
            net,
            theta_us,
            snapshot(net),
            self._pairs(loader),
            rule=options.ig_rule,
            steps=options.ig_steps,
            reduce=options.ig_reduce,
            granularity=options.granularity,
            num_batches=batches,
            progress=opt['rank'] == 0,
            description=f'BSPA round {number}',
            distributed=opt['dist'],
        )

    def _pairs(self, loader: Iterable[Mapping[str, Any]]) -> Iterator[Tuple[Tensor, Tensor]]:
        for batch in loader:
            batch = float_batch(batch, self._device)
            yield batch['lq'].to(self._device), batch['gt'].to(self._device)

    def agreed(self, masks: Dict[str, Tensor]) -> Dict[str, Tensor]:
        """Give every process the masks of rank 0, so that no rounding of a reduction can part the replicas."""
        if self._opt['dist']:
            for name, mask in masks.items():
                shared = mask.to(self._device, torch.uint8)
                torch.distributed.broadcast(shared, src=0)
                masks[name] = shared.bool()
        return masks


def _listed_already() -> Optional[MapDataset]:
    """Return a copy of the training set, where it is BasicSR's: to list its images again could take a while."""
    dataset = training_position.train_set()
    if type(dataset).__module__ != 'basicsr.data.paired_image_dataset' or not hasattr(dataset, 'paths'):
        return None
    copied = copy.copy(dataset)
    copied.__dict__.pop('__getitems__', None)  # of dropped batches
    # BasicSR takes the type out of it when the first image is read.
    copied.io_backend_opt = dict(dataset.io_backend_opt)
    return copied


def snapshot(net: nn.Module) -> Dict[str, Tensor]:
    """Return a copy of the state dict of ``net``, on its device."""
    return {name: value.detach().clone() for name, value in net.state_dict().items()}
