"""The engine's keys under ``train``: precision, compilation, memory format, clipping, accumulation, the guard."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Mapping, Optional

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import did_you_mean

AMP = ('bf16', 'fp16')
NON_FINITE = ('stop', 'skip')


@dataclasses.dataclass(frozen=True)
class EngineOptions:
    """How a training step is computed; the defaults are BasicSR's step, to the bit.

    Attributes:
        amp: The network runs under autocast in ``bf16`` or ``fp16`` (with a GradScaler); losses, gradients of the
            parameters and the optimizer stay in fp32.
        compile: ``torch.compile`` for the training pass; validation and tests run the plain network.
        channels_last: Memory format of network and input in training.
        grad_clip: Largest total norm of the gradients of an update; None: any.
        accumulate: Batches whose mean gradient makes an update. ``total_iter``, learning rate, stages and EMA go on
            counting batches.
        non_finite: What becomes of an update with a loss or gradient that is not finite: ``stop`` the run, or ``skip``
            the update.
    """

    amp: Optional[str] = None
    compile: bool = False
    channels_last: bool = False
    grad_clip: Optional[float] = None
    accumulate: int = 1
    non_finite: str = 'stop'

    @classmethod
    def from_train(cls, train: Optional[Mapping[str, Any]]) -> EngineOptions:
        """Check the engine's keys of ``train`` (None: a test, all defaults) and return the options.

        Raises:
            OptionError: A value of a wrong type or out of its range; it names the key.
        """
        given = {}
        for field in dataclasses.fields(cls):
            value = (train or {}).get(field.name)
            if value is None or (value is False and field.default is None):
                continue
            _check(field.name, value)
            given[field.name] = float(value) if field.name == 'grad_clip' else value
        return cls(**given)


def _check(key: str, value: Any) -> None:
    where = f'train.{key}'
    words = {'amp': AMP, 'non_finite': NON_FINITE}.get(key)
    if words is not None:
        if value not in words:
            shown = ('~',) + words if key == 'amp' else words
            raise OptionError(
                f"'{where}' has an unknown value",
                where=where,
                expected=' | '.join(shown),
                found=repr(value),
                remedy=did_you_mean(str(value), words),
            )
        return
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if key == 'grad_clip':
        expected, right = 'a number above 0, or ~', is_number and math.isfinite(value) and value > 0
    elif key == 'accumulate':
        expected, right = 'a whole number of at least 1', type(value) is int and value >= 1
    else:
        expected, right = 'true or false', isinstance(value, bool)
    if not right:
        raise OptionError(f"'{where}' has a wrong value", where=where, expected=expected, found=repr(value))
