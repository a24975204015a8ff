"""Draws keyed by numbers: equal keys draw alike, different ones do not, and the global state is left alone."""

from __future__ import annotations

import random

from bsr_plugins.common.keyed_random import keyed_generator, keyed_python_random


def test_generator_depends_on_the_key_alone() -> None:
    first = keyed_generator(3, 1, 5).integers(2**40, size=4)
    random.random()
    assert (keyed_generator(3, 1, 5).integers(2**40, size=4) == first).all()
    assert (keyed_generator(3, 1, 6).integers(2**40, size=4) != first).any()
    assert (keyed_generator(3, 2, 5).integers(2**40, size=4) != first).any()


def test_keys_beyond_64_bits_are_taken() -> None:
    assert keyed_generator(2**64 - 1, 2**70).random() != keyed_generator(2**64 - 1, 2**70 + 1).random()


def test_python_random_is_keyed_inside_and_untouched_outside() -> None:
    random.seed(1)
    expected = [random.random() for _ in range(3)]
    random.seed(1)
    seen = [random.random()]
    draws = []
    for _ in range(2):
        with keyed_python_random(7, 8):
            draws.append(random.random())
        seen.append(random.random())
    assert draws[0] == draws[1]
    assert seen == expected
