"""SamplingAugDataset in BasicSR's own pipeline: each image once an epoch, a resume to the bit with workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from training_runs import cut_copy, everything, log_of, without_bspa

Options = Dict[str, Any]
Train = Callable[..., Path]


@pytest.fixture
def options(base_options: Options) -> Options:
    """Nine iterations of two images of eight, with a worker: two epochs and a part of the third."""
    plain = without_bspa(base_options, 'RebalancedSRModel', total_iter=9)
    plain['datasets']['train'].update(type='SamplingAugDataset', portion=0.1, num_worker_per_gpu=1)
    return plain


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> List[str]:
    """The image names that are trained on, in their order."""
    from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel

    names: List[str] = []
    original = RebalancedSRModel.feed_data

    def note(self: Any, data: Dict[str, Any], *rest: Any) -> Any:
        names.extend(Path(path).name for path in data['gt_path'])
        return original(self, data, *rest)

    monkeypatch.setattr(RebalancedSRModel, 'feed_data', note)
    return names


def test_a_run_and_its_resume(
    options: Options, train: Train, seen: List[str], sr_data: Path, tmp_path: Path, same: Callable[..., None]
) -> None:
    whole = train(options, tmp_path / 'whole')
    names, trained = sorted(path.name for path in (sr_data / 'HR').iterdir()), list(seen)
    assert sorted(trained[:8]) == sorted(trained[8:16]) == names and trained[:8] != trained[8:16]
    for iteration in (3, 4):  # inside the first epoch, and at its end
        seen.clear()
        cut_copy(whole, tmp_path / str(iteration), iteration)
        resumed = train(options, tmp_path / str(iteration), '--auto_resume')
        assert seen == trained[2 * iteration :]
        same(everything(resumed, 9), everything(whole, 9))
        assert 'Resume: exact' in log_of(resumed)


def test_as_the_uniform_half_of_bspa(
    base_options: Options, train: Train, tmp_path: Path, same: Callable[..., None]
) -> None:
    base_options['datasets']['train'].update(type='SamplingAugDataset', portion=0.1)
    base_options['train']['total_iter'] = 8
    whole = train(base_options, tmp_path / 'whole')
    assert 'BSPA round 1' in log_of(whole)
    cut_copy(whole, tmp_path / 'resumed', 4)  # inside an inverse stage
    same(everything(train(base_options, tmp_path / 'resumed', '--auto_resume'), 8), everything(whole, 8))
