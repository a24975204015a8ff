"""An option's value: read, checked, and what an error says of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.option import REQUIRED, DescribedDefault, Option, OptionSet, read_section, yaml_value
from bsr_plugins.common.option_kinds import FLAG, TEXT, choice, list_of, number, optional, whole

COUNT = Option('count', whole(1), 10, 'how many', 'the paper has 10')
WORD = Option('word', choice('inverse', 'uniform'), 'inverse', 'which')
SIZE = Option('size', optional(whole(1)), None, 'side')
PATH = Option('path', TEXT, REQUIRED, 'where')
PLACE = Option('place', optional(TEXT), DescribedDefault('beside it'), 'where else')


def test_what_is_absent_has_its_default() -> None:
    assert read_section((COUNT, WORD, SIZE, PLACE), {}, 'A', 'a.') == {
        'count': 10,
        'word': 'inverse',
        'size': None,
        'place': None,
    }
    assert Option('steps', optional(whole(1)), 8, 'points').read({'steps': None}, 'steps') == 8


@pytest.mark.parametrize(
    ('option', 'value', 'remedy'),
    [
        (COUNT, 0, 'count: 10 is the default'),
        (COUNT, None, 'count: 10 is the default'),
        (COUNT, '3', 'count: 3, unquoted'),
        (Option('eps', number(), 1e-5, 'bound'), '1e-3', 'eps: !!float 1e-3 (YAML reads 1e-3 as text)'),
        (Option('eps', number(), 1e-5, 'bound'), [], 'eps: !!float 1e-05 is the default'),
        (Option('mean', list_of(number()), (0.5,), 'mean'), ['1e-3'], 'write 1e-3 as a plain number'),
        (WORD, 'invers', "did you mean 'inverse'?"),
        (WORD, 'Inverse', 'word: inverse, unquoted'),
        (WORD, 4, 'word: inverse is the default'),
        (Option('none', choice('none', 'batch'), 'batch', 'which'), None, 'none: none, unquoted'),
        (Option('flag', FLAG, True, 'whether'), 'ture', "did you mean 'true'?"),
        (PATH, 3, 'give path a value: text (where)'),
    ],
)
def test_what_is_refused(option: Option, value: Any, remedy: str) -> None:
    with pytest.raises(OptionError) as caught:
        option.read({option.name: value}, f'train.{option.name}')
    assert caught.value.where == f'train.{option.name}'
    if not (option is PATH and value is None):
        assert (caught.value.expected, caught.value.found) == (option.kind.text, repr(value))
    assert caught.value.remedy == remedy


def test_what_is_missing() -> None:
    for given in ({}, {'path': None}):
        with pytest.raises(OptionError, match=r"(?s)'path' is missing.*where: +a\.path.*text: where"):
            read_section((PATH,), given, 'A', 'a.')


def test_unknown_names_are_refused_unless_others_read_them() -> None:
    with pytest.raises(OptionError, match=r"(?s)A has no option 'cuont'.*a\.cuont.*did you mean 'count'"):
        read_section((COUNT,), {'cuont': 1}, 'A', 'a.')
    assert read_section((COUNT,), {'name': 'x'}, 'A', 'a.', carried=('name',)) == {'count': 10}


def _even(values: SimpleNamespace) -> None:
    if values.count % 2 and values.size is None:
        raise OptionError('count is odd', where='count', expected='even', found=values.count, remedy='count: 2')


def test_what_options_have_to_fulfil_together() -> None:
    options = OptionSet('loss', 'A', 'About.', (COUNT, SIZE, PATH), relation=_even)
    options.check(count=4)
    options.check(count=3, size=1)
    options.check_relation({}, 'a.')  # by the defaults
    with pytest.raises(OptionError, match=r'(?s)count is odd.*where: +A\.count.*even.*3.*count: 2'):
        options.check(count=3)
    with pytest.raises(OptionError, match=r"(?s)'count' has a wrong value.*where: +A\.count"):
        options.check(count=0)
    assert vars(options.defaults) == {'count': 10, 'size': None} and options['path'] is PATH


@pytest.mark.parametrize('value', [None, True, False, 3, 0.1, 1e-5, 2.5e20, 'auto', (0.5, 1e-7), [1, 2]])
def test_yaml_reads_what_is_written(value: Any) -> None:
    read = yaml.safe_load(f'key: {yaml_value(value)}')['key']
    assert read == (list(value) if isinstance(value, tuple) else value) and type(read) in (type(value), list)


def test_comment() -> None:
    assert COUNT.comment == 'how many; the paper has 10' and WORD.comment == 'which'
