"""distutils.version.LooseVersion on a Python without distutils."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from bsr_plugins.host.mends.loose_version import LooseVersion

WITHOUT_DISTUTILS = """
import sys
class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, *rest):
        return None if name.partition('.')[0] == 'distutils' else self.finder.find_spec(name, *rest)
sys.meta_path[:] = [Without(finder) for finder in sys.meta_path if hasattr(finder, 'find_spec')]
for name in [name for name in sys.modules if name.partition('.')[0] == 'distutils']:
    del sys.modules[name]
"""
AS_IN_ARCH_UTIL = """
from distutils.version import LooseVersion
print(LooseVersion('0.29.0+cu132') >= LooseVersion('0.9.0'), LooseVersion('0.8.2') >= LooseVersion('0.9.0'))
"""


def test_without_the_mend_it_is_missing(run_python: Callable[..., Any]) -> None:
    assert "No module named 'distutils'" in run_python(WITHOUT_DISTUTILS + AS_IN_ARCH_UTIL).stderr


def test_with_the_mend_basicsr_can_compare(run_python: Callable[..., Any]) -> None:
    done = run_python(WITHOUT_DISTUTILS + 'import bsr_plugins' + AS_IN_ARCH_UTIL)
    assert done.stdout.strip() == 'True False', done.stderr


ORDERED = [
    '0.4',
    '0.4.1',
    '0.9.0',
    '0.10.0',
    '0.10.1',
    '1.0rc1',
    '1.0.1',
    '1.5.1',
    '1.5.2b2',
    '1.13',
    '161',
    '3.10a',
    '1996.07.12',
]


def test_order() -> None:
    ordered = sorted(ORDERED, key=LooseVersion)
    assert ordered == [
        '0.4',
        '0.4.1',
        '0.9.0',
        '0.10.0',
        '0.10.1',
        '1.0rc1',
        '1.0.1',
        '1.5.1',
        '1.5.2b2',
        '1.13',
        '3.10a',
        '161',
        '1996.07.12',
    ]
    assert LooseVersion('0.10.0') > '0.9.0'
    assert LooseVersion('1.7') <= '1.7'


def test_equality_text_and_foreign_types() -> None:
    version = LooseVersion('1.8.0+cu111')
    assert version == LooseVersion('1.8.0.cu.111') and hash(version) == hash(LooseVersion('1.8.0.cu.111'))
    assert version != 'nothing like it' and version != 3
    assert str(version) == '1.8.0+cu111' and repr(version) == "LooseVersion ('1.8.0+cu111')"
    assert LooseVersion('1.5.2b2').version == [1, 5, 2, 'b', 2]
    with pytest.raises(TypeError):
        assert version < 3


@pytest.mark.parametrize('other', ORDERED)
def test_agrees_with_distutils_where_that_exists(other: str) -> None:
    theirs = pytest.importorskip('distutils.version').LooseVersion
    if not hasattr(theirs, '_cmp'):
        pytest.skip('this is the substitute')
    for text in ('0.9.0', '1.5.1', '2.15.0'):
        try:
            expected = theirs(text) < theirs(other)
        except TypeError:
            continue
        assert (LooseVersion(text) < LooseVersion(other)) is expected
