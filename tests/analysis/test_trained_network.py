"""A run's network comes back as it was trained; what cannot be built or loaded is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bsr_plugins.analysis.compared_runs import TestedRun
from bsr_plugins.analysis.trained_network import run_scorer, trained_network
from bsr_plugins.common.builders import build_network
from bsr_plugins.common.errors import CheckpointError, OptionError

TINY = {'type': 'FSRCNN', 'upscale': 2, 'd': 4, 's': 2, 'm': 1}


def run(folder: Path, options, weights='net_g_latest.pth') -> TestedRun:
    return TestedRun('a', 0, folder, {} if options is None else {'network_g': options}, folder / weights, {})


@pytest.fixture
def saved(tmp_path):
    networks = [build_network(TINY) for _ in range(2)]
    torch.save(dict(zip(('params', 'params_ema'), (n.state_dict() for n in networks))), tmp_path / 'net_g_latest.pth')
    return tmp_path, networks[1].eval()


def test_the_averaged_weights_are_taken(saved):
    folder, network = saved
    lr = torch.rand(2, 3, 9, 7)
    with torch.no_grad():
        expected = network(lr)
    assert torch.equal(trained_network(run(folder, TINY))(lr), expected)
    scorer = run_scorer(run(folder, TINY), 2)
    assert scorer.name == 'a, seed 0'
    np.testing.assert_allclose(scorer.upscale(lr).numpy(), expected.numpy(), atol=1e-6)


def test_windows_are_padded_and_cut(saved, monkeypatch):
    folder, _ = saved
    seen = []
    monkeypatch.setattr('bsr_plugins.analysis.trained_network.window_size', lambda options: 8)
    scorer = run_scorer(run(folder, TINY), 2)
    forward = scorer.upscale._upscale
    scorer.upscale._upscale = lambda lr: seen.append(tuple(lr.shape)) or forward(lr)
    assert scorer.upscale(torch.rand(1, 3, 9, 7)).shape == (1, 3, 18, 14)
    assert seen == [(1, 3, 16, 8)]


@pytest.mark.parametrize(
    ('options', 'weights', 'error', 'words'),
    [
        (None, 'net_g_latest.pth', OptionError, 'names no network'),
        ({'type': 'NoSuchNetwork'}, 'net_g_latest.pth', OptionError, 'NoSuchNetwork cannot be built here'),
        ({**TINY, 'wrong': 1}, 'net_g_latest.pth', OptionError, 'FSRCNN cannot be built here'),
        (TINY, 'absent.pth', CheckpointError, 'absent.pth'),
        ({**TINY, 'd': 5}, 'net_g_latest.pth', CheckpointError, 'do not fit'),
    ],
)
def test_what_is_wrong_is_said(saved, options, weights, error, words):
    with pytest.raises(error, match=words):
        trained_network(run(saved[0], options, weights))


def test_a_network_that_takes_no_rgb(tmp_path):
    grey = {**TINY, 'num_in_ch': 1, 'num_out_ch': 1}
    torch.save({'params': build_network(grey).state_dict()}, tmp_path / 'net_g_latest.pth')
    with pytest.raises(CheckpointError, match='a, seed 0 cannot be run on windows of 4 x 4 RGB'):
        run_scorer(run(tmp_path, grey), 2).upscale(torch.rand(1, 3, 4, 4))
