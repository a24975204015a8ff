"""The constant sigma of a weights file, as it is kept beside it ("Revisiting L1 loss", Table 7, baseline row)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Optional

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike


def constant_sigma_path(weights: PathLike) -> Path:
    """Return where the constant sigma of a weights file is kept: ``net_g_<n>_constant_sigma.json`` beside it."""
    weights = Path(weights)
    return weights.with_name(f'{weights.stem}_constant_sigma.json')


def read_constant_sigma(weights: PathLike, param_key: str = 'params') -> Optional[float]:
    """Return the constant sigma measured for the weights under ``param_key``; None where it was not.

    Raises:
        DataError: The file beside the weights is damaged.
    """
    path = constant_sigma_path(weights)
    try:
        record = json.loads(path.read_text(encoding='utf-8'))
        value = record.get(param_key)
        return None if value is None else float(value['constant_sigma'])
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, LookupError, AttributeError, OSError) as error:
        raise DataError(
            'the constant sigma cannot be read',
            where=path,
            found=repr(error),
            remedy=f'remove the file and run {measuring_command(weights)}',
        ) from error


def measuring_command(weights: PathLike) -> str:
    """Return the command that measures the constant sigma of ``weights``."""
    return command('sigma', '-opt', 'TRAINING.yml', '--weights', weights)
