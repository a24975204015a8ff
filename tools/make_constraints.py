#!/usr/bin/env python3
"""Writes the tested versions anew: what the package index holds today for each Python, into set_up/constraints.

Run it with the interpreter of a finished set-up (.venv/bin/python). For each Python it resolves all that the set-up
installs in a throw-away environment, by pip's dry run: nothing large is fetched. What it writes counts as tested once
``bash .ci/run`` has passed with it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from set_up import requirements
from set_up.state import project_name
from set_up.versions import OLDEST, OLDEST_TORCH, OLDEST_TORCH_PYTHON, TESTED, constraints_file

# torch names these itself, to the version, and on Linux alone.
BROUGHT_BY_TORCH = ('nvidia-', 'cuda-', 'triton')
HEADER = '# Tested versions for Python {python}, written by tools/make_constraints.py.\n'


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Write the constraints files of the Pythons asked for; 1 where one of them is missing or does not resolve."""
    args = parser().parse_args(argv)
    failed = []
    for python in args.python or supported_pythons():
        program = shutil.which(python)
        if program is None:
            failed.append(f'{python} is not on the PATH')
            continue
        try:
            for file in write_constraints(program):
                print(f'{file.relative_to(requirements.ROOT)}: {len(file.read_text().splitlines()) - 1} versions')
        except subprocess.CalledProcessError as error:
            failed.append(f'{python}: {error.stderr.strip()}')
    for line in failed:
        print(f'not written: {line}')
    return int(bool(failed))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(prog='make_constraints.py', description=__doc__.splitlines()[0])
    text = 'an interpreter to resolve for, by name or path (default: python3.8 to python3.13, from the PATH)'
    result.add_argument('--python', action='append', metavar='PYTHON', help=text)
    return result


def supported_pythons() -> List[str]:
    """The names of the interpreters that the set-up supports."""
    (major, first), (_, last) = requirements.OLDEST_PYTHON, requirements.NEWEST_PYTHON
    return [f'python{major}.{minor}' for minor in range(first, last + 1)]


def write_constraints(program: str) -> List[Path]:
    """Resolve for one interpreter and write its file, for the oldest Python that of the oldest torch too."""
    written = []
    with tempfile.TemporaryDirectory() as folder:
        run(program, '-m', 'venv', folder)
        python = os.path.join(folder, 'bin', 'python')
        run(python, '-m', 'pip', 'install', '--quiet', '--upgrade', 'pip')
        version = tuple(json.loads(run(python, '-c', 'import sys; print(list(sys.version_info[:2]))')))
        for choice in (TESTED, OLDEST) if version == OLDEST_TORCH_PYTHON else (TESTED,):
            limits = [f'{name}=={number}' for name, number in OLDEST_TORCH.items()] if choice == OLDEST else []
            versions = resolve(python, [*wanted(version), *limits])
            file = constraints_file(version, choice)
            file.parent.mkdir(exist_ok=True)
            lines = [f'{name}=={versions[name]}\n' for name in sorted(versions)]
            file.write_text(HEADER.format(python='.'.join(map(str, version))) + ''.join(lines), encoding='utf-8')
            written.append(file)
    return written


def wanted(version: Sequence[int]) -> List[str]:
    """All that the set-up asks pip for, both builds of OpenCV included."""
    pack = f'{requirements.ROOT}[{requirements.EXTRAS}]'
    basicsr = requirements.basicsr_requirements(metadata.requires('basicsr') or (), foreign_opencv=False)
    limits = requirements.constraints(tuple(version), {}, {}, system='linux')
    return [*requirements.BUILD_TOOLS, *requirements.TORCH, pack, *basicsr, 'opencv-python-headless', *limits]


def resolve(python: str, wanted: Sequence[str]) -> Dict[str, str]:
    """Project name -> newest version that goes with the others, less the pack itself and what torch brings."""
    report = json.loads(
        run(python, '-m', 'pip', 'install', '--dry-run', '--ignore-installed', '--quiet', '--report', '-', *wanted)
    )
    found = {project_name(item['metadata']['name']): item['metadata']['version'] for item in report['install']}
    return {
        name: version
        for name, version in found.items()
        if name != 'bsr-plugins' and not name.startswith(BROUGHT_BY_TORCH)
    }


def run(*command: str) -> str:
    """Run a command and return what it printed; raises CalledProcessError with its errors."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == '__main__':
    raise SystemExit(main())
