"""The command: its help, its errors, and that it survives being killed."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Iterator, List

import cv2
import numpy as np
import pytest

from bsr_plugins.data.difficulty.difficulty_file import read_difficulty
from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
from bsr_plugins.data.subimages.windows import WindowGrid

REPO = Path(__file__).resolve().parents[2]
TOOL = REPO / 'tools' / 'score_difficulty.py'


def load_tool() -> Any:
    spec = importlib.util.spec_from_file_location('score_difficulty_tool', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def arguments(tmp_path: Path) -> List[str]:
    """Arguments of the command for 147 sub-images of three images."""
    (tmp_path / 'HR').mkdir()
    rng = np.random.default_rng(0)
    for name in 'abc':
        image = cv2.GaussianBlur(rng.normal(128, 90, (128, 128, 3)), (0, 0), 1.5)
        cv2.imwrite(str(tmp_path / 'HR' / f'{name}.png'), image.clip(0, 255).astype(np.uint8))
    made = create_subimage_lmdbs(tmp_path / 'HR', tmp_path, 4, grid=WindowGrid(32, 16, 12), progress=False)
    return ['--hr-lmdb', str(made.hr), '--lr-lmdb', str(made.lr), '--scale', '4', '--device', 'cpu']


def test_scores_and_draws(arguments: List[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert load_tool().main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    path = tmp_path / 'HR_sub.lmdb' / 'difficulty_x4.txt'
    assert lines[0].startswith(f'{path}: 147 sub-images, 147 scored in')
    assert len(read_difficulty(path)[1]) == 147
    assert [Path(line).name for line in lines[1:]] == ['difficulty_x4_histogram.png', 'difficulty_x4_contact_sheet.png']
    assert all(cv2.imread(line).std() > 20 for line in lines[1:])
    assert load_tool().main([*arguments, '--no-pictures']) == 0
    assert capsys.readouterr().out == f'{path}: 147 sub-images, already there\n'


def test_shards_and_what_is_missing(arguments: List[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    more = [*arguments, '--no-pictures', '--shard']
    path = tmp_path / 'HR_sub.lmdb' / 'difficulty_x4.txt'
    assert load_tool().main([*more, '1/2']) == 0
    said = capsys.readouterr().out
    assert f'shard 1 of 2 of {path}: 83 scored in' in said and 'not finished yet: 2.' in said
    assert said.rstrip().endswith('--shard 2/2')
    assert load_tool().main([*more, '2/2']) == 0
    assert f'{path}: 147 sub-images, 64 scored in' in capsys.readouterr().out


def test_each_process_of_torchrun_is_a_shard(
    arguments: List[str], tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('WORLD_SIZE', '2')
    for rank in ('1', '0'):
        monkeypatch.setenv('RANK', rank)
        assert load_tool().main([*arguments, '--no-pictures']) == 0
        assert ('shard 2 of 2' in capsys.readouterr().out) == (rank == '1')
    assert len(read_difficulty(tmp_path / 'HR_sub.lmdb' / 'difficulty_x4.txt')[1]) == 147
    assert load_tool().main([*arguments, '--shard', '1/2']) == 2
    assert 'each process is a shard' in capsys.readouterr().err


def test_several_pairs(arguments: List[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    hr, lr = arguments[1], arguments[3]
    pairs = ['--hr-lmdb', hr, hr, '--lr-lmdb', lr, lr, *arguments[4:], '--no-pictures', '--out']
    outs = [str(tmp_path / name) for name in ('a.txt', 'b.txt')]
    assert load_tool().main([*pairs, *outs]) == 0
    assert Path(outs[0]).read_bytes() == Path(outs[1]).read_bytes()
    assert load_tool().main([*pairs, outs[0]]) == 2
    said = capsys.readouterr().err
    assert '--out and --hr-lmdb belong together one by one' in said and '2, as many as of --hr-lmdb' in said
    assert load_tool().main([*pairs, outs[0], outs[0]]) == 2
    assert 'a difficulty file of its own' in capsys.readouterr().err


def test_without_matplotlib_the_scores_stand_and_the_output_says_so(
    arguments: List[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    monkeypatch.setitem(sys.modules, 'matplotlib.figure', None)
    monkeypatch.setitem(sys.modules, 'matplotlib.backends.backend_agg', None)
    assert load_tool().main(arguments) == 0
    text = capsys.readouterr()
    assert '147 scored' in text.out
    assert 'figures skipped: Figures need matplotlib' in text.err
    assert 'bsr-plugins[figures]' in text.err
    assert (tmp_path / 'HR_sub.lmdb' / 'difficulty_x4.txt').is_file()


def test_a_trained_network_scores(arguments: List[str], tmp_path: Path) -> None:
    import torch
    from basicsr.archs.srresnet_arch import MSRResNet

    torch.save({'params': MSRResNet(num_feat=4, num_block=1, upscale=4).state_dict()}, tmp_path / 'w.pth')
    opt = tmp_path / 'o.yml'
    opt.write_text('scale: 4\nnetwork_g: {type: MSRResNet, num_feat: 4, num_block: 1, upscale: 4}\n')
    out = tmp_path / 'd.txt'
    assert (
        load_tool().main(
            [
                *arguments,
                '--opt',
                str(opt),
                '--weights',
                str(tmp_path / 'w.pth'),
                '--whole-image',
                '--precision',
                'bf16',
                '--out',
                str(out),
                '--no-pictures',
            ]
        )
        == 0
    )
    header, keys, mse = read_difficulty(out)
    assert header.scorer.startswith('MSRResNet-')
    assert header.scorer.endswith('/bf16/whole_image')
    assert len(set(mse)) == len(keys) == 147


@pytest.mark.parametrize(
    ('more', 'text'),
    [
        (['--hr-lmdb', 'no.lmdb'], 'belong together one by one'),
        (['--hr-lmdb', 'no.lmdb', '--lr-lmdb', 'no_lr.lmdb'], 'no LMDB folder no.lmdb'),
        (['--scale', '2'], 'made for another scale'),
        (['--opt', 'x.yml'], '--opt and --weights together'),
        (['--weights', 'x.pth'], '--opt and --weights together'),
        (['--opt', 'x.yml', '--weights', 'x.pth'], 'option file of the network is missing'),
        (['--opt', 'x.yml', '--weights', 'x.pth', '--scorer', 'bicubic'], 'without --scorer'),
        (['--precision', 'bf16'], 'no effect without --opt and --weights'),
        (['--device', 'gpu'], "device 'gpu' cannot be used"),
        (['--batch', '0'], 'batch must be at least 1'),
        (['--hr', 'HR'], 'add --whole-image'),
    ],
)
def test_errors_are_one_text_and_exit_code_2(
    arguments: List[str], more: List[str], text: str, capsys: pytest.CaptureFixture
) -> None:
    assert load_tool().main([*arguments, *more]) == 2
    error = capsys.readouterr().err
    assert text in error
    assert 'Traceback' not in error


def test_help_is_quick_and_names_the_papers_scorer() -> None:
    run = subprocess.run([sys.executable, str(TOOL), '--help'], capture_output=True, text=True, check=True)
    assert 'basicsr train -opt options/train_MSRResNet_x4.yml' in run.stdout
    modules = subprocess.run(
        [sys.executable, '-X', 'importtime', str(TOOL), '--help'], capture_output=True, text=True, check=True
    ).stderr
    assert not {'torch', 'cv2', 'numpy', 'basicsr'} & {line.split('|')[-1].strip() for line in modules.splitlines()}


def test_killed_at_random_moments_it_goes_on_to_the_same_bytes(arguments: List[str], tmp_path: Path) -> None:
    """SIGKILL after a drawn number of sub-images, four times, then a run to the end."""
    out, whole = tmp_path / 'd.txt', tmp_path / 'whole.txt'
    partial = Path(f'{out}.partial')
    more = [*arguments, '--batch', '2', '--no-pictures']
    assert load_tool().main([*more, '--out', str(whole)]) == 0
    draw = random.Random(20)
    counts = [0]
    for _, pid in zip(range(5), started_runs([*more, '--out', str(out)])):
        wanted = counts[-1] + draw.randrange(1, 24)
        while count_lines(partial) < wanted and not out.exists():
            time.sleep(0.001)
        os.kill(pid, signal.SIGKILL)
        assert not out.exists()
        counts.append(count_lines(partial))
    assert counts == sorted(counts)
    assert len(set(counts)) == 6
    assert load_tool().main([*more, '--out', str(out)]) == 0
    assert out.read_bytes() == whole.read_bytes()
    assert not partial.exists()


def started_runs(arguments: List[str]) -> Iterator[int]:
    """Yield the process id of one run of the command after the other; torch is imported once, for all of them."""
    code = (
        'import os, sys, torch, basicsr\n'
        f'sys.path.insert(0, {str(TOOL.parent)!r})\n'
        'import score_difficulty\n'
        'for line in sys.stdin:\n'
        '    pid = os.fork()\n'
        '    if not pid:\n'
        f'        os._exit(score_difficulty.main({arguments!r}))\n'
        '    print(pid, flush=True)\n'
        '    os.waitpid(pid, 0)\n'
    )
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(REPO)}
    with subprocess.Popen(
        [sys.executable, '-c', f'import bsr_plugins\n{code}'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as parent:
        while True:
            parent.stdin.write('go\n')
            parent.stdin.flush()
            yield int(parent.stdout.readline())


def count_lines(path: Path) -> int:
    return path.read_bytes().count(b'\n') if path.exists() else 0
