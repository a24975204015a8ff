"""Which image and which interval each patch of a balanced batch comes from (RFS: BSR, Sec. III-B and Table 1)."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence

import numpy as np

from bsr_plugins.common.keyed_random import hashed_generator
from bsr_plugins.data.sampling.numbered_draws import draw_number
from bsr_plugins.data.sampling.pic_intervals import batch_quotas, nearest_filled

# Tells these draws from others keyed by the same seed and numbers (class_draws has 1, its augmentation 2).
_STREAM = 3


class Pick(NamedTuple):
    """One patch: ``image`` by number, its ``interval``, the interval that was ``wanted``, and ``place`` in [0, 1).

    ``place`` chooses among the positions of the image in the interval: number ``floor(place * count)`` of them.
    """

    image: int
    interval: int
    wanted: int
    place: float


class BalancedDraws:
    """Batches as pure functions of (seed, draw numbers): N patches, N / p of each interval, out of M random images.

    Table 1 of the paper crops at random until every quota is full. Here the crops it would reject are never made: for
    an interval i, image m of the M is drawn with probability proportional to ``fractions[m, i]``, then a position of it
    in i uniformly, which is a uniform image and then a uniform position, conditioned on the interval.

    Where none of the M images has a patch of an interval, up to ``max_tries`` further sets of M images are looked up,
    and the first that has one gives it; after that the nearest interval that the M images have is taken.

    Args:
        fractions: (n, p) share of each image's positions whose PIC lies in each interval; no row is all 0.
        max_tries: How many further sets of images are looked up for one patch.
        seed: What the draws depend on besides their numbers.

    Attributes:
        empty_intervals: (p,) bool, the intervals that no image has; nothing is looked up for them.
    """

    def __init__(self, fractions: np.ndarray, max_tries: int, seed: int) -> None:
        self.fractions = fractions
        self.max_tries = max_tries
        self.seed = seed
        self.empty_intervals = np.asarray(~(fractions > 0).any(axis=0))

    def batch(self, numbers: Sequence[int], num_images: int) -> List[Pick]:
        """Return one pick for each of ``numbers``, in random order.

        Args:
            numbers: The draw numbers of the batch, N of them.
            num_images: M; all images where the set has fewer.

        Raises:
            TypeError: A number is no integer.
            IndexError: A number is negative.
        """
        numbers = [draw_number(number) for number in numbers]
        if not numbers:
            return []
        random = hashed_generator(self.seed, *numbers, _STREAM)
        quotas = batch_quotas(len(numbers), self.fractions.shape[1], random)
        images = self._draw_images(num_images, random)
        totals = self._totals(images)
        picks = []
        for wanted, chance, place in zip(
            np.repeat(np.arange(len(quotas)), quotas).tolist(), *random.random((2, len(numbers))).tolist()
        ):
            interval, chosen, their_totals = wanted, images, totals
            if not totals[-1, wanted]:
                found = self._images_that_have(wanted, len(images), random)
                if found is None:
                    interval = nearest_filled(wanted, totals[-1] > 0, random)
                else:
                    chosen, their_totals = found, self._totals(found)
            totals_here = their_totals[:, interval]
            # Right of all that are not larger: an image without a patch of the interval has no room between them.
            image = chosen[np.searchsorted(totals_here[:-1], chance * totals_here[-1], side='right')]
            picks.append(Pick(int(image), interval, wanted, place))
        return [picks[place] for place in random.permutation(len(picks))]

    def _totals(self, images: np.ndarray) -> np.ndarray:
        """Return (M, p): the fractions of the images added up from the first to each."""
        return np.cumsum(self.fractions[images], axis=0, dtype=np.float64)

    def _images_that_have(self, wanted: int, count: int, random: np.random.Generator) -> Optional[np.ndarray]:
        if self.empty_intervals[wanted] or count == len(self.fractions):
            return None
        for _ in range(self.max_tries):
            images = self._draw_images(count, random)
            if self.fractions[images, wanted].any():
                return images
        return None

    def _draw_images(self, count: int, random: np.random.Generator) -> np.ndarray:
        return random.choice(len(self.fractions), min(count, len(self.fractions)), replace=False)
