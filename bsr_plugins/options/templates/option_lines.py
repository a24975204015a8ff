"""Options as the lines of an option file: each with its default and what its declaration says of it."""

from __future__ import annotations

import re
import textwrap
from typing import Any, Dict, Sequence

from bsr_plugins.common.option import Option, yaml_value

_WIDTH = 114  # of 120, less the deepest indentation


def option_lines(options: Sequence[Option], names: str, **values: Any) -> str:
    """Return a line ``name: value  # comment`` for each of some options.

    Args:
        options: The declared options.
        names: Those to write, in this order, between spaces; ``-name`` has no comment.
        **values: What stands there instead of the default, as text.
    """
    declared: Dict[str, Option] = {option.name: option for option in options}
    return ''.join(_line(declared[name.lstrip('-')], name.startswith('-'), values) for name in names.split())


def with_value(lines: str, name: str, value: str) -> str:
    """Return ``lines`` with another value, and comment, of the one option ``name`` in them."""
    return re.sub(rf'^( *{name}: ).*$', lambda found: found.group(1) + value, lines, count=1, flags=re.MULTILINE)


def _line(option: Option, is_bare: bool, values: Dict[str, Any]) -> str:
    line = f'{option.name}: {values.get(option.name, yaml_value(option.default))}'
    if is_bare:
        return f'{line}\n'
    # options/README.md has all; where that is too long for a line, the reason says more than the meaning.
    for comment in (option.comment, option.reason or option.meaning):
        comment = comment.replace('`', '')
        if len(line) + len(comment) + 4 <= _WIDTH:
            return f'{line}  # {comment}\n'
    return ''.join(f'# {part}\n' for part in textwrap.wrap(comment, _WIDTH - 2)) + f'{line}\n'
