"""Where the saliency of a training batch comes from, checked for what belongs together."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from bsr_plugins.augments.augment_options import ADD, ADD_PLUS
from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import plain_name
from bsr_plugins.data.dataset_options import DATASETS

PROXY, MAP, CAM = 'proxy', 'map', 'cam'
#: Key of a batch under which its maps stand: that of the data set's option, too.
MAPS_KEY = 'saliency'


def saliency_source(train: Mapping[str, Any]) -> Optional[str]:
    """Return ``train.augment.saliency``, its default put in; None where the augmentation goes by none."""
    augment = train.get('augment')
    if not isinstance(augment, Mapping) or augment.get('type') not in (ADD.name, ADD_PLUS.name):
        return None
    return augment.get('saliency') or ADD.defaults.saliency


def check_saliency_network(train: Mapping[str, Any], network: Any, path: Any) -> None:
    """Refuse ``saliency: cam`` without the weights of its network, and such a network where nothing reads it.

    Args:
        train: The options ``train``.
        network: ``network_saliency``.
        path: ``path.pretrain_network_saliency``.

    Raises:
        OptionError: One is given without the other.
    """
    asks = saliency_source(train) == CAM
    if asks and not path:
        raise OptionError(
            'saliency: cam attributes each batch by a trained network, whose weights are not named',
            where='path.pretrain_network_saliency',
            expected='net_g_*.pth of a training without augmentation (method baseline)',
            found=repr(path),
            remedy='pretrain_network_saliency: experiments/NAME/models/net_g_latest.pth, or saliency: proxy under '
            'train.augment, which needs no network',
        )
    if not asks and (path or network):
        raise OptionError(
            'the network of saliency: cam is given, and nothing reads it',
            where='path.pretrain_network_saliency' if path else 'network_saliency',
            expected='saliency: cam of the augmentation ADD or ADDPlus, or ~',
            found=f'train.augment.saliency: {saliency_source(train) or "~"}',
            remedy=f'{"pretrain_network_saliency" if path else "network_saliency"}: ~',
        )


def check_maps_given(train: Mapping[str, Any], dataset: Any, section: str = 'datasets.train') -> None:
    """Refuse ``saliency: map`` where the data set is known to put no map into its batches.

    Args:
        train: The options ``train``.
        dataset: The options of a training set.
        section: Its key path.

    Raises:
        OptionError: The data set is one of the pack's without the option ``saliency``, or one of BasicSR's, which read
            none.
    """
    if saliency_source(train) != MAP or not isinstance(dataset, Mapping):
        return
    name, maps = plain_name(dataset.get('type')), dataset.get(MAPS_KEY)
    takes = name in [options.name for options in DATASETS]
    if (takes and not maps) or str(name) in ('PairedImageDataset', 'REDSDataset', 'Vimeo90KDataset'):
        raise OptionError(
            f'saliency: map takes the maps from the batches, and {name} gives none',
            where=f'{section}.{MAPS_KEY}',
            expected='the LMDB of `basicsr saliency` for these images',
            found=f'{maps!r}, which {name} does not read' if maps else repr(maps),
            remedy=('' if maps else 'make the maps by `basicsr saliency` and name them here, ')
            + ('' if takes else f'{"" if maps else "with "}type: SaliencyPairedDataset, ')
            + 'or set saliency: proxy under train.augment',
        )
