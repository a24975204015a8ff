"""Lists of data roots in BasicSR's ``parse_options``."""

from __future__ import annotations

import os
from types import ModuleType

from bsr_plugins.host.additions.lists_of_roots import take_lists_of_roots


def test_each_path_of_a_list_is_resolved_and_all_else_is_as_before(monkeypatch):
    monkeypatch.setenv('HOME', '/home/x')
    module = ModuleType('options')
    module.osp = os.path
    assert take_lists_of_roots(module) and not take_lists_of_roots(module)
    assert module.osp.expanduser(['~/a', 'b']) == ['/home/x/a', 'b'] and module.osp.expanduser('~/a') == '/home/x/a'
    assert module.osp.join('a', 'b') == os.path.join('a', 'b') and module.osp.isfile is os.path.isfile
    assert os.path is not module.osp


def test_a_module_that_has_no_such_name_is_left_alone():
    assert not take_lists_of_roots(ModuleType('options'))


def test_basicsr_is_changed():
    import bsr_plugins  # noqa: F401
    import basicsr.utils.options  # isort: skip

    assert basicsr.utils.options.osp.expanduser(['a']) == ['a']
