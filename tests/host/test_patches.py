"""The tables of mends and additions, and how a patch is put in place or left out."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, Callable, List

import pytest

from bsr_plugins.common.errors import HookError
from bsr_plugins.host import patches
from bsr_plugins.host.additions import ADDITIONS
from bsr_plugins.host.mends import MENDS
from bsr_plugins.host.patches import (
    AFTER_IMPORT,
    WHEN_MISSING,
    Patch,
    active_patches,
    names_used,
    put_in_place,
    replace_function,
    texts_used,
)
from bsr_plugins.host.switches import plain

ALL = (*MENDS, *ADDITIONS)


@pytest.mark.parametrize('patch', ALL, ids=lambda patch: patch.name)
def test_every_patch_says_why_and_where(patch: Patch) -> None:
    assert patch.link.startswith('https://') and len(patch.reason) > 20
    assert patch.when in (AFTER_IMPORT, WHEN_MISSING)
    module, _, function = patch.apply.target.partition(':')
    applied = getattr(__import__(module, fromlist=[function]), function)
    assert applied.__doc__ and applied.__annotations__['return'] == 'bool'


def test_a_name_means_one_thing() -> None:
    """Patches that share a name change several modules for one reason, and are all mends or all additions."""
    for patch in ALL:
        assert {other.reason for other in ALL if other.name == patch.name} == {patch.reason}
    assert len({(patch.name, patch.module) for patch in ALL}) == len(ALL)
    assert not {patch.name for patch in MENDS} & {patch.name for patch in ADDITIONS}
    plain_names = {plain(patch.name) for patch in ALL}
    assert len(plain_names) == len({patch.name for patch in ALL}) and plain('off') not in plain_names


def test_nothing_is_changed_a_second_time() -> None:
    """Applied again to the modules in use, every patch declines."""
    pytest.importorskip('basicsr')
    again = [
        patch.name
        for patch in ALL
        if patch.when == AFTER_IMPORT and patch.module in sys.modules and patch.apply(sys.modules[patch.module])
    ]
    assert again == []


def test_only_patches_that_changed_something_are_active() -> None:
    def present(module: ModuleType) -> bool:
        return True

    def absent(module: ModuleType) -> bool:
        return False

    for name, apply in (('present', present), ('absent', absent)):
        put_in_place(Patch(f'test {name}', 'sys', apply, 'reason', 'https://link'))
    names = [patch.name for patch in active_patches()]
    assert 'test present' in names and 'test absent' not in names


def test_a_patch_that_fails_is_named_with_its_link() -> None:
    def fail(module: ModuleType) -> bool:
        raise AttributeError('no such function')

    with pytest.raises(HookError, match=r"the patch 'test fails' \(https://thread\) failed on the module sys: Attrib"):
        put_in_place(Patch('test fails', 'sys', fail, 'reason', 'https://thread'))


def test_installing_twice_adds_nothing() -> None:
    before = list(sys.meta_path), active_patches()
    patches.install(MENDS, ADDITIONS)
    assert (list(sys.meta_path), active_patches()) == before


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
