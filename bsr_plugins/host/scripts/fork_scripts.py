"""A fork's own training and test scripts: which file it is, and which arguments it knows, read from the source."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import Iterable, List, Optional, Set

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DependencyError
from bsr_plugins.host.scripts.reached_files import parsed, reached_files

_IMPORTS_BASICSR = re.compile(rb'^[ \t]*(?:from|import)[ \t]+basicsr\b', re.MULTILINE)
# A script of BasicSR's kind hands on to the pipeline, or reads an option file itself.
_TAKES_OPTION_FILE = re.compile(rb"""\b(?:train|test)_pipeline\b|\bparse_options\b|['"]--?opt['"]""")
_OWN_REGISTRY = re.compile(rb'^MODEL_REGISTRY *= *Registry\(', re.MULTILINE)


def scripts_of(root: Path, phase: str) -> List[Path]:
    """Return the scripts of ``phase`` ('train' or 'test') in the checkout ``root``, that with the first claim first.

    In this order: ``basicsr/train.py``, ``train.py``, ``PACKAGE/train.py`` (hat, realesrgan, ...). The latter two are
    BasicSR's only where they, or what they import of the checkout, take an option file, and import basicsr or have
    registries of their own: a project's own ``train.py`` may do the first alone.
    """
    own = root / 'basicsr' / f'{phase}.py'
    return [*([own] if os.path.isfile(own) else []), *_project_scripts(root, phase)]


def find_script(root: Path, phase: str) -> Optional[Path]:
    """Return the script with the first claim, whatever the option file, None where there is none.

    Raises:
        DependencyError: Several packages have one, and nothing else has; names them.
    """
    found = scripts_of(root, phase)
    if len(found) > 1 and found[0].parent not in (root, root / 'basicsr'):
        raise DependencyError(
            f'This checkout has several {phase} scripts',
            where=root,
            expected=f'one {phase}.py that imports basicsr',
            found=', '.join(map(str, found)),
            remedy=f'say which: {command("run", found[0].relative_to(root), "-opt", "X.yml")}',
        )
    return found[0] if found else None


def has_own_script(root: Path) -> bool:
    """Return whether a project that depends on basicsr has a training script, which imports the project's classes."""
    return bool(_project_scripts(root, 'train'))


def takes_option_file(path: Path) -> bool:
    """Return whether a file reads an option file, or hands on to a pipeline that does."""
    return _TAKES_OPTION_FILE.search(path.read_bytes()) is not None


def own_registries(files: Iterable[Path]) -> Optional[Path]:
    """Return the file in which a project makes registries of its own, in which the pack's classes are not looked up."""
    return next((path for path in files if _OWN_REGISTRY.search(path.read_bytes())), None)


def known_arguments(script: Path, package: Optional[Path]) -> Set[str]:
    """Return the option strings that the argument parser of ``script`` knows; empty where none is found.

    BasicSR's parser stands in the script itself before 1.3.5, in ``basicsr/utils/options.py`` since; test scripts and
    dependent projects take that of ``basicsr/train.py``.

    Args:
        script: The script.
        package: The folder of the basicsr that it imports.
    """
    place = _parser_of(script, package)
    return _option_strings(place) if place else set()


def takes_any_argument(script: Path, package: Optional[Path]) -> bool:
    """Return whether the parser of ``script`` leaves arguments that it does not know to the script (IPG's does)."""
    place = _parser_of(script, package)
    return place is not None and b'parse_known_args' in place.read_bytes()


def resumes_by_itself(script: Path) -> bool:
    """Return whether ``script`` goes on from the newest state without being asked (forks of releases before 1.3)."""
    text = script.read_bytes()
    return b'training_states' in text and b'auto_resume' not in text


def respelled(arguments: List[str], known: Set[str]) -> List[str]:
    """Return ``arguments`` with ``-opt`` and ``--local_rank`` in the spelling that the script knows.

    torch.distributed.launch of torch >= 2 passes ``--local-rank``; BasicSR's parsers know ``--local_rank`` (issue 626
    there).
    """
    return [_spelled(argument, known) for argument in arguments]


def unknown_arguments(arguments: List[str], known: Set[str]) -> List[str]:
    """Return the option strings in ``arguments`` that the script does not know; none where its parser is unknown."""
    names = [argument.partition('=')[0] for argument in arguments if argument.startswith('--')]
    return [
        name for name in names if known and name not in known and not any(option.startswith(name) for option in known)
    ]


def _spelled(argument: str, known: Set[str]) -> str:
    name, equals, value = argument.partition('=')
    for spellings in (('-opt', '--opt'), ('--local_rank', '--local-rank')):
        if name in spellings and name not in known:
            name = next((spelling for spelling in spellings if spelling in known), name)
    if name == '--local-rank' and not known:
        name = '--local_rank'
    return f'{name}{equals}{value}'


def _project_scripts(root: Path, phase: str) -> List[Path]:
    # A package's own folder is no root: the package could not be imported from there.
    own = [] if os.path.isfile(root / '__init__.py') else [root / f'{phase}.py']
    found = [*own, *sorted(root.glob(f'[!.]*/{phase}.py'))]
    return [path for path in found if path.parent.name != 'basicsr' and _is_basicsr_script(path, root)]


def _is_basicsr_script(path: Path, root: Path) -> bool:
    if not os.path.isfile(path):
        return False
    files = reached_files(path, root)
    if not any(map(takes_option_file, files)):
        return False
    return any(_IMPORTS_BASICSR.search(each.read_bytes()) for each in files) or own_registries(files) is not None


def _parser_of(script: Path, package: Optional[Path]) -> Optional[Path]:
    places = [script] + ([package / 'utils' / 'options.py', package / 'train.py'] if package else [])
    return next(filter(_option_strings, places), None)


def _option_strings(path: Path) -> Set[str]:
    tree = parsed(path)
    return {
        argument.value
        for node in (ast.walk(tree) if tree else ())
        if isinstance(node, ast.Call) and getattr(node.func, 'attr', None) == 'add_argument'
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and argument.value[:1] == '-'
    }
