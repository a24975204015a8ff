"""An option file's schedule over another number of iterations: each step at its share of the run."""

from __future__ import annotations

import copy
from typing import Any, Dict, List, Mapping

from bsr_plugins.models.engine_options import ACCUMULATE
from bsr_plugins.options.templates.schedule import fitted_stages

#: A run that was made shorter is validated at most so often.
MOST_VALIDATIONS = 15


def fitted(options: Mapping[str, Any], total_iter: int) -> Dict[str, Any]:
    """Return a copy of training options in which the run has ``total_iter`` iterations.

    Milestones, restarts, periods, warm up and ``val_freq`` keep their share of the run; a shorter run has at most 15
    validations. BSPA's stages are those that fit the length. Nothing changes where the length is that already.

    Args:
        options: With ``train.total_iter``, a whole number from 1 on.
        total_iter: Batches, as BasicSR counts.

    Raises:
        OptionError: The run is too short for a stage.
    """
    result = copy.deepcopy(dict(options))
    train = result['train']
    before = train['total_iter']
    if before == total_iter:
        return result
    train['total_iter'] = total_iter
    share = total_iter / before
    scheduler = train.get('scheduler')
    if isinstance(scheduler, dict):
        train['scheduler'] = _fitted_scheduler(scheduler, share, total_iter)
    if _is_number(train.get('warmup_iter')) and train['warmup_iter'] > 0:
        train['warmup_iter'] = round(train['warmup_iter'] * share)
    if isinstance(train.get('bspa'), dict):
        batches = train.get('accumulate') or ACCUMULATE.default
        stages = fitted_stages(total_iter // batches)
        stages.update({name: stages[name] * batches for name in ('interval_iter', 'inverse_iter')})
        train['bspa'] = {**train['bspa'], **stages}
    val = result.get('val')
    if isinstance(val, dict) and _is_number(val.get('val_freq')):
        least = total_iter / MOST_VALIDATIONS if share < 1 else 1
        val['val_freq'] = max(1, round(max(val['val_freq'] * share, least)))
    return result


def _fitted_scheduler(scheduler: Mapping[str, Any], share: float, total_iter: int) -> Dict[str, Any]:
    result = dict(scheduler)
    if isinstance(result.get('milestones'), list):
        result['milestones'] = sorted({max(1, round(each * share)) for each in result['milestones']})
    if isinstance(result.get('restarts'), list):
        result['restarts'] = [round(each * share) for each in result['restarts']]
    if isinstance(result.get('periods'), list):
        lengths = _fitted_periods(result['periods'], share, total_iter)
        weights = result.get('restart_weights')
        kept = [index for index, length in enumerate(lengths) if length > 0]
        result['periods'] = [lengths[index] for index in kept]
        if isinstance(weights, list) and len(weights) == len(lengths):
            result['restart_weights'] = [weights[index] for index in kept]
    return result


def _fitted_periods(periods: List[int], share: float, total_iter: int) -> List[int]:
    ends = [round(sum(periods[: index + 1]) * share) for index in range(len(periods))]
    if ends and ends[-1] == 0:
        ends[-1] = total_iter
    return [end - start for start, end in zip([0, *ends], ends)]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
