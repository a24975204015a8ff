"""The demo: its grid and base, the commands that it runs, what it says, and all of it at a tiny budget."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / 'tools'))

import demo  # noqa: E402

from bsr_plugins.comparison.checking import Checked, check_grid  # noqa: E402
from bsr_plugins.models.bspa_schedule import BSPASchedule  # noqa: E402
from bsr_plugins.options.option_file import read_option_file  # noqa: E402


def checked(root: Path, updates: Any = None) -> Checked:
    return check_grid(read_option_file(str(REPO / demo.GRID)), root, root / 'data', iters=updates)


# ---------------------------------------------------------------------- the grid
def test_nothing_is_wrong_but_the_data_that_the_demo_makes(tmp_path: Path) -> None:
    findings = checked(tmp_path).findings
    assert findings
    for finding in findings:
        assert 'datasets/demo' in f'{finding.found} {finding.problem}', str(finding)


def test_the_twins_differ_in_the_methods_keys_alone(tmp_path: Path) -> None:
    baseline, bspa = (method.options for method in checked(tmp_path).methods)
    assert bspa.pop('model_type') == 'BSPAModel' and baseline.pop('model_type') == 'SRModel'
    inverse = bspa['datasets']['train'].pop('inverse')
    assert inverse['dataroot_gt'] == bspa['datasets']['train']['dataroot_gt'] == str(demo.WINDOWS / 'HR_sub.lmdb')
    assert bspa['train'].pop('bspa')['beta'] == 0.1
    assert baseline == bspa


@pytest.mark.parametrize(('updates', 'rounds'), [(None, 3), (3, 1), (14, 1), (7000, 7)])
def test_any_budget_has_rounds_and_ends_uniform(updates: Any, rounds: int, tmp_path: Path) -> None:
    train = checked(tmp_path, updates).methods[1].options['train']
    schedule = BSPASchedule(train['total_iter'], train['bspa']['interval_iter'], train['bspa']['inverse_iter'])
    assert (train['total_iter'], schedule.rounds, schedule.warnings()) == (updates or 1400, rounds, [])


def test_the_network_is_built() -> None:
    import torch
    from basicsr.archs import build_network

    network = build_network(read_option_file(str(REPO / 'options/demo/train_baseline_x4.yml')).options['network_g'])
    assert sum(p.numel() for p in network.parameters()) == 24518
    assert network(torch.zeros(1, 3, 6, 5)).shape == (1, 3, 24, 20)


# ---------------------------------------------------------------------- the commands
@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> List[List[str]]:
    """The commands that the demo runs, none of them really; it works in ``tmp_path``."""
    commands: List[List[str]] = []
    monkeypatch.setattr(demo, 'ROOT', tmp_path)
    monkeypatch.setattr(demo, 'run', lambda arguments: commands.append(arguments) or 0)
    monkeypatch.setattr(demo, 'write_images', lambda: None)
    monkeypatch.chdir(tmp_path)
    return commands


RESULTS = {
    'bicubic': {'sets': {'demo_test': {'psnr_y': {'mean': 29.0}}}},
    'methods': {
        name: {'updates': 1400, 'sets': {'demo_test': {'psnr_y': {'mean': mean}}}}
        for name, mean in (('baseline', 30.0), ('bspa', 29.9))
    },
}


def write_results(root: Path) -> None:
    (root / demo.OUT).mkdir(parents=True)
    (root / demo.OUT / 'report.json').write_text(json.dumps(RESULTS))


def test_it_makes_the_data_and_compares(ran: List[List[str]], tmp_path: Path, capsys: Any) -> None:
    write_results(tmp_path)
    assert demo.main(['--updates', '70']) == 0
    assert [arguments[0] for arguments in ran] == ['subimages', 'score', 'compare']
    assert ran[2][1] == demo.GRID and ran[2][ran[2].index('--iters') + 1] == '70'
    out = capsys.readouterr().out
    assert 'bicubic 29.00 dB, plain L1 30.00 dB, BSPA 29.90 dB' in out
    assert 'results/demo/report.html' in out and 'results/demo/report.png' in out
    assert 'One seed, 1,400 updates' in out


def test_the_next_step_is_one_that_basicsr_takes() -> None:
    import argparse

    from bsr_plugins.cli import compare, option

    lines = [line.strip() for line in demo.closing_words(RESULTS, 200).splitlines()]
    made, compared = (line.split()[2:] for line in lines if line.startswith('basicsr '))
    for module, words in ((option, made), (compare, compared)):
        parser = argparse.ArgumentParser()
        module.add_arguments(parser)
        parser.parse_args(words)
    assert made[-1] == compared[-1] == 'my_grid.yml' and 'YOUR_HR_FOLDER' in made


def test_a_command_that_fails_ends_it(ran: List[List[str]], monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(demo, 'run', lambda arguments: 3 * (arguments[0] == 'score'))
    assert demo.main([]) == 3
    assert '`basicsr score --hr-lmdb' in capsys.readouterr().err


def test_what_was_made_of_other_images_goes_and_the_rest_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from bsr_plugins.analysis import demo_images

    monkeypatch.chdir(tmp_path)
    for changed in (False, True):
        for folder in (demo.WINDOWS, demo.OUT, Path('results/demonstration')):
            folder.mkdir(parents=True, exist_ok=True)
        images = demo_images.DemoImages(Path(), Path(), Path(), ('a',), ('b',), changed)
        monkeypatch.setattr(demo_images, 'write_demo_images', lambda *_, images=images: images)
        demo.write_images()
        assert demo.WINDOWS.exists() == demo.OUT.exists() == (not changed)
        assert ('rm -r results/demo starts over' in capsys.readouterr().out) == (not changed)
    assert Path('results/demonstration').exists()


def test_errors_of_the_images_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    from bsr_plugins.common.errors import DataError

    def fail() -> None:
        raise DataError('no data')

    monkeypatch.setattr(demo, 'ROOT', tmp_path)
    monkeypatch.setattr(demo, 'write_images', fail)
    monkeypatch.chdir(tmp_path)
    assert demo.main([]) == 2
    assert 'no data' in capsys.readouterr().err


def test_a_budget_without_a_round_is_refused(capsys: Any) -> None:
    with pytest.raises(SystemExit) as stop:
        demo.parse(['--updates', '2'])
    assert stop.value.code == 2
    assert 'at least 3' in capsys.readouterr().err


@pytest.mark.skipif(shutil.which('bash') is None, reason='bash is absent')
def test_the_script_sets_up_first_and_works_from_anywhere(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / 'a repo', tmp_path / 'elsewhere'
    for folder in (root / 'tools', root / '.venv/bin', elsewhere):
        folder.mkdir(parents=True)
    shutil.copy(REPO / 'tools/demo.sh', root / 'tools/demo.sh')
    for path in (root / 'chosen', root / '.venv/bin/python'):
        path.write_text('#!/bin/sh\necho "$(pwd): $(basename "$0") $*" >> "$LOG"\nexit ${STOP:-0}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    log = tmp_path / 'log'
    env = {**os.environ, 'PYTHON': str(root / 'chosen'), 'LOG': str(log)}
    command = ['bash', str(root / 'tools/demo.sh'), '--updates', '70']
    assert subprocess.run(command, cwd=elsewhere, env=env, check=False).returncode == 0
    assert log.read_text().splitlines() == [
        f'{root}: chosen tools/bootstrap.py',
        f'{root}: python tools/demo.py --updates 70',
    ]
    log.unlink()
    assert subprocess.run(command, cwd=elsewhere, env={**env, 'STOP': '1'}, check=False).returncode == 1
    assert len(log.read_text().splitlines()) == 1


def test_help_is_fast_and_light() -> None:
    code = (
        f'import runpy, sys; sys.argv = ["demo.py", "--help"]\ntry:\n    runpy.run_path({str(demo.__file__)!r}, '
        'run_name="__main__")\nexcept SystemExit:\n    assert not {"torch", "cv2", "basicsr"} & set(sys.modules)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '--updates' in done.stdout


# ---------------------------------------------------------------------- all of it
@pytest.mark.slow
def test_the_whole_demo_twice_at_a_tiny_budget(tmp_path: Path) -> None:
    root = tmp_path / 'repo'
    for folder in ('bsr_plugins', 'tools', 'options'):
        shutil.copytree(REPO / folder, root / folder, ignore=shutil.ignore_patterns('__pycache__'))
    command = [sys.executable, str(root / 'tools/demo.py'), '--updates', '14']
    for _ in range(2):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert '2 of 2 runs are done already' in done.stderr
    assert re.search(r'demo_test: bspa (is \w+ than|and) baseline', done.stdout)
    report: Dict[str, Any] = json.loads((root / 'results/demo/report.json').read_text(encoding='utf-8'))
    assert {name: method['updates'] for name, method in report['methods'].items()} == {'baseline': 14, 'bspa': 14}
    assert 20 < report['bicubic']['sets']['demo_test']['psnr_y']['mean'] < 40
    assert (root / 'results/demo/report.png').is_file()
    assert sorted(path.name for path in root.iterdir()) == ['bsr_plugins', 'datasets', 'options', 'results', 'tools']
    assert [path.name for path in (root / 'results').iterdir()] == ['demo']
