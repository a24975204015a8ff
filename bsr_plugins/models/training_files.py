"""Weights and training states of a run: whole or absent, resumed exactly, never written with weights gone bad."""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

import torch
from basicsr.utils import get_root_logger
from basicsr.utils.dist_util import master_only
from torch import Tensor, nn

from bsr_plugins.common.errors import TrainingError
from bsr_plugins.models.base_models import queues_samples
from bsr_plugins.models.resume_report import describe_resume
from bsr_plugins.models.training_step import total_norm
from bsr_plugins.runs import training_position
from bsr_plugins.runs.checkpoint_files import save_whole
from bsr_plugins.runs.random_states import capture_random_states

#: Key of a BasicSR training state under which the pack keeps its own part; stock BasicSR ignores it.
STATE_KEY = 'bsr_plugins'


class TrainingFiles:
    """Mixin over a BasicSR model: saves as BasicSR does (same files, same keys), and what an exact resume needs.

    Weights and states are written aside and moved into place; a failure is raised, not ignored. The state holds, beside
    BasicSR's part, the place inside the epoch and the random states of every process.
    """

    @master_only
    def save_network(
        self,
        net: Union[nn.Module, List[nn.Module]],
        net_label: str,
        current_iter: Any,
        param_key: Union[str, List[str]] = 'params',
    ) -> None:
        """Save as BasicSR does (same file, same keys), but whole or not at all; a failure is raised, not ignored."""
        nets = net if isinstance(net, list) else [net]
        keys = param_key if isinstance(param_key, list) else [param_key]
        saved = {key: _cpu_state(self.get_bare_model(one)) for one, key in zip(nets, keys)}
        name = 'latest' if current_iter == -1 else current_iter
        save_whole(saved, os.path.join(self.opt['path']['models'], f'{net_label}_{name}.pth'))

    def save(self, epoch: int, current_iter: int, *args: Any, **kwargs: Any) -> None:
        """Save the pack's networks, then all that the base saves, its training state last.

        Where a state stands, its weights are whole and finite.

        Raises:
            TrainingError: A weight is not finite; nothing is written then.
            CheckpointError: A file cannot be written; the pair before it stands as it was.
        """
        for label, net in self._trained_networks():
            check_finite_weights(label, self.get_bare_model(net), self.iteration, self.last_state())
        self._save_own_networks(current_iter)
        super().save(epoch, current_iter, *args, **kwargs)

    def last_state(self) -> Optional[str]:
        """Return the newest training state on disk; None where there is none."""
        folder = self.opt['path'].get('training_states', '')
        names = [name for name in os.listdir(folder) if name.endswith('.state')] if os.path.isdir(folder) else []
        numbered = sorted((int(name[:-6]), name) for name in names if name[:-6].isdigit())
        return os.path.join(folder, numbered[-1][1]) if numbered else None

    def _trained_networks(self) -> List[Tuple[str, nn.Module]]:
        return [('net_g', self.net_g)]

    def _save_own_networks(self, label: Any) -> None:
        """Save the networks that the base knows nothing of."""

    def _save_networks(self, label: Any) -> None:
        """Save net_g and the pack's networks."""
        self._save_own_networks(label)
        if hasattr(self, 'net_g_ema'):
            self.save_network([self.net_g, self.net_g_ema], 'net_g', label, param_key=['params', 'params_ema'])
        else:
            self.save_network(self.net_g, 'net_g', label)

    def save_training_state(self, epoch: int, current_iter: int, *args: Any, **kwargs: Any) -> None:
        """Save the base's training state with the pack's part in it; every process takes part, rank 0 writes.

        What a fork adds (Retinexformer's best metric and scaler) is in it.
        """
        if current_iter == -1:
            return
        with adding_to_states({STATE_KEY: self._own_state()}):
            super().save_training_state(epoch, current_iter, *args, **kwargs)

    def _own_state(self) -> Dict[str, Any]:
        """Return the pack's part of the training state: tensors and plain values only (weights_only loads it)."""
        position = training_position.position
        return {
            'model': type(self).__name__,
            'manual_seed': self.opt.get('manual_seed'),
            'samples_in_epoch': position.known_samples(),
            'random_states': self._gathered(capture_random_states()),
            'best': self._best.state() if self._best is not None else None,
            'metrics': plain_metrics(getattr(self, 'best_metric_results', {})),
        }

    def _gathered(self, value: Any) -> List[Any]:
        if not self.opt['dist']:
            return [value]
        values: List[Any] = [None] * self.opt['world_size']
        torch.distributed.all_gather_object(values, value)
        return values

    def resume_training(self, resume_state: Dict[str, Any]) -> None:
        """Put optimizer, scheduler, place in the epoch, random states and best metric back; say how exact it is."""
        super().resume_training(resume_state)
        self.iteration = training_position.position.iteration = resume_state['iter']
        own: Optional[Dict[str, Any]] = resume_state.get(STATE_KEY)
        for line in describe_resume(self.opt, own):
            get_root_logger().info(line)
        if queues_samples(self):
            get_root_logger().info(
                'Resume: the queue in which this model shuffles samples starts empty; the batches '
                'differ from the uninterrupted run.'
            )
        if own is not None:
            self._resume_own(resume_state['epoch'], own)

    def _resume_own(self, epoch: int, own: Dict[str, Any]) -> None:
        states = own['random_states']
        rank = self.opt['rank']
        if own['samples_in_epoch'] is not None:
            training_position.resume_at(epoch, own['samples_in_epoch'], states[rank] if rank < len(states) else None)
        if own['metrics']:
            self.best_metric_results = own['metrics']
        if self._best is not None:
            self._best.resume(own['best'], self.opt['path']['models'], self.iteration)


@contextlib.contextmanager
def adding_to_states(more: Dict[str, Any]) -> Iterator[None]:
    """Add ``more`` to each training state that ``torch.save`` writes inside the block."""
    original = torch.save

    def save(content: Any, *args: Any, **kwargs: Any) -> None:
        is_state = isinstance(content, dict) and 'optimizers' in content
        original({**content, **more} if is_state else content, *args, **kwargs)

    torch.save = save
    try:
        yield
    finally:
        torch.save = original


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


def plain_metrics(results: Dict[str, Dict[str, Dict[str, Any]]]) -> Dict[str, Dict[str, Dict[str, Any]]]:
    """Return BasicSR's best_metric_results in plain Python values (numpy scalars do not load with weights_only)."""
    return {
        dataset: {
            metric: {'better': record['better'], 'val': float(record['val']), 'iter': int(record['iter'])}
            for metric, record in metrics.items()
        }
        for dataset, metrics in results.items()
    }


def _cpu_state(net: nn.Module) -> Dict[str, Tensor]:
    prefix = 'module.'
    return OrderedDict(
        (key[len(prefix) :] if key.startswith(prefix) else key, value.cpu()) for key, value in net.state_dict().items()
    )
