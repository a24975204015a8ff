"""What a method adds to an option file of one's own: the keys that differ, as ``key:path`` -> value."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, Iterator, Mapping, Optional, Set, Tuple

import yaml

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import did_you_mean
from bsr_plugins.data.dataset_options import INVERSE_SAMPLED
from bsr_plugins.data.images.shared_options import PAIRS
from bsr_plugins.options.templates.blocks import L1
from bsr_plugins.options.templates.methods import METHODS, Method
from bsr_plugins.options.templates.networks import NETWORKS, RESIDUAL_MEAN
from bsr_plugins.options.templates.protocols import SCALES, window
from bsr_plugins.options.templates.schedule import fitted_stages
from bsr_plugins.options.templates.setting import OwnData

_PACK_MODEL = 'RebalancedSRModel'
_RESIDUAL = 'BicubicResidual'
_AUGMENT = 'train:augment'
# The network that ADD follows is that of the twin: no other than network_g.
_OF_SALIENCY = ('network_saliency', 'path:param_key_saliency')
# What stands in the rows' lines for what a file puts in.
_SUB, _SCALE = '<sub>', '<scale>'
_PUT_IN = {'{sub}': _SUB, '{scale}': _SCALE, '{crop}': '~'}
_PAIR_KEYS = frozenset(
    [option.name for option in PAIRS if option.name not in {each.name for each in INVERSE_SAMPLED.options}]
    + ['filename_tmpl']
)
#: The models that the pack's own stand in for without a base_model_type.
_STOCK_MODELS = ('SRModel', *{row.model_type for row in NETWORKS.values()})
_WITH_IMAGE = frozenset(row.arch for row in NETWORKS.values() if row.adds_image)
_WITH_MEAN = frozenset(row.arch for row in NETWORKS.values() if '{mean}' in row.options)


@dataclass(frozen=True)
class MethodKeys:
    """A method put onto a base option file.

    Attributes:
        keys: ``key:path`` -> value, in the words of ``--force_yml``; a value None takes the key away. A section stands
            as one value, and replaces the base's whole. What the base has already is not in it.
        twin: The method that it is compared with on this base; None for a twin itself. Where the base learns a bicubic
            residual already, or the method does not, that is ``baseline``.
        needs_classes: Whether sub-images and their difficulty have to be made first (``classes`` of OwnData).
        first: The method whose run with the same seed has to end first (``udn`` before ``udl``); its weights stand in
            ``keys`` as ``{first}``, the folder of its experiment.
        as_published: The twin's number of updates where the paper compares at unequal ones, as a share of the
            method's (BSPA: 20,000 beside 37,500); None where it compares at equal ones.
    """

    keys: Dict[str, Any] = field(default_factory=dict)
    twin: Optional[str] = None
    needs_classes: bool = False
    first: Optional[str] = None
    as_published: Optional[float] = None


def method_keys(method: str, base: Mapping[str, Any], iterations: int, data: Optional[OwnData] = None) -> MethodKeys:
    """Return what ``method`` adds to the option file ``base`` in a run of ``iterations`` updates.

    What other methods of the table have put into the base is taken away. The base's own loss, augmentation, data set
    and model stay where the method does not replace them.

    Args:
        method: A row of the table of methods.
        base: The option file as read.
        iterations: Updates of the run: stages are fitted to it.
        data: The sub-images and their classes; None: not made yet, their paths are those of the base, or None.

    Raises:
        OptionError: There is no such method, or no room for its stages.
    """
    if method not in METHODS:
        raise OptionError(
            f"there is no method '{method}'",
            where='methods',
            expected=', '.join(METHODS),
            found=method,
            remedy=did_you_mean(method, METHODS),
        )
    row = METHODS[method]
    wrapped = _wrapped(row, base)
    wanted = {
        **_model_keys(row, base, wrapped is not None),
        **({} if wrapped is None else {'network_g': wrapped}),
        **_train_set_keys(row, base, data),
        **_loss_keys(row, base),
        **_train_keys(row, base, iterations),
        **_sigma_keys(row, base),
        **dict(_under('path', _parsed(row.path))),
    }
    own = {_AUGMENT} if _has_own_augment(base) else set()
    wanted.update((key, None) for key in sorted(_keys_of_methods() - own) if key not in wanted)
    if value_at(base, 'path:pretrain_network_udn'):
        wanted.setdefault('path:pretrain_network_g', None)  # of the first step, too
    twin = row.twin and ('l1_bicubic' if wrapped is not None else 'baseline')
    return MethodKeys(
        keys={key: value for key, value in wanted.items() if value_at(base, key) != value},
        twin=twin,
        needs_classes=row.needs_classes,
        first=row.first,
        as_published=row.as_published,
    )


def _has_own_augment(base: Mapping[str, Any]) -> bool:
    """Return whether the base has an augmentation that no method of the table is made of."""
    present = value_at(base, f'{_AUGMENT}:type')
    return present is not None and present not in _types_of_methods('augment')


@functools.lru_cache(maxsize=None)
def _types_of_methods(section: str) -> FrozenSet[str]:
    """Return the types that rows give a section of ``train``, but for plain training's loss."""
    lines = [each.train + ('' if each.loss == L1 else each.loss) for each in METHODS.values()]
    sections = [_parsed(each).get(section) for each in lines]
    return frozenset(each['type'] for each in sections if each)


def _model_keys(row: Method, base: Mapping[str, Any], is_wrapped: bool) -> Dict[str, Any]:
    present = base.get('model_type')
    ours = {_PACK_MODEL, *(each.model_type for each in METHODS.values() if each.model_type)}
    if present in ours:
        # Mixed precision, accumulation and the like want one of ours under any method.
        return {'model_type': row.model_type or _PACK_MODEL}
    # BasicSR's SwinIRModel looks for the attention windows in network_g itself, not in its base.
    model = row.model_type or (_PACK_MODEL if is_wrapped and present != 'SRModel' else None)
    if model is None:
        return {}
    return {'model_type': model, **({} if present in _STOCK_MODELS else {'base_model_type': present})}


def _wrapped(row: Method, base: Mapping[str, Any]) -> Optional[Dict[str, Any]]:
    """Return ``network_g`` over which the bicubic residual is learnt; None where it stays as it is."""
    network = base.get('network_g') or {}
    arch = network.get('type')
    if not row.residual or arch == _RESIDUAL or arch in _WITH_IMAGE:
        return None
    inner = copy.deepcopy(dict(network))
    if 'rgb_mean' in inner or arch in _WITH_MEAN:
        inner['rgb_mean'] = yaml.safe_load(RESIDUAL_MEAN)
    return {'type': _RESIDUAL, 'upscale': base.get('scale'), 'bicubic': 'torch', 'base': inner}


def _train_set_keys(row: Method, base: Mapping[str, Any], data: Optional[OwnData]) -> Dict[str, Any]:
    train = value_at(base, 'datasets:train') or {}
    options = _parsed(row.train_set_options)
    keys: Dict[str, Any] = {}
    of_windows = data is not None and train.get('dataroot_gt') == f'{data.uniform}/HR_sub.lmdb'
    types = {each.train_set for each in METHODS.values()}
    if not row.is_uniform or train.get('type') in types:
        keys['datasets:train:type'] = row.window_set if of_windows else row.train_set
    if row.draws_by_class:
        # What pairs of images have besides says nothing of classed sub-images.
        keys.update(_under('datasets:train', dict.fromkeys(sorted(_PAIR_KEYS))))
        present = train if train.get('type') == row.train_set else train.get('inverse') or {}
        options = _classed(options, present, base, data)
    keys.update(_under('datasets:train', options))
    for key, section in _parsed(row.dataset).items():
        keys[f'datasets:train:{key}'] = _classed(section, train.get(key) or {}, base, data)
    return keys


def _classed(
    section: Mapping[str, Any], present: Mapping[str, Any], base: Mapping[str, Any], data: Optional[OwnData]
) -> Dict[str, Any]:
    """Return the options of a set of classed sub-images, for where they lie; ``present``: the base's."""
    if data is None and present.get('dataroot_gt'):
        return {name: present.get(name, value) for name, value in section.items()}
    placed = {name: _placed(name, value, present, base, data) for name, value in section.items()}
    if data is not None and data.num_classes is not None:
        placed['num_classes'] = data.num_classes
    return {**placed, 'gt_size': _crop(base, data)}


def _placed(name: str, value: Any, present: Mapping[str, Any], base: Mapping[str, Any], data: Optional[OwnData]) -> Any:
    if not (isinstance(value, str) and _SUB in value):
        return value
    if data is None:
        return present.get(name)
    return value.replace(_SUB, data.classes).replace(_SCALE, str(base.get('scale')))


def _crop(base: Mapping[str, Any], data: Optional[OwnData]) -> Optional[int]:
    """Return the side of the crops of sub-images; None for the whole sub-image, which is no larger than the patches."""
    patch, scale = value_at(base, 'datasets:train:gt_size'), base.get('scale')
    side = data.crop if data is not None else window(scale) if scale in SCALES else None
    return None if patch is None or (side is not None and patch >= side) else patch


def _loss_keys(row: Method, base: Mapping[str, Any]) -> Dict[str, Any]:
    present = value_at(base, 'train:pixel_opt')
    if row.loss == L1:
        is_own = present is not None and present.get('type') not in _types_of_methods('pixel_opt')
        is_elsewhere = present is None and value_at(base, 'train:sigma_opt') is None
        return {} if is_own or is_elsewhere else dict(_under('train', _parsed(L1)))
    return dict(_under('train', _parsed(row.loss))) or {'train:pixel_opt': None}


def _train_keys(row: Method, base: Mapping[str, Any], iterations: int) -> Dict[str, Any]:
    network = base.get('network_g') or {}
    inner = network.get('base') or {} if network.get('type') == _RESIDUAL else network
    keys = dict(_under('train', _parsed(row.train_lines(inner.get('type', ''), base.get('scale', 0)))))
    if 'train:bspa' in keys:
        # A stage has whole updates.
        batches = value_at(base, 'train:accumulate') or 1
        stages = fitted_stages(iterations // batches)
        stages.update({name: stages[name] * batches for name in ('interval_iter', 'inverse_iter')})
        keys['train:bspa'] = {**keys['train:bspa'], **stages}
    return keys


def _sigma_keys(row: Method, base: Mapping[str, Any]) -> Dict[str, Any]:
    sections = _parsed(row.sigma)
    for section in sections.values():
        section.update((name, base.get('scale')) for name, value in section.items() if value == _SCALE)
    return sections


@functools.lru_cache(maxsize=None)
def _keys_of_methods() -> FrozenSet[str]:
    """Return the keys that only methods write; the loss, and the type of the training set, every file has."""
    keys: Set[str] = set()
    for row in METHODS.values():
        keys.update(key for key, _ in _under('train', _parsed(row.train)))
        keys.update(key for key, _ in _under('datasets:train', _parsed(row.dataset)))
        if not row.draws_by_class:
            keys.update(key for key, _ in _under('datasets:train', _parsed(row.train_set_options)))
        keys.update(_parsed(row.sigma))
        keys.update(key for key, _ in _under('path', _parsed(row.path)) if key != 'path:pretrain_network_g')
    return frozenset([*keys, *_OF_SALIENCY])


def _parsed(lines: str) -> Dict[str, Any]:
    """Return the lines of a row as an option file's reader has them."""
    for mark, text in _PUT_IN.items():
        lines = lines.replace(mark, text)
    return yaml.safe_load(lines) or {}


def _under(section: str, options: Mapping[str, Any]) -> Iterator[Tuple[str, Any]]:
    return ((f'{section}:{key}', value) for key, value in options.items())


def value_at(options: Mapping[str, Any], key: str) -> Any:
    """Return the value at a ``key:path``, None where there is none."""
    value: Any = options
    for part in key.split(':'):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
