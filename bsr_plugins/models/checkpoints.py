"""What a model writes: weights on the CPU, a training state as BasicSR's, and nothing with weights gone bad."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any, Dict, Mapping, Optional

import torch
from torch import Tensor, nn

from bsr_plugins.common.errors import TrainingError
from bsr_plugins.models.training_step import total_norm
from bsr_plugins.runs.checkpoint_files import save_whole


def write_weights(nets: Mapping[str, nn.Module], label: str, iteration: Any, opt: Mapping[str, Any]) -> None:
    """Write the weights of bare networks to ``<label>_<iteration>.pth``, each under its key; -1 stands for ``latest``.

    Raises:
        CheckpointError: The file cannot be written; the earlier one, if there was one, stands as it was.
    """
    name = 'latest' if iteration == -1 else iteration
    weights = {key: _weights_on_cpu(net) for key, net in nets.items()}
    save_whole(weights, os.path.join(opt['path']['models'], f'{label}_{name}.pth'))


def write_state(state: Mapping[str, Any], opt: Mapping[str, Any]) -> None:
    """Write a training state to ``<iteration>.state``.

    Raises:
        CheckpointError: The file cannot be written; the earlier one, if there was one, stands as it was.
    """
    save_whole(state, os.path.join(opt['path']['training_states'], f'{state["iter"]}.state'))


def training_state(model: Any, epoch: int, iteration: int) -> Dict[str, Any]:
    """Return the training state that BasicSR's ``save_training_state`` writes."""
    return {
        'epoch': epoch,
        'iter': iteration,
        'optimizers': [optimizer.state_dict() for optimizer in model.optimizers],
        'schedulers': [scheduler.state_dict() for scheduler in model.schedulers],
    }


def newest_state(opt: Mapping[str, Any]) -> Optional[str]:
    """Return the path of the newest training state of a run; None where there is none."""
    folder = opt['path'].get('training_states', '')
    names = [name for name in os.listdir(folder) if name.endswith('.state')] if os.path.isdir(folder) else []
    numbered = sorted((int(name[:-6]), name) for name in names if name[:-6].isdigit())
    return os.path.join(folder, numbered[-1][1]) if numbered else None


def check_finite_weights(label: str, net: nn.Module, iteration: int, last_state: Optional[str]) -> None:
    """Raise where a floating-point weight or buffer of ``net`` is not finite.

    Raises:
        TrainingError: Names the first of them.
    """
    tensors = {name: value.detach().float() for name, value in net.state_dict().items() if value.is_floating_point()}
    if not tensors or torch.isfinite(total_norm(list(tensors.values()), next(iter(tensors.values())).device)):
        return
    bad = [name for name, value in tensors.items() if not torch.isfinite(value).all()]
    if bad:
        raise TrainingError(
            f'{label} has weights that are not finite after iteration {iteration:,}; they are not saved',
            where=bad[0],
            expected='finite weights',
            found=f'{len(bad)} tensors that are not',
            remedy=(f'resume with --auto_resume from {last_state}' if last_state else 'start again')
            + ', with a lower learning rate or train.grad_clip',
        )


def plain_metrics(results: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Dict[str, Dict[str, Dict[str, Any]]]:
    """Return BasicSR's best_metric_results in plain Python values (numpy scalars do not load with weights_only)."""
    return {
        dataset: {
            metric: {'better': record['better'], 'val': float(record['val']), 'iter': int(record['iter'])}
            for metric, record in metrics.items()
        }
        for dataset, metrics in results.items()
    }


def _weights_on_cpu(net: nn.Module) -> Dict[str, Tensor]:
    """Return the state dict of ``net`` as BasicSR saves it: on the CPU, without DataParallel's prefix."""
    prefix = 'module.'
    return OrderedDict(
        (key[len(prefix) :] if key.startswith(prefix) else key, value.cpu()) for key, value in net.state_dict().items()
    )
