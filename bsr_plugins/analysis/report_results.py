"""The numbers of a report as plain values: what ``report.json`` holds, and what tables and words are made from."""

from __future__ import annotations

import math
import statistics
from typing import Any, Dict, List, Mapping, Optional, Sequence

from bsr_plugins.analysis.compared_runs import ComparedRuns, TestedRun
from bsr_plugins.analysis.gains import MethodGain, gains_as_published, gains_of
from bsr_plugins.analysis.image_scores import METRICS, Scores
from bsr_plugins.analysis.measured_runs import MeasuredRuns, Seed, SetScores, seed_order
from bsr_plugins.analysis.report_environment import environment, fingerprints
from bsr_plugins.analysis.run_facts import RunFacts, read_run_facts
from bsr_plugins.runs.run_record import flat_options

# What a test makes of a run; the rest of `val` changes no image.
_WITHOUT_EFFECT = frozenset({'metrics', 'val_freq', 'save_img', 'suffix', 'pbar', 'use_pbar', 'per_class'})


def results_of(measured: MeasuredRuns) -> Dict[str, Any]:
    """Return all that is measured and known of a comparison. Values may be infinite or NaN, as the metrics give them.

    ``methods.<name>.sets.<set>.<metric>``: mean over images and seeds; the sample standard deviation of the seeds'
    means, None with one; these means in the order of ``seeds``, None where a run did not end.
    """
    compared = measured.compared
    facts = {id(run): read_run_facts(run) for run in compared.runs}
    published = gains_as_published(measured)
    return {
        'name': compared.name,
        'scale': compared.scale,
        'border': measured.border,
        'seeds': list(measured.seeds),
        'test_sets': {
            each.name: {'images': len(measured.names(each.name)), 'gt': str(each.gt), 'lq': str(each.lq)}
            for each in compared.test_sets
        },
        'methods': {method: _method(measured, method, facts) for method in compared.methods},
        'bicubic': {
            'sets': {
                name: {metric: {'mean': _mean(images, metric), 'std': None} for metric in METRICS}
                for name, images in measured.bicubic.items()
            }
        },
        'gains': [_gain(each) for each in gains_of(measured)],
        'as_published': {
            method: {
                'twin': compared.twins.get(method),
                'updates': _updates(compared.runs, method, facts),
                'twin_updates': _first(read_run_facts(run).updates for run in compared.as_published[method]),
                'seeds': _seeds(scores, measured.seeds),
                'sets': _sets(scores, measured, _seeds(scores, measured.seeds)),
                'gains': [_gain(each) for each in published[method]],
            }
            for method, scores in measured.as_published.items()
        },
        'failed': [{'method': run.method, 'seed': run.seed, 'reason': run.reason} for run in measured.failed],
        'per_image': {
            each.name: {name: _of_image(measured, each.name, name) for name in measured.names(each.name)}
            for each in compared.test_sets
        },
        'environment': environment(),
        'data': fingerprints(measured),
        'commands': list(compared.commands),
        'seconds_by_step': dict(compared.seconds),
    }


def differing(compared: ComparedRuns, method: str) -> Dict[str, Dict[str, Any]]:
    """Return the options of a method's first run that are others in its twin's: ``key:path`` -> both values.

    Names, folders, seeds, logging and validation change no weight and are left out.
    """
    twin = compared.twins.get(method)
    runs = [next((run for run in compared.runs if run.method == each), None) for each in (method, twin)]
    if twin is None or None in runs:
        return {key: {'value': value, 'twin': None} for key, value in compared.differing.get(method, {}).items()}
    ours, theirs = (_options(run) for run in runs if run is not None)
    return {
        key: {'value': ours.get(key), 'twin': theirs.get(key)}
        for key in dict.fromkeys([*ours, *theirs])
        if ours.get(key) != theirs.get(key)
    }


def finite(value: Any) -> Any:
    """Return ``value`` as JSON can hold it: infinity and NaN are None, keys are text."""
    if isinstance(value, Mapping):
        return {str(key): finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(each) for each in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if hasattr(value, 'tolist'):
        return finite(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


def _options(run: TestedRun) -> Dict[str, Any]:
    options = {key.replace('.', ':'): value for key, value in flat_options(run.options).items()}
    tested = {key: value for key, value in (run.options.get('val') or {}).items() if key not in _WITHOUT_EFFECT}
    return {**options, **{f'val:{key}': value for key, value in tested if key not in _WITHOUT_EFFECT}}


def _method(measured: MeasuredRuns, method: str, facts: Mapping[int, RunFacts]) -> Dict[str, Any]:
    compared = measured.compared
    scores = measured.scores.get(method, {})
    runs = [run for run in compared.runs if run.method == method and run.seed in scores]
    return {
        'twin': compared.twins.get(method),
        'network': dict(runs[0].options.get('network_g') or {}) if runs else None,
        'model': runs[0].options.get('model_type') if runs else None,
        'updates': _updates(runs, method, facts),
        'parameters': _first(facts[id(run)].parameters for run in runs),
        'seconds': _average([facts[id(run)].seconds for run in runs]),
        'differs': differing(compared, method),
        'sets': _sets(scores, measured, measured.seeds),
        'runs': [
            {
                'seed': run.seed,
                'experiment': str(run.experiment),
                'weights': str(run.weights),
                'updates': facts[id(run)].updates,
                'seconds': facts[id(run)].seconds,
                'num_gpu': facts[id(run)].gpus,
                'versions': dict(facts[id(run)].versions),
            }
            for run in runs
        ],
    }


def _updates(runs: Sequence[TestedRun], method: str, facts: Mapping[int, RunFacts]) -> Optional[int]:
    return _first(facts[id(run)].updates for run in runs if run.method == method)


def _seeds(scores: Mapping[Seed, SetScores], seeds: Sequence[Seed]) -> List[Seed]:
    return sorted({*seeds, *scores}, key=seed_order)


def _sets(scores: Mapping[Seed, SetScores], measured: MeasuredRuns, seeds: Sequence[Seed]) -> Dict[str, Any]:
    return {
        each.name: {metric: _over_seeds(scores, seeds, each.name, metric) for metric in METRICS}
        for each in measured.compared.test_sets
    }


def _over_seeds(scores: Mapping[Seed, SetScores], seeds: Sequence[Seed], test_set: str, metric: str) -> Dict[str, Any]:
    per_seed = [_mean(scores[seed][test_set], metric) if seed in scores else None for seed in seeds]
    known = [value for value in per_seed if value is not None]
    return {
        'mean': sum(known) / len(known) if known else None,
        'std': statistics.stdev(known) if len(known) > 1 and all(map(math.isfinite, known)) else None,
        'per_seed': per_seed,
    }


def _mean(images: Mapping[str, Scores], metric: str) -> Optional[float]:
    """Return the mean over the images that the metric has a value for."""
    known = [scores[metric] for scores in images.values() if not math.isnan(scores[metric])]
    return sum(known) / len(known) if known else None


def _of_image(measured: MeasuredRuns, test_set: str, name: str) -> Dict[str, Dict[str, Optional[float]]]:
    """Return bicubic's and each method's scores of an image, the mean over its seeds."""
    runs = {method: [sets[test_set][name] for sets in scores.values()] for method, scores in measured.scores.items()}
    return {
        method: {metric: _average([scores[metric] for scores in each]) for metric in METRICS}
        for method, each in {'bicubic': [measured.bicubic[test_set][name]], **runs}.items()
    }


def _average(values: Sequence[Optional[float]]) -> Optional[float]:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _first(values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _gain(each: MethodGain) -> Dict[str, Any]:
    gain, pairs = each.gain, each.pairs
    return {
        'method': each.method,
        'twin': each.twin,
        'set': each.test_set,
        'metric': each.metric,
        'mean': gain.mean,
        'low': gain.low,
        'high': gain.high,
        'verdict': gain.verdict,
        'over': gain.over,
        'images': len(pairs.images),
        'seeds': [ours if ours == theirs else [ours, theirs] for ours, theirs in pairs.seeds],
        'left_out': list(pairs.left_out),
    }
