#!/usr/bin/env python3
"""The demo: BSPA beside plain training by ``basicsr compare``, on images that come with scikit-image."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, List, Mapping, Optional

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bsr_plugins.common.errors import BsrPluginsError  # noqa: E402

SCALE = 4
GRID = f'options/demo/grid_x{SCALE}.yml'
TEST_SET = 'demo_test'
DATA, OUT = Path('datasets/demo'), Path('results/demo')
WINDOWS = DATA / 'sub_128'

DESCRIPTION = f"""\
BSPA beside plain training, end to end on the CPU: sub-image LMDBs, difficulty, then `basicsr compare {GRID}`.
Works in the root of the repository, whatever the working directory, and writes to {DATA} and {OUT} alone. Interrupted,
it continues; what is finished stays, and was it made at another --updates, it is made anew.
"""


def parse(argv: Optional[List[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='demo.py', description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--updates', type=int, metavar='N', help="updates of each training (default: the grid's, 1400)")
    options = parser.parse_args(argv)
    if options.updates is not None and options.updates < 3:
        parser.error('--updates must be at least 3: a uniform, an inverse and a uniform stage of BSPA')
    return options


def commands(updates: Optional[int]) -> List[List[str]]:
    """Return the arguments of ``basicsr``, command by command."""
    jobs = min(2, os.cpu_count() or 1)
    windows, lr = WINDOWS / 'HR_sub.lmdb', WINDOWS / f'LR_sub_x{SCALE}.lmdb'
    scale = ['--scale', str(SCALE)]
    length = [] if updates is None else ['--iters', str(updates)]
    return [
        ['subimages', '--hr', str(DATA / 'train_HR'), *scale, '--out', str(WINDOWS)],
        ['score', '--hr-lmdb', str(windows), '--lr-lmdb', str(lr), *scale],
        ['compare', GRID, *length, '--jobs', str(jobs), '--out', str(OUT), '--force'],
    ]


def write_images() -> None:
    """Write the images; where they change, what was made of others goes."""
    from bsr_plugins.analysis.demo_images import write_demo_images

    images = write_demo_images(DATA, SCALE)
    print(f'train on {", ".join(images.training)}\ntest on  {", ".join(images.held_out)}', flush=True)
    if images.changed:
        for folder in (WINDOWS, OUT):
            shutil.rmtree(folder, ignore_errors=True)
    elif OUT.exists():
        print(f'{OUT} is there: what is finished in it stays; rm -r {OUT} starts over', flush=True)


def run(arguments: List[str]) -> int:
    """Run ``basicsr ARGUMENTS``, shown before, and return its exit code."""
    print('\n$ ' + shlex.join(['basicsr', *arguments]), flush=True)
    # Networks this small gain nothing from more threads.
    threads = str(2 if (os.cpu_count() or 1) > 2 else 1)
    process = subprocess.Popen(
        [sys.executable, '-m', 'bsr_plugins', *arguments], env={'OMP_NUM_THREADS': threads, **os.environ}
    )
    before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                pass  # a terminal sends it to the command too, which saves and ends
    finally:
        signal.signal(signal.SIGTERM, before)


def closing_words(results: Mapping[str, Any], seconds: float) -> str:
    """Return what the demo says at its end, below what ``basicsr compare`` says of the gain."""

    def psnr(of: Mapping[str, Any]) -> str:
        return f'{of["sets"][TEST_SET]["psnr_y"]["mean"]:.2f} dB'

    methods = results['methods']
    activate = Path(sys.executable).parent / 'activate'
    enter = [f'cd {shlex.quote(str(ROOT))}', *([f'source {shlex.quote(str(activate))}'] if activate.is_file() else [])]
    updates = methods['bspa']['updates']
    return '\n'.join(
        [
            '',
            f'report   {OUT / "report.html"}',
            f'         {OUT / "report.png"}',
            f'PSNR     bicubic {psnr(results["bicubic"])}, plain L1 {psnr(methods["baseline"])}, '
            f'BSPA {psnr(methods["bspa"])}',
            f'time     {seconds:.0f} s',
            '',
            f'One seed, {updates:,} updates: an example of the method at work, not a benchmark.',
            'Next, your own images, with three seeds (docs/compare.md says more):',
            f'  {" && ".join(enter)}',
            f'  basicsr option --net FSRCNN --methods baseline bspa --scale {SCALE} --hr YOUR_HR_FOLDER --iters 3000 '
            '--out my_grid.yml',
            '  basicsr compare my_grid.yml',
        ]
    )


def main(argv: Optional[List[str]] = None) -> int:
    options = parse(argv)
    start = time.monotonic()
    os.chdir(ROOT)
    print(f'Working in {ROOT}\nwriting to {DATA} and {OUT} there alone', flush=True)
    try:
        write_images()
    except BsrPluginsError as error:
        print(error, file=sys.stderr)
        return 2
    for arguments in commands(options.updates):
        code = run(arguments)
        if code:
            print(f'The demo stopped: `{shlex.join(["basicsr", *arguments])}` ended with {code}', file=sys.stderr)
            return code
    from bsr_plugins.analysis.report import read_results

    print(closing_words(read_results(OUT), time.monotonic() - start))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
