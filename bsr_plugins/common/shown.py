"""Names from outside (of files, keys, options) in messages: what a terminal would obey is shown escaped."""

from __future__ import annotations

import re


class Lines(str):
    """Text that has several lines on purpose; in any other text of a message a line break is shown escaped."""


def shown(value: object) -> str:
    """Return the text of ``value`` with all that is not printable escaped: ``\\x1b``, ``\\n``, ``\\udcff``."""
    text = str(value)
    if text.isprintable():
        return text
    return ''.join(letter if letter.isprintable() else _escape(letter) for letter in text)


def shown_lines(value: object) -> str:
    """Return ``value`` escaped as by :func:`shown`, but for its line breaks and tabs."""
    return ''.join(part if part in ('\n', '\t') else shown(part) for part in re.split('([\n\t])', str(value)))


def counted(count: int, one: str, several: str) -> str:
    """Return ``1 image has`` or ``3 images have``."""
    return f'{count} {one if count == 1 else several}'


def _escape(letter: str) -> str:
    number = ord(letter)
    named = {9: r'\t', 10: r'\n', 13: r'\r'}.get(number)
    return named or (
        f'\\x{number:02x}' if number < 256 else f'\\u{number:04x}' if number < 65536 else f'\\U{number:08x}'
    )
