"""Classes found by name in source files that are never imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsr_plugins.checks.source_tree import SourceTree


@pytest.fixture
def tree(tmp_path: Path) -> SourceTree:
    texts = {
        'a/base.py': 'class Base(nn.Module):\n  def read(self): pass\nclass Top(Base): pass\n',
        'a/net.py': 'from a.base import Base as Parent\nclass Net(Parent):\n  def __init__(self): raise SystemExit\n',
        'b/base.py': 'class Base:\n  def other(self): pass\n',
        'b/net.py': 'class Far(Base): pass\nclass Lost(Unknown, Base): pass\n',
        'c/broken.py': 'class Broken(:\n',
        'c/loop.py': 'class Loop(Loop): pass\n',
        'c/base.py': 'from a.net import Net as Stock\nclass Mine(Stock): pass\n',
        'c/net.py': 'from .base import Mine\nclass Net(Mine): pass\n',  # named as what it derives from
        'c/ring.py': 'class One(Two): pass\nclass Two(One): pass\n',
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return SourceTree(sorted(tmp_path.rglob('*.py')))


def names(tree: SourceTree, name: str) -> list:
    chain, complete = tree.chain(tree.find(name))
    return [f'{each.path.parent.name}.{each.node.name}' for each in chain] + [complete]


@pytest.mark.parametrize(
    ('name', 'chain'),
    [
        ('Top', ['a.Top', 'a.Base', True]),
        ('Net', ['a.Net', 'a.Base', True]),  # imported under another name
        ('Far', ['b.Far', 'b.Base', True]),  # the Base of its own package
        ('Lost', ['b.Lost', 'b.Base', False]),
        ('Loop', ['c.Loop', False]),
        ('Mine', ['c.Mine', 'a.Net', 'a.Base', True]),
        ('One', ['c.One', 'c.Two', False]),
    ],
)
def test_bases(tree: SourceTree, name: str, chain: list) -> None:
    assert names(tree, name) == chain


def test_a_class_named_as_the_one_it_derives_from(tree: SourceTree, tmp_path: Path) -> None:
    chain, complete = tree.chain(tree.find('Net', tmp_path / 'c' / 'net.py'))
    assert [f'{each.path.parent.name}.{each.node.name}' for each in chain] == ['c.Net', 'c.Mine', 'a.Net', 'a.Base']
    assert complete


def test_methods_come_from_the_nearest_class(tree: SourceTree) -> None:
    chain, _ = tree.chain(tree.find('Net'))
    function, owner = tree.method(chain, 'read')
    assert (function.name, owner.node.name) == ('read', 'Base')
    assert tree.method(chain, 'absent') is None


def test_what_is_no_python_or_not_there(tree: SourceTree, tmp_path: Path) -> None:
    assert tree.find('Broken') is None and tree.find('Absent') is None
    assert SourceTree([tmp_path / 'absent.py']).texts == {}


def test_names_read_anywhere(tmp_path: Path) -> None:
    path = tmp_path / 'x.py'
    path.write_text("opt['one']; opt.get('two', 1); opt.pop(\n 'three')\nif 'four' in opt: pass\ndef f(five=5): pass\n")
    assert {'one', 'two', 'three', 'four', 'five'} <= SourceTree([path]).names_read
    assert 'ema_decy' not in SourceTree([path]).names_read
