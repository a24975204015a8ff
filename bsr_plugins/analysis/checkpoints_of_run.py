"""The weights that a run has kept while it trained, and what its network makes of an image with each of them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Sequence, Tuple, TypeVar

from bsr_plugins.analysis.compared_runs import TestedRun
from bsr_plugins.analysis.trained_network import run_scorer
from bsr_plugins.common.naming import plain_name

if TYPE_CHECKING:
    import torch

_T = TypeVar('_T')


def checkpoints(run: TestedRun, label: str = 'net_g') -> Dict[int, Path]:
    """Return iteration -> ``models/<label>_<iteration>.pth`` of a run, in their order."""
    found = {}
    for path in (run.experiment / 'models').glob(f'{label}_*.pth'):
        number = re.fullmatch(rf'{label}_(\d+)', path.stem)
        if number:
            found[int(number.group(1))] = path
    return dict(sorted(found.items()))


def spread(items: Sequence[_T], count: int) -> List[_T]:
    """Return ``count`` of the items, evenly spaced, the first and the last among them; all where there are fewer."""
    if len(items) <= count:
        return list(items)
    return [items[round(number * (len(items) - 1) / (count - 1))] for number in range(count)]


def stages_of(run: TestedRun, count: int) -> List[Tuple[str, TestedRun]]:
    """Return the run at several moments of its training, each with its label; the tested weights where none is kept."""
    kept = [(f'iteration {iteration:,}', replace(run, weights=path)) for iteration, path in checkpoints(run).items()]
    return spread(kept, count) or [('tested weights', run)]


def as_tensor(image: Any) -> torch.Tensor:
    """Return an image (H, W, 3), uint8, BGR as (1, 3, H, W) float32 RGB in [0, 1]."""
    import torch

    return torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255


def output_of(run: TestedRun, lr: Any, scale: int, device: str) -> torch.Tensor:
    """Return what the network of a run makes of an LR image, neither clamped nor rounded: (1, 3, H, W) on the CPU.

    Raises:
        OptionError, CheckpointError: See :func:`bsr_plugins.analysis.trained_network.run_scorer`.
    """
    scorer = run_scorer(run, scale, device)
    return scorer.upscale(as_tensor(lr).to(scorer.device)).cpu()


def losses_of(options: Mapping[str, Any]) -> List[Mapping[str, Any]]:
    """Return the options of every loss of a training."""
    train = options.get('train') or {}
    slots = [value for key, value in train.items() if key.endswith('_opt')]
    named = train.get('losses')
    return [loss for loss in [*slots, *(named or {}).values()] if isinstance(loss, Mapping) and loss.get('type')]


def loss_options(options: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the options of the loss ``name`` in a training; {} where it does not train with it."""
    return next((loss for loss in losses_of(options) if plain_name(loss['type']) == name), {})
