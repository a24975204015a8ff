"""``--force_yml``: the values BasicSR makes, and refusal of all that it would execute or create."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.shown import shown
from bsr_plugins.options.forced_options import apply_force_yml, read_forced_value
from bsr_plugins.options.option_file import OptionFile, read_option_file

TEXT = """\
name: x
val: {save_img: true}
train:
  total_iter: 100
  optim_g: {type: Adam, lr: 0.1, betas: [0.9, 0.99]}
  pixel_opt: {type: L1Loss}
  milestones: [1, 2]
"""
ACCEPTED = [
    '~',
    'none',
    'None',
    'true',
    'FALSE',
    '!!float1e-4',
    '!!float 5e3',
    '0',
    '007',
    '12',
    '0.5',
    '.5',
    '5.',
    '-1',
    '1e-4',
    'text',
    'a/b.png',
    '[1, 2]',
    '[0.9, 0.999]',
    "['a', 'b']",
    '[]',
    '',
    '1.2.3',
    '[-1]',
]


@pytest.fixture
def option_file(tmp_path: Path) -> OptionFile:
    path = tmp_path / 'x.yml'
    path.write_text(TEXT)
    return read_option_file(path)


@pytest.mark.parametrize('text', ACCEPTED)
def test_values_are_those_of_basicsr(text: str) -> None:
    upstream = importlib.import_module('basicsr.utils.options')._postprocess_yml_value(text)
    value = read_forced_value(text, '')
    assert value == upstream and type(value) is type(upstream)


@pytest.mark.parametrize(
    ('text', 'value'),
    [('-1', '-1'), ('1e-4', '1e-4'), ('.5', 0.5), ('none', None), ('!!float 1e-4', 1e-4), ('[0.9, 1e-4]', [0.9, 1e-4])],
)
def test_values(text: str, value: Any) -> None:
    assert read_forced_value(text, '') == value


def test_a_copy_is_changed(option_file: OptionFile) -> None:
    changed = apply_force_yml(option_file, ['train:total_iter=7', 'train:optim_g:betas=[0.5, 0.6]', 'val=~'])
    assert changed.get('train', 'total_iter') == 7
    assert changed.get('train', 'optim_g', 'betas') == [0.5, 0.6]
    assert changed.get('val') is None and 'val' in changed.options
    assert option_file.get('train', 'total_iter') == 100 and option_file.get('val') == {'save_img': True}
    assert option_file.get('train', 'optim_g', 'betas') == [0.9, 0.99] and not option_file.forced
    assert changed.where('train', 'total_iter') == '--force_yml: train.total_iter'
    assert changed.where('train', 'optim_g', 'lr').endswith('x.yml:5: train.optim_g.lr')


def test_nothing_forced_is_the_same_file(option_file: OptionFile) -> None:
    assert apply_force_yml(option_file, None) is option_file


@pytest.mark.parametrize(
    ('entry', 'problem', 'more'),
    [
        ('train:total_iter', 'has the wrong form', 'one `=`'),
        ('train:total_iter=1=2', 'has the wrong form', ''),
        ('name=a\nb', 'has the wrong form', 'one `=`'),
        ('train:totl_iter=3', "lacks: 'train:totl_iter'", "did you mean 'total_iter'?"),
        ('trian:total_iter=3', "lacks: 'trian'", "did you mean 'train'?"),
        ('train:total_iter:x=3', "'train:total_iter' is not a section", ''),
        ('train:milestones:0=3', "'train:milestones' is not a section", ''),
        ('train:optim_g=Adam', 'is a section', 'type, lr, betas'),
        ('name"]=1;import os;opt["name=2', 'has the wrong form', ''),
        ('name"] or opt["name=2', 'A key of --force_yml is not a name', ''),
        ('na\\me=2', 'A key of --force_yml is not a name', ''),
        ('=2', 'A key of --force_yml is not a name', "''"),
        ('train: total_iter=2', 'A key of --force_yml is not a name', ''),
        ("name='x'", 'is quoted', 'write name=x'),
        ('name=[__import__("os").getcwd()]', 'cannot be read', 'literals'),
        ('name=[a, b]', 'cannot be read', "['a', 'b']"),
        ('name=[1, 2', 'cannot be read', ''),
        ('name=!!floatx', 'cannot be read', ''),
        ('name=\u00b2', 'cannot be read', ''),
    ],
)
def test_refused_entries(option_file: OptionFile, entry: str, problem: str, more: str) -> None:
    with pytest.raises(OptionError) as caught:
        apply_force_yml(option_file, [entry])
    message = str(caught.value)
    assert problem in message and more in message
    assert f'--force_yml {shown(entry)}' in message
