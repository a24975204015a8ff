"""The options of the sigma branch: filled in, and checked for what belongs together."""

from __future__ import annotations

import os
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional

from bsr_plugins.common.errors import CheckpointError, OptionError

if TYPE_CHECKING:  # the check of an option file asks here, without torch
    from torch import nn


def sigma_options(opt: Mapping[str, Any], net_g: nn.Module, tap: str) -> Dict[str, Any]:
    """Return ``network_sigma`` with ``num_in_ch`` (that of the tapped features) and ``upscale`` filled in."""
    options = deepcopy(dict(opt['network_sigma']))
    if options.get('num_in_ch') is None:
        from bsr_plugins.archs.feature_tap import tap_channels

        options['num_in_ch'] = tap_channels(net_g, tap)
    options.setdefault('upscale', opt.get('scale', 1))
    return options


def sigma_key(path: Mapping[str, Any]) -> str:
    """Return which weights of ``net_sigma_*.pth`` to load: ``param_key_sigma``, else that of net_g."""
    return path.get('param_key_sigma') or path.get('param_key_g') or 'params'


def check_pair(loss: Any, network: Any) -> None:
    """Refuse the branch's loss without its network, and the reverse.

    Raises:
        OptionError: One of ``train.sigma_opt`` and ``network_sigma`` is given alone.
    """
    if bool(loss) != bool(network):
        raise OptionError(
            'the sigma branch needs a network and a loss',
            where='train.sigma_opt' if loss else 'network_sigma',
            expected='both or neither',
            found='the loss alone' if loss else 'the network alone',
            remedy='network_sigma: {type: SigmaBranch} and train.sigma_opt: {type: SigmaLoss}',
        )


def check_maps(maps: Any, network: Any) -> None:
    """Refuse ``val.sigma`` where there is no branch to compute maps.

    Raises:
        OptionError: ``val.sigma`` is true without ``network_sigma``.
    """
    if maps and not network:
        raise OptionError(
            'val.sigma asks for the maps of a sigma branch that is not there',
            where='val.sigma',
            expected='network_sigma: {type: SigmaBranch}, as in the training',
            found='no network_sigma',
            remedy='sigma: false',
        )


def check_weights(path: Optional[str], is_train: bool) -> None:
    """Refuse weights of the branch that are missing.

    Raises:
        OptionError: A test names none.
        CheckpointError: There is no such file.
    """
    if path is None:
        if not is_train:
            raise OptionError(
                'val.sigma needs the weights of the sigma branch',
                where='path.pretrain_network_sigma',
                expected='net_sigma_*.pth, as saved beside net_g_*.pth',
                found='none',
            )
    elif not os.path.exists(path):
        raise CheckpointError(
            'the weights of the sigma branch are missing',
            where='path.pretrain_network_sigma',
            expected='net_sigma_*.pth, saved by a run with network_sigma',
            found=f'no {path}',
            remedy='resume the run that trained the branch, or start a new run from net_g alone '
            'by path.pretrain_network_g',
        )
