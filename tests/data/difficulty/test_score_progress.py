"""The partial file of scoring: wherever it is torn, the run goes on from the last whole unit."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

import numpy as np
import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.difficulty.score_progress import ScoreProgress, remove_leftover, split_units

KEYS = [f'a b_s{number:03d}' for number in range(1, 8)]
UNITS = split_units(KEYS, 3)
SCORES: Dict[str, float] = {key: 1 / (index + 3) for index, key in enumerate(KEYS)}
SETTINGS = {'scorer': 'bicubic', 'batch': 3}


def score(result: Path, units: int = 3, settings: dict = SETTINGS) -> List[int]:
    """Go on scoring, up to ``units`` units in all; return the indices of the units that were scored."""
    kept = ScoreProgress(result, settings, UNITS)
    done = list(range(kept.units_done, units))
    for index in done:
        kept.append(UNITS[index], np.array([SCORES[key] for key in UNITS[index]]))
    assert kept.scores == {key: SCORES[key] for unit in UNITS[:units] for key in unit}
    kept.close()
    return done


def test_units_split_in_order() -> None:
    assert [KEYS[:3], KEYS[3:6], KEYS[6:]] == UNITS
    assert split_units([], 4) == []


def test_goes_on_after_the_units_that_are_done(tmp_path: Path) -> None:
    assert score(tmp_path / 'd.txt', 2) == [0, 1]
    assert score(tmp_path / 'd.txt') == [2]
    assert score(tmp_path / 'd.txt') == []


def test_torn_at_every_byte_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole, torn = tmp_path / 'whole.txt', tmp_path / 'torn.txt'
    score(whole)
    content = Path(f'{whole}.partial').read_bytes()
    scored = set()
    for length in range(len(content) + 1):
        Path(f'{torn}.partial').write_bytes(content[:length])
        scored.add(len(score(torn)))
        assert Path(f'{torn}.partial').read_bytes() == content
    assert scored == {0, 1, 2, 3}


@pytest.mark.parametrize('damage', [b'\0' * 40, b'a b_s004 nan\n', b'a b_s009 0.5\n', b'a b_s004 0.5 x\n', b'\xff\n'])
def test_garbage_after_whole_units_is_dropped(tmp_path: Path, damage: bytes) -> None:
    score(tmp_path / 'd.txt', 1)
    with open(tmp_path / 'd.txt.partial', 'ab') as file:
        file.write(damage)
    assert score(tmp_path / 'd.txt') == [1, 2]


def test_other_settings_start_over_and_say_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    score(tmp_path / 'd.txt', 2)
    assert score(tmp_path / 'd.txt', settings={**SETTINGS, 'batch': 4}) == [0, 1, 2]
    assert f'{tmp_path}/d.txt.partial was made with other settings; starting over' in caplog.text
    assert score(tmp_path / 'd.txt') == [0, 1, 2]


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_a_score_that_is_not_finite_is_not_kept(tmp_path: Path, value: float) -> None:
    kept = ScoreProgress(tmp_path / 'd.txt', SETTINGS, UNITS)
    with pytest.raises(DataError, match="score of 'a b_s002' is not finite"):
        kept.append(UNITS[0], np.array([0.1, value, 0.2]))
    kept.close()
    assert score(tmp_path / 'd.txt') == [0, 1, 2]


def test_two_runs_for_one_file_are_refused(tmp_path: Path) -> None:
    first = ScoreProgress(tmp_path / 'd.txt', SETTINGS, UNITS)
    with pytest.raises(DataError, match='Another process') as caught:
        ScoreProgress(tmp_path / 'd.txt', SETTINGS, UNITS)
    assert '--out' in caught.value.remedy
    first.close()
    assert score(tmp_path / 'd.txt') == [0, 1, 2]


def test_finish_and_forget_remove_it(tmp_path: Path) -> None:
    kept = ScoreProgress(tmp_path / 'd.txt', SETTINGS, UNITS)
    kept.finish()
    assert list(tmp_path.iterdir()) == []
    score(tmp_path / 'd.txt')
    remove_leftover(tmp_path / 'd.txt')
    remove_leftover(tmp_path / 'd.txt')
    assert list(tmp_path.iterdir()) == []
