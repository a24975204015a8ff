"""Folders, lists of names and the names in them, as BasicSR's data sets read them, with errors that name the place.

A list (``meta_info_file``, or an LMDB's ``meta_info.txt``) is one image a line: its name, then whatever stands behind a
blank. BasicSR takes every line: a blank one is the folder itself, and a byte order mark is part of the first name.
"""

from __future__ import annotations

import codecs
import contextlib
import os
from pathlib import Path
from typing import Any, Iterator, List, Optional, Sequence

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_lines(path: PathLike, blank_lines: bool = False, remedy: Optional[str] = None) -> List[str]:
    """Return the lines of a list of names, one a name, without the white space at their ends.

    Args:
        path: The list.
        blank_lines: Leave blank lines out, where whoever reads the list does so.
        remedy: What to do about a damaged list; None: to save it as UTF-8 text, to remove a line.

    Raises:
        DataError: The list is not there, is not UTF-8 text or begins with a byte order mark, has a blank line, or has
            a name that leads out of the folder. ``where`` is ``file:line``.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise unreadable(path, error, remedy) from error
    return lines_of(content, path, blank_lines, remedy)


def lines_of(
    content: bytes, path: PathLike, blank_lines: bool = False, remedy: Optional[str] = None, first: int = 1
) -> List[str]:
    """Return the lines of a part of a list, as :func:`read_lines`; the part begins with the line ``first``.

    Raises:
        DataError: See :func:`read_lines`.
    """
    if first == 1 and content.startswith((codecs.BOM_UTF8, *_UTF16)):
        kind = 'UTF-16' if content.startswith(_UTF16) else 'UTF-8 with a byte order mark'
        raise _not_plain(path, f'{path}:1', kind, remedy)
    try:
        lines = content.decode('utf-8').splitlines()
    except UnicodeDecodeError as error:
        place = content.count(b'\n', 0, error.start) + first
        raise _not_plain(path, f'{path}:{place}', f'the byte 0x{content[error.start]:02x}', remedy) from error
    for number, line in enumerate(lines, first):
        if not line.strip() and not blank_lines:
            raise blank_line(path, number, remedy)
        if '..' in line or '/' in line or '\\' in line:
            check_inside_folder(line.split(' (')[0].strip(), f'{path}:{number}', remedy)
    return [line.strip() for line in lines if line.strip()]


def blank_line(path: PathLike, number: int, remedy: Optional[str] = None) -> DataError:
    """Return the error for a line without a name."""
    return DataError(
        f'Line {number} of the list of names {path} is blank',
        where=f'{path}:{number}',
        expected='the name of an image in every line',
        remedy=remedy or 'remove the line',
    )


def unreadable(path: PathLike, error: OSError, remedy: Optional[str] = None) -> DataError:
    """Return the error for a list that the system does not give."""
    return DataError(f'The list of names {path} cannot be read', where=path, found=error, remedy=remedy)


def name_in(line: str) -> str:
    """Return the name that BasicSR takes from a line of a list of files."""
    return line.split(' ')[0]


def key_in(line: str) -> str:
    """Return the key that BasicSR takes from a line of an LMDB's list."""
    return line.split('.')[0]


def files_in(folder: PathLike) -> List[str]:
    """Return the names of the files that BasicSR takes for images: all that are not hidden, of no sub-folder, sorted.

    Raises:
        DataError: The folder cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if not entry.name.startswith('.') and entry.is_file())
    except OSError as error:
        raise DataError(
            f'The folder cannot be listed: {folder}', where=folder, found=error, remedy=_listing_remedy(error)
        ) from error


def folders_in(folder: PathLike) -> List[str]:
    """Return the names of the sub-folders that are not hidden, sorted; [] where the folder cannot be listed."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if not entry.name.startswith('.') and entry.is_dir())
    return []


@contextlib.contextmanager
def listing_errors(folders: Sequence[Any], template: str = '{}') -> Iterator[None]:
    """Turn what BasicSR's functions that list images raise into a DataError that names the folders or the list.

    Args:
        folders: The folders or LMDBs that are listed.
        template: How the name of an LR image follows from that of its HR image.
    """
    where = ' and '.join(map(str, folders))
    try:
        yield
    except OSError as error:
        place = where if error.filename is None else os.fspath(error.filename)
        raise DataError(
            f'The images cannot be listed: {place}', where=where, found=error, remedy=_listing_remedy(error)
        ) from error
    except (AssertionError, ValueError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            'LR and HR images do not pair' if len(folders) > 1 else 'The images cannot be listed',
            where=where,
            expected=f'an LR image named {template.format("<name>")} for each HR image <name>'
            if len(folders) > 1
            else None,
            found=error,
        ) from error


def leads_out_of_folder(name: str) -> bool:
    """Return whether ``name``, joined to a folder, would be a path out of it: absolute, or with ``..`` in it."""
    parts = name.replace('\\', '/').split('/')
    return (len(parts) > 1 and (parts[0] == '' or parts[0].endswith(':'))) or '..' in parts


def check_inside_folder(name: str, where: Any, remedy: Optional[str] = None) -> None:
    """Raise where ``name`` leads out of its folder.

    Raises:
        DataError: It does.
    """
    if leads_out_of_folder(name):
        raise DataError(
            f'A name leads out of its folder: {name!r}',
            where=where,
            expected='a name without .. that does not start at the root',
            found=repr(name),
            remedy=remedy or 'remove or correct it',
        )


def _listing_remedy(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return 'give yourself the right to read it'
    return 'correct the path: relative ones are read from the working directory'


def _not_plain(path: PathLike, where: str, found: str, remedy: Optional[str]) -> DataError:
    return DataError(
        f'The list of names {path} is not plain UTF-8 text',
        where=where,
        found=found,
        remedy=remedy or 'save it as UTF-8 without a byte order mark',
    )
