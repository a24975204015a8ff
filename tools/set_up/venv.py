"""The virtual environment of the set-up: whether the one that is there works, mending it, making it anew."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Optional

from .commands import DEFAULT_REMEDY, Runner, SetUpError
from .state import STAMP, Target, discard_half_installed, installed_versions

PROBE = """\
import json, sys, sysconfig
paths = {sysconfig.get_path('purelib'), sysconfig.get_path('platlib')}
print(json.dumps({'version': list(sys.version_info[:3]), 'sites': sorted(paths)}))
"""


def base_python() -> str:
    """The interpreter to make a venv with: the one behind a venv that may be about to be replaced."""
    return os.path.realpath(sys.executable) if sys.prefix != sys.base_prefix else sys.executable


def probe(venv: Path) -> Optional[Target]:
    """The venv as a target; None where its interpreter does not run, or is not the one its packages belong to."""
    python = venv / 'bin' / 'python'
    try:
        answer = subprocess.run(
            [str(python), '-I', '-c', PROBE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, check=True
        ).stdout
        told = json.loads(answer.decode())
        sites = tuple(Path(site) for site in told['sites'])
    except (OSError, ValueError, KeyError, subprocess.SubprocessError):
        return None
    if not all(site.is_dir() and venv in site.parents for site in sites) or _was_moved(venv):
        return None
    return Target(str(python), tuple(told['version']), sites, venv, True)


def _was_moved(venv: Path) -> bool:
    """Whether the venv's scripts start another folder's interpreter: a venv cannot be moved or copied."""
    script = venv / 'bin' / 'pip'
    if not script.is_file():
        return False
    first_lines = '\n'.join(script.read_text(encoding='utf-8', errors='replace').splitlines()[:2])
    interpreter = re.search(r'(/[^"\n]*)/python[\d.]*', first_lines)
    if interpreter is None:
        return False
    folder = interpreter.group(1)
    return not (os.path.isdir(folder) and os.path.samefile(folder, str(venv / 'bin')))


def discard(venv: Path) -> None:
    """Remove a venv that is of no more use: out of the way at once, so that no half of it is taken for a whole."""
    if venv.exists():
        files = any(entry.is_file() for entry in venv.rglob('*'))
        if files and not (venv / 'pyvenv.cfg').is_file():
            raise SetUpError(
                'virtual environment',
                f'{venv} exists and is no virtual environment',
                'name another folder with `--venv DIR`, or move this one away',
            )
        os.rename(str(venv), f'{venv}.discarded-{os.getpid()}')
    for old in venv.parent.glob(f'{venv.name}.discarded-*'):
        if old.is_symlink():
            old.unlink()
        else:
            shutil.rmtree(str(old))


def prepare_venv(venv: Path, run: Runner, recreate: bool) -> Target:
    """A venv whose python and pip work: the one that is there, mended, or a new one."""
    target = None if recreate else probe(venv)
    if target is not None and not (target.state / STAMP).is_file():
        broken = discard_half_installed(target.sites)
        if broken:
            print(f'- half-installed, to be installed again: {", ".join(broken)}', flush=True)
    if target is not None and 'pip' not in installed_versions(target.sites):
        try:
            run(f'pip of {venv.name}', [target.python, '-m', 'ensurepip', '--upgrade', '--default-pip'])
        except SetUpError:
            target = None
    if target is None:
        if venv.exists():
            print(f'- {venv} does not work (or --recreate was given): making it anew', flush=True)
        discard(venv)
        run(f'virtual environment {venv}', [base_python(), '-m', 'venv', str(venv)])
        target = probe(venv)
    if target is None:
        raise SetUpError('virtual environment', f'the interpreter of {venv} does not run', DEFAULT_REMEDY)
    return target
