"""What the lists of two LMDBs hold: found in one pass, kept for the other processes, the same in any order."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest

from bsr_plugins.checks import keyed_listing
from bsr_plugins.checks.keyed_listing import read_keyed_pairs

KEYS = [f'{number:04d}' for number in range(40)]


def listed(path: Path, keys: List[str], side: int) -> Path:
    path.write_text(''.join(f'{key}.png ({side},{side + 1},3) 1\n' for key in keys))
    return path


@pytest.mark.parametrize('is_sorted', [True, False])
def test_pairs_and_samples(tmp_path: Path, is_sorted: bool) -> None:
    gt, lq = KEYS[:30], KEYS[5:]
    gt, lq = (gt, lq) if is_sorted else (gt, lq[::-1])
    found = read_keyed_pairs(listed(tmp_path / 'gt', gt, 8), listed(tmp_path / 'lq', lq, 2), 5)
    assert (found.both.count, found.both.first) == (25, KEYS[5:15])
    assert [(names.count, names.first) for names in found.alone] == [(5, KEYS[:5]), (10, KEYS[30:])]
    assert found.sizes == {KEYS[number]: [(8, 9), (2, 3)] for number in (5, 10, 15, 20, 25)}
    assert (found.foreign[0].count, found.blank) == (0, [None, None])


def test_what_cannot_be_looked_up(tmp_path: Path) -> None:
    (tmp_path / 'gt').write_text('.png (1,1,3)\na.png (1,1,3)\n\nä.png (1,1,3)\nb\n', encoding='utf-8')
    found = read_keyed_pairs(tmp_path / 'gt', None, 5)
    assert (found.foreign[0].count, found.foreign[0].quoted, found.blank) == (2, "'', 'ä'", [3, None])
    assert (found.both.count, found.alone[0].count) == (0, 4)


def test_long_lists_are_read_by_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed_listing, '_KEPT_BYTES', 0)
    monkeypatch.setenv('BSR_PLUGINS_CACHE', str(tmp_path / 'cache'))
    lists = listed(tmp_path / 'gt', KEYS, 8), listed(tmp_path / 'lq', KEYS[1:], 2)
    found = read_keyed_pairs(*lists, 5)
    with monkeypatch.context() as patch:
        patch.setattr(keyed_listing, '_read', lambda *_: pytest.fail('read again'))
        assert read_keyed_pairs(*lists, 5) == found
    (kept,) = (tmp_path / 'cache').glob('lists-*.json')
    kept.write_text('{')
    assert read_keyed_pairs(*lists, 5) == found
    listed(tmp_path / 'lq', KEYS, 2)
    assert read_keyed_pairs(*lists, 5).both.count == 40
