"""``basicsr compare``: arguments, exit codes, and a small grid from end to end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

from bsr_plugins.analysis import report, report_words
from bsr_plugins.analysis.compared_runs import ComparedRuns
from bsr_plugins.cli.main import main
from bsr_plugins.comparison import runner


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['--jobs', '2', '--gpus', '0'], 'exclude each other'),
        (['--jobs', '0'], '--jobs is no number'),
        (['--gpus', '0,x'], '--gpus names no GPUs'),
        (['--gpus', '99'], 'There is no GPU 99'),
        (['--out', 'grid.yml'], '--out is a file'),
        (['--shard', '0/2'], '--shard names no part'),
        (['--shard', '3/2'], '--shard names no part'),
    ],
)
def test_wrong_arguments(write_grid, capsys, arguments: List[str], said: str) -> None:
    assert main(['compare', str(write_grid('methods: [baseline]')), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_wrong_grid_ends_with_2_and_all_findings(write_grid, capsys, tmp_path: Path) -> None:
    grid = write_grid('methods: {twin: {}, soft: {train:foo: 1}}\nseeds: [0, 0]\nbar: 1')
    assert main(['compare', str(grid)]) == 2
    assert '3 errors' in capsys.readouterr().err
    assert not (tmp_path / 'comparisons').exists()
    assert main(['compare', 'absent.yml']) == 2


def test_the_plan_is_shown_and_nothing_run(write_grid, capsys, tmp_path: Path) -> None:
    grid = write_grid('methods: [bspa]\niters: 30')
    assert main(['compare', str(grid), '--plan', '--seeds', '0', '1']) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == 'grid_baseline_s0: 30 updates'
    assert shown[1] == 'grid_bspa_s0: 30 updates, compared with baseline'
    assert shown[2] == 'grid_baseline_s0_16: 16 updates, the shorter twin of bspa as published'
    assert shown[-1].startswith('6 runs, 152 updates; tested on ')
    assert not (tmp_path / 'comparisons').exists()


def test_wrong_grids_need_no_torch(write_grid) -> None:
    grid = write_grid('methods: [nope]')
    code = (
        'import sys; from bsr_plugins.cli.main import main; '
        f'code = main(["compare", {str(grid)!r}]); sys.exit(code if "torch" not in sys.modules else 9)'
    )
    assert subprocess.run([sys.executable, '-c', code], stderr=subprocess.DEVNULL).returncode == 2


def test_a_grid_from_end_to_end(write_grid, capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: List[ComparedRuns] = []

    def write_report(compared: ComparedRuns, out: Path) -> Path:
        reported.append(compared)
        return out / 'report.html'

    monkeypatch.setattr(report, 'write_report', write_report)
    monkeypatch.setattr(report, 'read_results', lambda out: {})
    monkeypatch.setattr(report_words, 'summary', lambda results: [])
    text = 'methods: {twin: {}, boom: {train:optim_g:lr: 1.0e+30}}\niters: 6'
    arguments = ['compare', str(write_grid(text)), '--jobs', '2']
    assert main(arguments) == 1
    shown = capsys.readouterr().err
    assert 'grid_boom_s0 failed' in shown and 'A loss is not finite' in shown
    out = tmp_path / 'comparisons' / 'grid'
    (compared,) = reported
    (trained,) = compared.runs
    assert (trained.method, trained.seed, compared.methods) == ('twin', 0, ('twin',))
    assert [failed.method for failed in compared.failed] == ['boom']
    assert len(list(trained.images['held_out'].glob('*.png'))) == 2
    assert not list((out / 'locks').iterdir())

    # Again, without the run that fails: nothing is left to do.
    monkeypatch.setattr(runner, 'Command', None)
    write_grid('methods: {twin: {}}\niters: 6')
    assert main(arguments[:2]) == 0
    assert '1 of 1 runs are done already' in capsys.readouterr().err
    write_grid('methods: {twin: {}}\niters: 7')
    assert main(arguments[:2]) == 2
    assert 'train:total_iter was 6' in capsys.readouterr().err
