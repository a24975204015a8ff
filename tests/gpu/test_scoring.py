"""Difficulty and saliency on the GPU: the scores of the CPU."""

from __future__ import annotations

from typing import Any, Dict

import pytest
import torch

from bsr_plugins.data.difficulty.scorers import bicubic_scorer
from bsr_plugins.data.images.bicubic_resampling import downsample_bicubic, upsample_bicubic

pytestmark = pytest.mark.gpu


def test_bicubic_is_that_of_the_cpu(device: torch.device) -> None:
    lr = torch.rand(3, 3, 12, 10)
    expected, found = (bicubic_scorer(4, str(place)).upscale(lr.to(place)) for place in ('cpu', device))
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize('kind', ['torch', 'matlab'])
def test_resampling_is_that_of_the_cpu(kind: str, device: torch.device) -> None:
    images = torch.rand(2, 3, 16, 24)
    for resample in (upsample_bicubic, downsample_bicubic):
        expected, found = (resample(images.to(place), 2, kind) for place in ('cpu', device))
        torch.testing.assert_close(found.cpu(), expected, rtol=1e-5, atol=1e-6)


def test_a_set_is_scored_as_on_the_cpu(lmdbs: Dict[str, Any], device: torch.device, tmp_path: Any) -> None:
    from bsr_plugins.data.difficulty.difficulty_file import read_difficulty
    from bsr_plugins.data.difficulty.scoring import score_difficulty

    scores = []
    for place in ('cpu', str(device)):
        out = tmp_path / f'{len(scores)}.txt'
        scorer = bicubic_scorer(2, place)
        score_difficulty(lmdbs['dataroot_gt'], lmdbs['dataroot_lq'], 2, scorer, out=out, progress=False)
        scores.append(torch.as_tensor(read_difficulty(out)[2]))
    torch.testing.assert_close(scores[1], scores[0], rtol=1e-5, atol=1e-9)
