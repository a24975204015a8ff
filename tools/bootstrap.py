#!/usr/bin/env python3
"""Makes ``.venv``, installs torch, basicsr and this pack into it, and repairs whatever an interrupted run left there.

Standard library only: it runs under the system's Python, before anything is installed. Neither this file nor ``set_up``
says ``from __future__ import annotations``, so that a Python too old for the pack reaches the message about it.
"""

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence

from set_up import requirements
from set_up.commands import Runner, SetUpError, locked
from set_up.state import STAMP, Target, installed_versions, is_current, stamp_of, write_stamp
from set_up.venv import prepare_venv, probe
from set_up.versions import NEWEST, OLDEST, TESTED, VARIABLE, check_choice, differing, pinned_versions

ROOT = requirements.ROOT
NEEDED_GB = 9
WORK = '.bsr_plugins_work'
VERIFY = """\
import bsr_plugins, cv2, lmdb, numpy, torch, torchvision, yaml
import basicsr
print(f'torch {torch.__version__}, torchvision {torchvision.__version__}, basicsr {basicsr.__version__}, '
      f'opencv {cv2.__version__}, numpy {numpy.__version__}, lmdb {lmdb.__version__}')
"""


class Installer:
    """Fills an environment step by step, leaving out what is there. ``folder`` holds the files that pip is given."""

    def __init__(self, target: Target, run: Runner, folder: Path, choice: str = TESTED) -> None:
        self.target, self.run, self.folder = target, run, folder
        # Versions asked for by name replace the torch of a venv, once; otherwise an installed torch stays.
        self.replaces_torch = target.venv and choice != TESTED
        self.upgrades = target.venv and choice == NEWEST
        self.pinned = self.pins(choice)
        hidden = ('PYTHONPATH', 'PYTHONHOME', 'PIP_USER', 'PIP_TARGET', 'PIP_PREFIX') if target.venv else ()
        self.env = {name: value for name, value in os.environ.items() if name not in hidden}
        if target.venv:
            self.env['TMPDIR'] = str(folder)

    def install(self, extras: str) -> str:
        """Install everything; return the versions that the last check printed."""
        missing = [name for name in requirements.TORCH if name not in self.installed()]
        if missing:
            check_space(self.target.state)
        self.pip('build tools', *requirements.BUILD_TOOLS)
        if missing or self.replaces_torch:
            self.pip('torch and torchvision (several GB on Linux)', *requirements.TORCH)
            self.replaces_torch = False
        if 'basicsr' not in self.installed():
            self.basicsr()
        foreign = requirements.has_foreign_opencv(self.installed(), self.target.venv)
        pack = ['--no-build-isolation', '-e', f'{ROOT}[{extras}]' if extras else str(ROOT)]
        if foreign:
            # With what it requires, pip would put opencv-python over the build that is there.
            self.pip('this pack', '--no-deps', *pack)
            pack = requirements.without_opencv(self.requires_of('bsr-plugins'), extras.split(','))
        self.pip(
            'this pack and the rest', *pack, *requirements.basicsr_requirements(self.requires_of('basicsr'), foreign)
        )
        if self.target.venv and not foreign:
            self.headless_opencv_where_needed()
        return self.python('check: import everything', '-c', VERIFY).splitlines()[-1]

    def pins(self, choice: str) -> Dict[str, str]:
        """The versions to install; says where tested ones were asked for and are not taken."""
        pinned, reason = pinned_versions(self.target.version, choice)
        others = [] if self.replaces_torch else differing(pinned, self.installed(), requirements.TORCH)
        if others:
            tested = ', '.join(f'{name} {pinned[name]}' for name in requirements.TORCH)
            reason = f'{", ".join(others)} stays as installed; {tested} was tested, the rest is taken as it fits'
            reason += ' (`--recreate` installs the tested versions)' if self.target.venv else ''
            pinned = {}
        if reason:
            print(f'- {reason}', flush=True)
        if not self.target.venv:
            pinned = {name: version for name, version in pinned.items() if name not in self.installed()}
        return pinned

    def installed(self) -> Dict[str, str]:
        """Project name -> version of what the environment holds now."""
        return installed_versions(self.target.sites)

    def python(self, step: str, *arguments: str, **variables: str) -> str:
        """Run the environment's interpreter, outside the repository, so that only what is installed is seen."""
        return self.run(step, [self.target.python, *arguments], env={**self.env, **variables}, cwd=self.target.state)

    def pip(self, step: str, *arguments: str, **variables: str) -> None:
        """Run ``pip install`` under the constraints of this Python and of the torch that is installed."""
        limits = self.folder / 'constraints.txt'
        installed = {} if self.replaces_torch else self.installed()
        kept = {name: installed[name] for name in requirements.TORCH if name in installed}
        lines = requirements.constraints(self.target.version, self.pinned, kept)
        limits.write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8')
        self.python(
            step,
            '-m',
            'pip',
            'install',
            '--no-input',
            '--disable-pip-version-check',
            '--progress-bar',
            'off',
            '-c',
            str(limits),
            *(('--upgrade', '--upgrade-strategy', 'eager') if self.upgrades else ()),
            *arguments,
            **variables,
        )

    def basicsr(self) -> None:
        """Build basicsr without isolation: an isolated build would fetch all of torch a second time."""
        variables = {}
        if self.target.version[:2] >= (3, 13):
            build = self.folder / 'build'
            build.mkdir()
            (build / 'sitecustomize.py').write_text(requirements.SITECUSTOMIZE, encoding='utf-8')
            variables['PYTHONPATH'] = os.pathsep.join(filter(None, (str(build), self.env.get('PYTHONPATH'))))
        self.pip(
            requirements.BASICSR.replace('==', ' '),
            '--no-deps',
            '--no-build-isolation',
            '--use-pep517',
            requirements.BASICSR,
            **variables,
        )

    def requires_of(self, project: str) -> List[str]:
        """The requirement lines in the metadata of a project that is installed."""
        from importlib import metadata  # here, not above: Python 3.7 lacks it and is to be told so in plain words

        found = metadata.distributions(name=project, path=[str(site) for site in self.target.sites])
        return [line for distribution in found for line in distribution.requires or ()]

    def headless_opencv_where_needed(self) -> None:
        """opencv-python needs libraries of a desktop (libGL, glib); its headless build does not."""
        try:
            self.python('check: OpenCV', '-c', 'import cv2')
        except SetUpError as error:
            if 'cannot open shared object file' not in str(error):
                raise
            print('  its libraries of a desktop are not here: the headless build takes its place', flush=True)
            self.python('removing opencv-python', '-m', 'pip', 'uninstall', '-y', 'opencv-python')
            self.pip('opencv-python-headless', 'opencv-python-headless')


@contextlib.contextmanager
def working_folder(target: Target) -> Iterator[Path]:
    """A folder for the files of this run; in a venv, pip unpacks there too, and what a killed run left is removed.

    The venv's disk is the one whose space was checked, while /tmp may be a small one in memory.
    """
    if not target.venv:
        with tempfile.TemporaryDirectory(prefix='bsr_plugins_') as folder:
            yield Path(folder)
        return
    folder = target.state / WORK
    shutil.rmtree(str(folder), ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(str(folder), ignore_errors=True)


def check_space(folder: Path) -> None:
    """Raise SetUpError, before torch is fetched, where the disk is too small for it."""
    free = shutil.disk_usage(str(folder)).free / 1e9
    print(f'- free disk space: {free:.0f} GB ({NEEDED_GB} GB needed)', flush=True)
    if free < NEEDED_GB:
        raise SetUpError(
            'disk space',
            f'{free:.1f} GB are free under {folder}, {NEEDED_GB} GB are needed',
            'free some space, or name a larger disk with `--venv DIR`',
        )


def running_environment() -> Target:
    """The environment of the running interpreter as a target."""
    sites = tuple(Path(entry) for entry in sys.path[1:] if entry and os.path.isdir(entry))
    state = Path(sys.prefix) if os.access(sys.prefix, os.W_OK) else ROOT
    return Target(sys.executable, tuple(sys.version_info[:3]), sites, state, False)


def set_up(args: argparse.Namespace) -> None:
    """Bring the chosen environment to what is wanted; do nothing where its stamp says that it is."""
    start = time.monotonic()
    warning = requirements.check_python(tuple(sys.version_info[:3]))
    if warning:
        print(f'- warning: {warning}', flush=True)
    # Before the stamp of a finished environment is taken away.
    check_choice(args.versions)
    wanted = requirements.fingerprint(args.extras, args.versions)
    venv = Path(os.path.abspath(args.venv))
    name = 'the running environment' if args.no_venv else str(venv)
    lock = running_environment().state / f'{STAMP}.lock' if args.no_venv else venv.with_name(f'{venv.name}.lock')
    with locked(lock) as descriptor:
        target = running_environment() if args.no_venv else None if args.recreate else probe(venv)
        # What was the newest at the last run may be so no longer.
        if target is not None and args.versions != NEWEST and is_current(target, wanted, ROOT):
            print(f'{name} is ready ({time.monotonic() - start:.1f} s)', flush=True)
            return
        print(f'setting up {name}', flush=True)
        run = Runner(descriptor, ROOT, args.verbose)
        if target is None or target.venv:
            target = prepare_venv(venv, run, args.recreate)
        stamp = target.state / STAMP
        if stamp.is_file():
            stamp.unlink()
        with working_folder(target) as folder:
            versions = Installer(target, run, folder, args.versions).install(args.extras)
        write_stamp(stamp, stamp_of(target, wanted, ROOT))
        python = '.'.join(map(str, target.version))
        print(f'{name} is ready after {time.monotonic() - start:.0f} s: Python {python}, {versions}', flush=True)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(prog='bootstrap.py', description=__doc__.splitlines()[0])
    result.add_argument('--venv', default=str(ROOT / '.venv'), metavar='DIR', help='the environment (default: .venv)')
    result.add_argument('--no-venv', action='store_true', help='use the running environment; what is there stays')
    result.add_argument('--extras', default=requirements.EXTRAS, help='extras of the pack (default: %(default)s)')
    versions = result.add_mutually_exclusive_group()
    for choice, what in (
        (NEWEST, 'the newest versions instead of the tested ones'),
        (OLDEST, 'the oldest torch that the pack works with (Python 3.8)'),
    ):
        text = f'install {what}; also by {VARIABLE}={choice}'
        versions.add_argument(f'--{choice}', dest='versions', action='store_const', const=choice, help=text)
    result.set_defaults(versions=os.environ.get(VARIABLE) or TESTED)
    result.add_argument('--recreate', action='store_true', help='make the environment anew')
    result.add_argument('--verbose', action='store_true', help='show all that pip prints')
    return result


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the set-up; 0 when the environment is ready, 1 when a step failed, 130 on Ctrl-C."""
    args = parser().parse_args(argv)
    try:
        set_up(args)
    except SetUpError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ninterrupted: run it again, it goes on where it stopped', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    raise SystemExit(main())
