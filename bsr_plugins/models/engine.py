"""The engine under a training step: precision, compilation, memory format, accumulation, clipping, and the guard."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from typing import Any, Callable, ContextManager, Dict, List, Mapping, NoReturn, Optional

import torch
from basicsr.utils import get_root_logger
from torch import Tensor, nn

from bsr_plugins.common.errors import OptionError
from bsr_plugins.models.checkpoints import newest_state
from bsr_plugins.models.engine_options import EngineOptions
from bsr_plugins.models.engine_report import describe_engine, describe_optimizer, describe_reading
from bsr_plugins.models.late_reading import DEVICES, LateReadings, Reading, why_it_waits
from bsr_plugins.models.non_finite import GRADIENT, OVERFLOW, SHOWN, UPDATE, NonFiniteGuard, describe, non_finite_error
from bsr_plugins.models.part import Part, pack_state
from bsr_plugins.models.processes import gathered
from bsr_plugins.models.training_step import TrainingStep
from bsr_plugins.optim.fused import leaves_out, may_fuse, set_fused, step_unless, takes_fused


class Engine(Part):
    """How a training step is computed; with the default options it is SRModel's, to the bit.

    One thing is in another place: losses and the norm of the gradients are read, in a single transfer, before the
    optimizer's step and not after it, so that nothing that is not finite reaches the weights. On a GPU with a fused
    Adam the device itself leaves such an update out, and they are read one iteration late
    (:mod:`bsr_plugins.models.late_reading`), before anything is logged, saved or validated in any case. What each
    option does: :class:`bsr_plugins.models.engine_options.EngineOptions`; what the guard catches when (or one later):

    - a loss that is not finite, in any process, or leaps (``max_loss_jump``): in its own iteration;
    - a gradient that is not finite though the losses are: in the last iteration of its update;
    - a weight that is not finite for another reason: when it is to be saved.

    Attributes:
        options: The engine's options; all defaults in a test.
        step: Between the backward pass and the changed weights.
        guard: Against what is not finite.
    """

    step: TrainingStep
    guard: NonFiniteGuard

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.options = EngineOptions.from_train(model.opt['train'] if model.opt['is_train'] else None)
        self._compiled: Dict[int, Callable[..., Any]] = {}
        self._readings = LateReadings(self._judge_late)
        self._late: Optional[bool] = None
        self._ways: Dict[str, Optional[bool]] = {}
        self._fuses = False

    def in_memory_format(self, net: nn.Module) -> nn.Module:
        """Return a network in the memory format of training, before DistributedDataParallel lays out its buckets."""
        return net.to(memory_format=torch.channels_last) if self.options.channels_last else net

    def build(self) -> None:
        """Build the step and the guard; say what was asked for."""
        options = self.options
        if options.compile and not hasattr(torch, 'compile'):
            raise OptionError(
                f'torch {torch.__version__} does not compile',
                where='train.compile',
                expected='torch >= 2.0',
                remedy='compile: false',
            )
        self.step = TrainingStep(options, self.model.optimizer_g, self.model.device)
        self.guard = NonFiniteGuard(options.non_finite, max_jump=options.max_loss_jump)
        if options.accumulate > 1 or options.amp == 'fp16':
            # BasicSR's schedulers count batches; the first of them make no update.
            warnings.filterwarnings('ignore', r'Detected call of `lr_scheduler\.step', UserWarning)
        for line in describe_engine(options, self.model.opt):
            get_root_logger().info(line)
        self._fuse()

    def _fuse(self) -> None:
        """Fuse Adam on a GPU where the arithmetic is another than SRModel's anyway and the file says nothing of it."""
        optimizer, options, device = self.model.optimizer_g, self.options, self.model.device
        self._ways = {way: optimizer.param_groups[0].get(way) for way in ('fused', 'foreach')}
        changes_bits = options.amp or options.compile or options.channels_last
        if device.type not in DEVICES or not changes_bits or self.model.fork_pass is not None:
            return
        if may_fuse(optimizer) and leaves_out(type(optimizer), device):
            self._fuses = True
            set_fused(optimizer, True)
            get_root_logger().info(describe_optimizer(type(optimizer).__name__))

    def _fuse_as_saved(self, resume_state: Mapping[str, Any]) -> None:
        """Let the option file decide about a resumed Adam; where it says nothing, the state on a GPU."""
        optimizer = self.model.optimizer_g
        if not takes_fused(optimizer):
            return
        number = [optimizer is one for one in self.model.optimizers].index(True)
        saved = resume_state['optimizers'][number]['param_groups'][0]
        ways = self._ways
        if set(ways.values()) == {None}:
            # Of a run on a GPU: an older torch has no fused Adam on a CPU.
            fused = saved.get('fused') if self.model.device.type in DEVICES else None
            ways = {'fused': fused, 'foreach': saved.get('foreach')}
        set_fused(optimizer, **ways)
        if self._fuses and not ways['fused']:
            get_root_logger().info(describe_optimizer(type(optimizer).__name__, is_kept=True))

    # ------------------------------------------------------------------ step
    def begin(self, iteration: int) -> None:
        """Clear the gradients where an update begins."""
        if self.step.begins_update(iteration):
            self.model.optimizer_g.zero_grad()

    def unsynchronised(self, iteration: int) -> ContextManager[None]:
        """Return the block in which processes keep their gradients to themselves, until an update ends."""
        return self.step.unsynchronised(iteration, *(net for _, net in self.model.trained_networks()))

    def forward(self, net: nn.Module, inputs: Tensor) -> Tensor:
        """Return the output of ``net`` in fp32, whatever precision it ran in."""
        with self.step.autocast():
            output = self._runner(net)(inputs)
        return output.float() if self.options.amp else output

    def _runner(self, net: nn.Module) -> Callable[..., Any]:
        """Return what runs ``net`` in training: itself, or a compiled twin on the same weights."""
        if not self.options.compile:
            return net
        if id(net) not in self._compiled:
            self._compiled[id(net)] = torch.compile(net)
        return self._compiled[id(net)]

    def backward(self, terms: Mapping[str, Tensor]) -> None:
        """Add the gradients of the sum of ``terms``, added up in their order as SRModel does."""
        total: Any = sum(terms.values())
        self.step.backward(total)

    def update(self, iteration: int, terms: Mapping[str, Tensor]) -> Dict[str, float]:
        """Change the weights where an update ends and is good.

        Args:
            iteration: From 1.
            terms: Log name -> loss of this batch; their gradients are there.

        Returns:
            Log name -> value: the losses, as means over the processes, and what the options add. Where readings are
            late it is filled when they are read.

        Raises:
            TrainingError: Something is not finite and ``non_finite`` is ``stop``, or too many updates were skipped.
        """
        step = self.step
        norm = step.gradient_norm() if step.ends_update(iteration) else None
        row = self._row(terms, norm)
        # What a state of another accumulation has spoiled is known here alone.
        if self._reads_late() and not self.guard.spoiled:
            log = self._readings.add(iteration, list(terms), row, self.model.batch_files)
            step_unless(step.optimizer, (~torch.isfinite(row)).any().float())
            self._readings.settle(but=1)
            return log
        self.settle()
        *losses, last = [*row.tolist(), None] if norm is None else row.tolist()
        values = OrderedDict(zip(terms, losses))
        found = self._judge(Reading(iteration, values, last, lambda bad: self._files_of(terms if bad else {})))
        if found == UPDATE:
            step.update()
        elif found is not None:
            step.leave_out(overflow=found == OVERFLOW)
        return {**values, **self._counters(iteration, last)}

    def settle(self) -> None:
        """Read what is read late; nothing where each update waits.

        Raises:
            TrainingError: As :meth:`update`, of an iteration whose update was left out.
        """
        self._readings.settle()

    def _reads_late(self) -> bool:
        """Tell whether readings may be late; found at the first update, behind a resume."""
        if self._late is None:
            options, device = self.options, self.model.device
            self._late = False
            if device.type in DEVICES:
                reason = why_it_waits(options, self.step.optimizer, device, self.model.opt['dist'])
                self._late = reason is None
                get_root_logger().info(describe_reading(reason))
        return self._late

    def _row(self, terms: Mapping[str, Tensor], norm: Optional[Tensor]) -> Tensor:
        """Return losses (mean over the processes, the same in each) and norm on the device, to be read in one go."""
        with torch.no_grad():
            losses = torch.stack([value.detach().mean().float() for value in terms.values()])
            if self.model.opt['dist']:
                torch.distributed.all_reduce(losses)
                losses /= self.model.opt['world_size']
            return losses if norm is None else torch.cat([losses, norm.float().view(1)])

    def _judge(self, reading: Reading) -> Optional[str]:
        """Say what becomes of the update that ends with a reading; None where none ends."""
        guard, (iteration, values, norm, files) = self.guard, reading
        if guard.spoils(values.values()):
            self._take_fault('A loss is not finite', iteration, values, norm, files(True))
        elif guard.leaps(sum(values.values())):
            self._say_skipped('The loss leaps', iteration, values, norm, files(False))
        if norm is None:
            return None
        found = guard.verdict(norm, self.step.scaler is not None)
        if found == GRADIENT:
            self._take_fault('A gradient is not finite', iteration, values, norm, files(False))
        if guard.exhausted:
            problem = (
                f'{guard.in_row} updates in a row had losses or gradients that are not finite or leap, the last one'
            )
            self.stop(problem, iteration, values, norm, files(False))
        return found

    def _judge_late(self, reading: Reading) -> Dict[str, float]:
        """Judge an update that the device has made or left out by now; return the counters."""
        self._judge(reading)
        return self._counters(reading.iteration, reading.norm)

    def _counters(self, iteration: int, norm: Optional[float]) -> Dict[str, float]:
        options, counters = self.options, {}
        if options.accumulate > 1:
            counters['updates'] = float(iteration // options.accumulate)
        if options.grad_clip is not None and norm is not None:
            counters['grad_norm'] = norm
        if options.non_finite == 'skip' or options.max_loss_jump is not None:
            counters['skipped'] = float(self.guard.skipped)
        if self.step.scaler is not None:
            counters['overflows'] = float(self.guard.overflows)
        return counters

    # ------------------------------------------------------------------ what is not finite
    def stop(
        self, problem: str, iteration: int, values: Mapping[str, float], norm: Optional[float], files: List[str]
    ) -> NoReturn:
        """Raise the error of a run that cannot go on; ``files`` are those of the batch."""
        raise non_finite_error(problem, iteration, values, norm, files, newest_state(self.model.opt))

    def _take_fault(
        self, problem: str, iteration: int, values: Mapping[str, float], norm: Optional[float], files: List[str]
    ) -> None:
        """Stop, or say that the update will be skipped."""
        if self.guard.policy == 'stop':
            self.stop(problem, iteration, values, norm, files)
        self._say_skipped(problem, iteration, values, norm, files)

    def _say_skipped(
        self, problem: str, iteration: int, values: Mapping[str, float], norm: Optional[float], files: List[str]
    ) -> None:
        if self.guard.skipped < SHOWN:
            get_root_logger().warning(
                f'{problem} in iteration {iteration:,} ({describe(values, norm)}); its update '
                f'is skipped. The batch: {", ".join(files)}'
            )

    def _files_of(self, terms: Mapping[str, Tensor]) -> List[str]:
        """Return the files of the batches whose losses are not finite, of all processes; of all where none is given."""
        bad = not terms or not all(bool(torch.isfinite(value).all()) for value in terms.values())
        return [path for files in gathered(self.model.batch_files if bad else [], self.model.opt) for path in files]

    # ------------------------------------------------------------------ state
    def state(self) -> Dict[str, Any]:
        """Return ``engine``: scaler, guard and the gradients of an update in progress, of every process."""
        self.settle()
        step = self.step.state(self.model.iteration)
        return {
            'engine': {
                'accumulate': self.options.accumulate,
                'scaler': step['scaler'],
                'gradients': gathered(step['gradients'], self.model.opt),
                'guard': self.guard.state(),
            }
        }

    def load_state(self, resume_state: Mapping[str, Any]) -> None:
        """Put them back; an update whose gradients are missing is skipped, and the log says so."""
        self._fuse_as_saved(resume_state)
        opt, iteration = self.model.opt, resume_state['iter']
        saved = (pack_state(resume_state) or {}).get('engine')
        gradients = None
        if saved is not None:
            self.guard.load_state(saved['guard'])
            if saved['accumulate'] == self.options.accumulate and len(saved['gradients']) == opt['world_size']:
                gradients = saved['gradients'][opt['rank']]
            self.step.load_state({'scaler': saved['scaler'], 'gradients': gradients})
        if gradients is None and not self.step.ends_update(iteration):
            self.guard.spoiled = True
            get_root_logger().warning(
                f'Iteration {iteration:,} lies inside an update of {self.options.accumulate} batches, and '
                'the training state does not hold the gradients of those before: that update is skipped.'
            )
