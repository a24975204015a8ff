"""Something done after each step of an optimizer, on any torch."""

from __future__ import annotations

import functools
import types
from typing import Any, Callable

from torch.optim import Optimizer


def after_each_step(optimizer: Optimizer, action: Callable[[], None]) -> Callable[[], None]:
    """Call ``action`` after each step of the optimizer, and return the function that undoes this.

    Step hooks are used where torch has them (>= 2.0), else ``step`` is wrapped on this optimizer alone. Copies and
    pickles of the optimizer carry neither.
    """
    if hasattr(optimizer, 'register_step_post_hook'):
        return optimizer.register_step_post_hook(lambda *_: action()).remove
    return _wrap_step(optimizer, action)


def _wrap_step(optimizer: Optimizer, action: Callable[[], None]) -> Callable[[], None]:
    original = optimizer.step
    own = vars(optimizer).get('step')
    active = [True]

    # Schedulers look for a bound method with __func__ and for attributes that they left on it.
    @functools.wraps(original)
    def step(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if active[0]:
            action()
        return result

    wrapper = types.MethodType(step, optimizer)
    optimizer.step = wrapper  # type: ignore[method-assign]  # this optimizer alone

    def undo() -> None:
        active[0] = False
        if vars(optimizer).get('step') is not wrapper:
            return  # Somebody wrapped it again: what is left inside does nothing any more.
        if own is None:
            del optimizer.step
        else:
            optimizer.step = own  # type: ignore[method-assign]

    return undo
