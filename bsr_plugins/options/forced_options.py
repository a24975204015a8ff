"""BasicSR's ``--force_yml a:b=c``, checked and applied without executing anything."""

from __future__ import annotations

import ast
import copy
import re
from dataclasses import replace
from typing import Any, List, Optional, Sequence, Tuple

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import did_you_mean
from bsr_plugins.options.option_file import KeyPath, OptionFile

_KEY = re.compile(r'[\w.+-]+')


def apply_force_yml(option_file: OptionFile, entries: Optional[Sequence[str]]) -> OptionFile:
    """Return a copy of ``option_file`` in which ``entries`` (``train:ema_decay=0.999``) are set.

    BasicSR pastes each entry into ``exec`` and creates keys that do not exist. So an entry is accepted only where its
    keys are names that stand in the file, and a list only where it is made of literals.

    Raises:
        OptionError: An entry is not of that form, or names a key that the file lacks.
    """
    if not entries:
        return option_file
    options = copy.deepcopy(option_file.options)
    lines, plain, forced = dict(option_file.lines), set(option_file.plain), set(option_file.forced)
    for entry in entries:
        keys, text = _split(entry)
        section = _parent(options, keys, entry)
        value = read_forced_value(text, entry)
        _refuse_section(section[keys[-1]], value, keys, entry)
        section[keys[-1]] = value
        lines = {path: line for path, line in lines.items() if path[: len(keys)] != keys or path == keys}
        plain.discard(keys)
        if isinstance(value, str):
            plain.add(keys)
        forced.add(keys)
    return replace(option_file, options=options, lines=lines, plain=plain, forced=forced)


def read_forced_value(text: str, entry: str) -> Any:
    """Return the value that BasicSR makes of the text after ``=``.

    None for ``~`` and ``none``, truth values, ``!!float`` numbers, digits, digits with one point, lists, else text.
    As in BasicSR, ``-1`` and ``1e-4`` stay text. A list holds literals only; BasicSR evaluates it as Python, which is
    why YAML's notation (``[a, b]``) is not accepted.
    """
    lower = text.lower()
    if text == '~' or lower == 'none':
        return None
    if lower in ('true', 'false'):
        return lower == 'true'
    try:
        if text.startswith('!!float'):
            return float(text.replace('!!float', ''))
        if text.isdigit():
            return int(text)
        if text.replace('.', '', 1).isdigit():
            return float(text)
        if text.startswith('['):
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise _error(
            'A value of --force_yml cannot be read',
            entry,
            expected="a number, a name, or a list of Python literals such as [0.9, 0.999] or ['a', 'b']",
            found=text,
        ) from None
    return text


def _split(entry: str) -> Tuple[KeyPath, str]:
    if entry.count('=') != 1 or any(letter in entry for letter in '\n\r\0'):
        raise _error(
            'An entry of --force_yml has the wrong form',
            entry,
            expected='key:key=value, one `=` in it',
            remedy='for example --force_yml train:total_iter=1000',
        )
    left, right = entry.split('=')
    keys, text = tuple(left.strip().split(':')), right.strip()
    bad = [key for key in keys if not _KEY.fullmatch(key)]
    if bad:
        raise _error(
            'A key of --force_yml is not a name', entry, expected='letters, digits, _ . + -', found=repr(bad[0])
        )
    if text[:1] in ('"', "'"):
        raise _error(
            'A value of --force_yml is quoted: BasicSR would keep the quotes as part of the text',
            entry,
            remedy=f'write {left}={text.strip(chr(34) + chr(39))}',
        )
    return keys, text


def _parent(options: Any, keys: KeyPath, entry: str) -> Any:
    section = options
    for depth, key in enumerate(keys):
        if not isinstance(section, dict):
            raise _error(f"--force_yml: '{':'.join(keys[:depth])}' is not a section of the option file", entry)
        if key not in section:
            names: List[str] = list(section)
            raise _error(
                f"--force_yml names a key that the option file lacks: '{':'.join(keys[: depth + 1])}'",
                entry,
                expected='a key of the file: BasicSR would create it and nothing would read it',
                remedy=did_you_mean(key, names),
            )
        if depth == len(keys) - 1:
            return section
        section = section[key]
    return section


def _refuse_section(old: Any, value: Any, keys: KeyPath, entry: str) -> None:
    if isinstance(old, dict) and value is not None:
        raise _error(
            f"--force_yml: '{':'.join(keys)}' is a section of the option file",
            entry,
            expected='~ to switch it off, or one of its keys',
            remedy=f'name a key in it: {", ".join(list(old)[:6])}',
        )


def _error(problem: str, entry: str, **details: Any) -> OptionError:
    return OptionError(problem, where=f'--force_yml {entry}', **details)
