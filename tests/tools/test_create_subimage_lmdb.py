"""The command: output, exit codes, a process killed at random moments, a disk that is full."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

import cv2
import lmdb
import numpy as np
import pytest

from bsr_plugins.data.subimages.lmdb_manifest import read_keys, read_manifest

# Small transactions, so that a kill finds work both written and unwritten.
RUN = """
import sys
sys.path.insert(0, {tools!r})
import create_subimage_lmdb
from bsr_plugins.data.subimages import subimage_lmdb
subimage_lmdb._TRANSACTION_BYTES = 1 << 18
{before}
raise SystemExit(create_subimage_lmdb.main(sys.argv[1:]))
"""


def content(path):
    with lmdb.open(str(path), readonly=True, lock=False) as env, env.begin() as transaction:
        items = {bytes(key): bytes(value) for key, value in transaction.cursor()}
    return items, (path / 'meta_info.txt').read_text(), (path / 'manifest.json').read_text()


def contents(out):
    return {path.name: content(path) for path in sorted(out.glob('*.lmdb'))}


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    root = tmp_path_factory.mktemp('images')
    rng = np.random.default_rng(0)
    for folder in ('hr', 'lr'):
        (root / folder).mkdir()
    for number in range(24):
        image = rng.integers(0, 256, (320, 480, 3), np.uint8)
        cv2.imwrite(str(root / 'hr' / f'{number:04d}.png'), image)
        cv2.imwrite(str(root / 'lr' / f'{number:04d}x4.png'), image[::4, ::4])
    return root


@pytest.fixture
def command(repo, images):
    """The command line of a run into ``out``; ``before`` is Python code that runs ahead of it."""

    def build(out, *more, before=''):
        script = RUN.format(tools=str(repo / 'tools'), before=before)
        return [
            sys.executable,
            '-c',
            script,
            '--hr',
            str(images / 'hr'),
            '--lr',
            str(images / 'lr'),
            '--scale',
            '4',
            '--out',
            str(out),
            '--workers',
            '2',
            '--encoding',
            'png',
            *more,
        ]

    return build


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


def test_made_then_already_there(command, tmp_path):
    made = run(command(tmp_path / 'out'))
    assert made.returncode == 0, made.stderr
    count = read_manifest(tmp_path / 'out' / 'HR_sub.lmdb')['sub_images']
    assert count == 24 * 4 * 6 == len(read_keys(tmp_path / 'out' / 'LR_sub_x4.lmdb'))
    assert made.stdout.count(f'{count} sub-images, made in') == 2
    assert 'image/s' in made.stderr
    again = run(command(tmp_path / 'out'))
    assert again.returncode == 0
    assert again.stdout.count('already there') == 2


def test_killed_at_random_moments_it_ends_as_if_it_never_was(command, tmp_path):
    start = time.monotonic()
    assert run(command(tmp_path / 'whole')).returncode == 0
    seconds = time.monotonic() - start
    whole = contents(tmp_path / 'whole')
    dice = random.Random(20)
    killed = 0
    for moment in range(5):
        out = tmp_path / str(moment)
        process = subprocess.Popen(command(out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=seconds * dice.uniform(0.2, 0.95))
        except subprocess.TimeoutExpired:
            process.kill()
        killed += process.wait() == -signal.SIGKILL
        for name, left in (contents(out) if out.exists() else {}).items():
            assert left == whole[name], 'a killed run left something that looks finished'
        assert run(command(out)).returncode == 0
        assert contents(out) == whole
        assert sorted(entry.name for entry in out.iterdir()) == ['HR_sub.lmdb', 'LR_sub_x4.lmdb']
    assert killed >= 2


@pytest.mark.skipif(sys.platform == 'win32', reason='no file size limit')
def test_a_full_disk_is_said_and_the_rerun_goes_on(command, tmp_path):
    limit = 'import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, resource.RLIM_INFINITY))'
    full = run(command(tmp_path / 'out', before=limit))
    assert full.returncode == 2
    assert 'HR_sub.lmdb.partial cannot be written' in full.stderr
    assert 'MiB free' in full.stderr
    assert 'Traceback' not in full.stderr
    assert not list((tmp_path / 'out').glob('*.lmdb'))
    again = run(command(tmp_path / 'out'))
    assert again.returncode == 0
    assert ' 0/24 ' not in again.stderr, 'it started over'
    run(command(tmp_path / 'whole'))
    assert contents(tmp_path / 'out') == contents(tmp_path / 'whole')


def test_ctrl_c_ends_with_130(command, tmp_path):
    before = (
        'from bsr_plugins.data.subimages import subimage_lmdb\n'
        'def interrupted(*arguments): raise KeyboardInterrupt\n'
        'subimage_lmdb._check_counts = interrupted'
    )
    ended = run(command(tmp_path / 'out', before=before))
    assert ended.returncode == 130
    assert 'run the same command again' in ended.stderr
    assert 'Traceback' not in ended.stderr


@pytest.fixture(scope='module')
def main(repo):
    sys.path.insert(0, str(repo / 'tools'))
    try:
        import create_subimage_lmdb
    finally:
        sys.path.remove(str(repo / 'tools'))
    return create_subimage_lmdb.main


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--hr', '{absent}', '--scale', '4'], ['no folder', 'absent']),
        (['--hr', '{empty}', '--scale', '4'], ['no image in folder', 'empty']),
        (['--hr', '{hr}', '--lr', '{absent}', '--scale', '4'], ['no folder', 'absent']),
        (['--hr', '{hr}', '--lr', '{lr}', '--scale', '2'], ['24 HR images have no LR image', '<name>x2']),
        (
            ['--hr', '{hr}', '--lr', '{lr}', '--scale', '2', '--lr-template', '{{}}x4'],
            ['0000x4.png (120x80) is not', '0000.png (480x320) divided by 2'],
        ),
        (
            ['--hr', '{hr}', '--scale', '3', '--crop', '128'],
            ['crop 128: not divisible by the scale 3', 'take crop 126 or 129'],
        ),
        (['--hr', '{hr}', '--scale', '0'], ['scale must be at least 1']),
        (['--hr', '{hr}', '--lr', '{lr}', '--scale', '4', '--crop', '480'], ['0000.png is smaller than the window']),
        (['--hr', '{hr}', '--scale', '4', '--factors', '2'], ['--factors must be different numbers in (0, 1]']),
        (['--hr', '{hr}', '--scale', '4', '--workers', '0'], ['--workers must be at least 1']),
    ],
)
def test_errors_name_what_is_wrong_with_exit_code_2(main, images, tmp_path, capsys, arguments, words):
    (tmp_path / 'empty').mkdir()
    places = {
        'absent': tmp_path / 'absent',
        'empty': tmp_path / 'empty',
        'hr': images / 'hr',
        'lr': images / 'lr',
    }
    code = main([argument.format(**places) for argument in arguments] + ['--out', str(tmp_path / 'out')])
    text = capsys.readouterr().err
    assert code == 2
    assert all(word in text for word in words), text
    assert not list(tmp_path.glob('out/*.lmdb'))


def test_an_output_that_does_not_match_is_refused(main, images, tmp_path, capsys):
    usual = ['--hr', str(images / 'hr'), '--lr', str(images / 'lr'), '--scale', '4', '--out', str(tmp_path)]
    assert main(usual) == 0
    assert main([*usual, '--step', '128']) == 2
    assert '--step 64 there, 128 asked for' in capsys.readouterr().err


def test_help_imports_nothing_large(repo):
    shown = run([sys.executable, '-X', 'importtime', str(repo / 'tools' / 'create_subimage_lmdb.py'), '--help'])
    assert shown.returncode == 0
    assert '--crop 480 --step 240 --thresh 0 --encoding bmp' in shown.stdout
    assert not {'torch', 'cv2', 'numpy', 'basicsr'} & {
        line.split('|')[-1].strip() for line in shown.stderr.splitlines()
    }
