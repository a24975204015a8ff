"""Lists of keys read in blocks: the same keys, lines and errors as read at once."""

from __future__ import annotations

from pathlib import Path
from typing import List

import numpy as np
import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.images import key_blocks as blocks
from bsr_plugins.data.images.key_comparison import compare_keys
from bsr_plugins.data.images.name_lists import key_in, read_lines

PLAIN = ''.join(f'{number:04d}_s{number % 7:03d}.png (48,{number},3) 1\n' for number in range(50))


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, '_BLOCK_BYTES', 100)


@pytest.mark.parametrize(
    'content',
    [
        PLAIN.encode(),
        PLAIN.rstrip('\n').encode(),
        PLAIN.replace('\n', '\r\n').encode(),
        PLAIN.replace('0007', '  0007').encode(),
        PLAIN.replace('0020_s', 'ä b/').encode(),
        PLAIN.replace('.png', '').encode(),
        PLAIN.replace('0003_s003', '').encode(),
        (PLAIN + '\n  \n\n').encode(),
        b'a.png\n' + b'\n' * 300 + PLAIN.encode(),
        b'x' * 700 + b'.png (1,1,3)\n' + PLAIN.encode(),
        b'',
    ],
    ids=[
        'plain',
        'no end',
        'CRLF',
        'blanks',
        'UTF-8',
        'no dot',
        'empty key',
        'blank end',
        'blank block',
        'long',
        'none',
    ],
)
def test_keys_and_lines(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'list.txt'
    path.write_bytes(content)
    keys: List[str] = []
    lines: List[str] = []
    for block in blocks.key_blocks(path):
        keys += [key.decode() for key in block.keys.tolist()]
        lines += [block.lines(index) for index in range(len(block.keys))]
    expected = read_lines(path, blank_lines=True)
    assert lines == expected
    assert keys == [key_in(line)[: blocks.LONGEST_KEY] for line in expected]
    first = next((number for number, line in enumerate(content.decode().splitlines(), 1) if not line.strip()), None)
    assert next((block.blank for block in blocks.key_blocks(path) if block.blank is not None), None) == first


@pytest.mark.parametrize(
    'content',
    [b'\xef\xbb\xbf' + PLAIN.encode(), PLAIN.encode() + b'\xff.png\n', PLAIN.replace('0033', '../a').encode()],
)
def test_errors_name_the_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'list.txt'
    path.write_bytes(content)
    said = []
    for read in (lambda: read_lines(path), lambda: list(blocks.key_blocks(path))):
        with pytest.raises(DataError) as error:
            read()
        said.append(str(error.value))
    assert said[0] == said[1]


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='cannot be read'):
        next(blocks.key_blocks(tmp_path / 'absent'))


def listed(path: Path, keys: List[str]) -> Path:
    path.write_text(''.join(f'{key}.png ({key})\n' for key in keys))
    return path


@pytest.mark.parametrize('seed', range(6))
def test_lists_are_compared(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    every = [f'{"long" * (number % 3)}{number:03d}' for number in range(300)]
    chosen = [sorted(key for key in every if rng.random() < share) for share in ((0.7, 0.9), (0, 1), (1, 1))[seed % 3]]
    lists = [listed(tmp_path / name, keys) for name, keys in zip('ab', chosen)]
    both = sorted(set(chosen[0]) & set(chosen[1]))
    wanted = [0, 5, len(both) - 1] if both else []
    found = compare_keys(*map(blocks.key_blocks, lists), wanted)  # type: ignore[call-arg]
    assert (found.both.count, found.both.first) == (len(both), both[:10])
    for names, one, other in zip(found.alone, chosen, chosen[::-1]):
        alone = sorted(set(one) - set(other))
        assert (names.count, names.first) == (len(alone), alone[:10])
    assert found.lines == {number: (f'{both[number]}.png ({both[number]})',) * 2 for number in wanted}


@pytest.mark.parametrize('keys', [['b', 'a'], ['a', 'a']])
def test_lists_in_another_order(tmp_path: Path, keys: List[str]) -> None:
    many = [f'{number:03d}' for number in range(100)]
    with pytest.raises(blocks.NotAscendingError):
        compare_keys(blocks.key_blocks(listed(tmp_path / 'a', [*many, *keys])), blocks.key_blocks(tmp_path / 'a'))


@pytest.mark.parametrize(
    ('content', 'count'),
    [('', 0), ('# head\n', 0), ('# head\na 1\nb 2\n', 2), ('# head\na 1\n\n  \nb 2', 2), ('# head\nä 1\n \n', 1)],
)
def test_scores_are_counted(tmp_path: Path, content: str, count: int) -> None:
    (tmp_path / 'scores').write_text(content * 1, encoding='utf-8')
    assert blocks.count_scores(tmp_path / 'scores') == count
