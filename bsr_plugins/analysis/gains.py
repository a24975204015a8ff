"""Every method against its twin, on each test set and by each metric: what is paired, the interval, the verdict."""

from __future__ import annotations

import math
from typing import Dict, List, Mapping, NamedTuple, Tuple

import numpy as np

from bsr_plugins.analysis.image_scores import METRICS, Scores
from bsr_plugins.analysis.measured_runs import MeasuredRuns, Seed, SetScores, seed_order
from bsr_plugins.analysis.paired_bootstrap import UNKNOWN, Gain, paired_gain


class PairedScores(NamedTuple):
    """Runs of two methods side by side.

    Attributes:
        differences: (S, I) method less twin.
        seeds: (S) the seed of each pair, method's and twin's.
        images: (I) names.
        left_out: Images without a finite difference, in any pair.
    """

    differences: np.ndarray
    seeds: Tuple[Tuple[Seed, Seed], ...]
    images: Tuple[str, ...]
    left_out: Tuple[str, ...]


class MethodGain(NamedTuple):
    """The gain of a method over its twin on one test set by one metric."""

    method: str
    twin: str
    test_set: str
    metric: str
    gain: Gain
    pairs: PairedScores


def gains_of(measured: MeasuredRuns) -> List[MethodGain]:
    """Return the gains at equal budgets, in the order of methods, test sets and metrics.

    A method without a pair of ended runs has none.
    """
    return [
        gain
        for method in measured.compared.methods
        if method in measured.compared.twins
        for twin in [measured.compared.twins[method]]
        for gain in _gains(measured, method, twin, measured.scores.get(twin, {}))
    ]


def gains_as_published(measured: MeasuredRuns) -> Dict[str, List[MethodGain]]:
    """Return method -> its gains over its twin's runs at the budget that the paper gives the twin."""
    return {
        method: _gains(measured, method, measured.compared.twins.get(method, method), scores)
        for method, scores in measured.as_published.items()
    }


def pair_scores(
    method: Mapping[Seed, Mapping[str, Scores]], twin: Mapping[Seed, Mapping[str, Scores]], metric: str
) -> PairedScores:
    """Pair the runs of a method with its twin's, and take the difference on each image.

    Runs of one seed are a pair. Where no seed is common they are paired in order: their differences have the larger
    variance of independent runs, and the interval shows it. A pair that repeats an earlier one to the bit (a seed that
    changed nothing) is no further evidence and left out. An image that both restore exactly counts as equal; one that
    only one of them does, or that a metric has no value for, is left out.

    Args:
        method: Seed -> image -> scores.
        twin: The same of its twin.
        metric: One of :data:`~bsr_plugins.analysis.image_scores.METRICS`.
    """
    seeds = _paired_seeds(method, twin)
    images = tuple(next(iter(method.values()))) if seeds else ()
    differences = np.array(
        [
            [_difference(method[ours][name][metric], twin[theirs][name][metric]) for name in images]
            for ours, theirs in seeds
        ]
    ).reshape(len(seeds), len(images))
    known = np.isfinite(differences).all(axis=0)
    return PairedScores(
        differences[:, known],
        seeds,
        tuple(name for name, is_known in zip(images, known) if is_known),
        tuple(name for name, is_known in zip(images, known) if not is_known),
    )


def _gains(measured: MeasuredRuns, method: str, twin: str, twin_scores: Mapping[Seed, SetScores]) -> List[MethodGain]:
    gains = []
    for each in measured.compared.test_sets:
        ours, theirs = (
            {seed: sets[each.name] for seed, sets in scores.items()}
            for scores in (measured.scores.get(method, {}), twin_scores)
        )
        for metric in METRICS:
            pairs = pair_scores(ours, theirs, metric)
            if pairs.seeds:
                gain = paired_gain(pairs.differences) if pairs.images else UNKNOWN
                gains.append(MethodGain(method, twin, each.name, metric, gain, pairs))
    return gains


def _paired_seeds(
    method: Mapping[Seed, Mapping[str, Scores]], twin: Mapping[Seed, Mapping[str, Scores]]
) -> Tuple[Tuple[Seed, Seed], ...]:
    common = [(seed, seed) for seed in sorted(set(method) & set(twin), key=seed_order)]
    pairs = common or list(zip(sorted(method, key=seed_order), sorted(twin, key=seed_order)))
    kept: List[Tuple[Seed, Seed]] = []
    for ours, theirs in pairs:
        if not any(method[ours] == method[seed] and twin[theirs] == twin[other] for seed, other in kept):
            kept.append((ours, theirs))
    return tuple(kept)


def _difference(ours: float, theirs: float) -> float:
    if math.isinf(ours) and ours == theirs:
        return 0.0
    return ours - theirs
