"""The engine's keys under ``train``: defaults, what is accepted, refusals."""

from __future__ import annotations

import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.models.engine_options import EngineOptions


def test_defaults_are_basicsr_s_step() -> None:
    assert EngineOptions.from_train({'total_iter': 3, 'pixel_opt': {}}) == EngineOptions.from_train(None)
    assert EngineOptions() == EngineOptions(None, False, False, None, 1, 'stop')


def test_what_is_set_is_kept() -> None:
    options = EngineOptions.from_train(
        {'amp': 'fp16', 'compile': True, 'channels_last': True, 'grad_clip': 1, 'accumulate': 4, 'non_finite': 'skip'}
    )
    assert options == EngineOptions('fp16', True, True, 1.0, 4, 'skip') and isinstance(options.grad_clip, float)


@pytest.mark.parametrize('key', ['amp', 'grad_clip'])
@pytest.mark.parametrize('off', [None, False])
def test_off_may_be_written_either_way(key: str, off: object) -> None:
    assert EngineOptions.from_train({key: off}) == EngineOptions()


@pytest.mark.parametrize(
    'given, message',
    [
        ({'amp': 'bfp16'}, "did you mean 'fp16'?"),
        ({'amp': True}, 'bf16 or fp16 or false or ~'),
        ({'compile': 1}, 'true or false'),
        ({'channels_last': 'yes'}, 'true or false'),
        ({'grad_clip': 0}, 'number > 0 or false or ~'),
        ({'grad_clip': '1'}, "found:    '1'"),
        ({'grad_clip': float('nan')}, 'number > 0 or false or ~'),
        ({'grad_clip': True}, 'number > 0 or false or ~'),
        ({'accumulate': 0}, 'whole number >= 1'),
        ({'accumulate': 2.0}, 'whole number >= 1'),
        ({'accumulate': True}, 'whole number >= 1'),
        ({'non_finite': 'ignore'}, 'stop or skip'),
    ],
)
def test_refusals_name_key_and_choice(given: dict, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        EngineOptions.from_train(given)
    assert caught.value.where == f'train.{next(iter(given))}' and message in str(caught.value)
