"""From LMDBs to the difficulty file: what is written, what is continued, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bsr_plugins.common.commands import program
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.difficulty.difficulty_file import difficulty_path, read_difficulty
from bsr_plugins.data.difficulty.lmdb_pair import read_pair_difficulty
from bsr_plugins.data.difficulty.scorers import Scorer, bicubic_scorer
from bsr_plugins.data.difficulty.scoring import score_difficulty
from bsr_plugins.data.subimages.lmdb_manifest import manifest_sha256, read_keys, read_manifest


class StopHereError(Exception):
    pass


def failing_scorer(calls: int) -> Scorer:
    """Bicubic, which is interrupted at call number ``calls``."""
    left = [calls]

    def upscale(lr: torch.Tensor) -> torch.Tensor:
        left[0] -= 1
        if left[0] < 0:
            raise StopHereError
        return bicubic_scorer(4).upscale(lr)

    return Scorer('bicubic', upscale)


def score(sub_images: Any, scorer: Any = None, **more: Any) -> Any:
    return score_difficulty(
        sub_images.hr_lmdb, sub_images.lr_lmdb, 4, scorer or bicubic_scorer(4), **{'progress': False, **more}
    )


@pytest.mark.parametrize('whole_image', [False, True])
def test_the_file_is_complete_and_fresh(sub_images: Any, whole_image: bool) -> None:
    result = score(sub_images, whole_image=whole_image)
    keys = sorted(read_keys(sub_images.hr_lmdb))
    assert result.path == difficulty_path(sub_images.hr_lmdb, 4)
    assert result.scored == len(keys)
    header, found, mse = read_difficulty(result.path)
    assert header == result.header
    assert (header.scale, header.space, header.border, header.sub_images) == (4, 'y', 4, len(keys))
    assert header.manifest_sha256 == manifest_sha256(sub_images.hr_lmdb)
    assert found == result.keys == keys
    assert np.array_equal(mse, result.mse)
    assert not Path(f'{result.path}.partial').exists()


def test_harder_texture_scores_higher(sub_images: Any) -> None:
    result = score(sub_images)
    mse = dict(zip(result.keys, result.mse))
    # Columns of the image go from flat to textured: 6 windows a row in '0001', from left to right.
    row = [mse[f'0001_s{number:03d}'] for number in range(1, 8)]
    assert row[0] < row[3] < row[6]


@pytest.mark.parametrize(('whole_image', 'calls'), [(False, 0), (False, 1), (False, 4), (True, 1), (True, 2)])
def test_interrupted_and_continued_is_the_same_bytes(
    sub_images: Any, tmp_path: Path, whole_image: bool, calls: int
) -> None:
    more = {'whole_image': whole_image, 'batch': 9}
    whole = score(sub_images, out=tmp_path / 'whole.txt', **more)
    out = tmp_path / 'd.txt'
    with pytest.raises(StopHereError):
        score(sub_images, failing_scorer(calls), out=out, **more)
    assert not out.exists()
    result = score(sub_images, out=out, **more)
    assert out.read_bytes() == whole.path.read_bytes()
    assert (result.scored < len(result.keys)) == (calls > 0)
    assert not Path(f'{out}.partial').exists()


def test_a_batch_size_of_its_own_gives_the_same_scores(sub_images: Any, tmp_path: Path) -> None:
    files = [score(sub_images, batch=batch, out=tmp_path / f'{batch}.txt') for batch in (1, 5, 1000)]
    for other in files[1:]:
        assert other.mse == pytest.approx(files[0].mse, rel=1e-12)


def test_what_stands_there_is_left_alone(sub_images: Any) -> None:
    first = score(sub_images)
    stamp = first.path.stat().st_mtime_ns
    Path(f'{first.path}.partial').write_text('left by a run that was killed at the very end')
    second = score(sub_images, failing_scorer(0))
    assert second.scored == 0
    assert second.keys == first.keys
    assert np.array_equal(second.mse, first.mse)
    assert first.path.stat().st_mtime_ns == stamp
    assert not Path(f'{first.path}.partial').exists()


@pytest.mark.parametrize('damage', ['cut', 'manifest'])
def test_a_damaged_or_stale_file_is_replaced(sub_images: Any, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    first = score(sub_images)
    if damage == 'cut':
        first.path.write_bytes(first.path.read_bytes()[:-9])
    else:
        manifest = read_manifest(sub_images.hr_lmdb)
        (sub_images.hr_lmdb / 'manifest.json').write_text(json.dumps({**manifest, 'tool_version': '0'}))
    second = score(sub_images)
    assert second.scored == len(first.keys)
    assert np.array_equal(second.mse, first.mse)
    assert str(first.path) in caplog.text
    assert read_difficulty(first.path)[0].manifest_sha256 == manifest_sha256(sub_images.hr_lmdb)


def test_a_network_that_gives_nan_is_named_at_once(sub_images: Any) -> None:
    scorer = Scorer('net-1', lambda lr: torch.full((len(lr), 3, 32, 32), float('nan')))
    with pytest.raises(DataError, match=r"score of '0001_s001' is not finite"):
        score(sub_images, scorer)
    assert not difficulty_path(sub_images.hr_lmdb, 4).exists()


def test_missing_lmdbs(tmp_path: Path, sub_images: Any) -> None:
    for hr, lr in ((tmp_path / 'no.lmdb', sub_images.lr_lmdb), (sub_images.hr_lmdb, tmp_path / 'no.lmdb')):
        with pytest.raises(DataError, match='no LMDB folder') as caught:
            score_difficulty(hr, lr, 4, bicubic_scorer(4))
        assert 'no.lmdb' in str(caught.value)
        assert f'{program()} subimages' in caught.value.remedy


def test_misfitting_lmdbs(sub_images: Any, images: Path, tmp_path: Path) -> None:
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs

    with pytest.raises(OptionError, match='not one of HR') as caught:
        score_difficulty(sub_images.lr_lmdb, sub_images.hr_lmdb, 4, bicubic_scorer(4))
    assert caught.value.remedy == 'swap them'
    with pytest.raises(DataError, match='another scale') as caught:
        score_difficulty(sub_images.hr_lmdb, sub_images.lr_lmdb, 2, bicubic_scorer(2))
    assert (caught.value.expected, caught.value.found) == ('scale 2', 'scale 4')
    other = create_subimage_lmdbs(
        images / 'LR',
        tmp_path / 'other',
        4,
        grid=sub_images.grid._replace(crop=16, step=8, threshold=8),
        progress=False,
    )
    with pytest.raises(DataError, match='other HR images'):
        score_difficulty(sub_images.hr_lmdb, other.lr, 4, bicubic_scorer(4))
    meta = sub_images.lr_lmdb / 'meta_info.txt'
    meta.write_text(''.join(meta.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(DataError, match='same keys') as caught:
        score(sub_images)
    assert '1 without a partner' in caught.value.found


@pytest.mark.parametrize(
    ('arguments', 'message'), [({'batch': 0}, 'at least 1'), ({'hr': 'x'}, 'whole-image'), ({'lr': 'x'}, 'whole-image')]
)
def test_wrong_arguments(sub_images: Any, arguments: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        score(sub_images, **arguments)


def test_progress_shows_rate_and_what_is_left(sub_images: Any, capsys: pytest.CaptureFixture) -> None:
    score(sub_images, progress=True)
    text = capsys.readouterr().err
    assert 'scoring: 100%' in text
    assert 'sub-images/s' in text


def test_lmdbs_of_basicsr_are_scored_and_trained_on_without_a_manifest(sub_images: Any) -> None:
    with_manifest = score(sub_images)
    for folder in (sub_images.hr_lmdb, sub_images.lr_lmdb):
        (folder / 'manifest.json').unlink()
    result = score(sub_images)
    assert result.scored == len(result.keys) and np.array_equal(result.mse, with_manifest.mse)
    assert result.header.manifest_sha256 == manifest_sha256(sub_images.hr_lmdb)
    assert score(sub_images).scored == 0
    pair = str(sub_images.hr_lmdb), str(sub_images.lr_lmdb)
    keys, mse = read_pair_difficulty(*pair, 4, 16, None)
    assert keys == result.keys and np.array_equal(mse, result.mse)
    with pytest.raises(OptionError, match='manifest.json') as caught:
        score(sub_images, whole_image=True)
    assert caught.value.remedy == 'score without --whole-image'
    listed = sub_images.hr_lmdb / 'meta_info.txt'
    listed.write_text(listed.read_text() + '\n')
    with pytest.raises(DataError, match='scored on a different LMDB'):
        read_pair_difficulty(*pair, 4, 16, None)
