"""``base_model_type``: a model of the pack on top of a fork's model (HATModel, DATModel, ...) in place of SRModel."""
from __future__ import annotations

import functools
from typing import Any, Mapping, Optional, Type

from basicsr.models.sr_model import SRModel

from bsr_plugins.errors import OptionError
from bsr_plugins.lazy import is_lazy_call
from bsr_plugins.naming import did_you_mean
from bsr_plugins.shelves import find_shelves

_KEY = 'base_model_type'

#: All names that upstream's SRModel.optimize_parameters uses (BasicSR 1.3 to 1.4.2); a pass that uses others is not
#: upstream's.
_UPSTREAM_NAMES = frozenset({
    'optimizer_g', 'zero_grad', 'net_g', 'lq', 'output', 'OrderedDict', 'cri_pix', 'gt', 'cri_perceptual', 'backward',
    'step', 'reduce_loss_dict', 'log_dict', 'ema_decay', 'model_ema'})


def over_base(cls: Type[Any], opt: Optional[Mapping[str, Any]]) -> Type[Any]:
    """Return ``cls``, or, where ``opt`` names a ``base_model_type``, the class of ``cls`` over that base.

    Raises:
        OptionError: No such model, one of the pack's own, or one that does not derive from SRModel.
    """
    name = (opt or {}).get(_KEY)
    if not name:
        return cls
    base = _found(name)
    return cls if issubclass(cls, base) else _derived(cls, base)


def pass_is_upstreams(cls: Type[Any], after: Type[Any]) -> bool:
    """Tell whether the first ``optimize_parameters`` behind ``after`` in the bases of ``cls`` is upstream's SRModel's.

    Forks change that method in place, in a class called SRModel too, so it is known by what it uses, not by its name.
    """
    bases = cls.__mro__[cls.__mro__.index(after) + 1:]
    found = next(vars(base)['optimize_parameters'] for base in bases if 'optimize_parameters' in vars(base))
    code = getattr(found, '__code__', None)
    return code is not None and set(code.co_names) <= _UPSTREAM_NAMES


@functools.lru_cache(maxsize=None)
def _derived(cls: Type[Any], base: Type[Any]) -> Type[Any]:
    prefix = 'BSPA' if cls.__name__.startswith('BSPA') else 'Rebalanced'
    return type(prefix + base.__name__, (cls, base), {'__module__': cls.__module__, '__doc__': cls.__doc__})


def _found(name: Any) -> Type[Any]:
    shelf = find_shelves()['model']
    base = shelf.holder(str(name)) or shelf.holder(f'{name}_basicsr')
    if base is None:
        raise OptionError(f'there is no model named {name!r}', where=_KEY, found=repr(name),
                          remedy=did_you_mean(str(name), shelf.keys_held(lambda held: not is_lazy_call(held))))
    if is_lazy_call(base):
        raise OptionError(f'{name} is a model of bsr_plugins itself', where=_KEY,
                          expected="BasicSR's or a fork's model", found=name, remedy=f'leave {_KEY} out')
    if not (isinstance(base, type) and issubclass(base, SRModel)):
        raise OptionError(f'{name} does not derive from SRModel', where=_KEY,
                          expected='a model whose training is that of SRModel, perhaps with losses or tests of its own',
                          found=', '.join(each.__name__ for each in getattr(base, '__mro__', [type(base)])[:-1]))
    return base
