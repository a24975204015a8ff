"""``train.losses: {name: {type: ...}}``: any number of losses beside BasicSR's own slots."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Dict, Mapping

from bsr_plugins.common.builders import build_loss
from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import did_you_mean
from bsr_plugins.host.registries import find_registries

if TYPE_CHECKING:  # the check of an option file asks for the names here, without torch
    import torch
    from torch import Tensor, nn

WHERE = 'train.losses'
#: Names under which BasicSR's slots and the sigma branch log (``l_pix``, ...).
TAKEN = ('pix', 'percep', 'style', 'sigma')


def named_loss_options(train: Mapping[str, Any]) -> Dict[str, Mapping[str, Any]]:
    """Return ``train.losses``, checked: name -> options of the loss, in the order of the option file.

    Raises:
        OptionError: No mapping, a name that is no identifier or is logged by another loss, no known type.
    """
    given = train.get('losses')
    if given is None:
        return {}
    check_loss_names(given)
    for name, options in given.items():
        _check_type(options['type'], f'{WHERE}.{name}.type')
    return dict(given)


def check_loss_names(given: Any) -> None:
    """Refuse a ``train.losses`` of another form than ``name: {type: ...}``, and names that cannot be logged.

    Raises:
        OptionError: As :func:`named_loss_options`, but for types that nobody has.
    """
    if not isinstance(given, Mapping):
        raise OptionError(
            f"'{WHERE}' is not a block of named losses",
            where=WHERE,
            expected='name: {type: L1Loss, ...}',
            found=repr(given),
        )
    for name, options in given.items():
        where = f'{WHERE}.{name}'
        if not isinstance(name, str) or not name.isidentifier():
            raise OptionError(
                'the name of a loss cannot be logged',
                where=where,
                expected='letters, digits and underscores',
                found=repr(name),
            )
        if name in TAKEN:
            raise OptionError(
                f"the loss name '{name}' is logged by another loss",
                where=where,
                expected=f'another name than {", ".join(TAKEN)}',
                found=name,
            )
        if not isinstance(options, Mapping) or not isinstance(options.get('type'), str):
            raise OptionError(
                f"the loss '{name}' has no type", where=where, expected='{type: NAME, ...}', found=repr(options)
            )


def build_named_loss(name: str, options: Mapping[str, Any], device: torch.device) -> nn.Module:
    """Build the loss of ``train.losses.<name>``.

    Raises:
        OptionError: An option that the loss does not have, or a value that it refuses; the key path is named.
    """
    try:
        return build_loss(dict(options)).to(device)
    except OptionError:
        raise
    except (TypeError, ValueError) as error:
        raise OptionError(
            f"the options of the loss '{name}' do not fit {options['type']}", where=f'{WHERE}.{name}', found=str(error)
        ) from error


def takes_lq(criterion: nn.Module) -> bool:
    """Tell whether a loss wants the network's input: a parameter ``lq`` of its forward, or ``takes_lq = True``."""
    return getattr(criterion, 'takes_lq', False) or 'lq' in inspect.signature(criterion.forward).parameters


def total_of(value: Any) -> Tensor:
    """Return what a loss adds: its value, or the sum of its parts (PerceptualLoss returns two, either may be None)."""
    if isinstance(value, (tuple, list)):
        return sum(part for part in value if part is not None)
    return value


def _check_type(name: str, where: str) -> None:
    registry = find_registries().get('loss')
    if registry is None or registry.find(name) is not None or registry.find(f'{name}_basicsr') is not None:
        return
    raise OptionError(
        f"there is no loss named '{name}'",
        where=where,
        found=name,
        remedy=did_you_mean(name, registry.names_where(lambda _: True)),
    )
