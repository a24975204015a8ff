"""Random numbers as a function of a key, never of how often something was called before.

A draw keyed by (manual_seed + rank, draw number) is the same whichever worker makes it and whether the run was resumed
or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Tuple

if TYPE_CHECKING:
    import numpy as np

#: Of the draws of the data sets that number them: raised where a key gives other numbers than in the release before.
DRAW_VERSION = 2

_WORD = (1 << 64) - 1
# The step of SplitMix64: 2^64 over the golden ratio, odd.
_STEP = 0x9E3779B97F4A7C15


class HashedNumbers:
    """The random numbers of one draw, from a counter-based hash: SplitMix64 (Steele, Lea, Flood 2014) on whole numbers.

    The parts of the key are taken up one after the other, each by SplitMix64's bijection of 64-bit words, so that two
    keys that differ in one part alone start from different words. Number k is the bijection of that word + k steps. To
    make one costs a microsecond; numpy's generators take ten to be seeded.

    Args:
        *key: Integers >= 0, such as (seed, draw number, stream).
    """

    __slots__ = ('_state',)

    def __init__(self, *key: int) -> None:
        state = _STEP
        for part in key:
            rest = int(part)
            state = _mixed((state + _STEP & _WORD) ^ (rest & _WORD))
            while rest > _WORD:
                rest >>= 64
                state = _mixed((state + _STEP & _WORD) ^ (rest & _WORD))
        self._state = state

    def word(self) -> int:
        """Return the next number: uniform in 0..2^64 - 1."""
        self._state = state = self._state + _STEP & _WORD
        return _mixed(state)

    def below(self, count: int) -> int:
        """Return a number of 0..count - 1, each exactly as likely as any other.

        Args:
            count: 1..2^64.
        """
        # Lemire 2019: the high word of a product, drawn again where the low word falls into the uneven rest.
        product = self.word() * count
        if product & _WORD < count:
            uneven = (1 << 64) % count
            while product & _WORD < uneven:
                product = self.word() * count
        return product >> 64

    def unit(self) -> float:
        """Return a number in [0, 1), a multiple of 2^-53."""
        return (self.word() >> 11) * 2.0**-53

    def coins(self) -> Tuple[bool, bool, bool]:
        """Return three truth values, each True by half."""
        word = self.word()
        return word >> 63 == 1, word >> 62 & 1 == 1, word >> 61 & 1 == 1


def hashed_generator(*key: int) -> np.random.Generator:
    """Return a numpy generator (Philox, a counter-based hash too) whose key is drawn by :class:`HashedNumbers`.

    For a whole batch at once; for single numbers :class:`HashedNumbers` costs a tenth.
    """
    import numpy as np

    numbers = HashedNumbers(*key)
    return np.random.Generator(np.random.Philox(key=numbers.word() << 64 | numbers.word()))


def keyed_generator(*key: int) -> np.random.Generator:
    """Return a numpy generator that depends on ``key`` (non-negative integers) alone."""
    import numpy as np

    return np.random.default_rng([int(part) for part in key])


def _mixed(word: int) -> int:
    """Return SplitMix64's bijection of a 64-bit word: each bit of it changes each bit of the result by half."""
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    word = (word ^ word >> 27) * 0x94D049BB133111EB & _WORD
    return word ^ word >> 31
