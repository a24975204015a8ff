"""Scoring in shards: the bytes of a single run, whatever is killed, and no mixture of two requests."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any, List

import pytest
import torch

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.shard import Shard
from bsr_plugins.common.shard_files import shard_path
from bsr_plugins.data.difficulty import score_work
from bsr_plugins.data.difficulty.difficulty_file import read_difficulty
from bsr_plugins.data.difficulty.network_upscaler import NetworkUpscaler
from bsr_plugins.data.difficulty.scorers import Scorer, bicubic_scorer
from bsr_plugins.data.difficulty.scoring import score_difficulty


def network_scorer() -> Scorer:
    from basicsr.archs.srresnet_arch import MSRResNet

    torch.manual_seed(0)
    return Scorer('net-1', NetworkUpscaler(MSRResNet(num_feat=4, num_block=1, upscale=4)))


def score(sub_images: Any, out: Path, scorer: Any = None, **more: Any) -> Any:
    return score_difficulty(
        sub_images.hr_lmdb,
        sub_images.lr_lmdb,
        4,
        scorer or bicubic_scorer(4),
        **{'out': out, 'batch': 5, 'progress': False, **more},
    )


def left_behind(out: Path) -> List[str]:
    return sorted(path.name for path in out.parent.iterdir() if path.name.startswith(f'{out.name}.'))


@pytest.mark.parametrize('make', [lambda: bicubic_scorer(4), network_scorer], ids=['bicubic', 'network'])
@pytest.mark.parametrize('whole_image', [False, True])
def test_four_shards_are_the_single_run_byte_for_byte(
    sub_images: Any, tmp_path: Path, make: Any, whole_image: bool
) -> None:
    scorer = make()
    single = score(sub_images, tmp_path / 'single.txt', scorer, whole_image=whole_image)
    out = tmp_path / 'd.txt'
    for number, missing in ((3, [1, 2, 4]), (1, [2, 4]), (4, [2])):
        part = score(sub_images, out, scorer, whole_image=whole_image, shard=Shard(number, 4))
        assert part.missing == missing and not len(part.mse) and not out.exists()
    last = score(sub_images, out, scorer, whole_image=whole_image, shard=Shard(2, 4))
    assert not last.missing and last.keys == single.keys and list(last.mse) == list(single.mse)
    assert 0 < last.scored < len(last.keys)
    assert out.read_bytes() == single.path.read_bytes()
    assert left_behind(out) == []
    assert score(sub_images, out, scorer, whole_image=whole_image, shard=Shard(1, 4)).scored == 0


def test_a_killed_shard_and_a_killed_merge_go_on(
    sub_images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    single = score(sub_images, tmp_path / 'single.txt')
    out = tmp_path / 'd.txt'
    calls: List[int] = []

    def upscale(lr: torch.Tensor) -> torch.Tensor:
        calls.append(len(lr))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return bicubic_scorer(4).upscale(lr)

    with pytest.raises(KeyboardInterrupt):
        score(sub_images, out, Scorer('bicubic', upscale), shard=Shard(1, 2))
    assert left_behind(out) == ['d.txt.shard_1_of_2.partial']
    first = score(sub_images, out, shard=Shard(1, 2))
    assert first.scored == len(split(sub_images, 1)) - 10 and first.missing == [2]
    monkeypatch.setattr(score_work, 'write_difficulty', lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        score(sub_images, out, shard=Shard(2, 2))
    assert left_behind(out) == ['d.txt.shard_1_of_2', 'd.txt.shard_2_of_2']
    monkeypatch.undo()
    assert score(sub_images, out, shard=Shard(2, 2)).scored == 0
    assert out.read_bytes() == single.path.read_bytes()


def split(sub_images: Any, number: int) -> List[str]:
    from bsr_plugins.data.difficulty.score_progress import split_units
    from bsr_plugins.data.subimages.lmdb_manifest import read_keys

    return [key for unit in Shard(number, 2).of(split_units(sorted(read_keys(sub_images.hr_lmdb)), 5)) for key in unit]


@pytest.mark.parametrize('damage', ['other scorer', 'other batch', 'cut', 'more'])
def test_shards_of_another_request_or_damaged_ones_are_missing(
    sub_images: Any, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / 'd.txt'
    scorer = replace(bicubic_scorer(4), name='other/bf16' if damage == 'other scorer' else 'bicubic')
    score(sub_images, out, scorer, shard=Shard(1, 2), batch=4 if damage == 'other batch' else 5)
    path = shard_path(out, Shard(1, 2))
    content = path.read_bytes()
    if damage == 'cut':
        path.write_bytes(content[:-9])
    elif damage == 'more':
        path.write_bytes(content + b'0009_s001 0.5\n')
    assert score(sub_images, out, shard=Shard(2, 2)).missing == [1]
    assert score(sub_images, out, shard=Shard(1, 2)).missing == []
    assert f'{path} is damaged or was scored with other settings, and will be replaced' in caplog.messages
    assert read_difficulty(out)[0].scorer == 'bicubic'
    assert out.read_bytes() == score(sub_images, tmp_path / 'single.txt').path.read_bytes()


def test_what_is_replaced_is_said_once(sub_images: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    out = tmp_path / 'd.txt'
    score(sub_images, out, replace(bicubic_scorer(4), name='other'))
    with caplog.at_level(logging.WARNING):
        score(sub_images, out, shard=Shard(1, 1))
    assert [record.message for record in caplog.records] == [
        f'{out} was scored with other settings '
        f'({read_difficulty(out)[0].line().replace("bicubic", "other")}) and will be replaced'
    ]


def test_more_shards_than_batches(sub_images: Any, tmp_path: Path) -> None:
    out = tmp_path / 'd.txt'
    assert score(sub_images, out, batch=1000, shard=Shard(2, 2)).missing == [1]
    assert score(sub_images, out, batch=1000, shard=Shard(1, 2)).missing == []


def test_one_shard_twice_at_once(sub_images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bsr_plugins.common.locks import Holder

    def busy(path: Path) -> None:
        raise Holder('process 7 on node1')

    monkeypatch.setattr('bsr_plugins.common.shard_files.hold', busy)
    with pytest.raises(DataError, match=r'(?s)Another run is making .*shard_1_of_2.*process 7 on node1'):
        score(sub_images, tmp_path / 'd.txt', shard=Shard(1, 2))
