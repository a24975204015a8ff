"""What ``train`` and ``test`` share: BasicSR's arguments, the check before anything heavy, and the unchanged script."""

from __future__ import annotations

import argparse
import importlib
import os
from pathlib import Path
from typing import List, Optional

from bsr_plugins.checks.option_checks import check_options
from bsr_plugins.checks.type_checks import choice_for
from bsr_plugins.cli.messages import print_findings, say_error
from bsr_plugins.cli.script import arguments_of, existing_script, run_script
from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DependencyError, OptionError
from bsr_plugins.common.findings import errors_in
from bsr_plugins.common.processes import is_first_process
from bsr_plugins.host import registration
from bsr_plugins.host.mends.cpu_device import CPU_VARIABLE
from bsr_plugins.host.script_choice import check_registries
from bsr_plugins.host.scripts.fork_scripts import (
    known_arguments,
    respelled,
    resumes_by_itself,
    scripts_of,
    takes_any_argument,
    unknown_arguments,
)
from bsr_plugins.host.source_names import basicsr_folder, checkout_of
from bsr_plugins.options.forced_options import apply_force_yml
from bsr_plugins.options.option_file import OptionFile, read_option_file

EXIT_WRONG_OPTIONS = 2
AUTO_RESUME = '--auto_resume'
NO_CHECK = '--no-check'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``basicsr.utils.options.parse_options``."""
    parser.add_argument('-opt', '--opt', required=True, metavar='X.yml', help='option file')
    parser.add_argument('--launcher', choices=('none', 'pytorch', 'slurm'), default='none', help='job launcher')
    parser.add_argument(AUTO_RESUME, action='store_true', help='resume from the last saved state of the experiment')
    parser.add_argument('--debug', action='store_true', help='log, validate and save every few iterations')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help='set by the launcher')
    parser.add_argument(
        '--force_yml',
        nargs='+',
        metavar='KEY:KEY=VALUE',
        help='set keys of the option file, for example train:total_iter=1000',
    )
    parser.add_argument('--script', metavar='PATH', help='the script to run; default: the one that fits the file')
    parser.add_argument(NO_CHECK, action='store_true', help='run whatever the check of the option file would find')


def launch(phase: str, args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    """Check the option file, then run the script of ``phase`` ('train' or 'test') in this process.

    The script is ``--script``, else the working directory's own (:func:`bsr_plugins.host.script_choice.choose_script`)
    where there is one, else the installed basicsr's pipeline with the working directory as root.

    Args:
        phase: 'train' or 'test'.
        args: The parsed arguments.
        argv: The arguments as typed, handed on to the script.
        unknown: Those of them that are not BasicSR's; a fork's own script may know them.

    Returns:
        0 when the script is through, 2 where the check found errors: then neither torch nor basicsr was imported.

    Raises:
        OptionError: The option file cannot be read, or an argument is unknown.
        DependencyError: There is no basicsr, several scripts, or another basicsr was imported before.
    """
    root = Path.cwd()
    try:
        if unknown and not args.script and not scripts_of(root, phase):
            raise OptionError(f'Unknown arguments: {" ".join(unknown)}', remedy=f'see {command(phase, "--help")}')
        option_file = apply_force_yml(read_option_file(args.opt), args.force_yml)
        script = _script_of(option_file, root, phase, args.script)
        arguments = _arguments_for(script, phase, _without_ours(argv), root)
    except (OptionError, DependencyError):
        # Every process of a distributed run meets the same fault; one message is enough.
        if is_first_process():
            raise
        return EXIT_WRONG_OPTIONS
    if not args.no_check:
        findings = check_options(option_file, root, phase == 'train', args.auto_resume, script=script)
        print_findings(findings)
        if errors_in(findings):
            if is_first_process():
                say_error(f'basicsr {phase}: nothing was run; {NO_CHECK} runs it all the same')
            return EXIT_WRONG_OPTIONS
    # Threads that spin while they wait take the cores from what else runs; torch reads this when it is imported.
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    if option_file.get('num_gpu') == 0:
        os.environ.setdefault(CPU_VARIABLE, '1')
    package = checkout_of(root)
    if package is None:
        registration.require_basicsr()
    if script is None:
        _run_installed(phase, arguments, root)
    else:
        run_script(script, arguments, root, package)
    return 0


def _script_of(option_file: OptionFile, root: Path, phase: str, given: Optional[str]) -> Optional[Path]:
    choice = choice_for(option_file, root, phase, existing_script(given) if given else None)
    if choice.script is None and checkout_of(root) is not None:
        raise DependencyError(
            f'This checkout has no {phase} script',
            where=root / 'basicsr' / f'{phase}.py',
            remedy=f'name one: {command(phase, "-opt", option_file.path, "--script", "PATH")}',
        )
    check_registries(choice)
    if choice.script is not None and choice.others and is_first_process():
        taken, *others = (os.path.relpath(str(script), str(root)) for script in (choice.script, *choice.others))
        say_error(
            f'basicsr {phase}: {taken} runs; it could be another one: '
            f'{" or ".join(f"--script {script}" for script in others)}'
        )
    return choice.script


def _without_ours(argv: List[str]) -> List[str]:
    """Return the arguments for the script: without those that are not BasicSR's."""
    kept: List[str] = []
    for argument in argv:
        if kept[-1:] == ['--script']:
            kept.pop()
        elif argument != NO_CHECK and not argument.startswith('--script='):
            kept.append(argument)
    return kept


def _arguments_for(script: Optional[Path], phase: str, argv: List[str], root: Path) -> List[str]:
    """Return the arguments in the script's spelling, without --auto_resume where it does so of its own accord."""
    if script is None:
        return respelled(argv, set())
    known = known_arguments(script, basicsr_folder(root))
    arguments = respelled(argv, known)
    if known and AUTO_RESUME not in known and AUTO_RESUME in arguments and resumes_by_itself(script):
        arguments.remove(AUTO_RESUME)
        if is_first_process():
            say_error(
                f'basicsr {phase}: {script.name} of this fork resumes from the newest state by itself, '
                f'without {AUTO_RESUME}'
            )
    wrong = [] if takes_any_argument(script, basicsr_folder(root)) else unknown_arguments(arguments, known)
    if wrong:
        raise OptionError(
            f'The {phase} script of this fork does not know {", ".join(wrong)}',
            where=script,
            expected=', '.join(sorted(known)),
            remedy='set path.resume_state in the option file to the state to resume from'
            if AUTO_RESUME in wrong
            else 'change the option file instead',
        )
    return arguments


def _run_installed(phase: str, arguments: List[str], root: Path) -> None:
    module = importlib.import_module(f'basicsr.{phase}')
    pipeline = getattr(module, f'{phase}_pipeline')
    with arguments_of(module.__file__ or phase, arguments):
        pipeline(str(root))
