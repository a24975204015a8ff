"""What is read of BasicSR's log lines, and what is shown of the progress."""

from __future__ import annotations

import io

import pytest

from bsr_plugins.comparison import progress as progresses
from bsr_plugins.comparison.log_lines import LogReader
from bsr_plugins.comparison.progress import Progress, duration

LINES = [
    '2026-01-01 00:00:00,000 INFO: Resuming training from epoch: 2, iter: 110.',
    '2026-01-01 00:00:00,000 INFO: [run..][epoch:  3, iter:   1,150, lr:(1.000e-03,)] [eta: 0:00:07] l_pix: 2.5e-02 ',
    '2026-01-01 00:00:00,000 INFO: Validation Set5',
    '\t # psnr: 28.6028\tBest: 28.6028 @ 40 iter',
    '\t # ssim: 0.8\tBest: 0.8 @ 40 iter',
    '2026-01-01 00:00:00,000 INFO: BSPA round 1 after iteration 20: p 0.05',
    '2026-01-01 00:00:00,000 WARNING: beware',
]


def test_iteration_metric_and_what_a_user_should_see() -> None:
    reader = LogReader()
    assert reader.take(LINES[:1]) == [] and reader.iteration == 110
    assert reader.take(LINES[1:]) == ['BSPA round 1 after iteration 20: p 0.05', 'beware']
    assert (reader.iteration, reader.metric) == (1150, 'psnr 28.60 on Set5')


def test_plain_lines_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progresses, '_SECONDS_BETWEEN_LINES', 0.0)
    stream = io.StringIO()
    progress = Progress({'a': 100, 'b': 100}, {'b': 100}, stream)
    for updates in (1, 50, 51, 100):
        progress.at('a', updates, 'psnr 28.60 on Set5')
    progress.close()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert 'a: 50 of 100 updates, psnr 28.60 on Set5; all runs 75%, about ' in lines[0]
    assert [duration(seconds) for seconds in (5, 600, 7200)] == ['5 s', '10 min', '2.0 h']
