"""Colour conversions in their place of old."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from bsr_plugins.host.mends.matlab_color import NAMES, mend_matlab_color


def test_upstream_moved_them_and_the_mend_offers_the_same_objects() -> None:
    color_util = pytest.importorskip('basicsr.utils.color_util')
    mended = pytest.importorskip('basicsr.utils.matlab_functions')
    spec = importlib.util.spec_from_file_location('basicsr.utils.upstream_matlab', mended.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert [name for name in NAMES if hasattr(module, name)] == []
    assert mend_matlab_color(module) is True
    assert mend_matlab_color(module) is False
    for name in NAMES:
        assert getattr(module, name) is getattr(mended, name) is getattr(color_util, name)


def test_an_old_release_that_has_them_is_left_alone() -> None:
    module = ModuleType('basicsr.utils.matlab_functions')
    for name in NAMES:
        setattr(module, name, name)
    assert mend_matlab_color(module) is False
    assert module.rgb2ycbcr == 'rgb2ycbcr'
