"""Addition: a test of weights that nobody loaded is refused."""

from __future__ import annotations

import functools
from pathlib import Path
from types import ModuleType
from typing import Any

#: A test goes on where this share of the weights came from files: a network may hold some that it never uses.
_ENOUGH = 0.5


def refuse_random_tests(module: ModuleType) -> bool:
    """Wrap ``BaseModel.validation``: in a test, ``net_g`` has been given weights by then, from whatever file.

    Upstream tests the random start of a network where ``path.pretrain_network_g`` is absent, and ends with exit code 0.
    Networks without trainable weights (a bicubic baseline) have nothing to load.

    Raises (the wrapped function):
        OptionError: Of its weights less than half was loaded.
    """
    base = getattr(module, 'BaseModel', None)
    upstream_validation = vars(base).get('validation') if base is not None else None
    if upstream_validation is None or hasattr(upstream_validation, 'refuses_random_weights'):
        return False
    from bsr_plugins.runs.given_weights import given_weights, note_loaded_weights, refuse_random_weights

    note_loaded_weights()

    @functools.wraps(upstream_validation)
    def validation(self: Any, *args: Any, **kwargs: Any) -> Any:
        net = getattr(self, 'net_g', None)
        if net is not None and self.opt.get('is_train') is False:
            given, count = given_weights(self.get_bare_model(net))
            if given < _ENOUGH * count:
                found = f'{given:,} of {count:,} weights of {type(self.get_bare_model(net)).__name__} were loaded'
                value = self.opt['path'].get('pretrain_network_g')
                refuse_random_weights(value, Path.cwd(), self.opt.get('name'), found)
        return upstream_validation(self, *args, **kwargs)

    validation.refuses_random_weights = True  # type: ignore[attr-defined]
    base.validation = validation  # type: ignore[union-attr]
    return True
