"""Declared options as lines of an option file."""

from __future__ import annotations

import yaml

from bsr_plugins.common.option import Option
from bsr_plugins.common.option_kinds import FLAG, choice, number, whole
from bsr_plugins.options.templates.option_lines import option_lines

OPTIONS = (
    Option('count', whole(1), 10, 'how many `items`', 'the paper has 10'),
    Option('eps', number(), 1e-5, 'bound'),
    Option('flag', FLAG, False, 'whether'),
    Option('word', choice('a', 'b'), 'a', 'm' * 110, 'short'),
    Option('long', choice('a', 'b'), 'b', 'many words ' * 20),
)


def test_lines() -> None:
    assert option_lines(OPTIONS, 'count -flag word') == (
        'count: 10  # how many items; the paper has 10\nflag: false\nword: a  # short\n'
    )
    assert option_lines(OPTIONS, '-count', count='{scale}') == 'count: {scale}\n'


def test_what_is_too_long_stands_above() -> None:
    lines = option_lines(OPTIONS, 'long').splitlines()
    assert lines[-1] == 'long: b' and len(lines) == 3
    assert all(line.startswith('# many words') and len(line) <= 114 for line in lines[:-1])


def test_yaml_reads_the_defaults() -> None:
    names = ' '.join(option.name for option in OPTIONS)
    assert yaml.safe_load(option_lines(OPTIONS, names)) == {option.name: option.default for option in OPTIONS}
