"""What constructors take, read from their source."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional

import pytest

from bsr_plugins.checks.signatures import COMPUTED, REQUIRED, Signature, signature_of
from bsr_plugins.checks.source_tree import SourceTree

SOURCE = """
class Plain:
    def __init__(self, a, b=2, *, c, d=(1, 2), e=CONSTANT): pass
class Heir(Plain): pass
class Handing(Plain):
    def __init__(self, z=1, **kwargs):
        super().__init__(**kwargs)
class Swallowing:
    def __init__(self, a=1, **kwargs): pass
class Picking:
    def __init__(self, **kwargs):
        self.x = kwargs['x']
        self.y = kwargs.get('y', 1)
class Open:
    def __init__(self, **kwargs):
        build(**kwargs)
class Empty(nn.Module): pass
class Strange(somewhere.Else): pass
def metric(img, img2, crop_border, order='HWC', **kwargs): pass
"""


def signature(tmp_path: Path, name: str, given: int = 0) -> Optional[Signature]:
    (tmp_path / 'x.py').write_text(SOURCE)
    tree = SourceTree([tmp_path / 'x.py'])
    return signature_of(tree, tree.find(name), given)


@pytest.mark.parametrize(
    ('name', 'defaults', 'is_open', 'swallows'),
    [
        ('Plain', {'a': REQUIRED, 'b': 2, 'c': REQUIRED, 'd': (1, 2), 'e': COMPUTED}, False, False),
        ('Heir', {'a': REQUIRED, 'b': 2, 'c': REQUIRED, 'd': (1, 2), 'e': COMPUTED}, False, False),
        ('Handing', {'z': 1, 'a': COMPUTED, 'b': 2, 'c': COMPUTED, 'd': (1, 2), 'e': COMPUTED}, False, False),
        ('Swallowing', {'a': 1}, False, True),
        ('Picking', {'x': COMPUTED, 'y': COMPUTED}, False, True),
        ('Open', {}, True, False),
        ('Empty', {}, False, False),
        ('metric', {'img': REQUIRED, 'img2': REQUIRED, 'crop_border': REQUIRED, 'order': 'HWC'}, False, True),
    ],
)
def test_signatures(tmp_path: Path, name: str, defaults: Dict[str, Any], is_open: bool, swallows: bool) -> None:
    found = signature(tmp_path, name)
    assert found is not None
    assert (found.defaults, found.is_open, found.swallows) == (defaults, is_open, swallows)


def test_of_an_unknown_base_nothing_is_known(tmp_path: Path) -> None:
    assert signature(tmp_path, 'Strange') is None


def test_leading_parameters_that_the_caller_gives(tmp_path: Path) -> None:
    assert sorted(signature(tmp_path, 'Plain', given=1).defaults) == ['b', 'c', 'd', 'e']
