"""The keys that a piece of source reads, and the sections that it hands on whole."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bsr_plugins.checks.option_reads import Reads, reads_of_class, reads_of_functions
from bsr_plugins.checks.source_tree import SourceTree


def reads(tmp_path: Path, body: str, extra: str = '') -> Reads:
    """Return what a method with the given lines reads."""
    lines = '\n'.join(f'    {line}' for line in body.split('\n'))
    path = tmp_path / 'x.py'
    path.write_text(f'{extra}\nclass Model:\n  def __init__(self, opt):\n    self.opt = opt\n{lines}\n')
    tree = SourceTree([path])
    return reads_of_class(tree, tree.chain(tree.find('Model'))[0])


@pytest.mark.parametrize(
    ('body', 'keys'),
    [
        ("self.opt['train']['ema_decay']", {'train', 'train.ema_decay'}),
        ("opt.get('val').get('pbar', True)", {'val', 'val.pbar'}),
        ("train_opt = self.opt['train']\nif 'x' in train_opt: train_opt['x']", {'train', 'train.x'}),
        ("train = opt.get('train') or {}\ntrain.pop('a')", {'train', 'train.a'}),
        ("a, b = opt['gt'], opt['lq']", {'gt', 'lq'}),
        ("x = opt['a'] if flag else opt['b']\nx['c']", {'a', 'b', 'a.c', 'b.c'}),
        ("from copy import deepcopy\ndeepcopy(opt['a'])['b']", {'a', 'a.b'}),
        ("opt['path'][f'pretrain_network_{label}']", {'path', 'path.pretrain_network_*'}),
        ("opt[name]['x']", {'*', '*.x'}),
        (
            "for name, one in opt['val']['metrics'].items():\n  one.get('better')",
            {'val', 'val.metrics', 'val.metrics.*', 'val.metrics.*.better'},
        ),
        ("[each['lr'] for each in opt['groups'].values()]", {'groups', 'groups.*', 'groups.*.lr'}),
    ],
)
def test_keys_that_are_read(tmp_path: Path, body: str, keys: set) -> None:
    found = reads(tmp_path, body)
    assert {'.'.join(key) for key in found.keys} == keys


def test_what_one_method_keeps_another_reads(tmp_path: Path) -> None:
    path = tmp_path / 'x.py'
    path.write_text("class A:\n  def later(self): self.kept['b']\n  def __init__(self, opt): self.kept = opt['a']\n")
    tree = SourceTree([path])
    assert reads_of_class(tree, tree.chain(tree.find('A'))[0]).keys == {('a',), ('a', 'b')}


def test_what_is_written_is_not_read(tmp_path: Path) -> None:
    found = reads(tmp_path, "opt['a'] = 1\nopt['b']['c'] = 2")
    assert found.keys == {('b',)}


@pytest.mark.parametrize(
    ('body', 'whole'),
    [
        ("unknown(opt['a'])", {('a',)}),
        ("Client(**opt['io'])", {('io',)}),
        ("print(opt); logger.info(dict2str(opt)); len(opt['a'])", set()),
        ("build_network(opt['network_g']); REGISTRY.get(name)(**opt['loss'])", {('network_g',), ('loss',)}),
    ],
)
def test_sections_that_are_handed_on(tmp_path: Path, body: str, whole: set) -> None:
    assert reads(tmp_path, body).whole == whole


def test_functions_and_methods_that_take_a_section(tmp_path: Path) -> None:
    extra = "def helper(number, options):\n  return options['deep']['er']\n"
    found = reads(tmp_path, "helper(1, opt['a'])\nhelper(2, options=opt['b'])\nself.own(opt['c'])", extra)
    assert {('a', 'deep', 'er'), ('b', 'deep', 'er')} <= found.keys
    assert found.whole == {('c',)}  # no such method: anything may be read


def test_bases_read_too(tmp_path: Path) -> None:
    path = tmp_path / 'x.py'
    path.write_text("class A:\n  def f(self): self.opt['a']\nclass B(A):\n  def g(self): self.opt['b']\n")
    tree = SourceTree([path])
    found = reads_of_class(tree, tree.chain(tree.find('B'))[0], ('datasets', 'train'))
    assert found.keys == {('datasets', 'train', 'a'), ('datasets', 'train', 'b')}


def test_functions_of_a_module() -> None:
    module = ast.parse("def f(opt, dataset_opt):\n  opt['name']\n  dataset_opt['phase']\n  other['x']\n")
    found = reads_of_functions(SourceTree([]), module.body, {'opt': (), 'dataset_opt': ('datasets', '*')})
    assert found.keys == {('name',), ('datasets', '*', 'phase')}


def test_questions() -> None:
    found = Reads({('train',), ('train', 'lr'), ('datasets', '*', 'phase'), ('path', 'pretrain_*')}, {('train', 'any')})
    assert found.reads(('train', 'lr')) and found.reads(('train', 'any', 'thing', 'else'))
    assert found.reads(('datasets', 'val_2', 'phase')) and found.reads(('path', 'pretrain_network_g'))
    assert not found.reads(('train', 'rl')) and not found.reads(('train', 'lr', 'more'))
    assert found.names_below(('train',)) == {'lr'} and found.names_below(('path',)) == set()
    assert found.names_below(('datasets', 'train')) == {'phase'}
