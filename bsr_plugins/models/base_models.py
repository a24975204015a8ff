"""``base_model_type``: a model of the pack on top of a fork's model (HATModel, DATModel, ...) in place of SRModel."""

from __future__ import annotations

import functools
import inspect
from types import CodeType
from typing import Any, List, Mapping, Optional, Set, Type

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import did_you_mean
from bsr_plugins.host.lazy import is_lazy_call
from bsr_plugins.host.registries import find_registries, qualified_name
from bsr_plugins.models.stock_model import StockModel

_KEY = 'base_model_type'

#: All names that upstream's SRModel.optimize_parameters uses (BasicSR 1.3 to 1.4.2); a pass that uses others is not
#: upstream's.
_UPSTREAM_NAMES = frozenset(
    {
        'optimizer_g',
        'zero_grad',
        'net_g',
        'lq',
        'output',
        'OrderedDict',
        'cri_pix',
        'gt',
        'cri_perceptual',
        'backward',
        'step',
        'reduce_loss_dict',
        'log_dict',
        'ema_decay',
        'model_ema',
    }
)
#: What a pass has to use for ours to be put around it.
_WRAPPED_NAMES = frozenset({'net_g', 'lq', 'optimizer_g'})


def over_base(cls: Type[Any], opt: Optional[Mapping[str, Any]]) -> Type[Any]:
    """Return ``cls``, or, where ``opt`` names a ``base_model_type``, the class of ``cls`` over that base.

    A base that derives from SRModel gives a class that derives from ``cls``. For another (PLKSR's ESRModel) it is made
    of ``cls.training``, the part of ``cls`` that stands on no base.

    Raises:
        OptionError: No such model, one of the pack's own, or one that does not train a net_g on lq.
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
    code = getattr(_passes(cls, after)[0], '__code__', None)
    return code is not None and _names_in(code) <= _UPSTREAM_NAMES


def names_in_pass(cls: Type[Any], after: Type[Any] = object) -> Set[str]:
    """Return the attributes and globals that ``optimize_parameters`` of ``cls`` uses, with those that it overrides.

    ``after``: look at the bases behind this class alone.
    """
    codes = [getattr(function, '__code__', None) for function in _passes(cls, after)]
    return {name for code in codes if code is not None for name in _names_in(code)}


def queues_samples(model: Any) -> bool:
    """Tell whether ``feed_data`` of a model makes its own lq and shuffles the samples of many batches through a queue.

    RealESRNetModel and its kin (RealHATGANModel, SAFMN's RealSRModel, ...) do in training.
    """
    return hasattr(model, '_dequeue_and_enqueue') and bool(model.opt.get('high_order_degradation', True))


def _names_in(code: CodeType) -> Set[str]:
    # Comprehensions and functions inside have a code of their own.
    inner = (_names_in(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*inner)


def _passes(cls: Type[Any], after: Type[Any]) -> List[Any]:
    bases = cls.__mro__[cls.__mro__.index(after) + 1 :] if after is not object else cls.__mro__
    return [inspect.unwrap(vars(base)['optimize_parameters']) for base in bases if 'optimize_parameters' in vars(base)]


@functools.lru_cache(maxsize=None)
def _derived(cls: Type[Any], base: Type[Any]) -> Type[Any]:
    prefix = 'BSPA' if cls.__name__.startswith('BSPA') else 'Rebalanced'
    ours = cls if issubclass(base, StockModel) else cls.training
    return type(prefix + base.__name__, (ours, base), {'__module__': cls.__module__, '__doc__': cls.__doc__})


def _found(name: Any) -> Type[Any]:
    registry = find_registries()['model']
    base = registry.find(str(name)) or registry.find(f'{name}_basicsr')
    if base is None:
        raise OptionError(
            f'there is no model named {name!r}',
            where=_KEY,
            found=repr(name),
            remedy=did_you_mean(str(name), registry.names_where(_is_model)),
        )
    if is_lazy_call(base):
        raise OptionError(
            f'{name} is a model of bsr_plugins itself',
            where=_KEY,
            expected="BasicSR's or a fork's model",
            found=name,
            remedy=f'leave {_KEY} out',
        )
    if not (_is_model(base) and names_in_pass(base) >= _WRAPPED_NAMES):
        raise OptionError(
            f'{name} does not train as SRModel does',
            where=_KEY,
            expected='a model that trains net_g on lq by optimizer_g, in whatever way',
            found=f'a pass without {", ".join(sorted(_WRAPPED_NAMES - names_in_pass(base)))}'
            if _is_model(base)
            else qualified_name(base),
        )
    return base


def _is_model(held: Any) -> bool:
    return isinstance(held, type) and hasattr(held, 'optimize_parameters')
