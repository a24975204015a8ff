"""Addition: a run that is told to stop (SIGTERM, Ctrl-C) saves weights and state at the end of its iteration."""

from __future__ import annotations

import functools
import os
import sys
from types import FrameType, ModuleType
from typing import Any, Callable, Optional

from bsr_plugins.host.additions.prefetchers import wrap_next
from bsr_plugins.host.scripts.save_arguments import SaveArguments, further_save_arguments, save_takes_more
from bsr_plugins.runs import stop_signals, training_position

# On GPUs reading the agreement waits for all the work that is queued, so that not every iteration does.
_CHECK_EVERY_ON_GPUS = 10


def note_iteration_begin(module: ModuleType) -> bool:
    """Wrap ``BaseModel.update_learning_rate``, by which every training script begins an iteration, to note the model.

    ``basicsr/train.py`` keeps model, epoch and iteration in local variables.
    """
    base: Any = getattr(module, 'BaseModel', None)
    upstream_update = getattr(base, 'update_learning_rate', None)
    if upstream_update is None or hasattr(upstream_update, 'patched_by_bsr_plugins'):
        return False

    @functools.wraps(upstream_update)
    def update_learning_rate(self: Any, current_iter: int, *args: Any, **kwargs: Any) -> Any:
        if stop_signals.are_handled():
            stop_signals.begin_iteration(self, current_iter, _total_iter(self))
        return upstream_update(self, current_iter, *args, **kwargs)

    update_learning_rate.patched_by_bsr_plugins = True  # type: ignore[attr-defined]
    base.update_learning_rate = update_learning_rate
    return True


def stop_at_iteration_end(module: ModuleType) -> bool:
    """Wrap ``next`` of both prefetchers, by which the scripts end an iteration, behind its saving and validation.

    Before the next batch is fetched, so that the state saved is that of a regular save at this iteration: the run goes
    on from it as it would have without the stop.

    Raises (the wrapped function):
        Stopped: After the pair was saved, in every process of a distributed run in the same iteration.
    """
    return wrap_next(module, _with_stop, 'patched_by_bsr_plugins')


def _with_stop(upstream_next: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(upstream_next)
    def next_batch(self: Any) -> Any:
        if stop_signals.are_handled():
            model = stop_signals.end_iteration()
            signum = _signal_of_any_process(model) if model is not None else 0
            if signum:
                _stop(model, signum, _caller() if save_takes_more(type(model)) else None)
        return upstream_next(self)

    return next_batch


def _caller() -> Optional[FrameType]:
    """Return the frame of the script, behind whatever of the pack wraps ``next``."""
    frame: Optional[FrameType] = sys._getframe(1)
    while frame is not None and frame.f_globals.get('__name__', '').partition('.')[0] == 'bsr_plugins':
        frame = frame.f_back
    return frame


def _stop(model: Any, signum: int, script: Optional[FrameType]) -> None:
    stop_signals.announce(signum)
    iteration = stop_signals.iteration()
    is_saved = _save(model, iteration, script)
    if model.opt.get('dist'):
        # A process that is gone lets the launcher end the others; rank 0 may still be writing.
        import torch

        # Without its device, NCCL takes the GPU of the number of the rank.
        on_gpus = torch.distributed.get_backend() == 'nccl'
        torch.distributed.barrier(device_ids=[torch.cuda.current_device()] if on_gpus else None)
    state = os.path.join(model.opt['path']['training_states'], f'{iteration}.state')
    raise stop_signals.Stopped(signum, state if is_saved else None)


def _save(model: Any, iteration: int, script: Optional[FrameType]) -> bool:
    """Save as ``script`` does, the frame of a script whose model takes more; None: with epoch and iteration alone."""
    more = further_save_arguments(script) if script is not None else SaveArguments([], {})
    wrong = 'its script hands on what only it can make'
    if more is not None:
        try:
            model.save(training_position.position.epoch, iteration, *more.positional, **more.named)
            return True
        except (TypeError, LookupError) as error:
            wrong = f'{type(error).__name__}: {error}'
    import logging

    logging.getLogger('basicsr').warning(
        f'{type(model).__name__} cannot be saved at iteration {iteration:,}, between two saves of its script: {wrong}'
    )
    return False


def _signal_of_any_process(model: Any) -> int:
    """Return the signal that asked any process of the run to stop; 0 where none was.

    Signals reach processes at different moments, and one that stopped alone would leave the others waiting for its
    gradients. So all of them compare notes at the end of an iteration, on GPUs of every tenth: an all-reduce of one
    number.
    """
    if not model.opt.get('dist'):
        return stop_signals.requested()
    import torch

    on_gpus = torch.distributed.get_backend() != 'gloo'
    if on_gpus and stop_signals.iteration() % _CHECK_EVERY_ON_GPUS:
        return 0
    asked = torch.tensor(stop_signals.requested(), device='cuda' if on_gpus else 'cpu')
    torch.distributed.all_reduce(asked, torch.distributed.ReduceOp.MAX)
    return int(asked)


def _total_iter(model: Any) -> Optional[int]:
    total = (model.opt.get('train') or {}).get('total_iter')
    return None if total is None else int(total)
