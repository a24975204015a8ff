"""Options that name several data roots: as many of each, in one order."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.data.images.data_roots import DataRoot, data_roots, one_root, paths_of


def test_one_root_and_several() -> None:
    one = SimpleNamespace(dataroot_gt='a', dataroot_lq='b', difficulty=None)
    assert data_roots(one) == [DataRoot('a', 'b', None, None)]
    two = SimpleNamespace(dataroot_gt=['a', 'c'], dataroot_lq=['b', 'd'], difficulty=['e', 'f'], saliency=['g', 'h'])
    assert data_roots(two) == [DataRoot('a', 'b', 'e', 'g'), DataRoot('c', 'd', 'f', 'h')]
    assert paths_of(None) == []


@pytest.mark.parametrize(
    ('key', 'value'), [('dataroot_lq', ['b']), ('difficulty', 'e'), ('saliency', ['g', 'h', 'i']), ('dataroot_lq', 'b')]
)
def test_lists_of_different_lengths(key: str, value: object) -> None:
    options = {'dataroot_gt': ['a', 'c'], 'dataroot_lq': ['b', 'd'], key: value}
    with pytest.raises(OptionError, match=f'dataroot_gt and {key} do not name as many places') as error:
        data_roots(SimpleNamespace(**options))
    assert (error.value.where, error.value.expected) == (key, '2 paths, one for each of dataroot_gt')


def test_a_data_set_that_reads_one() -> None:
    assert one_root({'dataroot_gt': ['a']}, 'dataroot_gt') == 'a'
    with pytest.raises(OptionError, match='X reads one folder') as error:
        one_root({'type': 'X', 'dataroot_gt': ['a', 'b']}, 'dataroot_gt')
    assert error.value.where == "data set 'X': dataroot_gt"
