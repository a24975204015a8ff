"""``base_model_type``: a model of the pack on top of a fork's model (HATModel, DATModel, ...) in place of SRModel."""

from __future__ import annotations

import inspect
from types import CodeType
from typing import Any, Dict, FrozenSet, Iterable, List, Mapping, Optional, Set, Tuple, Type

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import did_you_mean
from bsr_plugins.host.lazy import is_lazy_call
from bsr_plugins.host.registries import find_registries, qualified_name
from bsr_plugins.models.stock_model import ROOT_MODEL, StockModel

_KEY = 'base_model_type'
#: What a training pass has to use for ours to be put around it.
_WRAPPED_NAMES = frozenset({'net_g', 'lq', 'optimizer_g'})
_DERIVED: Dict[Tuple[type, type], Type[Any]] = {}


def over_base(cls: Type[Any], opt: Optional[Mapping[str, Any]], mixin: Type[Any]) -> Type[Any]:
    """Return ``cls``, or, where ``opt`` names a ``base_model_type``, the class of ``cls`` over that base.

    A base that derives from SRModel gives a class that derives from ``cls``. For another (PLKSR's ESRModel) it is made
    of ``mixin`` and of what ``cls`` and its bases define above it.

    Args:
        cls: A model of the pack.
        opt: BasicSR's options.
        mixin: The base of ``cls`` that stands over no model yet.

    Raises:
        OptionError: No such model, one of the pack's own, or one that does not train a net_g on lq.
    """
    name = (opt or {}).get(_KEY)
    if not name:
        if opt is not None and StockModel.__name__ == ROOT_MODEL[1]:
            raise OptionError(
                'the basicsr that runs has no SRModel to stand on',
                where=_KEY,
                expected=' or '.join(find_registries()['model'].names_where(_trains_as_sr_model))
                or 'a model of the fork',
                remedy=f'name the model of the fork that is to be trained by {_KEY}',
            )
        return cls
    base = _found(name)
    if issubclass(cls, base):
        return cls
    if (cls, base) not in _DERIVED:
        _DERIVED[cls, base] = _derive(cls, base, mixin)
    return _DERIVED[cls, base]


def owners_behind(mixin: Type[Any], cls: Type[Any], method: str) -> List[Type[Any]]:
    """Return the bases of ``cls`` behind ``mixin`` that define ``method``; the first of them is in use."""
    return [base for base in cls.__mro__[cls.__mro__.index(mixin) + 1 :] if method in vars(base)]


def names_in_pass(owners: Iterable[Type[Any]], method: str = 'optimize_parameters') -> Set[str]:
    """Return the attributes and globals that ``method`` of the first of these classes uses.

    That of the next one is counted where the one before calls a pass in turn: its base's.
    """
    names: Set[str] = set()
    for owner in owners:
        code = getattr(inspect.unwrap(vars(owner)[method]), '__code__', None)
        used = _names_in_code(code) if code is not None else set()
        names |= used
        if method not in used:
            break
    return names


def _names_in_code(code: CodeType) -> Set[str]:
    # Comprehensions and functions inside have a code of their own.
    inner = (_names_in_code(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*inner)


def _derive(cls: Type[Any], base: Type[Any], mixin: Type[Any]) -> Type[Any]:
    prefix = 'BSPA' if cls.__name__.startswith('BSPA') else 'Rebalanced'
    namespace: Dict[str, Any] = {'__module__': cls.__module__, '__doc__': cls.__doc__}
    if issubclass(base, StockModel):
        return type(prefix + base.__name__, (cls, base), namespace)
    for above in reversed(cls.__mro__[: cls.__mro__.index(mixin)]):
        namespace.update((name, value) for name, value in vars(above).items() if not name.startswith('__'))
    return type(prefix + base.__name__, (mixin, base), namespace)


def _found(name: Any) -> Type[Any]:
    registry = find_registries()['model']
    base = registry.find(str(name)) or registry.find(f'{name}_basicsr')
    if base is None:
        raise OptionError(
            f'there is no model named {name!r}',
            where=_KEY,
            found=repr(name),
            remedy=did_you_mean(str(name), registry.names_where(_trains_as_sr_model)),
        )
    if is_lazy_call(base):
        raise OptionError(
            f'{name} is a model of bsr_plugins itself',
            where=_KEY,
            expected="BasicSR's or a fork's model",
            found=name,
            remedy=f'leave {_KEY} out',
        )
    missing = _missing_names(base)
    if missing:
        raise OptionError(
            f'{name} does not train as SRModel does',
            where=_KEY,
            expected='a model that trains net_g on lq by optimizer_g, in whatever way',
            found=f'a pass without {", ".join(sorted(missing))}' if _is_model(base) else qualified_name(base),
        )
    return base


def _missing_names(held: Any) -> FrozenSet[str]:
    owners = [owner for owner in held.__mro__ if 'optimize_parameters' in vars(owner)] if _is_model(held) else []
    return _WRAPPED_NAMES - names_in_pass(owners)


def _trains_as_sr_model(held: Any) -> bool:
    return not is_lazy_call(held) and not _missing_names(held)


def _is_model(held: Any) -> bool:
    return isinstance(held, type) and hasattr(held, 'optimize_parameters')
