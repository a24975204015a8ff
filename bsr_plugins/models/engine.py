"""The engine under a training step: precision, compilation, memory format, accumulation, clipping, and the guard."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from typing import Any, Callable, Dict, List, Optional, Tuple

import torch
from basicsr.utils import get_root_logger
from torch import Tensor, nn

from bsr_plugins.common.errors import OptionError
from bsr_plugins.models.engine_options import EngineOptions
from bsr_plugins.models.non_finite import GRADIENT, OVERFLOW, SHOWN, UPDATE, NonFiniteGuard, describe, non_finite_error
from bsr_plugins.models.training_files import STATE_KEY
from bsr_plugins.models.training_step import TrainingStep


class Engine:
    """Mixin over SRModel: ``_step`` is SRModel's, to the bit, with the default options.

    One thing is in another place: losses and the norm of the gradients are read, in a single transfer, before the
    optimizer's step and not after it, so that nothing that is not finite reaches the weights. What each option does:
    :class:`bsr_plugins.models.engine_options.EngineOptions`; what the guard catches when:

    - a loss that is not finite, in any process: in its own iteration;
    - a gradient that is not finite though the losses are: in the last iteration of its update;
    - a weight that is not finite for another reason: when it is to be saved (:class:`TrainingFiles`).
    """

    def __init__(self, opt: Dict[str, Any]) -> None:
        self.engine_options = EngineOptions.from_train(opt['train'] if opt['is_train'] else None)
        self._passes: Dict[int, Callable[..., Tensor]] = {}
        self._files: List[str] = []
        super().__init__(opt)

    def model_to_device(self, net: nn.Module) -> nn.Module:
        """Move a network to the device as BasicSR does, in the memory format of training."""
        if self.engine_options.channels_last:
            # Before DistributedDataParallel lays out its buckets.
            net = net.to(memory_format=torch.channels_last)
        return super().model_to_device(net)

    def init_training_settings(self) -> None:
        """Build what SRModel builds, then the step and the guard; say what was asked for."""
        super().init_training_settings()
        options = self.engine_options
        if options.compile and not hasattr(torch, 'compile'):
            raise OptionError(
                f'torch {torch.__version__} does not compile',
                where='train.compile',
                expected='torch >= 2.0',
                remedy='compile: false',
            )
        self.training_step = TrainingStep(options, self.optimizer_g, self.device)
        self.guard = NonFiniteGuard(options.non_finite)
        if options.accumulate > 1 or options.amp == 'fp16':
            # BasicSR's schedulers count batches; the first of them make no update.
            warnings.filterwarnings('ignore', r'Detected call of `lr_scheduler\.step', UserWarning)
        for line in self._descriptions():
            get_root_logger().info(line)

    def _descriptions(self) -> List[str]:
        options, lines = self.engine_options, []
        if options.accumulate > 1:
            batch = self.opt['datasets']['train']['batch_size_per_gpu'] * (
                self.opt['world_size'] if self.opt['dist'] else max(1, self.opt['num_gpu'])
            )
            total = int(self.opt['train']['total_iter'])
            lines.append(
                f'Accumulation: {options.accumulate} batches of {batch} make an update, the effective batch '
                f'is {batch * options.accumulate}; {total:,} iterations are {total // options.accumulate:,} '
                'updates.'
            )
            if total % options.accumulate:
                lines.append(
                    f'Accumulation: the last {total % options.accumulate} batches make no update; a total_iter'
                    f' that {options.accumulate} divides leaves none over.'
                )
        asked = [
            f'{key} {value}'
            for key, value in (
                ('amp', options.amp),
                ('compile', options.compile),
                ('channels_last', options.channels_last),
                ('grad_clip', options.grad_clip),
            )
            if value
        ]
        return lines + (['Engine: ' + ', '.join(asked)] if asked else [])

    # ------------------------------------------------------------------ step
    def feed_data(self, data: Dict[str, Any], *args: Any, **kwargs: Any) -> None:
        """Take a batch; its file names are kept for the guard."""
        self._files = [str(path) for key in ('lq_path', 'gt_path') for path in data.get(key, ())]
        super().feed_data(data, *args, **kwargs)

    def _step(self, current_iter: int) -> None:
        step = self.training_step
        if step.begins_update(current_iter):
            self.optimizer_g.zero_grad()
        with step.unsynchronised(current_iter, *(net for _, net in self._trained_networks())):
            self.output = self._forward(self.lq)
            l_total, loss_dict = self._losses(self.output, current_iter)
            step.backward(l_total)
        self._conclude(current_iter, loss_dict)
        if self.ema_decay > 0:
            self.model_ema(decay=self.ema_decay)

    def _forward(self, lq: Tensor) -> Tensor:
        """Return the network's output in fp32, whatever precision it ran in."""
        with self.training_step.autocast():
            output = self._pass_of(self.net_g)(self.training_step.prepared(lq))
        return output.float() if self.engine_options.amp else output

    def _pass_of(self, net: nn.Module) -> Callable[..., Tensor]:
        """Return what runs ``net`` in training: itself, or a compiled twin on the same weights."""
        if not self.engine_options.compile:
            return net
        if id(net) not in self._passes:
            self._passes[id(net)] = torch.compile(net)
        return self._passes[id(net)]

    def _conclude(self, current_iter: int, loss_dict: Dict[str, Tensor]) -> None:
        """Read the losses, make the update where it ends and is good, and fill the log."""
        step, guard = self.training_step, self.guard
        ends = step.ends_update(current_iter)
        values, norm = self._read(loss_dict, step.gradient_norm() if ends else None)
        if guard.spoils(values.values()):
            self._take_fault('A loss is not finite', current_iter, values, norm, self._files_of(loss_dict))
        if ends:
            found = guard.verdict(norm, step.scaler is not None)
            if found == UPDATE:
                step.update()
            else:
                if found == GRADIENT:
                    self._take_fault('A gradient is not finite', current_iter, values, norm, self._files_of({}))
                step.leave_out(overflow=found == OVERFLOW)
            if guard.exhausted:
                raise non_finite_error(
                    f'{guard.in_row} updates in a row had losses or gradients that are not finite, the last one',
                    current_iter,
                    values,
                    norm,
                    self._files_of({}),
                    self.last_state(),
                )
        self._fill_log(current_iter, values, norm)

    def _read(self, loss_dict: Dict[str, Tensor], norm: Optional[Tensor]) -> Tuple[Dict[str, float], Optional[float]]:
        """Return losses (mean over the processes, the same in each) and norm: the one wait for the device in a step."""
        with torch.no_grad():
            losses = torch.stack([value.detach().mean().float() for value in loss_dict.values()])
            if self.opt['dist']:
                torch.distributed.all_reduce(losses)
                losses /= self.opt['world_size']
            read = torch.cat([losses, norm.float().view(1)]).tolist() if norm is not None else losses.tolist()
        return OrderedDict(zip(loss_dict, read)), read[-1] if norm is not None else None

    def _take_fault(
        self, problem: str, current_iter: int, values: Dict[str, float], norm: Optional[float], files: List[str]
    ) -> None:
        """Stop, or say that the update will be left out."""
        if self.guard.policy == 'stop':
            raise non_finite_error(problem, current_iter, values, norm, files, self.last_state())
        if self.guard.skipped < SHOWN:
            get_root_logger().warning(
                f'{problem} in iteration {current_iter:,} ({describe(values, norm)}); its update '
                f'is left out. The batch: {", ".join(files)}'
            )

    def _files_of(self, loss_dict: Dict[str, Tensor]) -> List[str]:
        """Return the files of the batches whose losses are not finite, of all processes; of all where none is given."""
        bad = not loss_dict or not all(bool(torch.isfinite(value).all()) for value in loss_dict.values())
        return [path for files in self._gathered(self._files if bad else []) for path in files]

    def _fill_log(self, current_iter: int, values: Dict[str, float], norm: Optional[float]) -> None:
        options, self.log_dict = self.engine_options, values
        if options.accumulate > 1:
            self.log_dict['updates'] = float(current_iter // options.accumulate)
        if options.grad_clip is not None and norm is not None:
            self.log_dict['grad_norm'] = norm
        if options.non_finite == 'skip':
            self.log_dict['skipped'] = float(self.guard.skipped)
        if self.training_step.scaler is not None:
            self.log_dict['overflows'] = float(self.guard.overflows)

    # ------------------------------------------------------------------ state
    def _own_state(self) -> Dict[str, Any]:
        state = super()._own_state()
        step = self.training_step.state(self.iteration)
        state['engine'] = {
            'accumulate': self.engine_options.accumulate,
            'scaler': step['scaler'],
            'gradients': self._gathered(step['gradients']),
            'guard': self.guard.state(),
        }
        return state

    def resume_training(self, resume_state: Dict[str, Any]) -> None:
        """Put scaler, guard and the gradients of an update in progress back, over what TrainingFiles puts back."""
        super().resume_training(resume_state)
        own = resume_state.get(STATE_KEY, {}).get('engine')
        gradients = None
        if own is not None:
            self.guard.load_state(own['guard'])
            if own['accumulate'] == self.engine_options.accumulate and len(own['gradients']) == self.opt['world_size']:
                gradients = own['gradients'][self.opt['rank']]
            self.training_step.load_state({'scaler': own['scaler'], 'gradients': gradients})
        if gradients is None and not self.training_step.ends_update(self.iteration):
            self.guard.spoiled = True
            get_root_logger().warning(
                f'Iteration {self.iteration:,} lies inside an update of {self.engine_options.accumulate} batches, and '
                'the training state does not hold the gradients of those before: that update is left out.'
            )
