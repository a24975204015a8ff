"""Whether a method is BasicSR's own is told by its code, not by its name or the names in it."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import textwrap
from pathlib import Path
from typing import Any, Callable

import pytest
from basicsr.models.base_model import BaseModel
from basicsr.models.sr_model import SRModel
from basicsr.utils.registry import MODEL_REGISTRY

from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel
from bsr_plugins.models.upstream_code import code_digest, is_upstreams

PASS = inspect.getsource(SRModel.optimize_parameters)


def written(source: str, folder: Path, name: str = 'optimize_parameters') -> Any:
    """Return the method with this source, from a module of its own."""
    path = folder / 'fork_model.py'
    path.write_text('from collections import OrderedDict\n\n\nclass SRModel:\n' + textwrap.indent(source, '    '))
    spec = importlib.util.spec_from_file_location('fork_model', path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module.SRModel, name)


def test_upstream_s_is_known() -> None:
    assert is_upstreams(SRModel.optimize_parameters)
    # Wrapped by upstream's master_only, and by the pack's whole checkpoints.
    assert is_upstreams(BaseModel.save_training_state)


def test_a_copy_with_other_comments_quotes_and_line_breaks_is_upstream_s(tmp_path: Path) -> None:
    source = textwrap.dedent(PASS).replace("'l_pix'", '"l_pix"').replace('# pixel loss', '# what we changed: nothing')
    source = source.replace('self.output = self.net_g(self.lq)', 'self.output = self.net_g(\n        self.lq,\n    )')
    lines = source.splitlines(keepends=True)
    source = ''.join([lines[0], '    """One step."""\n\n', *lines[1:]])
    assert source != textwrap.dedent(PASS)
    assert is_upstreams(written(source, tmp_path))


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        ('l_total += l_pix', 'l_total += l_pix * l_pix'),
        ('self.net_g(self.lq)', 'self.net_g(self.lq, self.lq)'),
        ('if l_style is not None:', 'if l_percep is not None:'),
        ('l_total.backward()', 'l_total.backward(), l_total'),
        ('def optimize_parameters(self, current_iter)', 'def optimize_parameters(self, current_iter, tb_logger=None)'),
    ],
)
def test_a_changed_pass_with_the_same_names_is_a_fork_s_own(old: str, new: str, tmp_path: Path) -> None:
    source = textwrap.dedent(PASS)
    assert old in source
    changed = written(source.replace(old, new), tmp_path)
    assert changed.__code__.co_names and not is_upstreams(changed)


def test_without_source_it_is_a_fork_s_own() -> None:
    names: Any = {}
    exec('def optimize_parameters(self, current_iter):\n    self.optimizer_g.zero_grad()\n', names)
    assert code_digest(names['optimize_parameters']) is None
    assert not is_upstreams(names['optimize_parameters'])


def _other_name(method: Any) -> Any:
    def wrapper(self: Any, current_iter: int) -> None:
        method(self, current_iter)

    return wrapper


def _same_name(method: Any) -> Any:
    @functools.wraps(method)
    def wrapper(self: Any, current_iter: int) -> None:
        self.seen = current_iter
        method(self, current_iter)

    return wrapper


class _Callable:
    def __call__(self, current_iter: int) -> None:
        """Train."""


@pytest.mark.parametrize(
    'around',
    [
        _other_name,
        _same_name,
        lambda method: _same_name(_same_name(method)),
        functools.partialmethod,
        lambda method: lambda self, current_iter: method(self, current_iter),
        lambda method: _Callable(),
    ],
    ids=['other name', 'same name', 'twice', 'partialmethod', 'lambda', 'object'],
)
def test_what_a_fork_puts_around_upstream_s_pass_is_its_own(around: Callable[[Any], Any]) -> None:
    assert not is_upstreams(around(SRModel.optimize_parameters))
    assert not is_upstreams(around(BaseModel.save_training_state))


def test_a_model_with_a_function_around_its_pass_keeps_it() -> None:
    class Wrapped(SRModel):
        optimize_parameters = _same_name(SRModel.optimize_parameters)

    name = 'WrappedPassModel'
    MODEL_REGISTRY._obj_map[name] = Wrapped
    try:
        options = {'num_gpu': 0, 'dist': False, 'is_train': False, 'scale': 2, 'path': {}, 'rank': 0}
        options.update(network_g={'type': 'FSRCNN', 'upscale': 2}, base_model_type=name)
        assert RebalancedSRModel(options).fork_pass is not None
    finally:
        del MODEL_REGISTRY._obj_map[name]


def test_a_state_that_holds_more_is_a_fork_s_own(tmp_path: Path) -> None:
    source = textwrap.dedent(inspect.getsource(BaseModel.save_training_state)).replace('@master_only\n', '')
    assert not is_upstreams(written(source.replace("'schedulers': []", "'best': 1"), tmp_path, 'save_training_state'))
