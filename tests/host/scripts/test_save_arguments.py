"""What a script hands to save beside epoch and iteration."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Optional

import pytest

from bsr_plugins.host.scripts.save_arguments import SaveArguments, further_save_arguments, save_takes_more


def read_arguments(call: str, tmp_path: Path, more: str = '') -> Optional[SaveArguments]:
    """Return what is read of a script whose loop holds ``call``, from where it fetches a batch."""
    script = tmp_path / 'train.py'
    script.write_text(
        'SUFFIX = "x"\n'
        'def main(model, fetch):\n'
        '    epoch, current_iter, best = 1, 2, {"iter": 0}\n'
        '    best["iter"] = 2\n'
        '    if current_iter % 100 == 0:\n'
        f'        {call}\n'
        '    return fetch()\n'
        f'{more}'
    )
    namespace: Any = {}
    exec(compile(script.read_bytes(), str(script), 'exec'), namespace)
    return namespace['main'](None, lambda: further_save_arguments(sys._getframe(1)))


@pytest.mark.parametrize(
    ('call', 'positional', 'named'),
    [
        ('model.save(epoch, current_iter)', [], {}),
        ('model.save(epoch=epoch, current_iter=current_iter)', [], {}),
        ('model.save(epoch, current_iter, best_metric=best)', [], {'best_metric': {'iter': 2}}),
        ('model.save(epoch, current_iter, best, "all", name=SUFFIX)', [{'iter': 2}, 'all'], {'name': 'x'}),
        ('model.save(epoch=-1, current_iter=-1, best_metric=best)', [], {}),
        ('best.save(epoch, current_iter, best)', [], {}),
        ('pass', [], {}),
    ],
)
def test_variables_and_constants(call: str, positional: Any, named: Any, tmp_path: Path) -> None:
    assert read_arguments(call, tmp_path) == (positional, named)


@pytest.mark.parametrize('more', ['dict(best)', '**best', '*[1]', 'absent'])
def test_what_only_the_script_can_make_is_not_read(more: str, tmp_path: Path) -> None:
    assert read_arguments(f'model.save(epoch, current_iter, {more})', tmp_path) is None


def test_the_save_behind_the_last_iteration_is_another(tmp_path: Path) -> None:
    end = '    model.save(epoch=-1, current_iter=-1)\n'
    assert read_arguments('model.save(epoch, current_iter, best)', tmp_path, end) == ([{'iter': 2}], {})


def test_a_script_without_a_file(tmp_path: Path) -> None:
    assert further_save_arguments(eval('__import__("sys")._getframe()')) == ([], {})


class Upstream:
    def save(self, epoch: int, current_iter: int) -> None:
        """Save."""


class WithMore(Upstream):
    def save(self, epoch: int, current_iter: int, **kwargs: Any) -> None:
        """Save with the best metric."""


@pytest.mark.parametrize(('base', 'more'), [(Upstream, False), (WithMore, True)])
def test_a_model_of_the_pack_takes_what_its_base_takes(base: type, more: bool) -> None:
    from bsr_plugins.models.rebalanced_sr_model import RebalancedTraining

    assert save_takes_more(base) is more
    assert save_takes_more(type('Derived', (RebalancedTraining, base), {'__module__': 'bsr_plugins.x'})) is more
