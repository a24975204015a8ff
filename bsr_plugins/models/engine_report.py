"""What the engine's options make of a run, in the words of its log."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from bsr_plugins.models.engine_options import EngineOptions


def describe_engine(options: EngineOptions, opt: Mapping[str, Any]) -> List[str]:
    """Return the log lines of a training that begins; none with the default options.

    Args:
        options: The engine's options.
        opt: BasicSR's options: batch size, processes and ``total_iter`` are read.
    """
    lines = []
    if options.accumulate > 1:
        processes = opt['world_size'] if opt['dist'] else max(1, opt['num_gpu'])
        batch = opt['datasets']['train']['batch_size_per_gpu'] * processes
        total = int(opt['train']['total_iter'])
        lines.append(
            f'Accumulation: {options.accumulate} batches of {batch} make an update, the effective batch '
            f'is {batch * options.accumulate}; {total:,} iterations are {total // options.accumulate:,} '
            'updates.'
        )
        if total % options.accumulate:
            lines.append(
                f'Accumulation: the last {total % options.accumulate} batches make no update; a total_iter'
                f' that {options.accumulate} divides leaves none.'
            )
    shown = [(key, getattr(options, key)) for key in ('amp', 'compile', 'channels_last', 'grad_clip', 'max_loss_jump')]
    asked = [f'{key} {value}' for key, value in shown if value]
    return lines + (['Engine: ' + ', '.join(asked)] if asked else [])


def describe_reading(reason: Optional[str]) -> str:
    """Return the log line of a GPU: whether readings are late, or the ``reason`` why each update waits for them."""
    if reason is None:
        return (
            'Engine: losses and gradients are read one iteration late; the fused optimizer leaves an update out where '
            'they are not finite.'
        )
    return f'Engine: each update waits until losses and gradients are read: {reason}.'


def describe_optimizer(name: str, is_kept: bool = False) -> str:
    """Return the log line of a GPU where an optimizer is fused by default, or kept as a training state had it."""
    if is_kept:
        return f'Engine: {name} goes on not fused, as in the training state; fused: true in train.optim_g changes that.'
    return f'Engine: {name} is fused; foreach: true in train.optim_g keeps it as in SRModel.'
