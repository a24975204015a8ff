"""The interval of a gain: calibrated by simulation, honest with one seed or one image, the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from bsr_plugins.analysis.paired_bootstrap import intervals, paired_gain

# Standard deviations in dB: between seeds, between images of the seeds' mean, beyond that. The first is what FSRCNN of
# 3,000 updates gave on Set5 and Set14 (BSPA, bi-sampling and inverse sampling against plain training); the others are
# limits.
SPREADS = {
    'measured': (0.02, 0.08, 0.055),
    'alike': (0.028, 0.04, 0.02),
    'seeds alone': (0.028, 0.0, 0.02),
    'images alone': (0.0, 0.05, 0.01),
    'images differ much': (0.02, 0.3, 0.02),
}


def comparisons(count, seeds, images, spread, mean=0.0, skewed=False, key=0):
    """Return (count, seeds, images) differences; the images' own difficulty is in both runs and cancels."""
    rng = np.random.default_rng([key, seeds, images])
    of_seed, of_image, rest = spread
    method_on_image = rng.exponential(1, (count, 1, images)) - 1 if skewed else rng.normal(0, 1, (count, 1, images))
    return (
        mean
        + of_image * method_on_image
        + of_seed * rng.normal(0, 1, (count, seeds, 1))
        + rest * rng.normal(0, 1, (count, seeds, images))
    )


def called(differences):
    _, low, high = intervals(differences)
    return (low > 0) | (high < 0)


@pytest.mark.parametrize('images', [5, 14, 100])
@pytest.mark.parametrize('seeds', [2, 3])
def test_of_a_thousand_equal_pairs_at_most_five_in_a_hundred_are_told_apart(seeds, images):
    for number, (name, spread) in enumerate(SPREADS.items()):
        for skewed in (False, True) if name in ('measured', 'alike') else (False,):
            share = called(comparisons(1000, seeds, images, spread, skewed=skewed, key=number)).mean()
            assert share <= 0.05, (name, skewed, share)


@pytest.mark.parametrize(('spread', 'share'), [('measured', 0.65), ('alike', 0.7)])
def test_a_gain_of_a_tenth_of_a_decibel_is_found(spread, share):
    differences = comparisons(1000, 3, 14, SPREADS[spread], mean=0.1)
    _, low, high = intervals(differences)
    assert (low > 0).mean() > share
    assert (high < 0).mean() == 0
    assert ((low <= 0.1) & (high >= 0.1)).mean() > 0.95


def test_a_percentile_bootstrap_would_call_too_many():
    """What the interval is compared with in its docstring: seeds drawn anew with replacement."""
    differences = comparisons(300, 3, 14, SPREADS['alike'])
    rng = np.random.default_rng(0)
    means = []
    for _ in range(300):
        drawn = differences[:, rng.integers(0, 3, 3)][..., rng.integers(0, 14, 14)]
        means.append(drawn.mean(axis=(1, 2)))
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    assert ((low > 0) | (high < 0)).mean() > 0.1


def test_verdicts():
    noise = comparisons(1, 3, 14, SPREADS['measured'])[0]
    assert paired_gain(noise + 0.3).verdict == 'better'
    assert paired_gain(noise - 0.3).verdict == 'worse'
    assert paired_gain(noise - noise.mean()).verdict == 'not told apart'
    gain = paired_gain(noise + 0.3)
    assert gain.low < gain.mean < gain.high
    assert gain.over == 'images and seeds'
    mirrored = paired_gain(-noise - 0.3)
    assert (mirrored.low, mirrored.high) == pytest.approx((-gain.high, -gain.low), rel=0.1)
    assert paired_gain(noise) == paired_gain(noise.copy())


def test_with_one_seed_the_interval_is_over_images_alone():
    differences = comparisons(1, 1, 14, SPREADS['measured'])[0]
    gain = paired_gain(differences)
    assert gain.over == 'images'
    # The same as with a second seed that says the same: no variance of seeds is seen.
    assert paired_gain(np.repeat(differences, 2, axis=0))[:3] == pytest.approx(gain[:3])


def test_few_images_and_one_image_by_hand():
    three = np.array([[0.1, 0.2, 0.6]])
    half = t.ppf(0.98, 2) * three.std(ddof=1) / np.sqrt(3)
    gain = paired_gain(three)
    assert (gain.low, gain.mean, gain.high) == pytest.approx((0.3 - half, 0.3, 0.3 + half))
    one = paired_gain(three.T)
    assert one.over == 'seeds'
    assert (one.low, one.mean, one.high) == pytest.approx((0.3 - half, 0.3, 0.3 + half))
    assert paired_gain([[0.4]]) == (0.4, None, None, 'not told apart', 'nothing')


def test_equal_runs_and_equal_gains():
    assert paired_gain(np.zeros((2, 14))) == (0, 0, 0, 'not told apart', 'images and seeds')
    gain = paired_gain(np.full((2, 14), 0.1) + 1e-16 * np.arange(14))
    assert gain[:3] == pytest.approx((0.1, 0.1, 0.1))
    assert gain.verdict == 'better'


@pytest.mark.parametrize('shape', [(0, 3), (2, 0), (3,)])
def test_nothing_to_compare(shape):
    with pytest.raises(ValueError, match='shape'):
        paired_gain(np.zeros(shape))
