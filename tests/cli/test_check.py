"""``basicsr check``: what it prints, its exit codes, and that it is quick."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import List, Tuple

import pytest

from bsr_plugins.cli.main import main
from option_files import TRAIN, changed, write_pairs

TEST = changed(TRAIN[: TRAIN.index('  train:\n')] + TRAIN[TRAIN.index('  val:\n') :], '  val:\n', '  test_1:\n')
TEST = TEST[: TEST.index('train:\n')] + TEST[TEST.index('val:\n') :]
WEIGHTS = ('pretrain_network_g: ~', 'pretrain_network_g: net.pth')
WEIGHTED = changed(TEST, *WEIGHTS)
DEAD = changed(TRAIN, '    gt_size', '    use_shuffle: true\n    gt_size')


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    # In TRAIN the validation set is the training set.
    monkeypatch.setattr('bsr_plugins.checks.option_checks.check_overlap', lambda *arguments: [])
    write_pairs(tmp_path / 'data', 16)
    Path('net.pth').touch()
    return tmp_path


def check(text: str, capsys: pytest.CaptureFixture, *arguments: str) -> Tuple[int, str]:
    Path('x.yml').write_text(text)
    code = main(['check', 'x.yml', *arguments])
    return code, capsys.readouterr().out


@pytest.mark.parametrize(
    ('text', 'arguments', 'code', 'last'),
    [
        (TRAIN, [], 0, 'x.yml: no problem found, checked as a training file'),
        (TRAIN, ['--strict', '--deep'], 0, 'x.yml: no problem found, checked as a training file'),
        (WEIGHTED, [], 0, 'x.yml: no problem found, checked as a test file'),
        (DEAD, [], 0, 'x.yml: checked as a training file'),
        (DEAD, ['--strict'], 1, 'x.yml: checked as a training file'),
        (changed(DEAD, 'L1Loss', 'L1Los'), ['--strict'], 2, '1 error, 1 warning'),
        (changed(DEAD, 'SRModel', 'SRModle'), ['--strict'], 2, '1 error, 0 warnings'),
        (TEST, ['--train'], 2, '1 error, 0 warnings'),
        (changed(TRAIN, *WEIGHTS), ['--test'], 0, 'x.yml: checked as a test file'),
        (TRAIN, ['--force_yml', 'train:total_iter=x'], 2, '1 error, 0 warnings'),
        (TRAIN, ['--force_yml', 'train:totl_iter=1'], 2, "  remedy:   did you mean 'total_iter'?"),
        (TRAIN, ['--force_yml', 'name=__import__("os")'], 0, 'x.yml: no problem found, checked as a training file'),
        ('a: !!python/object/apply:os.getcwd []', [], 2, None),
    ],
)
def test_exit_codes(capsys: pytest.CaptureFixture, text: str, arguments: List[str], code: int, last: str) -> None:
    found, out = check(text, capsys, *arguments)
    assert found == code, out
    assert last is None or out.splitlines()[-1] == last, out


def test_a_finding_has_file_line_key_and_offer(capsys: pytest.CaptureFixture) -> None:
    _, out = check(changed(TRAIN, '  total_iter: 300000\n', '  total_iter: 300000\n  ema_decy: 0.999\n'), capsys)
    assert out.startswith(
        "error: No code reads the key 'train.ema_decy'\n  where:    x.yml:36: train.ema_decy\n  expected: ema_decay, "
    )
    assert "\n  found:    ema_decy: 0.999\n  remedy:   did you mean 'ema_decay'?\n1 error, 0 warnings\n" in out


def test_several_files(capsys: pytest.CaptureFixture) -> None:
    Path('a.yml').write_text(TRAIN)
    Path('b.yml').write_text('a: [')
    assert main(['check', 'a.yml', 'b.yml', 'absent.yml']) == 2
    out = capsys.readouterr().out
    assert 'a.yml: no problem found' in out and 'b.yml:2:1' in out and 'absent.yml' in out


def test_the_file_as_train_takes_it(capsys: pytest.CaptureFixture) -> None:
    Path('x.yml').write_text(TRAIN)
    assert main(['check', '-opt', 'x.yml']) == 0
    assert capsys.readouterr().out.splitlines()[-1] == 'x.yml: no problem found, checked as a training file'


def test_no_file_at_all(capsys: pytest.CaptureFixture) -> None:
    assert main(['check']) == 2
    assert 'No option file is given' in capsys.readouterr().err


def test_unknown_arguments(capsys: pytest.CaptureFixture) -> None:
    assert main(['check', 'x.yml', '--dep']) == 2 or 'deep' in capsys.readouterr().err
    assert main(['check', 'x.yml', '--nothing']) == 2
    assert 'Unknown arguments: --nothing' in capsys.readouterr().err


def test_train_stops_where_check_finds_errors_and_goes_on_past_warnings(capsys: pytest.CaptureFixture) -> None:
    Path('x.yml').write_text(changed(TRAIN, '  total_iter', '  ema_decy: 0.999\n  total_iter'))
    assert main(['train', '-opt', 'x.yml']) == 2
    assert "did you mean 'ema_decay'?" in capsys.readouterr().err


def test_it_is_quick_and_imports_nothing_heavy(repo: Path) -> None:
    option_file = repo / 'options' / 'train_EDSR_fpl_bspa_sigma_x4.yml'
    script = (
        f'import sys; from bsr_plugins.cli.main import main; main(["check", {str(option_file)!r}]); '
        'print({"torch", "torchvision", "basicsr", "cv2", "numpy"} & set(sys.modules))'
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, '-c', script], capture_output=True, text=True, env={**os.environ, 'OMP_NUM_THREADS': '1'}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout.endswith('\nset()\n'), done.stdout + done.stderr
    # Of the processor, not of the clock: other tests may share it.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2
