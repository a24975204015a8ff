"""What a resumed run repeats exactly and what it does not, and whether BasicSR will end a run early: in words."""

from __future__ import annotations

import math
from typing import Any, List, Mapping, Optional, Tuple

from bsr_plugins.common.naming import plain_name
from bsr_plugins.host.additions import EXACT_PLACE
from bsr_plugins.host.patches import is_switched_off
from bsr_plugins.host.registration import TABLE


def describe_resume(opt: Mapping[str, Any], own: Optional[Mapping[str, Any]]) -> List[str]:
    """Return the log lines that say how exactly the run goes on.

    Args:
        opt: BasicSR's options of the resumed run.
        own: The pack's part of the training state; None where a stock model wrote it.
    """
    if own is None:
        return [
            'Resume: the state was written by a stock BasicSR model; optimizer and scheduler go on, the epoch in '
            'progress starts over and random draws differ from the uninterrupted run.'
        ]
    lines = []
    train = opt['datasets']['train']
    name = plain_name(train.get('type'))
    if is_switched_off(EXACT_PLACE) or own['samples_in_epoch'] is None:
        when = 'is' if is_switched_off(EXACT_PLACE) else 'was, when the state was saved,'
        lines.append(
            f"Resume: weights, optimizer and scheduler go on; '{EXACT_PLACE}' {when} switched off, so that the epoch "
            'in progress starts over and random draws differ from the uninterrupted run.'
        )
    elif name in TABLE['dataset'] or not train.get('num_worker_per_gpu'):
        lines.append(
            'Resume: exact; sampling, weights, optimizer and random states continue as in the uninterrupted run.'
        )
    else:
        lines.append(
            f'Resume: images and their order continue as in the uninterrupted run; the crops and flips of '
            f'{name} differ, since stock data sets draw them inside the '
            f'{train["num_worker_per_gpu"]} workers (num_worker_per_gpu: 0 makes them exact).'
        )
    if own['manual_seed'] != opt.get('manual_seed'):
        lines.append(
            f'Resume: manual_seed was {own["manual_seed"]} and is {opt.get("manual_seed")} now; draws keyed '
            'by it differ from the uninterrupted run. Set manual_seed in the option file.'
        )
    if len(own['random_states']) != opt['world_size']:
        lines.append(
            f'Resume: saved by {len(own["random_states"])} processes, resumed by {opt["world_size"]}; the '
            'batches differ from the uninterrupted run.'
        )
    return lines


def early_end_warning(opt: Mapping[str, Any], samples_per_epoch: Optional[int], batch_size: int) -> Optional[str]:
    """Return a warning where BasicSR's epoch count ends the run before ``total_iter``, else None.

    BasicSR plans ceil(total_iter / ceil(samples / batch)) epochs, runs one more, and drops each epoch's last partial
    batch: with few batches an epoch that falls short.

    Args:
        opt: BasicSR's options.
        samples_per_epoch: Samples of one process in an epoch (its sampler's length); None where unknown.
        batch_size: Samples of one process in a batch.
    """
    if samples_per_epoch is None:
        return None
    total_iter = int(opt['train']['total_iter'])
    batches, epochs = _epochs_of_basicsr(total_iter, samples_per_epoch, batch_size)
    if batches * epochs >= total_iter:
        return None
    # The factor batch_size makes every batch full, and so ends the search.
    factor = 2
    while math.prod(_epochs_of_basicsr(total_iter, samples_per_epoch * factor, batch_size)) < total_iter:
        factor += 1
    return (
        f'BasicSR will end this run after {batches * epochs:,} of {total_iter:,} iterations: '
        f'{samples_per_epoch:,} samples an epoch in batches of {batch_size} are {batches:,} full batches, and it '
        f'runs {epochs:,} epochs. Multiply datasets.train.dataset_enlarge_ratio by {factor}, or take a batch size '
        f'that divides {samples_per_epoch:,}.'
    )


def _epochs_of_basicsr(total_iter: int, samples_per_epoch: int, batch_size: int) -> Tuple[int, int]:
    """Return (full batches of an epoch, epochs that BasicSR runs)."""
    return samples_per_epoch // batch_size, math.ceil(total_iter / math.ceil(samples_per_epoch / batch_size)) + 1
