#!/usr/bin/env python3
"""The demo: every command of the flow, one after the other, on images that come with scikit-image."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import Dict, List, Optional

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'tools')]

from demo_commands import Commands, StepError  # noqa: E402

from bsr_plugins.common.errors import BsrPluginsError  # noqa: E402

SCALE = 4
METHODS = ('baseline', 'bspa')
DATA, REPORT = Path('datasets/demo'), Path('results/demo')
WINDOWS = DATA / 'sub_128'
# In options/demo: 4 uniform and 3 inverse stages of 200 updates.
STAGES, STAGE = 7, 200

DESCRIPTION = """\
BSPA against plain training, end to end on the CPU: sub-image LMDBs, difficulty, both trainings, tests, a report.
Works in the root of the repository, whatever the working directory, and writes to datasets/demo, experiments/demo_*
and results/demo* alone; what an earlier run left there is replaced.
"""


def parse(argv: Optional[List[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='demo.py', description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--updates',
        type=int,
        default=STAGES * STAGE,
        metavar='N',
        help='gradient updates of each training, rounded down to a multiple of 7 (%(default)s)',
    )
    parser.add_argument('--verbose', action='store_true', help='show all that the commands print')
    options = parser.parse_args(argv)
    if options.updates < STAGES:
        parser.error(f'--updates must be at least {STAGES}: 4 uniform and 3 inverse stages')
    return options


def remove_earlier_run() -> None:
    """Remove what the demo wrote before, so that BasicSR does not pile up archived copies; the data may stay."""
    for method in METHODS:
        for folder in ('experiments', 'results'):
            for path in (Path(folder) / f'demo_{method}', *Path(folder).glob(f'demo_{method}_archived_*')):
                shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(REPORT, ignore_errors=True)


def prepare(commands: Commands) -> None:
    """Write the images; LMDBs made of others are removed."""
    from bsr_plugins.analysis.demo_images import write_demo_images

    with commands.step('images'):
        images = write_demo_images(DATA, SCALE)
        if images.changed:
            shutil.rmtree(WINDOWS, ignore_errors=True)
        print(f'train on  {", ".join(images.training)}\ntest on   {", ".join(images.held_out)}')


def forced(method: str, updates: int) -> List[str]:
    """Return the ``--force_yml`` arguments of a training of another length, in the proportions of options/demo."""
    stage = updates // STAGES
    if stage == STAGE:
        return []
    values = {
        'train:total_iter': STAGES * stage,
        'val:val_freq': max(1, stage // 2),
        'train:scheduler:milestones': f'[{5 * stage},{max(1, 13 * stage // 2)}]',
        'logger:print_freq': max(1, stage // 10),
    }
    if method == 'bspa':
        values.update(
            {
                'train:bspa:interval_iter': stage,
                'train:bspa:inverse_iter': stage,
                'train:bspa:ig_batches': min(8, stage),
            }
        )
    return ['--force_yml', *(f'{key}={value}' for key, value in values.items())]


def run(commands: Commands, updates: int) -> None:
    """Run the flow."""
    hr, lr = WINDOWS / 'HR_sub.lmdb', WINDOWS / f'LR_sub_x{SCALE}.lmdb'
    prepare(commands)
    commands.tool(
        'sub-image LMDBs',
        ['subimages', '--hr', str(DATA / 'train_HR'), '--scale', str(SCALE), '--out', str(WINDOWS)],
    )
    commands.tool('difficulty', ['score', '--hr-lmdb', str(hr), '--lr-lmdb', str(lr), '--scale', str(SCALE)])
    for method in METHODS:
        commands.train(
            f'training, {method}',
            ['train', '-opt', f'options/demo/train_{method}_x{SCALE}.yml', *forced(method, updates)],
            STAGES * (updates // STAGES),
        )
    for method in METHODS:
        commands.test(f'test, {method}', ['test', '-opt', f'options/demo/test_{method}_x{SCALE}.yml'])


def report(commands: Commands) -> Dict[str, float]:
    """Write the report and return its PSNRs."""
    import json

    from bsr_plugins.analysis.comparison import Run, Sources
    from bsr_plugins.analysis.demo_report import write_report

    runs = [
        Run(
            Path('experiments') / f'demo_{method}',
            Path('results') / f'demo_{method}/visualization/demo_test',
            f'_demo_{method}',
        )
        for method in METHODS
    ]
    sources = Sources(WINDOWS / 'HR_sub.lmdb', DATA / 'test_HR', DATA / 'test_LR', *runs, scale=SCALE)
    with commands.step('report'):
        write_report(sources, REPORT, commands.seconds, commands.lines)
    return json.loads((REPORT / 'report.json').read_text(encoding='utf-8'))


def closing_words(results: Dict[str, float], seconds: float) -> str:
    """Return what the demo says at its end."""
    from bsr_plugins.analysis.demo_words import verdict

    activate = Path(sys.executable).parent / 'activate'
    return '\n'.join(
        [
            '',
            *verdict(results),
            '',
            f'report   {(REPORT / "report.html").resolve()}',
            f'         {(REPORT / "report.png").resolve()}',
            f'PSNR     bicubic {results["psnr_bicubic"]:.2f} dB, plain L1 {results["psnr_baseline"]:.2f} dB, '
            f'BSPA {results["psnr_bspa"]:.2f} dB',
            f'time     {seconds:.0f} s',
            '',
            'Next, your own images (docs/own_images.md says more):',
            f'  cd {shlex.quote(str(ROOT))}'
            + (f' && source {shlex.quote(str(activate))}' if activate.is_file() else ''),
            f'  basicsr option --net FSRCNN --method bspa --scale {SCALE} --hr YOUR_HR_FOLDER --out my.yml',
            '  basicsr train -opt my.yml',
        ]
    )


def main(argv: Optional[List[str]] = None) -> int:
    options = parse(argv)
    start = time.monotonic()
    os.chdir(ROOT)
    commands = Commands(options.verbose)
    print(f'Working in {ROOT}\nwriting to datasets/demo, experiments/demo_* and results/demo* there alone', flush=True)
    try:
        remove_earlier_run()
        run(commands, options.updates)
        results = report(commands)
    except (BsrPluginsError, StepError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, BsrPluginsError) else 1
    except KeyboardInterrupt:
        print('\ninterrupted: run it again, it starts over and keeps finished LMDBs', file=sys.stderr)
        return 130
    print(closing_words(results, time.monotonic() - start))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
