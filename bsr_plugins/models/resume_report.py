"""What a resumed run repeats exactly and what it does not, and whether BasicSR will end a run early: in words."""

from __future__ import annotations

import math
from typing import Any, List, Mapping, Optional, Sequence, Tuple

from bsr_plugins.attribution.attribution_options import IG_STEPS
from bsr_plugins.common.keyed_random import DRAW_VERSION
from bsr_plugins.common.naming import plain_name
from bsr_plugins.host.additions import EXACT_PLACE
from bsr_plugins.host.patches import is_switched_off
from bsr_plugins.host.registration import TABLE

#: Entry of BSPA's part of the state: how its attribution rounds draw; states of the releases before lack it.
DRAWS = 'attribution_draws'
#: Entry of the pack's part of the state: the version of the draws of its data sets; earlier releases lack it.
DRAW_KEY = 'draw_version'
#: Entry of BSPA's part of the state: the default of ``ig_steps``; it was 8 in the releases that lack the entry.
DEFAULT_STEPS = 'default_ig_steps'


def describe_resume(
    opt: Mapping[str, Any],
    own: Optional[Mapping[str, Any]],
    alike: Optional[bool] = True,
    own_pass: Optional[str] = None,
    not_kept: Sequence[str] = (),
) -> List[str]:
    """Return the log lines that say how exactly the run goes on.

    Args:
        opt: BasicSR's options of the resumed run.
        own: The pack's part of the training state; None where a stock model wrote it.
        alike: Whether all that shapes the run is as it was when the state was saved; None where the state does not
            tell. What is not has its own lines.
        own_pass: Whose training pass the model runs, where it is not upstream's: it may keep what no state holds.
        not_kept: What else the state of this model does not hold, in words.
    """
    if own is None:
        return [
            'Resume: the state was written by a stock BasicSR model; optimizer and scheduler go on, the epoch in '
            'progress starts over and random draws differ from the uninterrupted run.'
        ]
    limits = [*_limits(opt, own), *not_kept]
    if alike is None:
        limits.append('the state does not say with which options and images it was saved')
    if limits or not alike:
        lines = ['Resume: weights, optimizer, schedule and the order of the samples go on from the state.']
        if own['samples_in_epoch'] is None or is_switched_off(EXACT_PLACE):
            lines = ['Resume: weights, optimizer and schedule go on from the state.']
        lines += [f'Resume: not exact: {limit}.' for limit in limits]
        if alike is False:
            lines.append('Resume: not exact: what has changed, as said above, shapes the run.')
        return lines
    continued = 'sampling, weights, optimizer and random states continue as in the uninterrupted run'
    if own_pass is None:
        return [f'Resume: exact; {continued}.']
    return [f'Resume: {continued}; what the training pass of {own_pass} keeps beside them is not in the state.']


def _limits(opt: Mapping[str, Any], own: Mapping[str, Any]) -> List[str]:
    """Return why a resume with the same options is not exact."""
    found = []
    train = opt['datasets']['train']
    name, workers = plain_name(train.get('type')), train.get('num_worker_per_gpu')
    if is_switched_off(EXACT_PLACE):
        found.append(f"the epoch in progress starts over, since '{EXACT_PLACE}' is switched off")
    elif own['samples_in_epoch'] is None:
        found.append(
            f"the epoch in progress starts over: when the state was saved, '{EXACT_PLACE}' was switched off, or the "
            'script read the training set by a sampler of its own, or did not tell it the epoch'
        )
    elif name not in TABLE['dataset'] and workers:
        found.append(
            f'the images and their order are kept, the crops and flips of {name} are not, since it draws them inside '
            f'the {workers} workers (num_worker_per_gpu: 0 makes them exact)'
        )
    elif name not in TABLE['dataset'] and train.get('prefetch_mode') is not None:
        found.append(
            f'the images and their order are kept, the crops and flips of {name} are not, since prefetch_mode '
            f'{train["prefetch_mode"]} draws them ahead (prefetch_mode: ~ makes them exact)'
        )
    if own['manual_seed'] != opt.get('manual_seed'):
        found.append(
            f'manual_seed was {own["manual_seed"]} and is {opt.get("manual_seed")} now; the draws keyed by it are '
            'others (set manual_seed in the option file)'
        )
    if len(own['random_states']) != opt['world_size']:
        found.append(
            f'saved by {len(own["random_states"])} processes, resumed by {opt["world_size"]}; the batches are others'
        )
    halves = [plain_name(half.get('type')) in TABLE['dataset'] for half in (train, train.get('inverse') or {})]
    if any(halves) and own.get(DRAW_KEY) != DRAW_VERSION:
        found.append(
            'what the data sets of bsr_plugins draw from here on (classes, places, flips) is not what the release that '
            'saved this state would have drawn; the distributions are the same'
        )
    if own.get('bspa') is not None and DRAWS not in own['bspa']:
        found.append(
            'the rounds of BSPA that are still to come attribute on other samples: they now pass through the uniform '
            'set, while the release that saved this state drew samples from it with replacement'
        )
    gives_steps = IG_STEPS.name in (opt['train'].get('bspa') or {})
    if own.get('bspa') is not None and not gives_steps and own['bspa'].get(DEFAULT_STEPS, 8) != IG_STEPS.default:
        before = own['bspa'].get(DEFAULT_STEPS, 8)
        found.append(
            f'train.bspa.ig_steps is {IG_STEPS.default} by default, and was {before} in the release that saved this '
            f'state (ig_steps: {before} keeps it)'
        )
    return found


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
