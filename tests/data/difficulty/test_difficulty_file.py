"""The difficulty file: round trip, every error it can hold, and its speed."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest

from bsr_plugins.common.commands import program
from bsr_plugins.common.errors import DataError
from bsr_plugins.data.difficulty import difficulty_file as d

HEADER = d.DifficultyHeader('bicubic', 4, 'y', 4, 3, 'ab' * 32)
SCORES = {'0002_s001': 1 / 3, '0001_s002': 5e-324, '0001_s001': 0.1 + 0.2}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / 'HR_sub.lmdb' / 'difficulty_x4.txt'
    d.write_difficulty(path, SCORES, HEADER)
    return path


def test_the_text_is_the_documented_one(file: Path) -> None:
    assert file.read_text() == (
        f'# scorer=bicubic scale=4 space=y border=4 sub_images=3 manifest_sha256={"ab" * 32}\n'
        '0001_s001 0.30000000000000004\n0001_s002 5e-324\n0002_s001 0.3333333333333333\n'
    )


def test_round_trip_is_exact_and_in_key_order(file: Path) -> None:
    header, keys, mse = d.read_difficulty(file)
    assert header == HEADER
    assert keys == sorted(SCORES)
    assert mse.dtype == np.float64
    assert dict(zip(keys, mse.tolist())) == SCORES


def test_pairs_and_keys_with_blanks_round_trip(tmp_path: Path) -> None:
    path = tmp_path / 'd.txt'
    pairs = [('my photo 1_s002', 2.0), ('my photo 1_s001', 0.0), ('ä_s001', 1e-9)]
    d.write_difficulty(path, iter(pairs), HEADER)
    _, keys, mse = d.read_difficulty(path)
    assert list(zip(keys, mse)) == sorted(pairs)


@pytest.mark.parametrize(
    ('old', 'new', 'problem', 'line'),
    [
        ('0001_s002 5e-324', '0001_s002', 'malformed', ':3'),
        ('0001_s002 5e-324', '0001_s002 x', 'malformed', ':3'),
        ('0001_s002 5e-324', '', 'malformed', ':3'),
        ('0001_s002 5e-324', ' 0.5', 'malformed', ':3'),
        ('0001_s002 5e-324', '0001_s002 nan', 'not finite', ':3'),
        ('0001_s002 5e-324', '0001_s002 inf', 'not finite', ':3'),
        ('0001_s002 5e-324', '0001_s002 -0.5', 'negative', ':3'),
        ('0002_s001 0.3', '0001_s002 0.3', 'twice', ':4'),
        ('0001_s002 5e-324\n', '', 'number of sub-images', ''),
        ('0.3333333333333333\n', '0.333', 'is cut off', ':4'),
        ('# scorer', 'scorer', 'header', ':1'),
        ('scale=4', 'scale=four', 'header', ':1'),
        ('border=4 ', '', 'header', ':1'),
    ],
)
def test_damage_is_named_with_file_and_line(file: Path, old: str, new: str, problem: str, line: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(DataError, match=problem) as caught:
        d.read_difficulty(file)
    assert str(caught.value.where) == f'{file}{line}'
    assert f'{program()} score --hr-lmdb' in caught.value.remedy


def test_a_missing_file_names_the_exact_command(tmp_path: Path) -> None:
    path = tmp_path / 'HR_sub.lmdb' / 'difficulty_x3.txt'
    with pytest.raises(DataError, match='missing') as caught:
        d.read_difficulty(path)
    assert caught.value.remedy == (
        f'{program()} score --hr-lmdb {tmp_path}/HR_sub.lmdb --lr-lmdb {tmp_path}/LR_sub_x3.lmdb --scale 3'
    )
    with pytest.raises(DataError, match='missing') as caught:
        d.read_difficulty(path, remedy='make it')
    assert caught.value.remedy == 'make it'


def test_undecodable_bytes_are_a_data_error(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b'\xff\xfe 1\n')
    with pytest.raises(DataError, match='cannot be read'):
        d.read_difficulty(file)


@pytest.mark.parametrize(
    ('scores', 'header', 'message'),
    [
        ({'a': 1.0}, HEADER, 'number of scores'),
        ([('a', 1.0), ('a', 2.0), ('b', 1.0)], HEADER, "twice.*'a'"),
        ({'a': 1.0, 'b': float('nan'), 'c': 0.0}, HEADER, "not finite: 'b'"),
        ({'a': 1.0, 'b': -1e-9, 'c': 0.0}, HEADER, "negative: 'b'"),
        ({'a': 1.0, 'b\nc': 1.0, 'd': 0.0}, HEADER, 'cannot be written'),
        ({'a': 1.0, 'b': 1.0, 'd': 0.0}, dataclasses.replace(HEADER, scorer='my net'), 'one word'),
    ],
)
def test_nothing_wrong_is_written(tmp_path: Path, scores: object, header: d.DifficultyHeader, message: str) -> None:
    path = tmp_path / 'd.txt'
    with pytest.raises(DataError, match=message):
        d.write_difficulty(path, scores, header)
    assert list(tmp_path.iterdir()) == []


def test_a_stale_file_names_both_hashes_and_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bsr_plugins.data.subimages.lmdb_manifest as manifest

    monkeypatch.setattr(manifest, 'manifest_sha256', lambda path: 'cd' * 32)
    lmdb_path = tmp_path / 'HR_sub.lmdb'
    with pytest.raises(DataError, match='stale') as caught:
        d.check_fresh(HEADER, lmdb_path)
    text = str(caught.value)
    assert 'ab' * 32 in text
    assert 'cd' * 32 in text
    assert f'--hr-lmdb {lmdb_path}' in text
    assert str(lmdb_path / 'difficulty_x4.txt') in text
    d.check_fresh(dataclasses.replace(HEADER, manifest_sha256='cd' * 32), lmdb_path)


def test_wrong_scale(tmp_path: Path) -> None:
    d.check_scale(HEADER, 4, tmp_path / 'd.txt')
    with pytest.raises(DataError, match='different scale') as caught:
        d.check_scale(HEADER, 2, tmp_path / 'HR_sub.lmdb' / 'd.txt')
    assert (caught.value.expected, caught.value.found) == ('scale=2', 'scale=4')
    assert f'--hr-lmdb {tmp_path}/HR_sub.lmdb' in caught.value.remedy


def test_keys_that_do_not_match(tmp_path: Path) -> None:
    d.check_keys(['b', 'a'], ['a', 'b'], 'd.txt', tmp_path)
    with pytest.raises(DataError, match='not those of the LMDB') as caught:
        d.check_keys(['a', 'x', 'y'], ['a', 'b'], 'd.txt', tmp_path)
    assert "1 sub-images of the LMDB without a score (first: 'b')" in caught.value.found
    assert "2 scores without a sub-image (first: 'x')" in caught.value.found


def test_command_quotes_blanks_and_names_what_is_unknown() -> None:
    assert d.scoring_command('my data/HR.lmdb', out='a b') == (
        f"{program()} score --hr-lmdb 'my data/HR.lmdb' --lr-lmdb 'my data/LR_sub_xSCALE.lmdb' "
        "--scale SCALE --out 'a b'"
    )


def test_half_a_million_lines_read_in_two_seconds(tmp_path: Path) -> None:
    path = tmp_path / 'd.txt'
    count = 500_000
    values = np.random.default_rng(0).random(count)
    d.write_difficulty(
        path,
        ((f'{i // 620:04d}_s{i % 620 + 1:03d}', v) for i, v in enumerate(values.tolist())),
        dataclasses.replace(HEADER, sub_images=count),
    )
    seconds = []
    for _ in range(3):
        start = time.process_time()
        _, keys, mse = d.read_difficulty(path)
        seconds.append(time.process_time() - start)
    assert len(keys) == count
    assert np.array_equal(mse, values)
    assert min(seconds) < 2
