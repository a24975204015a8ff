r"""How much better a method is than its twin, and whether that can be told: a 95 % interval over images and seeds.

Both are tested on the same images, and trained with the same seeds, so that the differences
:math:`d_{si}` of seed s and image i are what is looked at. They differ from image to image, whatever the seed
(variance :math:`\sigma_a^2`), from seed to seed, whatever the image (:math:`\sigma_b^2`), and beyond that
(:math:`\sigma_e^2`), so that their mean has the variance

.. math:: \sigma_a^2 / I + \sigma_b^2 / S + \sigma_e^2 / (S I).

A bootstrap that draws two or three seeds anew is far too narrow: with replacement three seeds show two thirds of their
variance, and nothing makes up for how badly three values tell it. The interval is put together of two instead:

* over images: the paired bootstrap-t of the means over seeds :math:`\bar d_{\cdot i}` (Efron and Tibshirani, *An
  Introduction to the Bootstrap*, 1993, section 12.5). It keeps the skewness of gains over images, which Student's t
  does not. Below ten images its ends run away (of five they reached 2 dB), and Student's t is taken.
* over seeds: Student's t of the means over images :math:`\bar d_{s \cdot}`, S - 1 degrees of freedom.

Both are taken at 96 %: where images or seeds are all that differs one of them decides alone, and at 95 % every other
thousand of equal pairs would have more than fifty called different.

With :math:`l_a, u_a` and :math:`l_b, u_b` as their distances from the mean, the interval ends at

.. math:: \bar d - \sqrt{l_a^2 + l_b^2}, \quad \bar d + \sqrt{u_a^2 + u_b^2}

(MOVER: Zou and Donner, *Statistics in Medicine* 27, 2008). For two t intervals this is Banerjee's (*Sankhya* 22, 1960),
whose coverage is never below the nominal one. :math:`\sigma_e^2 / (S I)` is in both parts, so that it errs to the wide
side. Satterthwaite's degrees of freedom, the usual way out, call up to 13 % of equal pairs different at two seeds.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple, Optional, Tuple

import numpy as np

from bsr_plugins.common.keyed_random import keyed_generator

BETTER, WORSE, NOT_TOLD_APART = 'better', 'worse', 'not told apart'
#: What an interval is over.
IMAGES_AND_SEEDS, IMAGES, SEEDS, NOTHING = 'images and seeds', 'images', 'seeds', 'nothing'
_TAIL = 0.02
_RESAMPLES = 2000
_FEWEST_FOR_BOOTSTRAP = 10
# Differences of equal scores are not exactly equal in floating point.
_EQUAL = 1e-12


class Gain(NamedTuple):
    """The mean difference of a method and its twin; ``low`` and ``high`` are None where one value is all there is."""

    mean: float
    low: Optional[float]
    high: Optional[float]
    verdict: str
    over: str


#: Where no image has a finite difference.
UNKNOWN = Gain(float('nan'), None, None, NOT_TOLD_APART, NOTHING)


def paired_gain(differences: Any) -> Gain:
    """Return the mean difference, its interval, and a verdict: better and worse where the interval excludes zero.

    With one seed the interval is over images alone, with one image over seeds alone; ``over`` says so.

    Args:
        differences: (S, I) method less twin of each pair of runs and each image, finite.

    Raises:
        ValueError: There is none.
    """
    differences = np.asarray(differences, dtype=np.float64)
    if differences.ndim != 2 or differences.size == 0:
        raise ValueError(f'differences of seeds and images are needed, found an array of shape {differences.shape}')
    seeds, images = differences.shape
    over = {(True, True): IMAGES_AND_SEEDS, (False, True): IMAGES, (True, False): SEEDS, (False, False): NOTHING}
    mean, low, high = (float(value) for value in intervals(differences))
    if seeds == images == 1:
        return Gain(mean, None, None, NOT_TOLD_APART, NOTHING)
    verdict = BETTER if low > 0 else WORSE if high < 0 else NOT_TOLD_APART
    return Gain(mean, low, high, verdict, over[seeds > 1, images > 1])


def intervals(differences: np.ndarray) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, lower and upper end of the 95 % intervals of many comparisons at once.

    Args:
        differences: (..., S, I) float64.

    Returns:
        Three arrays (...); with one seed and one image the ends are the mean.
    """
    mean = differences.mean(axis=(-2, -1))
    of_images, of_seeds = differences.mean(axis=-2), differences.mean(axis=-1)
    if of_images.shape[-1] < _FEWEST_FOR_BOOTSTRAP:
        below = above = _student(of_images)
    else:
        below, above = _bootstrap_t(of_images)
    seeds = _student(of_seeds)
    return mean, mean - np.hypot(below, seeds), mean + np.hypot(above, seeds)


def _student(values: np.ndarray) -> np.ndarray:
    """Return half of Student's interval of the means of (..., n) values: (...); 0 for one value."""
    from scipy.stats import t

    count = values.shape[-1]
    if count == 1:
        return np.zeros(values.shape[:-1])
    return t.ppf(1 - _TAIL, count - 1) * _standard_error(values)


def _bootstrap_t(values: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Return how far the bootstrap-t interval of the means of (..., n) values reaches below and above them: (...)."""
    count = values.shape[-1]
    drawn = _draws(count)
    deviations = values - values.mean(axis=-1, keepdims=True)
    mean = deviations @ drawn.T / count
    variance = (deviations**2) @ drawn.T / count - mean**2
    scale = np.maximum((deviations**2).mean(axis=-1, keepdims=True), np.finfo(np.float64).tiny)
    # Where one image is drawn n times there is no variance: its t is beyond all others.
    error = np.sqrt(np.maximum(variance, _EQUAL * scale) / (count - 1))
    low, high = np.quantile(mean / error, [_TAIL, 1 - _TAIL], axis=-1)
    standard_error = _standard_error(values)
    return high * standard_error, -low * standard_error


def _standard_error(values: np.ndarray) -> np.ndarray:
    """Return the standard error of the means of (..., n) values, n > 1: (...); exactly 0 where all are equal."""
    deviation = values.std(axis=-1, ddof=1)
    deviation = np.where(deviation <= _EQUAL * np.abs(values).max(axis=-1), 0.0, deviation)
    return deviation / np.sqrt(values.shape[-1])


@functools.lru_cache(maxsize=8)
def _draws(count: int) -> np.ndarray:
    """Return how often each of ``count`` images is drawn in each resample: (resamples, count), the same every time."""
    return keyed_generator(count).multinomial(count, [1 / count] * count, size=_RESAMPLES).astype(np.float64)
