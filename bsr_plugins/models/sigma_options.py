"""The options of the sigma branch: filled in, and checked for what belongs together."""

from __future__ import annotations

import os
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Tuple

from bsr_plugins.archs.network_options import LOG_VARIANCE_BRANCH, SIGMA_BRANCH
from bsr_plugins.common.errors import CheckpointError, OptionError
from bsr_plugins.common.naming import plain_name
from bsr_plugins.losses.loss_options import (
    EXPECTATION_LOSS,
    SIGMA_LOSS,
    UNCERTAINTY_DRIVEN_LOSS,
    UNCERTAINTY_ESTIMATION_LOSS,
)

if TYPE_CHECKING:  # the check of an option file asks here, without torch
    from torch import nn

#: Which branch the pack's losses are made for.
_BRANCH_OF = {
    SIGMA_LOSS.name: SIGMA_BRANCH.name,
    EXPECTATION_LOSS.name: SIGMA_BRANCH.name,
    UNCERTAINTY_ESTIMATION_LOSS.name: LOG_VARIANCE_BRANCH.name,
    UNCERTAINTY_DRIVEN_LOSS.name: LOG_VARIANCE_BRANCH.name,
}


def sigma_options(opt: Mapping[str, Any], net_g: nn.Module, tap: str) -> Dict[str, Any]:
    """Return ``network_sigma`` with ``num_in_ch`` (that of the tapped features) and ``upscale`` filled in.

    ``upscale`` is what is left of the scale: 1 where the features have the output's size already (VDSR).
    """
    options = deepcopy(dict(opt['network_sigma']))
    upscaled = 1
    if options.get('num_in_ch') is None:
        from bsr_plugins.archs.feature_tap import tap_shape

        options['num_in_ch'], upscaled = tap_shape(net_g, tap)
    options.setdefault('upscale', max(1, opt.get('scale', 1) // upscaled))
    return options


def sigma_key(path: Mapping[str, Any]) -> str:
    """Return which weights of ``net_sigma_*.pth`` to load: ``param_key_sigma``, else that of net_g."""
    return path.get('param_key_sigma') or path.get('param_key_g') or 'params'


def check_pair(train: Mapping[str, Any], network: Any) -> None:
    """Refuse a branch that no loss trains or uses, and a loss that needs one which is not there.

    Args:
        train: The options ``train``.
        network: ``network_sigma``.

    Raises:
        OptionError: One of them is given alone; the branch predicts ln(theta) and the loss takes sigma, or the reverse;
            or ``train.sigma_opt`` is the only loss and trains no network_g.
    """
    places = places_of_sigma(train)
    if bool(places) != bool(network):
        raise OptionError(
            'the sigma branch needs a network and a loss',
            where=places[0] if places else 'network_sigma',
            expected='both or neither',
            found='the loss alone' if places else 'the network alone',
            remedy='network_sigma: {type: SigmaBranch} and train.sigma_opt: {type: SigmaLoss}',
        )
    if isinstance(network, Mapping):
        _check_kinds(train, plain_name(network.get('type')))
    loss = train.get('sigma_opt')
    if not loss or dict(losses_of_images(train)) or not isinstance(loss, Mapping):
        return
    detached = loss.get('detach_pred', SIGMA_LOSS.defaults.detach_pred)
    if plain_name(loss.get('type')) == SIGMA_LOSS.name and detached:
        raise OptionError(
            'nothing would train network_g: train.sigma_opt is the only loss, and sees it detached',
            where='train.sigma_opt.detach_pred',
            expected='false, or a pixel_opt beside it',
            found='true',
            remedy="detach_pred: false and target: signed, Eq. 10 alone as in the third row of the paper's Table 1",
        )


def _check_kinds(train: Mapping[str, Any], branch: str) -> None:
    places = {'train.sigma_opt': train.get('sigma_opt'), **dict(losses_of_images(train))}
    for place in places_of_sigma(train):
        loss = places[place]
        name = plain_name(loss.get('type')) if isinstance(loss, Mapping) else None
        expected = _BRANCH_OF.get(str(name))
        # A branch or a loss of one's own is nobody's business.
        if expected is not None and branch != expected and branch in _BRANCH_OF.values():
            taken = 'sigma in (0, 1)' if expected == SIGMA_BRANCH.name else 'ln(theta)'
            raise OptionError(
                f'{name} of {place} takes {taken}, which {branch} does not predict',
                where='network_sigma.type',
                expected=expected,
                found=branch,
                remedy=f'network_sigma: {{type: {expected}}}, without the keys that it does not have',
            )


def places_of_sigma(train: Mapping[str, Any]) -> List[str]:
    """Return the key paths of the losses that need ``network_sigma``, ``train.sigma_opt`` first."""
    own = ['train.sigma_opt'] if train.get('sigma_opt') else []
    return own + [place for place, loss in losses_of_images(train) if takes_sigma(loss) or takes_log_variance(loss)]


def losses_of_images(train: Mapping[str, Any]) -> Iterator[Tuple[str, Mapping[str, Any]]]:
    """Yield (key path, options) of each loss of ``train`` that compares images, BasicSR's slots and the named ones."""
    named = train.get('losses')
    named = named if isinstance(named, Mapping) else {}
    places = {f'train.{slot}': train.get(slot) for slot in ('pixel_opt', 'perceptual_opt')}
    places.update((f'train.losses.{name}', loss) for name, loss in named.items())
    return ((place, loss) for place, loss in places.items() if isinstance(loss, Mapping) and loss)


def takes_sigma(loss: Mapping[str, Any]) -> bool:
    """Tell whether a loss of these options wants the sigma that is being learned."""
    return plain_name(loss.get('type')) == EXPECTATION_LOSS.name and loss.get('noise_scale') == 'sigma'


def takes_log_variance(loss: Mapping[str, Any]) -> bool:
    """Tell whether a loss of these options wants the uncertainty of UDN's first step."""
    return plain_name(loss.get('type')) == UNCERTAINTY_DRIVEN_LOSS.name


def is_second_step(train: Mapping[str, Any]) -> bool:
    """Tell whether ``train`` is UDN's second step, in which ``network_sigma`` is that of the first and is frozen."""
    return any(takes_log_variance(loss) for _, loss in losses_of_images(train))


def first_step_files(net_g: str) -> Tuple[str, str]:
    """Return the two files of UDN's first step: ``net_g_*.pth``, as the option file names it, and the branch's."""
    folder, name = os.path.split(os.path.expanduser(net_g))
    return os.path.join(folder, name), os.path.join(folder, name.replace('net_g', 'net_sigma', 1))


def check_first_step(train: Mapping[str, Any], net_g: Any) -> None:
    """Refuse UDN's second step without the weights of the first, and those weights where no loss reads them.

    Raises:
        OptionError: One of ``path.pretrain_network_udn`` and UncertaintyDrivenLoss is given alone, the branch is to be
            trained in the second step too, or the file is not called net_g_*.pth.
    """
    asks = is_second_step(train)
    if asks != bool(net_g):
        raise OptionError(
            'UncertaintyDrivenLoss reads the uncertainty of the first step'
            if asks
            else 'path.pretrain_network_udn is read by UncertaintyDrivenLoss, which is not among the losses',
            where='path.pretrain_network_udn',
            expected='net_g_*.pth of the first step (UncertaintyEstimationLoss)' if asks else '~',
            found=repr(net_g),
            remedy=f'pretrain_network_udn: {"experiments/NAME/models/net_g_latest.pth" if asks else "~"}',
        )
    if not asks:
        return
    wants_branch = [place for place, loss in losses_of_images(train) if takes_sigma(loss)]
    if train.get('sigma_opt') or wants_branch:
        raise OptionError(
            'the branch is that of the first step, frozen, and cannot be trained in the second',
            where='train.sigma_opt' if train.get('sigma_opt') else wants_branch[0],
            expected='UncertaintyDrivenLoss without a loss that trains network_sigma',
            remedy='sigma_opt: ~' if train.get('sigma_opt') else 'noise_scale: error',
        )
    if not os.path.basename(str(net_g)).startswith('net_g'):
        raise OptionError(
            'the weights of the first step are two files of one name, net_g_*.pth and net_sigma_*.pth',
            where='path.pretrain_network_udn',
            expected='net_g_*.pth, as saved in the first step',
            found=net_g,
        )


def check_maps(maps: Any, network: Any) -> None:
    """Refuse ``val.sigma`` where there is no branch that computes maps.

    Raises:
        OptionError: ``val.sigma`` is true without ``network_sigma``, or with the branch of UDN.
    """
    kind = network.get('type') if isinstance(network, Mapping) else None
    if maps and plain_name(kind) == LOG_VARIANCE_BRANCH.name:
        raise OptionError(
            'LogVarianceBranch predicts ln(theta), no sigma in (0, 1) of which maps are drawn',
            where='val.sigma',
            expected='false, or network_sigma: {type: SigmaBranch}',
            found='true',
            remedy='sigma: false',
        )
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
