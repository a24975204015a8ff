"""``val.save_best``: what counts as better, on which set, and what a resume takes up."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import pytest

from bsr_plugins.common.errors import CheckpointError, OptionError
from bsr_plugins.models.best_checkpoint import BestCheckpoint


def options(metric: Any, **psnr: Any) -> Dict[str, Any]:
    return {'val': {'save_best': metric, 'metrics': {'psnr': psnr, 'niqe': {'better': 'lower'}}}}


def test_nothing_is_tracked_unless_asked() -> None:
    assert BestCheckpoint.from_options({}) is None
    assert BestCheckpoint.from_options({'val': None}) is None
    assert BestCheckpoint.from_options(options(None)) is None


def test_an_unknown_metric_is_refused_with_the_closest() -> None:
    with pytest.raises(OptionError, match="did you mean 'psnr'"):
        BestCheckpoint.from_options(options('psnrr'))


@pytest.mark.parametrize(
    'metric, values, improves',
    [
        ('psnr', [30.0, 29.0, 30.0, 30.5], [True, False, False, True]),
        ('niqe', [5.0, 6.0, 4.0, 4.0], [True, False, True, False]),
    ],
)
def test_better_is_strict_and_follows_the_metrics_own_direction(metric: str, values: list, improves: list) -> None:
    best = BestCheckpoint.from_options(options(metric))
    assert [best.improves('Set5', {metric: value}, step) for step, value in enumerate(values)] == improves


def test_the_first_set_validated_decides() -> None:
    best = BestCheckpoint.from_options(options('psnr'))
    assert best.improves('Set5', {'psnr': 30.0}, 1)
    assert not best.improves('Set14', {'psnr': 40.0}, 1)
    assert not best.improves('Set5', {}, 2), 'a process without results'
    assert best.state() == {'metric': 'psnr', 'dataset': 'Set5', 'value': 30.0, 'iteration': 1}


def test_resume_takes_the_newer_of_state_and_file_but_nothing_from_the_future(tmp_path: Path) -> None:
    written = BestCheckpoint('psnr', True, 'Set5', 31.0, 20)
    written.write(str(tmp_path))
    (tmp_path / 'net_g_best.pth').touch()
    saved = BestCheckpoint('psnr', True, 'Set5', 30.0, 10).state()

    def resumed(iteration: int, state: Any = saved) -> Any:
        best = BestCheckpoint('psnr')
        best.resume(state, str(tmp_path), iteration)
        return best.value

    assert resumed(20) == 31.0
    assert resumed(15) == 30.0
    assert resumed(15, None) is None
    other = BestCheckpoint('ssim')
    other.resume(saved, str(tmp_path), 20)
    assert other.value is None


def test_what_the_weights_beside_the_state_are_not_is_said(tmp_path: Path) -> None:
    BestCheckpoint('psnr', True, 'Set5', 31.0, 20).write(str(tmp_path))
    saved = BestCheckpoint('psnr', True, 'Set5', 30.0, 10).state()
    best = BestCheckpoint('psnr')
    (line,) = best.resume(saved, str(tmp_path), 15)
    assert 'net_g_best.pth is gone' in line and best.value is None and best.improves('Set5', {'psnr': 1.0}, 16)
    (tmp_path / 'net_g_best.pth').touch()
    (line,) = BestCheckpoint('psnr').resume(saved, str(tmp_path), 15)
    assert 'of iteration 20, behind the state' in line and '30.0000' in line
    assert BestCheckpoint('psnr').resume(saved, str(tmp_path), 20) == []


@pytest.mark.parametrize('text', ['', '{', '[]', '{"metric": "psnr"}'])
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / 'net_g_best.json').write_text(text)
    with pytest.raises(CheckpointError, match='record of the best weights cannot be read') as caught:
        BestCheckpoint('psnr').resume(None, str(tmp_path), 5)
    assert 'net_g_best.json' in str(caught.value) and 'remove the file' in str(caught.value)
