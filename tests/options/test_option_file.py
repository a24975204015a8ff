"""Option files: the values BasicSR's reader gives, a line for each key, and a clear error for each kind of fault."""

from __future__ import annotations

import importlib.util
import re
from collections import OrderedDict
from pathlib import Path

import pytest
import yaml

from bsr_plugins.common.errors import OptionError
from bsr_plugins.options import option_file as option_file_module
from bsr_plugins.options.option_file import read_option_file

VALUES = """\
# comment
name: net_x4  # trailing
scale: 4
octal: 010
sexagesimal: 1:30
yes_word: yes
lr: 1e-4
lr_point: 1.0e-4
lr_tag: !!float 1e-4
freq: !!float 5e3
betas: [0.9, 0.99]
none: ~
empty:
quoted: '1e-4'
range: 255.
date: 2021-05-01
nested:
  'conv1_2': 0.1
  list:
    - a
    - {b: 1}
shared: &anchor
  x: 1
again: *anchor
"""


def written(folder: Path, text: str, name: str = 'x.yml') -> str:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def upstream_loader() -> type:
    """BasicSR's reader (basicsr.utils.options.ordered_yaml), in a class of its own."""

    class Loader(getattr(yaml, 'CLoader', yaml.Loader)):
        pass

    Loader.add_constructor(
        yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, lambda loader, node: OrderedDict(loader.construct_pairs(node))
    )
    return Loader


def test_values_are_those_of_basicsr(tmp_path: Path) -> None:
    options = read_option_file(written(tmp_path, VALUES)).options
    assert options == yaml.load(VALUES, Loader=upstream_loader())
    assert list(options)[:3] == ['name', 'scale', 'octal']
    assert options['lr'] == '1e-4' and options['lr_tag'] == 1e-4 and options['octal'] == 8


def test_every_key_has_its_line(tmp_path: Path) -> None:
    option_file = read_option_file(written(tmp_path, VALUES))
    lines = VALUES.splitlines()
    assert len(option_file.lines) == 23
    for path, number in option_file.lines.items():
        assert path[-1] in lines[number - 1]
    assert option_file.where('nested', 'conv1_2') == f'{option_file.path}:18: nested.conv1_2'
    assert option_file.where('nested', 'absent', 'deep') == f'{option_file.path}:17: nested.absent.deep'
    assert option_file.where('absent') == f'{option_file.path}: absent'


def test_get_and_section(tmp_path: Path) -> None:
    option_file = read_option_file(written(tmp_path, VALUES))
    assert option_file.get('nested', 'list', '1', 'b') == 1
    assert option_file.get('scale', 'x') is None and option_file.get('nested', 'list', '7') is None
    assert option_file.section('scale') == {} and list(option_file.section('shared')) == ['x']


def test_plain_marks_unquoted_text_alone(tmp_path: Path) -> None:
    plain = read_option_file(written(tmp_path, VALUES)).plain
    assert ('lr',) in plain and ('name',) in plain
    assert not plain & {('quoted',), ('lr_tag',), ('scale',), ('lr_point',)}


@pytest.mark.parametrize(
    ('text', 'problem', 'place', 'more'),
    [
        ('', 'is empty', '', ''),
        ('# a comment alone\n', 'is empty', '', ''),
        ('- a\n- b\n', 'not a list of keys and values', ':1:1', 'key: value'),
        ('name:x\n', 'not a list of keys and values', ':1:1', 'space after the colon'),
        ('a: 1\nb: c: d\n', 'not valid YAML', ':2:', '   2 | b: c: d\n'),
        ('a: [1, 2\nb: 3\n', 'not valid YAML', ':2:', 'indent by spaces'),
        ('a:\n\tb: 1\n', 'A tab stands', ':2:1', 'replace tabs by spaces'),
        ('a: !!python/object/apply:os.system ["true"]\n', 'Python tags are refused', ':1:4', '!!python/object/apply'),
        ('a:\n  - !!python/name:os.system\n', 'Python tags are refused', ':2:5', 'os.system'),
        ('!!python/tuple [a]: 1\n', 'Python tags are refused', ':1:1', ''),
        ('a: !mine 3\n', 'The tag !mine is unknown', ':1:4', ''),
        ('a: !!float abc\n', 'does not fit its tag', ':1:4', 'a: !!float abc'),
        ('a: !!int ""\n', 'does not fit its tag', ':1:4', ''),
        ('a: !!nothing x\n', 'not valid YAML', ':1:4', ''),
        ('a: &x {b: *x}\n', 'An alias refers to the anchor it stands in', ':1:', ''),
        ('a: &x {b: 1}\nc:\n  <<: *x\n', 'Merge keys', ':3:3', 'write the keys out'),
        ('yes: 1\n', 'The key yes is read as a boolean', ':1:1', "quote it: 'yes'"),
        ('1: a\n', 'The key 1 is read as a number', ':1:1', "quote it: '1'"),
        ('network_g:\n  table: {1: a}\n', 'The key 1 is read as a number', ':2:11', "quote it: '1'"),
        ('logger:\n  on: a\n', 'The key on is read as a boolean', ':2:3', "quote it: 'on'"),
        ('b: ok\na: ' + '[' * 60 + ']' * 60, 'nested too deeply', ':2', 'at most 50'),
        ('a: ' + '[' * 300_000, 'nested too deeply', ':1', 'at most 50'),  # composed, it would overflow the C stack
        ('b:\n a: ' + '{a: ' * 300_000, 'nested too deeply', ':2', 'at most 50'),
        ('a:\n  ' + '- ' * 5_000 + 'x', 'nested too deeply', ':2', 'at most 50'),
        (
            'a0: &a0 [x]\n' + ''.join(f'a{i}: &a{i} [*a{i - 1}]\n' for i in range(1, 400)),
            'nested too deeply',
            ':1',
            'at most 50',
        ),
        (
            'a0: &a0 [x, x]\n' + ''.join(f'a{i}: &a{i} [{", ".join([f"*a{i - 1}"] * 10)}]\n' for i in range(1, 12)),
            'too many values',
            ':1',
            'at most 100,000 values',
        ),
        ('? [a, b]\n: 1\n', 'A key is a list or a mapping', ':1:', ''),
        ('a: 1\n---\nb: 2\n', 'not valid YAML', ':2:1', ''),
        ('a: *nothing\n', 'not valid YAML', ':1:', 'a: *nothing'),
        (b'a: 1\nb: \xe9\n', 'is not UTF-8 text', ':2', 'byte 0xe9'),
        ('a: 1\n'.encode('utf-16'), 'is not UTF-8 text', ':1', 'save it as UTF-8'),
        (b'a: \x00\n', 'not valid YAML', '', ''),
    ],
)
def test_faulty_files(tmp_path: Path, text: str, problem: str, place: str, more: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(OptionError) as caught:
        read_option_file(path)
    message = str(caught.value)
    assert problem in message
    assert f'{path}{place}' in message
    assert more in message


@pytest.mark.parametrize('text', ['a: ' + '[' * 60 + ']' * 60, 'a: 1\n'])
def test_a_reader_that_gives_up_in_its_own_way_is_reported_in_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    class GivesUp(yaml.SafeLoader):
        def check_event(self, *choices: type) -> bool:
            raise RecursionError('its own words')

    monkeypatch.setattr(option_file_module, '_SafeLoader', GivesUp)
    with pytest.raises(OptionError, match='nested too deeply' if '[' in text else 'not valid YAML'):
        read_option_file(written(tmp_path, text))


def test_as_deep_as_allowed_is_read(tmp_path: Path) -> None:
    option_file = read_option_file(written(tmp_path, 'a: ' + '[' * 48 + '[7]' + ']' * 48))
    assert option_file.get('a', *['0'] * 49) == 7


def test_python_tags_run_nothing(tmp_path: Path) -> None:
    victim = tmp_path / 'made'
    path = written(tmp_path, f'a: !!python/object/apply:os.mkdir ["{victim}"]\n')
    with pytest.raises(OptionError, match='Python tags are refused'):
        read_option_file(path)
    assert not victim.exists()


def test_absent_file_offers_near_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'options' / 'deep').mkdir(parents=True)
    written(tmp_path / 'options', 'a: 1', 'train_RCAN_bspa_x4.yml')
    written(tmp_path / 'options' / 'deep', 'a: 1', 'far.yml')
    for asked, offered in (
        ('options/train_RCAN_bpsa_x4.yml', "did you mean 'options/train_RCAN_bspa_x4.yml'?"),
        ('option/far.yml', f"{tmp_path} does; did you mean 'options/deep/far.yml'?"),
        ('far.yml', "did you mean 'options/deep/far.yml'?"),
        ('options/zzz.yml', 'correct the path: options holds no file of a similar name'),
    ):
        with pytest.raises(OptionError) as caught:
            read_option_file(asked)
        message = str(caught.value)
        assert 'The option file does not exist' in message
        assert f'the working directory is {tmp_path}' in message
        assert offered in message


def test_folder_instead_of_file(tmp_path: Path) -> None:
    written(tmp_path, 'a: 1', 'one.yml')
    with pytest.raises(OptionError, match=r'is a folder[\s\S]*found: +one\.yml'):
        read_option_file(tmp_path)


def test_byte_order_mark_and_tabs_before_comments_are_read(tmp_path: Path) -> None:
    assert read_option_file(written(tmp_path, '\ufeffa: 1\n')).options == {'a': 1}
    if hasattr(yaml, 'CSafeLoader'):
        assert read_option_file(written(tmp_path, 'a: 1\t# note\n')).options == {'a': 1}


@pytest.mark.skipif(importlib.util.find_spec('basicsr') is None, reason='needs basicsr')
def test_the_comparison_reader_is_upstreams() -> None:
    package = Path(importlib.util.find_spec('basicsr').submodule_search_locations[0])
    source = (package / 'utils' / 'options.py').read_text()
    assert 'from yaml import CLoader as Loader' in source
    assert re.search(r'return OrderedDict\(loader\.construct_pairs\(node\)\)', source)


def test_of_a_repeated_key_the_last_one_counts_and_it_is_noted(tmp_path: Path) -> None:
    path = tmp_path / 'x.yml'
    path.write_text('t:\n  o:\n    lr: 1\n    k: 2\n    lr: 3\n')
    option_file = read_option_file(path)
    assert option_file.get('t', 'o', 'lr') == 3 and option_file.lines[('t', 'o', 'lr')] == 5
    assert option_file.repeated == {('t', 'o', 'lr'): 3}
