"""Draws keyed by numbers: equal keys draw alike, the hash mixes well, bounded numbers are exactly uniform."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import pytest

from bsr_plugins.common import keyed_random
from bsr_plugins.common.keyed_random import HashedNumbers, hashed_generator, keyed_generator


def test_generator_depends_on_the_key_alone() -> None:
    first = keyed_generator(3, 1, 5).integers(2**40, size=4)
    assert (keyed_generator(3, 1, 5).integers(2**40, size=4) == first).all()
    assert (keyed_generator(3, 1, 6).integers(2**40, size=4) != first).any()
    assert (keyed_generator(3, 2, 5).integers(2**40, size=4) != first).any()


@pytest.mark.parametrize('first', [keyed_generator, hashed_generator])
def test_keys_beyond_64_bits_are_taken(first: Callable[..., Any]) -> None:
    assert first(2**64 - 1, 2**70).random() != first(2**64 - 1, 2**70 + 1).random()
    assert first(2**64 - 1, 2**70).random() != first(2**64 - 1, 2**71).random()


def test_the_hash_is_splitmix64() -> None:
    """The published first numbers of SplitMix64 from the state 1234567."""
    numbers = HashedNumbers()
    numbers._state = 1234567
    assert [numbers.word() for _ in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_draws_stay_what_they_are() -> None:
    """Golden: a run that is resumed by a later release with the same DRAW_VERSION draws the same."""
    numbers = HashedNumbers(10, 7, 2)
    found = [numbers.word(), numbers.below(1000), numbers.unit(), *numbers.coins()]
    assert (keyed_random.DRAW_VERSION, found) == GOLDEN
    assert hashed_generator(10, 7, 2).integers(1000, size=3).tolist() == GOLDEN_PHILOX


GOLDEN = (2, [7567551688092672376, 717, 0.34268191133814396, False, False, False])
GOLDEN_PHILOX = [202, 703, 108]


def units(*key: Any, count: int = 20000, skip: int = 0) -> np.ndarray:
    """The number after ``skip`` others of ``count`` draws; None in the key stands for the draw's number."""
    found = np.empty(count)
    for number in range(count):
        numbers = HashedNumbers(*(number if part is None else part for part in key))
        for _ in range(skip):
            numbers.word()
        found[number] = numbers.unit()
    return found


def sigma(counts: np.ndarray) -> float:
    """How many standard deviations chi-squared of counts that should be equal is off."""
    expected = counts.sum() / counts.size
    return float((((counts - expected) ** 2 / expected).sum() - counts.size + 1) / np.sqrt(2 * (counts.size - 1)))


def test_neighbouring_numbers_seeds_streams_and_ranks_in_a_draw_are_independent() -> None:
    """Of pairs of neighbours, 16 x 16 cells of the unit square are filled alike: five sigma."""
    first = units(10, None, 1)
    others = [units(11, None, 1), units(10, None, 2), units(10, None, 1, skip=1), np.roll(first, 1), np.roll(first, 2)]
    assert abs(first.mean() - 0.5) < 5 / np.sqrt(12 * len(first))
    for other in others:
        assert abs(sigma(np.histogram2d(first, other, 16, [[0, 1], [0, 1]])[0].ravel())) < 5
        assert abs(np.corrcoef(first, other)[0, 1]) < 5 / np.sqrt(len(first))


@pytest.mark.parametrize('part', range(3))
def test_each_bit_of_a_key_changes_each_bit_of_a_number_by_half(part: int) -> None:
    rng = np.random.default_rng(part)
    changed = np.zeros((64, 64))
    keys = rng.integers(2**63, size=(60, 3)).tolist()
    for key in keys:
        before = HashedNumbers(*key).word()
        for bit in range(64):
            other = [value ^ (1 << bit) if place == part else value for place, value in enumerate(key)]
            word = before ^ HashedNumbers(*other).word()
            changed[bit] += np.unpackbits(np.array([word], '>u8').view(np.uint8))[::-1]
    share = changed / len(keys)
    assert abs(share.mean() - 0.5) < 0.006 and share.min() > 0.13 and share.max() < 0.87


def test_bounded_numbers_are_drawn_alike() -> None:
    numbers = HashedNumbers(5)
    for count in (1, 2, 7, 100):
        found = np.bincount([numbers.below(count) for _ in range(6000)], minlength=count)
        assert found.size == count and (count == 1 or abs(sigma(found)) < 5)


def test_bounded_numbers_have_no_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the 2^64 words one is too many for three numbers: 0, which is drawn again."""
    words = iter([0, 1, 2**64 - 1])
    monkeypatch.setattr(HashedNumbers, 'word', lambda self: next(words))
    assert [HashedNumbers().below(3) for _ in range(2)] == [0, 2]
