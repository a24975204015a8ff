"""Which weights of a network came from a file, and the refusal to test one whose weights are still random."""

from __future__ import annotations

import functools
import glob
import weakref
from pathlib import Path
from typing import Any, MutableMapping, Optional, Set, Tuple

from bsr_plugins.common.errors import OptionError

#: Module -> names that were missing when it last loaded weights.
_MISSING: MutableMapping[Any, Set[str]] = weakref.WeakKeyDictionary()


def note_loaded_weights() -> None:
    """Let ``nn.Module.load_state_dict`` note what it loads, whoever calls it; idempotent."""
    import torch

    upstream_load: Any = torch.nn.Module.load_state_dict
    if hasattr(upstream_load, 'noted_by_bsr_plugins'):
        return

    @functools.wraps(upstream_load)
    def load_state_dict(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = upstream_load(self, *args, **kwargs)
        _MISSING[self] = set(getattr(result, 'missing_keys', ()))
        return result

    load_state_dict.noted_by_bsr_plugins = True  # type: ignore[attr-defined]
    torch.nn.Module.load_state_dict = load_state_dict  # type: ignore[method-assign]  # the patch itself


def given_weights(net: Any) -> Tuple[int, int]:
    """Return how many of a network's trainable weights came from a file, and how many there are."""
    loaded: Set[int] = set()
    for module in net.modules():
        if module in _MISSING:
            missing = _MISSING[module]
            loaded.update(id(weight) for name, weight in module.named_parameters() if name not in missing)
    trainable = [weight for weight in net.parameters() if weight.requires_grad]
    given = [weight for weight in trainable if id(weight) in loaded]
    return sum(weight.numel() for weight in given), sum(weight.numel() for weight in trainable)


def refuse_random_weights(
    value: Any,
    root: Path,
    name: Any,
    found: Optional[str] = None,
    problem: str = 'The test would run with random weights',
) -> None:
    """Raise the error of a test whose network has no weights from a file.

    Args:
        value: What the options say of ``path.pretrain_network_g``.
        root: The working directory, where weights to name are looked for.
        name: The ``name`` of the file: weights of its own training come before those of others.
        found: What the network has instead.
        problem: What would be done with random weights.

    Raises:
        OptionError: Always.
    """
    own = _newest_weights(root, glob.escape(str(name)))
    other = None if own else _newest_weights(root, '*')
    remedy = f'pretrain_network_g: {own}' if own else 'train the network first'
    if other:
        remedy = f'pretrain_network_g: {other}, if these newest weights are of this network'
    raise OptionError(
        problem,
        where='path.pretrain_network_g',
        expected='trained weights, such as experiments/NAME/models/net_g_latest.pth',
        found=found or value or 'no path',
        remedy=remedy,
    )


def _newest_weights(root: Path, name: str) -> Optional[Path]:
    found = [path for path in (root / 'experiments').glob(f'{name}/models/net_g_*.pth') if path.is_file()]
    return max(found, key=lambda path: path.stat().st_mtime).relative_to(root) if found else None
