"""The engine's keys under ``train``: precision, compilation, memory format, clipping, accumulation, the guard."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Optional

from bsr_plugins.common.option import Option
from bsr_plugins.common.option_kinds import FLAG, OFF, choice, either, number, optional, whole

AMP = Option(
    'amp',
    optional(either(choice('bf16', 'fp16'), OFF)),
    None,
    'precision of the network (fp16 with a GradScaler); losses, gradients and the optimizer stay in fp32',
)
COMPILE = Option('compile', optional(FLAG), False, '`torch.compile` for the training pass')
CHANNELS_LAST = Option('channels_last', optional(FLAG), False, 'channels_last memory format in training')
GRAD_CLIP = Option(
    'grad_clip', optional(either(number(above=0), OFF)), None, 'gradients are clipped to this total norm'
)
ACCUMULATE = Option(
    'accumulate',
    optional(whole(1)),
    1,
    'number of batches whose mean gradient makes an update; total_iter, learning rate, stages and EMA still count '
    'batches',
)
NON_FINITE = Option(
    'non_finite',
    optional(choice('stop', 'skip')),
    'stop',
    'what happens where a loss or a gradient is not finite: stop the run, or skip the update',
)
MAX_LOSS_JUMP = Option(
    'max_loss_jump',
    optional(either(number(above=0), OFF)),
    None,
    'an update is skipped whose loss is more than this times that of the update before; UDN has 1e6',
)
#: The engine's keys of ``train``.
ENGINE = (AMP, COMPILE, CHANNELS_LAST, GRAD_CLIP, ACCUMULATE, NON_FINITE, MAX_LOSS_JUMP)


@dataclasses.dataclass(frozen=True)
class EngineOptions:
    """How a training step is computed; the defaults are BasicSR's step, to the bit.

    What each attribute means: the option of its name in :data:`ENGINE`.
    """

    amp: Optional[str] = AMP.default
    compile: bool = COMPILE.default
    channels_last: bool = CHANNELS_LAST.default
    grad_clip: Optional[float] = GRAD_CLIP.default
    accumulate: int = ACCUMULATE.default
    non_finite: str = NON_FINITE.default
    max_loss_jump: Optional[float] = MAX_LOSS_JUMP.default

    @classmethod
    def from_train(cls, train: Optional[Mapping[str, Any]]) -> EngineOptions:
        """Check the engine's keys of ``train`` (None: a test, all defaults) and return the options.

        Raises:
            OptionError: A value of a wrong type or out of its range; it names the key.
        """
        values = {option.name: option.read(train or {}, f'train.{option.name}') for option in ENGINE}
        values['amp'] = values['amp'] or None  # false is another way to write ~
        values['grad_clip'] = float(values['grad_clip']) if values['grad_clip'] else None
        values['max_loss_jump'] = float(values['max_loss_jump']) if values['max_loss_jump'] else None
        return cls(**values)
