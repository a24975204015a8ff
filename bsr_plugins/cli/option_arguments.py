"""Options that are declared for option files as arguments of a command: ``cam_steps`` as ``--cam-steps``."""

from __future__ import annotations

import argparse
from typing import Any, Dict, Iterable

from bsr_plugins.common.option import Option, yaml_value


def add_option_arguments(parser: argparse.ArgumentParser, options: Iterable[Option]) -> None:
    """Add an argument for each option, with its meaning and default as help."""
    for option in options:
        words = '|'.join(option.kind.words)
        parser.add_argument(
            _flag(option),
            type=_value,
            metavar=words or 'N',
            help=f'{option.comment} ({yaml_value(option.default)})'.replace('%', '%%'),
        )


def given_options(args: argparse.Namespace, options: Iterable[Option]) -> Dict[str, Any]:
    """Return the options that are given, by name.

    Raises:
        OptionError: One is not what the option takes.
    """
    values = [(option, getattr(args, option.name)) for option in options]
    return {option.name: option.checked(value, _flag(option)) for option, value in values if value is not None}


def _flag(option: Option) -> str:
    return '--' + option.name.replace('_', '-')


def _value(text: str) -> Any:
    """Return what ``text`` stands for in an option file: a truth value, a number or a word."""
    words = {'true': True, 'false': False}
    if text in words:
        return words[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
