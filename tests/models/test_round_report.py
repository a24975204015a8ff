"""The report of an attribution round: its numbers, its file, its tensorboard run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import pytest
import torch

from bsr_plugins.attribution.integrated_gradients import Attribution
from bsr_plugins.models.round_report import RoundReport, write_round


@pytest.fixture
def report() -> RoundReport:
    scores = {'a.weight': torch.ones(2, 2), 'b.weight': torch.ones(6)}
    masks = {'a.weight': torch.tensor([[True, False], [False, False]]), 'b.weight': torch.zeros(6, dtype=torch.bool)}
    return RoundReport.of(2, 1000, 0.1, Attribution(scores, 0.01, 0.5, 0.4, 3), masks)


def options(root: Path, **more: Any) -> Dict[str, Any]:
    return {
        'name': 'run',
        'root_path': str(root),
        'path': {'experiments_root': str(root / 'experiments' / 'run')},
        'logger': {'use_tb_logger': True},
        **more,
    }


def test_shares_are_of_all_ranked_entries_and_of_each_layer(report: RoundReport) -> None:
    assert report.frozen_share == pytest.approx(0.1)
    assert report.layers == {'a.weight': 0.25, 'b.weight': 0.0}
    assert (report.loss_uniform, report.loss_inverse, report.completeness_gap) == (0.5, 0.4, 0.01)


def test_the_sentence_says_all_that_the_log_needs(report: RoundReport) -> None:
    assert report.sentence() == (
        'BSPA round 2 after iteration 1,000: p 0.1000, frozen share 0.1000, completeness gap +0.0100, L1 on uniform '
        'batches 0.500000 before and 0.400000 after the inverse stage'
    )


def test_file_and_state_bring_the_report_back(report: RoundReport, tmp_path: Path) -> None:
    write_round(report, options(tmp_path, logger={}))
    written = json.loads((tmp_path / 'experiments/run/bspa_rounds/round_002.json').read_text())
    assert RoundReport.from_state(written) == report == RoundReport.from_state(report.state())
    assert not (tmp_path / 'tb_logger').exists()


def test_layers_go_to_a_tensorboard_run_of_their_own(report: RoundReport, tmp_path: Path) -> None:
    write_round(report, options(tmp_path))
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / 'tb_logger' / 'run' / 'bspa'))
    events.Reload()
    (scalar,) = events.Scalars('bspa_frozen_by_layer/a.weight')
    assert (scalar.step, scalar.value) == (1000, 0.25)
    assert events.Scalars('bspa/p')[0].value == pytest.approx(0.1)


def test_debug_runs_write_no_tensorboard(report: RoundReport, tmp_path: Path) -> None:
    write_round(report, options(tmp_path, name='debug_run'))
    assert not (tmp_path / 'tb_logger').exists()
