"""The table of mends, and how one is put in place."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, Callable, List

import pytest

from bsr_plugins.common.errors import HookError
from bsr_plugins.host import mends
from bsr_plugins.host.mends import MENDS, Mend, active_mends
from bsr_plugins.host.mends.mend import (
    AFTER_IMPORT,
    WHEN_MISSING,
    names_used,
    put_in_place,
    replace_function,
    texts_used,
)


@pytest.mark.parametrize('mend', MENDS, ids=lambda mend: mend.name)
def test_every_mend_says_why_and_where(mend: Mend) -> None:
    assert mend.link.startswith('https://') and len(mend.reason) > 20
    assert mend.when in (AFTER_IMPORT, WHEN_MISSING)
    module, _, function = mend.apply.target.partition(':')
    applied = getattr(__import__(module, fromlist=[function]), function)
    assert applied.__doc__ and applied.__annotations__['return'] == 'bool'


def test_names_are_unique() -> None:
    names = [mend.name for mend in MENDS]
    assert sorted(names) == sorted(set(names))


def test_no_mend_finds_its_defect_a_second_time() -> None:
    """What is mended is no longer defective: applied again to the modules in use, every mend declines."""
    pytest.importorskip('basicsr')
    again = [
        mend.name
        for mend in MENDS
        if mend.when == AFTER_IMPORT and mend.module in sys.modules and mend.apply(sys.modules[mend.module])
    ]
    assert again == []


def test_only_mends_that_met_their_defect_are_active() -> None:
    def present(module: ModuleType) -> bool:
        return True

    def absent(module: ModuleType) -> bool:
        return False

    for name, apply in (('present', present), ('absent', absent)):
        put_in_place(Mend(f'test {name}', 'sys', apply, 'reason', 'https://link'))
    names = [mend.name for mend in active_mends()]
    assert 'test present' in names and 'test absent' not in names


def test_a_mend_that_fails_is_named_with_its_link() -> None:
    def fail(module: ModuleType) -> bool:
        raise AttributeError('no such function')

    with pytest.raises(HookError, match=r"the mend 'test fails' \(https://thread\) failed on the module sys: Attrib"):
        put_in_place(Mend('test fails', 'sys', fail, 'reason', 'https://thread'))


def test_installing_twice_adds_nothing() -> None:
    before = list(sys.meta_path), active_mends()
    mends.install()
    assert (list(sys.meta_path), active_mends()) == before


def test_what_a_function_uses_is_read_through_wrappers() -> None:
    import functools

    def inner(items: List[Any]) -> Any:
        return items.append('text')

    @functools.wraps(inner)
    def outer(items: List[Any]) -> Any:
        return inner(items)

    function: Callable[..., Any] = outer
    assert 'append' in names_used(function)
    assert 'text' in texts_used(function)


def test_copies_that_were_imported_by_name_are_replaced_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def original() -> str:
        return 'original'

    def namesake() -> str:
        return 'namesake'

    home, user, other = (ModuleType(name) for name in ('home', 'user', 'other'))
    home.function = user.function = original
    other.function = namesake
    for module in (home, user, other):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    replace_function(home, 'function', lambda: 'mended')
    assert [module.function() for module in (home, user, other)] == ['mended', 'mended', 'namesake']
