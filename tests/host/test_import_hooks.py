"""Callbacks after an import, and modules served where nobody has them."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pickle
import subprocess
import sys
import textwrap
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Iterator, List

import pytest

from bsr_plugins.common.errors import HookError, RegistrationError
from bsr_plugins.host import import_hooks
from bsr_plugins.host.import_hooks import is_complete, post_import, provide_missing


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package ``hooked`` on the import path; everything of it is forgotten afterwards."""
    folder = tmp_path / 'hooked'
    folder.mkdir()
    (folder / '__init__.py').write_text('')
    (folder / 'data.txt').write_text('resource')
    (folder / 'plain.py').write_text(
        textwrap.dedent("""
        order = ['executed']
        seen_loader = __loader__

        class Thing:
            value = 1

        def function():
            return 'source'
    """)
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.partition('.')[0] == 'hooked']:
        del sys.modules[name]
    for table in (import_hooks._post_import_finder().hooks, import_hooks._fallback_finder().builders):
        for name in [name for name in table if name.partition('.')[0] == 'hooked']:
            del table[name]


def import_fresh(name: str) -> ModuleType:
    importlib.invalidate_caches()
    return importlib.import_module(name)


def test_runs_right_after_execution_and_before_the_importer_goes_on(package: Path) -> None:
    post_import('hooked.plain', lambda module: module.order.append('hooked'), label='a')
    assert import_fresh('hooked.plain').order == ['executed', 'hooked']


def test_runs_at_once_for_a_complete_module(package: Path) -> None:
    module = import_fresh('hooked.plain')
    post_import('hooked.plain', lambda module: module.order.append('late'), label='a')
    assert module.order == ['executed', 'late']


def test_the_same_label_runs_once_and_several_run_in_order(package: Path) -> None:
    module = import_fresh('hooked.plain')
    for label in ('a', 'a', 'b'):
        post_import('hooked.plain', lambda module, label=label: module.order.append(label), label=label)
    assert module.order == ['executed', 'a', 'b']


def test_the_default_label_is_the_qualified_name(package: Path) -> None:
    def callback(module: ModuleType) -> None:
        module.order.append('once')

    module = import_fresh('hooked.plain')
    post_import('hooked.plain', callback)
    post_import('hooked.plain', callback)
    assert module.order == ['executed', 'once']


def test_runs_again_after_a_reload(package: Path) -> None:
    post_import('hooked.plain', lambda module: setattr(module.Thing, 'value', 2), label='a')
    module = import_fresh('hooked.plain')
    module.Thing.value = 3
    importlib.reload(module)
    assert module.Thing.value == 2


def test_waits_for_a_module_that_is_being_imported(package: Path) -> None:
    (package / 'half.py').write_text(
        textwrap.dedent("""
        from bsr_plugins.host.import_hooks import post_import
        order = []
        post_import('hooked.half', lambda module: module.order.append('first'), label='first')
        post_import('hooked.half', lambda module: module.order.append('second'), label='second')
        order.append('end of the module')
    """)
    )
    module = import_fresh('hooked.half')
    assert module.order == ['end of the module', 'first', 'second']
    assert type(module.__spec__) is importlib.machinery.ModuleSpec
    assert is_complete('hooked.half')


def test_a_package_can_be_hooked_in_the_midst_of_its_own_import(package: Path) -> None:
    (package / '__init__.py').write_text('from . import stub\nfrom . import plain\ncomplete = True\n')
    (package / 'stub.py').write_text(
        textwrap.dedent("""
        from bsr_plugins.host.import_hooks import post_import
        post_import('hooked', lambda module: setattr(module, 'seen_complete', module.complete), label='a')
        post_import('hooked.plain', lambda module: module.order.append('hooked'), label='a')
    """)
    )
    module = import_fresh('hooked')
    assert module.seen_complete is True
    assert module.plain.order == ['executed', 'hooked']


def test_a_module_that_fails_in_the_midst_runs_no_hook(package: Path) -> None:
    called: List[str] = []
    sys.hooked_called = called  # type: ignore[attr-defined]
    (package / 'broken.py').write_text(
        textwrap.dedent("""
        import sys
        from bsr_plugins.host.import_hooks import post_import
        post_import('hooked.broken', lambda module: sys.hooked_called.append('half'), label='half')
        raise ZeroDivisionError
    """)
    )
    post_import('hooked.broken', lambda module: called.append('whole'), label='whole')
    with pytest.raises(ZeroDivisionError):
        import_fresh('hooked.broken')
    del sys.hooked_called  # type: ignore[attr-defined]
    assert called == []
    assert 'hooked.broken' not in sys.modules


def test_a_hook_added_by_a_hook_of_the_same_module_runs_once(package: Path) -> None:
    def first(module: ModuleType) -> None:
        module.order.append('first')
        post_import('hooked.plain', lambda module: module.order.append('second'), label='second')

    post_import('hooked.plain', first, label='first')
    assert import_fresh('hooked.plain').order == ['executed', 'first', 'second']


def test_an_error_names_the_hook_and_the_module(package: Path) -> None:
    def fail(module: ModuleType) -> None:
        raise KeyError('gone')

    post_import('hooked.plain', fail, label="the mend 'x' (link)")
    with pytest.raises(HookError) as caught:
        import_fresh('hooked.plain')
    text = str(caught.value)
    assert "the mend 'x' (link) failed on the module hooked.plain: KeyError: 'gone'" in text
    assert str(package / 'plain.py') in text
    assert isinstance(caught.value.__cause__, KeyError)
    assert not isinstance(caught.value, ImportError), '`try: import x except ImportError` would hide it'


def test_the_packs_own_errors_pass_unchanged(package: Path) -> None:
    def fail(module: ModuleType) -> None:
        raise RegistrationError('both names')

    post_import('hooked.plain', fail, label='a')
    with pytest.raises(RegistrationError, match='both names'):
        import_fresh('hooked.plain')


def test_a_hook_that_failed_on_a_complete_module_may_be_tried_again(package: Path) -> None:
    module = import_fresh('hooked.plain')
    with pytest.raises(HookError):
        post_import('hooked.plain', lambda module: module.nothing, label='a')
    post_import('hooked.plain', lambda module: module.order.append('now'), label='a')
    assert module.order == ['executed', 'now']


def test_a_hook_that_failed_does_not_stand_in_the_way_of_others(package: Path) -> None:
    module = import_fresh('hooked.plain')
    with pytest.raises(HookError):
        post_import('hooked.plain', lambda module: module.nothing, label='a')
    post_import('hooked.plain', lambda module: module.order.append('b'), label='b')
    assert module.order == ['executed', 'b']


def test_nothing_of_the_hook_remains_on_the_module(package: Path) -> None:
    post_import('hooked.plain', lambda module: None, label='a')
    module = import_fresh('hooked.plain')
    loader = importlib.machinery.SourceFileLoader
    assert isinstance(module.__loader__, loader)
    assert isinstance(module.__spec__.loader, loader)
    assert isinstance(module.seen_loader, loader), 'the module saw the stand-in while it executed'
    assert module.__file__ == module.__spec__.origin == str(package / 'plain.py')
    assert "return 'source'" in inspect.getsource(module.function)
    assert pickle.loads(pickle.dumps(module.Thing())).value == 1


def test_resources_and_find_spec_of_a_hooked_package(package: Path) -> None:
    post_import('hooked', lambda module: None, label='a')
    spec = importlib.util.find_spec('hooked')
    assert spec is not None and spec.loader is not None
    assert spec.loader.is_package('hooked')  # type: ignore[attr-defined]
    module = import_fresh('hooked')
    if hasattr(resources, 'files'):
        assert (resources.files(module) / 'data.txt').read_text() == 'resource'
    assert module.__path__ == [str(package)]


def test_a_hooked_module_runs_as_a_script(package: Path) -> None:
    (package / 'script.py').write_text("print('ran as', __name__)\n")
    code = (
        "import bsr_plugins.host.import_hooks as h; h.post_import('hooked.script', print, label='a');"
        "import runpy; runpy.run_module('hooked.script', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, '-c', code],
        cwd=package.parent,
        capture_output=True,
        text=True,
        check=True,
        env={'PYTHONPATH': str(Path(import_hooks.__file__).parents[2])},
    )
    assert done.stdout == 'ran as __main__\n'


def test_builtin_modules_can_be_hooked() -> None:
    seen: List[ModuleType] = []
    post_import('sys', seen.append, label=f'test {id(seen)}')
    assert seen == [sys]


def test_one_finder_of_each_kind_whatever_is_reloaded(package: Path) -> None:
    before = import_hooks._post_import_finder().hooks
    reloaded = importlib.reload(import_hooks)
    reloaded.post_import('hooked.plain', lambda module: module.order.append('reloaded'), label='a')
    reloaded.provide_missing('hooked.absent', lambda module: None)
    identities = [getattr(finder, 'identity', None) for finder in sys.meta_path]
    assert identities.count('bsr_plugins.post_import') == identities.count('bsr_plugins.fallback') == 1
    assert reloaded._post_import_finder().hooks is before
    assert import_fresh('hooked.plain').order == ['executed', 'reloaded']


def test_a_missing_module_is_built(package: Path) -> None:
    def build(module: ModuleType) -> None:
        module.value = 7

    provide_missing('hooked.absent', build)
    provide_missing('hooked.pack.inner', build)
    provide_missing('hooked.pack', lambda module: None)
    assert import_fresh('hooked.absent').value == 7
    assert import_fresh('hooked.pack.inner').value == 7
    assert not hasattr(sys.modules['hooked.absent'], '__path__')


def test_a_real_module_wins(package: Path) -> None:
    provide_missing('hooked.plain', lambda module: setattr(module, 'order', 'substitute'))
    assert import_fresh('hooked.plain').order == ['executed']


def test_a_real_module_of_a_later_finder_wins(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Late:
        def find_spec(self, name: str, path: object = None, target: object = None) -> object:
            return importlib.util.spec_from_file_location(name, package / 'plain.py') if name == 'hooked.late' else None

    provide_missing('hooked.late', lambda module: None)
    monkeypatch.setattr(sys, 'meta_path', [*sys.meta_path, Late()])
    assert import_fresh('hooked.late').order == ['executed']


def test_other_missing_modules_stay_missing(package: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r'hooked\.nowhere'):
        import_fresh('hooked.nowhere')
