"""``saliency: map``: the maps that a data set hands on with its samples, for augmentations that follow them."""

from __future__ import annotations

from typing import Any, Dict

from torch import Tensor

from bsr_plugins.common.errors import OptionError

#: Key of a batch under which the maps stand.
SALIENCY = 'saliency'


class SaliencyMaps:
    """Takes the saliency of a batch from the batch.

    Args:
        model: The model, whose device they are brought to.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def of(self, batch: Dict[str, Any], lq: Tensor, gt: Tensor) -> Tensor:
        """Return the maps (N, 1, h, w) in [0, 1] of a batch.

        Args:
            batch: As the loader gave it.
            lq: What the base has made of it, on the device, (N, C, h, w).
            gt: Likewise.

        Raises:
            OptionError: The data set gives none, or maps of another size.
        """
        maps = batch.get(SALIENCY)
        expected = (len(lq), 1, *lq.shape[-2:])
        if not isinstance(maps, Tensor) or tuple(maps.shape) != expected:
            raise OptionError(
                'the augmentation follows saliency maps, which the training batches do not have'
                if maps is None
                else 'the saliency maps of the training batches do not go with their images',
                where='datasets.train.saliency',
                expected='the LMDB of `basicsr saliency` for these images, in a data set of bsr_plugins'
                if maps is None
                else f'maps of the shape {expected}',
                found='no saliency in the batch' if maps is None else str(tuple(getattr(maps, 'shape', ()))),
                remedy='saliency: proxy under train.augment needs no maps',
            )
        return maps.to(lq.device, lq.dtype, non_blocking=True)
