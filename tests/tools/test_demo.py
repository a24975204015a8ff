"""The demo: its option files, how it shows and runs commands, what it removes, and all of it at a tiny budget."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Tuple

import pytest
import yaml

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / 'tools'))

import demo  # noqa: E402
from demo_commands import Commands, StepError  # noqa: E402

Options = Dict[str, Any]


def options_of(kind: str, method: str) -> Options:
    return yaml.safe_load(
        (REPO / f'options/demo/{kind}_{method}_x4.yml').read_text(encoding='utf-8').replace('!!float ', '')
    )


def flat(options: Options, above: Tuple[str, ...] = ()) -> Dict[Tuple[str, ...], Any]:
    found = {}
    for key, value in options.items():
        found.update(flat(value, (*above, key)) if isinstance(value, dict) else {(*above, key): value})
    return found


# ---------------------------------------------------------------------- option files
def test_the_twins_differ_in_the_methods_keys_alone():
    baseline, bspa = (flat(options_of('train', method)) for method in demo.METHODS)
    different = {key for key in {*baseline, *bspa} if baseline.get(key) != bspa.get(key)}
    own = {key for key in different if key[:2] == ('train', 'bspa') or key[:3] == ('datasets', 'train', 'inverse')}
    assert different - own == {('name',), ('model_type',)}
    assert own
    assert not own & set(baseline)


def test_test_files_fit_the_trainings():
    tests = [flat(options_of('test', method)) for method in demo.METHODS]
    assert {key for key in tests[0] if tests[0][key] != tests[1][key]} == {('name',), ('path', 'pretrain_network_g')}
    for method, test in zip(demo.METHODS, tests):
        training = flat(options_of('train', method))
        assert test['name',] == training['name',] == f'demo_{method}'
        assert test['path', 'pretrain_network_g'] == f'experiments/demo_{method}/models/net_g_latest.pth'
        assert {key: value for key, value in test.items() if key[0] == 'network_g'} == {
            key: value for key, value in training.items() if key[0] == 'network_g'
        }
        for metric in ('psnr', 'ssim'):
            assert test['val', 'metrics', metric, 'crop_border'] == test['scale',] == demo.SCALE
            assert test['val', 'metrics', metric, 'test_y_channel'] is True


def test_the_schedule_has_three_rounds_and_ends_uniform():
    from bsr_plugins.models.bspa_schedule import BSPASchedule

    train = options_of('train', 'bspa')['train']
    schedule = BSPASchedule(train['total_iter'], train['bspa']['interval_iter'], train['bspa']['inverse_iter'])
    assert schedule.rounds == 3
    assert schedule.warnings() == []
    assert (train['total_iter'], train['bspa']['interval_iter']) == (demo.STAGES * demo.STAGE, demo.STAGE)


@pytest.mark.parametrize('kind', ['train', 'test'])
@pytest.mark.parametrize('method', demo.METHODS)
def test_option_files_lack_nothing_but_the_data(kind, method, tmp_path):
    from bsr_plugins.checks.option_checks import check_options
    from bsr_plugins.options.option_file import read_option_file

    option_file = read_option_file(str(REPO / f'options/demo/{kind}_{method}_x4.yml'))
    findings = check_options(option_file, tmp_path, kind == 'train')
    assert findings
    for finding in findings:
        assert re.search('datasets/demo|experiments/demo', f'{finding.found} {finding.problem}'), str(finding)


def test_their_networks_are_built_and_equal():
    import torch
    from basicsr.archs import build_network

    networks = [
        build_network(options_of(kind, method)['network_g']) for kind in ('train', 'test') for method in demo.METHODS
    ]
    assert {sum(p.numel() for p in network.parameters()) for network in networks} == {24518}
    assert networks[0](torch.zeros(1, 3, 6, 5)).shape == (1, 3, 24, 20)


@pytest.mark.parametrize('method', demo.METHODS)
@pytest.mark.parametrize('updates', [7, 20, 70, 7000])
def test_another_budget_keeps_the_proportions(method, updates):
    from bsr_plugins.models.bspa_schedule import BSPASchedule
    from bsr_plugins.options.forced_options import apply_force_yml
    from bsr_plugins.options.option_file import read_option_file

    arguments = demo.forced(method, updates)
    assert arguments[0] == '--force_yml'
    option_file = read_option_file(str(REPO / f'options/demo/train_{method}_x4.yml'))
    train = apply_force_yml(option_file, arguments[1:]).options['train']
    stage = updates // 7
    assert train['total_iter'] == 7 * stage
    assert train['scheduler']['milestones'] == sorted(train['scheduler']['milestones'])
    assert 0 < train['scheduler']['milestones'][-1] <= train['total_iter']
    if method == 'bspa':
        schedule = BSPASchedule(train['total_iter'], train['bspa']['interval_iter'], train['bspa']['inverse_iter'])
        assert (schedule.rounds, schedule.warnings()) == (3, [])


def test_the_shipped_budget_forces_nothing():
    assert demo.forced('bspa', 1400) == demo.forced('baseline', 1405) == []


def test_a_budget_without_a_round_is_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        demo.parse(['--updates', '6'])
    assert stop.value.code == 2
    assert 'at least 7' in capsys.readouterr().err


# ---------------------------------------------------------------------- what it removes
def test_only_the_demos_own_output_is_removed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine = [
        'experiments/demo_bspa',
        'experiments/demo_baseline_archived_20260101_000000',
        'results/demo_bspa',
        'results/demo',
    ]
    others = [
        'experiments/demo_bspa_of_mine',
        'experiments/train_RCAN',
        'results/demonstration',
        'datasets/demo/sub_128',
        'datasets/DIV2K',
    ]
    for folder in (*mine, *others):
        Path(folder).mkdir(parents=True)
        Path(folder, 'x').write_text('x')
    demo.remove_earlier_run()
    assert [folder for folder in mine if Path(folder).exists()] == []
    assert [folder for folder in others if not Path(folder, 'x').is_file()] == []


# ---------------------------------------------------------------------- commands
@pytest.fixture
def fake_basicsr(monkeypatch):
    """Return ``fake(code)``: the next basicsr commands run this Python code instead."""

    def fake(code: str) -> Commands:
        commands = Commands()
        started = subprocess.Popen

        def popen(command, **kwargs):
            return started([sys.executable, '-c', code, *command[-3:]], **kwargs)

        monkeypatch.setattr('demo_commands.subprocess.Popen', popen)
        return commands

    return fake


LINE = '2026 INFO: [demo_..][epoch:  0, iter:{:8,d}, lr:(1.000e-03,)] [eta: 0:00:00] l_pix: 1.2345e-02 '


def test_training_is_a_bar_with_rounds_and_warnings(fake_basicsr, capsys):
    lines = [
        'banner',
        LINE.format(10),
        '2026 WARNING: look here',
        '2026 INFO: Validation x',
        '\t # psnr: 29.5000\tBest:',
        '2026 INFO: BSPA round 1 after iteration 10: p 0.1',
        LINE.format(1200),
    ]
    commands = fake_basicsr(f'print({chr(10).join(lines)!r})')
    commands.train('training, bspa', ['train', '-opt', 'x y.yml'], 1400)
    out, err = capsys.readouterr()
    order = ['== training, bspa', "$ basicsr train -opt 'x y.yml'", 'BSPA round 1 after']
    assert sorted(order, key=out.index) == order
    assert 'look here' in out
    assert 'banner' not in out
    assert '1400/1400' in err
    assert commands.lines == ["basicsr train -opt 'x y.yml'"]
    assert commands.seconds['training, bspa'] > 0


def test_a_test_shows_its_metrics(fake_basicsr, capsys):
    fake_basicsr(r"print('banner\n\t # psnr: 29.5000\tBest: 1\n\t # ssim: 0.8100')").test('test', ['test', '-opt', 'x'])
    assert capsys.readouterr().out.splitlines()[2:5] == ['$ basicsr test -opt x', '   psnr: 29.5000', '   ssim: 0.8100']


def test_a_failing_command_ends_the_demo_with_its_last_lines(fake_basicsr, capsys):
    commands = fake_basicsr("print('the reason'); raise SystemExit(3)")
    with pytest.raises(StepError) as error:
        commands.test('test', ['test', '-opt', 'x.yml'])
    assert '| the reason' in str(error.value)
    assert '`basicsr test -opt x.yml` ended with exit code 3' in str(error.value)
    assert 'test' not in commands.seconds


def test_a_tool_runs_as_shown(tmp_path, capfd):
    script = tmp_path / 'tool.py'
    script.write_text(
        'import os, sys\nprint("ran", sys.argv[1:], os.environ["OMP_WAIT_POLICY"])\nsys.exit(int(sys.argv[1]))\n'
    )
    commands = Commands()
    commands.tool('step', ['run', str(script), '0'])
    assert commands.lines == [f'basicsr run {script} 0']
    assert "ran ['0'] PASSIVE" in capfd.readouterr().out
    with pytest.raises(StepError, match='exit code 4'):
        commands.tool('step', ['run', str(script), '4'])


def test_the_users_threads_win(monkeypatch, tmp_path, capfd):
    script = tmp_path / 'tool.py'
    script.write_text('import os\nprint("threads", os.environ["OMP_NUM_THREADS"])\n')
    monkeypatch.setenv('OMP_NUM_THREADS', '7')
    Commands().tool('step', ['run', str(script)])
    assert 'threads 7' in capfd.readouterr().out


def test_errors_become_exit_codes(monkeypatch, tmp_path, capsys):
    from bsr_plugins.common.errors import DataError

    def fail(error):
        def run(*_):
            raise error

        return run

    monkeypatch.setattr(demo, 'ROOT', tmp_path)
    for error, code, words in (
        (DataError('no data'), 2, 'no data'),
        (StepError('it broke'), 1, 'it broke'),
        (KeyboardInterrupt(), 130, 'run it again'),
    ):
        monkeypatch.setattr(demo, 'run', fail(error))
        monkeypatch.chdir(tmp_path)
        assert demo.main([]) == code
        assert words in capsys.readouterr().err


def test_the_closing_words():
    figures = {
        'psnr_bicubic': 29.0,
        'psnr_baseline': 30.0,
        'psnr_bspa': 29.9,
        'updates': {'bspa': 1400},
        'per_class': {'baseline': [30.0], 'bspa': [29.9]},
        'held_out_images': ['a'],
    }
    text = demo.closing_words(figures, 200)
    assert 'bicubic 29.00 dB, plain L1 30.00 dB, BSPA 29.90 dB' in text
    assert 'BSPA against plain training at equal updates: 0.10 dB below.' in text
    assert 'report.html' in text
    commands = [line.strip() for line in text.splitlines() if line.strip().startswith('python ')]
    for command in commands:
        assert (REPO / command.split()[1]).is_file()
    made, trained = (re.search(rf'{word} (\S+)', text).group(1) for word in ('--out', '-opt'))
    assert made == trained == 'my.yml' and '--hr YOUR_HR_FOLDER' in text


@pytest.mark.skipif(shutil.which('bash') is None, reason='bash is absent')
def test_the_script_sets_up_first_and_works_from_anywhere(tmp_path):
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


def test_help_is_fast_and_light():
    code = (
        f'import runpy, sys; sys.argv = ["demo.py", "--help"]\ntry:\n    runpy.run_path({str(demo.__file__)!r}, '
        'run_name="__main__")\nexcept SystemExit:\n    assert not {"torch", "cv2", "basicsr"} & set(sys.modules)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '--updates' in done.stdout


# ---------------------------------------------------------------------- all of it
@pytest.mark.slow
def test_the_whole_demo_twice_at_a_tiny_budget(tmp_path):
    root = tmp_path / 'repo'
    for folder in ('bsr_plugins', 'tools', 'options'):
        shutil.copytree(REPO / folder, root / folder, ignore=shutil.ignore_patterns('__pycache__'))
    command = [sys.executable, str(root / 'tools/demo.py'), '--updates', '14']
    for _ in range(2):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert 'already there' in done.stdout
    report = json.loads((root / 'results/demo/report.json').read_text(encoding='utf-8'))
    assert report['updates'] == {'baseline': 14, 'bspa': 14}
    assert len(report['rounds']) == 3
    assert report['frozen_share'] == pytest.approx(0.075, abs=1e-3)
    assert 20 < report['psnr_bicubic'] < 40
    assert None not in report['per_class']['bspa']
    assert not set(report['training_images']) & set(report['held_out_images'])
    assert sum(report['training_class_counts']) == 580
    for method in demo.METHODS:
        (log,) = (root / f'results/demo_{method}').glob('test_*.log')
        for metric in ('psnr', 'ssim'):
            logged = re.search(rf'# {metric}: ([\d.]+)', log.read_text(encoding='utf-8')).group(1)
            assert report[f'{metric}_{method}'] == pytest.approx(float(logged), abs=5.1e-5)
            shown = f'{metric}: {logged}'
            assert shown in done.stdout
    assert sorted(path.name for path in (root / 'experiments').iterdir()) == ['demo_baseline', 'demo_bspa']
    assert sorted(path.name for path in (root / 'results').iterdir()) == ['demo', 'demo_baseline', 'demo_bspa']
    assert sorted(path.name for path in root.iterdir()) == [
        'bsr_plugins',
        'datasets',
        'experiments',
        'options',
        'results',
        'tools',
    ]
