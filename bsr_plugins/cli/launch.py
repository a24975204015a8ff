"""What ``train`` and ``test`` share: BasicSR's arguments, the check before anything heavy, and the unchanged script."""
from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import List

from bsr_plugins import registration
from bsr_plugins.cli.messages import is_first_process, print_findings
from bsr_plugins.errors import DependencyError, OptionError
from bsr_plugins.findings import errors_in
from bsr_plugins.forced_options import apply_force_yml
from bsr_plugins.option_checks import check_options
from bsr_plugins.option_file import read_option_file
from bsr_plugins.source_names import checkout_of

EXIT_WRONG_OPTIONS = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``basicsr.utils.options.parse_options``."""
    parser.add_argument('-opt', '--opt', required=True, metavar='X.yml', help='option file')
    parser.add_argument('--launcher', choices=('none', 'pytorch', 'slurm'), default='none', help='job launcher')
    parser.add_argument('--auto_resume', action='store_true', help='go on from the last state of the experiment')
    parser.add_argument('--debug', action='store_true', help='log, validate and save every few iterations')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help='set by the launcher')
    parser.add_argument('--force_yml', nargs='+', metavar='KEY:KEY=VALUE',
                        help='set keys of the option file, for example train:total_iter=1000')


def launch(phase: str, args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    """Check the option file, then run the script of ``phase`` ('train' or 'test') in this process.

    The script is the working directory's ``basicsr/train.py`` where there is one (BasicSR's own or a fork's checkout),
    else the installed basicsr's pipeline with the working directory as root.

    Args:
        phase: 'train' or 'test'.
        args: The parsed arguments.
        argv: The arguments as typed, handed on to the script.
        unknown: Those of them that are not BasicSR's; a checkout's own script may know them.

    Returns:
        0 when the script is through, 2 where the check found errors: then neither torch nor basicsr was imported.

    Raises:
        OptionError: The option file cannot be read, or an argument is unknown.
        DependencyError: There is no basicsr, or another one hides the working directory's.
    """
    root = Path.cwd()
    checkout = checkout_of(root)
    if unknown and checkout is None:
        raise OptionError(f'Unknown arguments: {" ".join(unknown)}', remedy=f'see `basicsr {phase} --help`')
    try:
        option_file = apply_force_yml(read_option_file(args.opt), args.force_yml)
    except OptionError:
        # Every process of a distributed run meets the same file; one message is enough.
        if is_first_process():
            raise
        return EXIT_WRONG_OPTIONS
    findings = check_options(option_file, root, phase == 'train', args.auto_resume)
    print_findings(findings)
    if errors_in(findings):
        return EXIT_WRONG_OPTIONS
    arguments = [_upstream_spelling(argument) for argument in argv]
    if checkout is None:
        _run_installed(phase, arguments, root)
    else:
        _run_checkout(phase, arguments, checkout)
    return 0


def _run_installed(phase: str, arguments: List[str], root: Path) -> None:
    registration.require_basicsr()
    module = importlib.import_module(f'basicsr.{phase}')
    pipeline = getattr(module, f'{phase}_pipeline')
    with _arguments_of(module.__file__ or phase, arguments):
        pipeline(str(root))


def _run_checkout(phase: str, arguments: List[str], package: Path) -> None:
    script = package / f'{phase}.py'
    if not script.is_file():
        raise DependencyError(f'This checkout has no {phase} script', where=script)
    _put_first(package.parent)
    _require_found(package)
    registration.require_basicsr()
    # The script runs as itself, but sys.modules['__main__'] stays ours: spawned workers would otherwise run the bare
    # script again, without the pack.
    namespace = {'__name__': '__main__', '__file__': str(script), '__package__': None, '__builtins__': __builtins__}
    with _arguments_of(str(script), arguments):
        exec(compile(script.read_bytes(), str(script), 'exec'), namespace)


class _arguments_of:  # noqa: N801
    """A context in which ``sys.argv`` is that of a script."""

    def __init__(self, script: str, arguments: List[str]) -> None:
        self._argv = [script, *arguments]
        self._outer: List[str] = []

    def __enter__(self) -> None:
        self._outer = sys.argv
        sys.argv = self._argv

    def __exit__(self, *exception: object) -> None:
        sys.argv = self._outer


def _put_first(folder: Path) -> None:
    sys.path[:] = [str(folder), *(entry for entry in sys.path if entry != str(folder))]
    importlib.invalidate_caches()


def _require_found(package: Path) -> None:
    """Make sure that ``import basicsr`` gives the checkout's: two packages of that name are the first cause of trouble.

    Raises:
        DependencyError: Another one was imported already, or wins because the checkout's has no ``__init__.py``.
    """
    loaded = sys.modules.get('basicsr')
    spec = loaded.__spec__ if loaded is not None else importlib.util.find_spec('basicsr')
    found = [Path(entry).resolve() for entry in (spec.submodule_search_locations or [])] if spec else []
    if package.resolve() not in found:
        shown = ', '.join(map(str, found))
        raise DependencyError('Another basicsr hides the one in the working directory', expected=package, found=shown,
                              remedy=f'uninstall the other one (pip uninstall basicsr), or add {package}/__init__.py')


def _upstream_spelling(argument: str) -> str:
    """Turn torch.distributed.launch's ``--local-rank`` (torch >= 2) into the spelling that BasicSR knows (#626)."""
    name, equals, value = argument.partition('=')
    return f'--local_rank{equals}{value}' if name == '--local-rank' else argument
