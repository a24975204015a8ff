"""What the engine's options make of a run, in the words of its log."""

from __future__ import annotations

from typing import Any, List, Mapping

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
