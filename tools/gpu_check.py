#!/usr/bin/env python3
"""Runs the tests that need a GPU, and says what is missing for them: ``python tools/gpu_check.py --wheels DIR``.

For a machine with a card and no network: everything comes from the interpreter that runs this, from the folders of
``--path`` and from the wheels of ``--wheels``, which are unpacked into a temporary folder. Nothing is installed, and no
setting of the machine or the card is touched. ``--collect DIR`` fetches the wheels, on a machine with a network. This
file itself imports neither torch nor the pack, so that it can say that they are missing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence

ROOT = Path(__file__).resolve().parents[1]
STAND_IN = 'BSR_GPU_STAND_IN'
#: What is imported -> the project that holds it.
NEEDED = {
    'torch': 'torch',
    'torchvision': 'torchvision',
    'numpy': 'numpy',
    'cv2': 'opencv-python-headless',
    'lmdb': 'lmdb',
    'yaml': 'pyyaml',
    'tqdm': 'tqdm',
    'scipy': 'scipy',
    'skimage': 'scikit-image',
    'requests': 'requests',
    'PIL': 'pillow',
    'pytest': 'pytest',
    'bsr_plugins': 'this repository',
    'basicsr': 'basicsr',
}
#: What images with torch lack, as a rule; basicsr is published as source alone.
CARRIED = ('lmdb',)
BASICSR = 'basicsr==1.4.2'
_PROBE = """
import importlib, json, sys
found, missing = {}, {}
for name in json.loads(sys.argv[1]):
    try:
        found[name] = str(getattr(importlib.import_module(name), '__version__', 'there'))
    except Exception as error:
        missing[name] = f'{type(error).__name__}: {error}'.splitlines()[0]
cards = []
if 'torch' in found:
    import torch
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        card = torch.cuda.get_device_properties(index)
        cards.append(f'{card.name}, {card.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}')
print(json.dumps({'found': found, 'missing': missing, 'cards': cards, 'python': sys.version.split()[0]}))
"""
_OUTCOME = re.compile(r'^(tests/\S+::.+?) (PASSED|FAILED|SKIPPED|ERROR|XFAIL|XPASS)\b')


class UnreadyError(Exception):
    """The tests cannot run here; the text says why and what to do."""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run it; 0 where all passed, 1 where a test failed or was cut off, 2 where they cannot run here."""
    args = parser().parse_args(argv)
    try:
        if args.collect:
            collect(args.collect, args.python_version)
            return 0
        with search_path(args.path, args.wheels) as path:
            environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, path)), 'PYTHONUNBUFFERED': '1'}
            environment.pop(STAND_IN, None)
            if args.cpu:
                environment.update({STAND_IN: 'cpu', 'CUDA_VISIBLE_DEVICES': ''})
            machine = look(environment)
            report(machine)
            refuse_where_not_ready(machine, args.cpu)
            return run(args, environment, machine)
    except UnreadyError as error:
        print(error, file=sys.stderr)
        return 2


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(prog='gpu_check.py', description=__doc__.splitlines()[0])
    result.add_argument('--wheels', type=Path, metavar='DIR', help='wheels to use beside what is installed')
    result.add_argument('--path', type=Path, action='append', default=[], metavar='DIR', help='a folder of packages')
    result.add_argument('--cpu', action='store_true', help='let the CPU stand in where it can')
    result.add_argument('-k', metavar='EXPRESSION', help='run these tests alone, as in pytest')
    result.add_argument(
        '--limit', type=float, default=180, metavar='SECONDS', help='end after so long (default: %(default)s)'
    )
    result.add_argument(
        '--json',
        type=Path,
        default=ROOT / 'results' / 'gpu_check.json',
        metavar='FILE',
        help='the report (default: results/gpu_check.json)',
    )
    result.add_argument('--collect', type=Path, metavar='DIR', help='fetch the wheels to carry into DIR, and stop')
    result.add_argument(
        '--python-version', default='3.12', metavar='X.Y', help="that machine's Python (default: %(default)s)"
    )
    return result


@contextlib.contextmanager
def search_path(folders: Sequence[Path], wheels: Optional[Path]) -> Iterator[List[Path]]:
    """Yield where packages are found before those that are installed: the repository, the folders, the wheels."""
    for folder in (*folders, *([wheels] if wheels else [])):
        if not folder.is_dir():
            raise UnreadyError(f'There is no folder {folder}')
    with tempfile.TemporaryDirectory(prefix='bsr_gpu_check_') as unpacked:
        if wheels is not None:
            unpack(wheels, Path(unpacked))
        yield [ROOT, *(folder.resolve() for folder in folders), Path(unpacked)]


def unpack(wheels: Path, target: Path) -> None:
    """Unpack every wheel of a folder, which is all that installing them would do to their modules."""
    found = sorted(wheels.glob('*.whl'))
    if not found:
        raise UnreadyError(f'{wheels} holds no wheel (*.whl); `tools/gpu_check.py --collect {wheels}` fetches them')
    for wheel in found:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)
    for part in (*target.glob('*.data/purelib'), *target.glob('*.data/platlib')):
        for entry in part.iterdir():
            entry.replace(target / entry.name)


def look(environment: Dict[str, str]) -> Dict:
    """Return what can be imported, what cannot and why, and the cards."""
    # The pack first: basicsr is importable only with its mends.
    names = json.dumps(list(NEEDED))
    done = subprocess.run([sys.executable, '-c', _PROBE, names], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise UnreadyError(f'Importing the packages ended the process: {done.stderr.strip().splitlines()[-1:]}')
    return json.loads(done.stdout.splitlines()[-1])


def report(machine: Dict) -> None:
    """Say what is here."""
    print(f'Python {machine["python"]}: ' + ', '.join(f'{name} {text}' for name, text in machine['found'].items()))
    print('cards: ' + ('; '.join(machine['cards']) or 'none'), flush=True)


def refuse_where_not_ready(machine: Dict, cpu: bool) -> None:
    """Raise UnreadyError where a package or the card is missing."""
    if machine['missing']:
        lines = [f'  {NEEDED[name]}: {why}' for name, why in machine['missing'].items()]
        version = '.'.join(machine['python'].split('.')[:2])
        raise UnreadyError(
            '\n'.join(['These packages are missing, or cannot be imported:', *lines])
            + '\nFetch wheels where there is a network, and carry the folder:\n'
            + f'  python tools/gpu_check.py --collect wheels --python-version {version}\n'
            + '  python tools/gpu_check.py --wheels wheels\n'
            + 'What that does not fetch, `pip download --only-binary=:all: -d wheels NAME` does.'
        )
    if not machine['cards'] and not cpu:
        raise UnreadyError('torch sees no GPU here; --cpu lets the CPU stand in, which measures nothing')


def run(args: argparse.Namespace, environment: Dict[str, str], machine: Dict) -> int:
    """Run the tests, show each as it ends, write the report; 0 where none failed."""
    command = [sys.executable, '-m', 'pytest', '-v', '--color=no', '-rs', '-p', 'no:cacheprovider', '--durations=10']
    command += ['-m', 'gpu', 'tests/gpu', *(['-k', args.k] if args.k else [])]
    start, outcomes = time.monotonic(), {}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, errors='replace', start_new_session=True
    )
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(process.pid, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, args.limit)
    try:
        for line in process.stdout:
            print(line, end='', flush=True)
            found = _OUTCOME.match(line)
            if found:
                outcomes[found.group(1)] = found.group(2)
                write(args, machine, outcomes, time.monotonic() - start, None)
        code = process.wait()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    seconds = time.monotonic() - start
    verdict = f'cut off after {args.limit:.0f} s' if code == -signal.SIGKILL else 'passed' if code == 0 else 'failed'
    write(args, machine, outcomes, seconds, verdict)
    counts = {kind: list(outcomes.values()).count(kind) for kind in sorted(set(outcomes.values()))}
    told = ', '.join(f'{count} {kind.lower()}' for kind, count in counts.items())
    where = machine['cards'][0] if machine['cards'] else 'the CPU stood in for a GPU: no test of a GPU'
    print(f'{verdict}: {told or "no test"} in {seconds:.0f} s ({where}); written to {args.json}')
    return int(verdict != 'passed')


def write(args: argparse.Namespace, machine: Dict, outcomes: Dict, seconds: float, verdict: Optional[str]) -> None:
    """Write the report; after each test, so that a run that is cut off loses nothing."""
    args.json.parent.mkdir(parents=True, exist_ok=True)
    content = {'verdict': verdict or 'unfinished', 'seconds': round(seconds, 1), **machine, 'tests': outcomes}
    beside = args.json.with_name(args.json.name + '.part')
    beside.write_text(json.dumps({**content, 'cpu_stood_in': args.cpu}, indent=1) + '\n', encoding='utf-8')
    beside.replace(args.json)


def collect(folder: Path, version: str) -> None:
    """Fetch what images with torch lack: basicsr, built here (it needs torch for that), and compiled ones for Linux."""
    folder.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, '-m', 'pip', '--disable-pip-version-check']
    steps = [[*pip, 'wheel', '-q', '--no-deps', '--no-build-isolation', '-w', str(folder), BASICSR]]
    platforms = [
        f'--platform={name}_x86_64' for name in ('manylinux_2_28', 'manylinux_2_17', 'manylinux2014', 'manylinux1')
    ]
    wanted = ['--no-deps', '--only-binary=:all:', '--implementation=cp', f'--python-version={version}', *platforms]
    steps.append([*pip, 'download', '-q', *wanted, '-d', str(folder), *CARRIED])
    for step in steps:
        if subprocess.run(step).returncode:
            raise UnreadyError(
                'This step failed; basicsr is built where torch is installed (.venv):\n  ' + ' '.join(step)
            )
    names = sorted(path.name for path in folder.glob('*.whl'))
    print(f'{folder}: {", ".join(names)}')


if __name__ == '__main__':
    raise SystemExit(main())
