"""Where ``basicsr option`` puts files: what is in the way stays, and no two files have one experiment's name."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from pathlib import Path
from typing import Iterator, List, Optional

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.files import write_text
from bsr_plugins.options.templates.setting import experiment_name

FOLDER = 'options'
_ENDINGS = ('.yml', '.yaml')
_NAME = re.compile(r"""^name:[ \t]+(['"]?)([^'"#\n]*?)\1[ \t]*(?:#.*)?$""", re.MULTILINE)
_HEAD = 4096


def in_the_way_error(paths: List[Path]) -> OptionError:
    """Return the error that says that files are there and were not written."""
    return OptionError(
        'An option file exists and differs; it was not written',
        where=', '.join(map(str, paths)),
        remedy='--out PATH writes elsewhere, --force replaces it',
    )


def written(path: Path, text: str) -> str:
    """Write a file, through a link where the name is one, and return what to say of it."""
    with names_the_file(path):
        target = Path(os.path.realpath(path))
        if target.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        write_text(target, text)
    return f'{path}, a link to {target}' if path.is_symlink() else str(path)


@contextlib.contextmanager
def names_the_file(path: object) -> Iterator[None]:
    """Turn what the system says of a file into a message."""
    try:
        yield
    except OSError as error:
        raise OptionError(
            'The option file cannot be written', where=path, found=error, remedy='--out PATH writes elsewhere'
        ) from error


def name_for(path: Path) -> str:
    """Return the experiment's name for a file: its stem, unless another option file around here has that name."""
    patterns = [depth + kind for depth in ('*', '*/*') for kind in _ENDINGS]
    files = {each for folder in {Path(), path.parent} for pattern in patterns for each in folder.glob(pattern)}
    taken = {_name_in(each): each for each in sorted(files) if os.path.realpath(each) != os.path.realpath(path)}
    name = experiment_name(path.stem, taken, path.absolute().parent.name)
    if name != path.stem:
        because = f', since that of {taken[path.stem]} is called {path.stem}' if path.stem in taken else ''
        print(f'{path}: the experiment is called {name}{because}', file=sys.stderr)
    if 'debug' in name:
        print(
            f"{path}: BasicSR logs, validates and saves every few iterations where 'debug' is in a name",
            file=sys.stderr,
        )
    return name


def _name_in(path: Path) -> str:
    try:
        text = path.read_text(encoding='utf-8', errors='replace')[:_HEAD]
    except OSError:
        return ''
    found = _NAME.search(text)
    return found.group(2) if found else ''


def place(name: str, out: Optional[str], count: int) -> Path:
    """Return where one of ``count`` files goes: into ``out``, or as ``out`` where that names a file.

    Raises:
        OptionError: It names a file for several, or one that is no option file.
    """
    if out is None:
        return Path(FOLDER) / name
    if Path(out).is_dir() or out.endswith('/'):
        return Path(out) / name
    if count > 1:
        raise OptionError(
            'Several files need a folder',
            where='--out',
            expected='FOLDER/',
            found=out,
            remedy='a folder that is not there yet is named with a / at its end',
        )
    if Path(out).suffix.lower() not in _ENDINGS:
        raise OptionError(
            'This is not the name of an option file',
            where='--out',
            expected='FILE.yml, or FOLDER/',
            found=out,
            remedy=f'--out {out}/ writes into a folder of this name'
            if not Path(out).exists()
            else '--out PATH writes elsewhere',
        )
    return Path(out)


def named_place(name: str, out: str) -> Path:
    """Return the file that ``out`` names.

    Raises:
        OptionError: It names a folder, or no option file.
    """
    path = place(name, out, 1)
    if path != Path(out):
        raise OptionError('This is a folder', where='--out', expected='FILE.yml', found=out)
    return path


def holds(path: Path, text: str) -> bool:
    """Return whether a file has this text and nothing else."""
    return path.is_file() and path.read_bytes() == text.encode('utf-8')


def refuse_others(path: Path, made_by: str, force: bool) -> None:
    """Refuse a file that is there and does not begin with the line that the same command writes.

    Raises:
        OptionError: There is one.
    """
    with names_the_file(path):
        if os.path.lexists(path) and not force and not path.read_text('utf-8', 'replace').startswith(made_by + '\n'):
            raise in_the_way_error([path])


def written_or_kept(path: Path, text: str, force: bool) -> str:
    """Write a file unless the one that is there was changed, and return what to say of it."""
    with names_the_file(path):
        is_kept = os.path.lexists(path) and not force and not holds(path, text)
    if is_kept:
        return f'{path} was changed since this command made it, and is kept; --force replaces it'
    return written(path, text)
