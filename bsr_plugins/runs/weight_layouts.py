"""The layouts in which weights are kept: which keys of a file hold some, whether they fit a network, what to write."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping as AnyMapping
from pathlib import Path
from typing import Any, Iterable, List, Optional, Sequence

from bsr_plugins.common.errors import CheckpointError
from bsr_plugins.common.files import PathLike
from bsr_plugins.common.findings import shortened

#: What stands in a training state of BasicSR.
_STATE_KEYS = {'optimizers', 'schedulers', 'iter'}
# The words of torch's load_state_dict.
_TORCH_LISTS = ('Missing', 'Unexpected')
_TORCH_SHAPES = re.compile(
    r'size mismatch for (\S+): copying a param with shape torch\.Size\(\[(.*?)\]\) from checkpoint, '
    r'the shape in current model is torch\.Size\(\[(.*?)\]\)'
)


def is_state_dict(content: Any) -> bool:
    """Return whether ``content`` holds tensors by name."""
    import torch

    return isinstance(content, AnyMapping) and any(torch.is_tensor(value) for value in content.values())


def keys_of_weights(content: Any) -> List[str]:
    """Return the keys below which a file holds weights, those that BasicSR writes first."""
    keys = [key for key, value in content.items() if is_state_dict(value)] if isinstance(content, AnyMapping) else []
    return sorted(keys, key=lambda key: ('params_ema', 'params', key).index(key))


def wrong_layout(path: str, content: Any, key: Any, letter: str) -> CheckpointError:
    """Return the error for a file that holds no weights under ``key``: what it holds, and what to write instead.

    Args:
        path: The file.
        content: What was loaded from it.
        key: The value of ``param_key_<letter>``; None stands for the file as a whole.
        letter: Whose weights they are to be: ``g`` for network_g.
    """
    option = f'path.param_key_{letter}'
    if isinstance(content, AnyMapping) and set(content) >= _STATE_KEYS:
        return _is_training_state(path, letter)
    keys, remedy = keys_of_weights(content), None
    inner = _nested(content)
    if is_state_dict(content):
        found, remedy = f'weights by name, without a key: {_few(list(content))}', f'{option}: ~'
    elif keys:
        found, remedy = f'weights under {_few(keys)}', f'{option}: {keys[0]}'
    elif inner:
        found = f'weights under {" and in it ".join(inner)}'
        remedy = resaving(path, letter, key, inner)
    else:
        found = f'keys {_few(list(content))}' if isinstance(content, AnyMapping) else f'a {type(content).__name__}'
        found = 'a pickled object' if content is None else found
        remedy = "save them as torch.save({'params': network.state_dict()}, 'x.pth')"
    return CheckpointError(
        f'{path} holds no weights under the key {key!r}' if key is not None else f'{path} holds no weights by name',
        where=option,
        found=found,
        expected=f'a state dict under {key!r}' if key is not None else 'a state dict',
        remedy=remedy,
    )


def misfit_told(error: Exception) -> Optional[str]:
    """Return how weights differ from those of a network, from the error of its ``load_state_dict``.

    That alone knows under which names a network takes weights: BicubicResidual takes those of its base under the
    base's own names. None where it is another error.
    """
    text = str(error)
    if 'Error(s) in loading state_dict' not in text:
        return None
    lists = [re.search(rf'{what} key\(s\) in state_dict: (.*?)\. *$', text, re.MULTILINE) for what in _TORCH_LISTS]
    missing, unexpected = (re.findall(r'"([^"]+)"', found.group(1)) if found else [] for found in lists)
    shapes = [f'{name}: ({given}) instead of ({own})' for name, given, own in _TORCH_SHAPES.findall(text)]
    return _differences(missing, unexpected, shapes) or shortened(text)


def _differences(missing: List[str], unexpected: List[str], shapes: List[str]) -> Optional[str]:
    parts = (('missing', missing), ('not in the network', unexpected), ('other shapes', shapes))
    return '; '.join(f'{what}: {_few(names)}' for what, names in parts if names) or None


def prefix_of(expected: Iterable[str], given: Iterable[str]) -> Optional[str]:
    """Return what stands before all names of a network in a file (``model.``); None where nothing does."""
    names, first = set(given), next(iter(expected), '')
    for name in names:
        prefix = name[: len(name) - len(first)]
        if first and name.endswith(first) and prefix and all(f'{prefix}{each}' in names for each in expected):
            return prefix
    return None


def resaving(path: str, letter: str, key: Any, keys: Sequence[str] = (), prefix: str = '') -> str:
    """Return the command that saves weights again as BasicSR expects them, and what to write in the file then.

    Args:
        path: The file.
        letter: Whose weights they are to be: ``g`` for network_g.
        key: The value of ``param_key_<letter>``, which is ``params`` where nothing else is said.
        keys: Below which keys of the file they are.
        prefix: What is to be cut off their names.
    """
    inside = ''.join(f'[{json.dumps(key)}]' for key in keys)
    named = f'{{k[{len(prefix)}:]: v for k, v in w.items() if k.startswith({json.dumps(prefix)})}}' if prefix else 'w'
    code = (
        f'import torch; w = torch.load({json.dumps(path)}, map_location="cpu"){inside}; '
        f'torch.save({{"params": {named}}}, {json.dumps(_resaved(path))})'
    )
    options = f'path.pretrain_network_{letter}: {_resaved(path)}'
    options += '' if key == 'params' else f' and path.param_key_{letter}: params'
    return f'python -c {shlex.quote(code)}; then {options}'


def is_safetensors(path: PathLike) -> bool:
    """Return whether a file begins as those of safetensors do: the length of a JSON header, and that."""
    if not os.path.isfile(path):
        return False
    with open(path, 'rb') as file:
        head = file.read(9)
    return head[8:] == b'{' and int.from_bytes(head[:8], 'little') < os.path.getsize(path)


def resaving_safetensors(path: str) -> str:
    """Return the command that saves the weights of a safetensors file as BasicSR expects them."""
    code = (
        'import torch, safetensors.torch as s; '
        f'torch.save({{"params": s.load_file({json.dumps(path)})}}, {json.dumps(_resaved(path))})'
    )
    return f'python -c {shlex.quote(code)}'


def _resaved(path: str) -> str:
    return f'{os.path.splitext(path)[0]}_params.pth'


def _is_training_state(path: str, letter: str) -> CheckpointError:
    weights = Path(path).parents[1] / 'models' / f'net_{letter}_{Path(path).stem}.pth'
    return CheckpointError(
        f'{path} is a training state: it holds no weights',
        where=f'path.pretrain_network_{letter}',
        expected='the weights that were saved with it',
        remedy=f'pretrain_network_{letter}: {weights}' if weights.is_file() else 'name the .pth of that iteration',
    )


def _nested(content: Any) -> List[str]:
    if not isinstance(content, AnyMapping):
        return []
    return next(([key, below[0]] for key, value in content.items() for below in [keys_of_weights(value)] if below), [])


def _few(names: Sequence[Any], limit: int = 3) -> str:
    more = f' and {len(names) - limit} more' if len(names) > limit else ''
    return f'{", ".join(map(str, names[:limit]))}{more}'
