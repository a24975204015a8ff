"""What each kind of value takes and refuses, and how that is reported."""

from __future__ import annotations

from typing import Any

import pytest

from bsr_plugins.common.option_kinds import (
    FLAG,
    NUMBERS,
    PATHS,
    SECTION,
    Kind,
    choice,
    either,
    list_of,
    number,
    optional,
    whole,
)


@pytest.mark.parametrize(
    ('kind', 'right', 'wrong', 'text'),
    [
        (whole(1), [1, 7], [0, 1.0, True, '1', None], 'whole number >= 1'),
        (whole(), [-3], [0.5, False, 10**400], 'whole number'),
        (whole(0, 9), [0, 9], [-1, 10], 'whole number >= 0 and <= 9'),
        (number(), [1, -0.5], [True, '1e-4', float('nan'), float('inf'), 10**400, [1]], 'number'),
        (number(above=0, at_most=1), [1, 0.1], [0, 1.1], 'number > 0 and <= 1'),
        (number(at_least=0, below=1), [0, 0.9], [-0.1, 1], 'number >= 0 and < 1'),
        (choice('a', 'b'), ['a'], ['c', None, 1], 'a or b'),
        (choice(1, 3), [3], [2, True, '1'], '1 or 3'),
        (list_of(number(), 2), [[0.9, 0.99]], [[0.9], 0.9, ['a', 'b']], 'list of 2 numbers'),
        (NUMBERS, [[1, 2, 3], []], [['2e5'], None], 'list of numbers'),
        (optional(whole(1)), [None, 2], [0, 'x'], 'whole number >= 1 or ~'),
        (either(choice('auto'), number(above=0)), ['auto', 2.5], ['car', 0], 'auto or number > 0'),
        (FLAG, [True, False], [1, 'true', None], 'true or false'),
        (SECTION, [{}, {'a': 1}], [[], None, 'a'], 'keys and values'),
        (PATHS, ['a', ['a', 'b']], [1, [1], None], 'path, or list of paths'),
    ],
)
def test_kinds(kind: Kind, right: list, wrong: list, text: str) -> None:
    refused: Any = [value for value in right if not kind.accepts(value)]
    taken: Any = [value for value in wrong if kind.accepts(value)]
    assert refused == [] and taken == [] and kind.text == text


def test_words_to_offer() -> None:
    assert either(choice('bf16', 'fp16'), choice(1)).words == ('bf16', 'fp16')
    assert FLAG.words == ('true', 'false') and whole().words == ()
