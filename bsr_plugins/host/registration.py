"""The one table of what the pack registers in BasicSR, and how it gets there: as lazy factories, after all others.

A factory imports its class when BasicSR builds it, so registering costs nothing, cannot be caught in a circular import,
and the classes find their bases in the basicsr, or the fork of it, that runs.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

from bsr_plugins.common.builders import REGISTRY_MODULE
from bsr_plugins.common.errors import DependencyError, RegistrationError
from bsr_plugins.common.naming import SUFFIX
from bsr_plugins.host.first_log_line import log_with_first_line
from bsr_plugins.host.import_hooks import is_complete, post_import
from bsr_plugins.host.lazy import is_lazy_call, lazy_call
from bsr_plugins.host.registries import (
    LEGACY_PLACES,
    AnyRegistry,
    find_registries,
    qualified_name,
)

# Of all basicsr's subpackages this one is imported last, so whoever else registers a name has done it by then.
LAST_MODULE = 'basicsr.models'
# Of a fork without registries a script may import some of these alone, in any order.
_LEGACY_MODULES = [module for module, _ in LEGACY_PLACES.values() if module != LAST_MODULE]

# kind -> NAME -> 'module:Class'
TABLE: Dict[str, Dict[str, str]] = {'dataset': {}, 'arch': {}, 'model': {}, 'loss': {}, 'metric': {}}


def add(kind: str, name: str, target: str) -> None:
    """Put ``name`` into the table; :func:`register_all` then brings it into BasicSR's registry.

    Args:
        kind: ``dataset``, ``arch``, ``model``, ``loss`` or ``metric``.
        name: What option files write as ``type``.
        target: ``'module:Class'``, imported when it is built first.

    Raises:
        RegistrationError: An unknown kind, a malformed target, or a name that stands there for another target.
    """
    if kind not in TABLE:
        raise RegistrationError(f"'{kind}' is no kind of registry", expected=', '.join(TABLE), found=kind)
    module, _, attribute = target.partition(':')
    if not (name.isidentifier() and module and attribute.isidentifier()):
        raise RegistrationError(
            f'the {kind} {name} has a malformed target', expected="'package.module:Class'", found=repr(target)
        )
    known = TABLE[kind].get(name)
    if known is not None and known != target:
        raise RegistrationError(
            f'the {kind} {name} is registered twice by bsr_plugins',
            expected='one target per name',
            found=f'{known} and {target}',
            remedy='rename one of the two classes',
        )
    TABLE[kind][name] = target


add('dataset', 'InverseSampledLMDBDataset', 'bsr_plugins.data.inverse_sampled_lmdb_dataset:InverseSampledLMDBDataset')
add('dataset', 'UniformWindowsDataset', 'bsr_plugins.data.uniform_windows_dataset:UniformWindowsDataset')
add('dataset', 'RFSBalancedBatchDataset', 'bsr_plugins.data.rfs_balanced_batch_dataset:RFSBalancedBatchDataset')
add('dataset', 'SamplingAugDataset', 'bsr_plugins.data.sampling_aug_dataset:SamplingAugDataset')
add('dataset', 'SaliencyPairedDataset', 'bsr_plugins.data.saliency_paired_dataset:SaliencyPairedDataset')
add('arch', 'FSRCNN', 'bsr_plugins.archs.fsrcnn_arch:FSRCNN')
add('arch', 'BicubicResidual', 'bsr_plugins.archs.bicubic_residual_arch:BicubicResidual')
add('arch', 'CARN', 'bsr_plugins.archs.carn_arch:CARN')
add('arch', 'BSRNet', 'bsr_plugins.archs.bsr_arch:BSRNet')
add('arch', 'SRResNet', 'bsr_plugins.archs.srresnet_arch:SRResNet')
add('arch', 'MSRN', 'bsr_plugins.archs.msrn_arch:MSRN')
add('arch', 'VDSR', 'bsr_plugins.archs.vdsr_arch:VDSR')
add('arch', 'IDN', 'bsr_plugins.archs.idn_arch:IDN')
add('arch', 'SigmaBranch', 'bsr_plugins.archs.sigma_branch_arch:SigmaBranch')
add('arch', 'LogVarianceBranch', 'bsr_plugins.archs.log_variance_branch_arch:LogVarianceBranch')
add('loss', 'FocalPixelLoss', 'bsr_plugins.losses.focal_pixel_loss:FocalPixelLoss')
add('loss', 'ExpectationLoss', 'bsr_plugins.losses.expectation_loss:ExpectationLoss')
add('loss', 'SigmaLoss', 'bsr_plugins.losses.sigma_loss:SigmaLoss')
add('loss', 'HybridLpLoss', 'bsr_plugins.losses.hybrid_lp_loss:HybridLpLoss')
add(
    'loss',
    'UncertaintyEstimationLoss',
    'bsr_plugins.losses.uncertainty_estimation_loss:UncertaintyEstimationLoss',
)
add('loss', 'UncertaintyDrivenLoss', 'bsr_plugins.losses.uncertainty_driven_loss:UncertaintyDrivenLoss')
add('model', 'RebalancedSRModel', 'bsr_plugins.models.rebalanced_sr_model:RebalancedSRModel')
add('model', 'BSPAModel', 'bsr_plugins.models.bspa_model:BSPAModel')
add('metric', 'calculate_ssim_skimage', 'bsr_plugins.metrics.ssim_skimage_metric:calculate_ssim_skimage')
add('metric', 'calculate_pll', 'bsr_plugins.metrics.pll_metric:calculate_pll')
add('metric', 'calculate_sigma_psnr', 'bsr_plugins.metrics.sigma_psnr_metric:calculate_sigma_psnr')


class _Entry(NamedTuple):
    registry: AnyRegistry
    kind: str
    name: str
    key: str
    factory: Callable[..., Any]


def install() -> None:
    """Arrange the registration, which happens when basicsr is imported. Cheap, and idempotent."""
    post_import(LAST_MODULE, _on_last_module, label='registration of bsr_plugins')
    for place in _LEGACY_MODULES:
        post_import(place, _on_legacy_module, label=f'registration of bsr_plugins in {place}')


def register_all() -> List[Tuple[str, str]]:
    """Register what the table holds and BasicSR's registries do not yet hold; import basicsr for it where need be.

    ``NAME_bsrp`` always resolves to the pack's own; ``NAME`` does too unless another object has it
    (:func:`taken_names`). Everything is checked before anything is registered. Called while basicsr itself is being
    imported it does nothing: the registration follows when that is done.

    Returns:
        ``(kind, registered name)`` of what this call added, ``NAME`` and ``NAME_bsrp`` alike; empty the second time.

    Raises:
        DependencyError: There is no basicsr.
        RegistrationError: Another object holds a ``NAME_bsrp``; nothing was registered.
    """
    before = _own_names()
    require_basicsr()
    if 'basicsr' in sys.modules and not is_complete('basicsr'):
        return []
    importlib.import_module(LAST_MODULE)
    if REGISTRY_MODULE not in sys.modules:
        for place in _LEGACY_MODULES:
            if importlib.util.find_spec(place) is not None:
                importlib.import_module(place)
    _register()
    return [entry for entry in _own_names() if entry not in before]


def registered_names(kind: str) -> List[str]:
    """Return the names of one kind that now resolve to the pack's own in BasicSR's registry, sorted.

    Raises:
        RegistrationError: An unknown kind.
    """
    if kind not in TABLE:
        raise RegistrationError(f"'{kind}' is no kind of registry", expected=', '.join(TABLE), found=kind)
    return sorted(name for found, name in _own_names() if found == kind)


def taken_names() -> Dict[str, str]:
    """Return ``kind:NAME`` -> its owner, for each name of the table that another object has in BasicSR's registry.

    Such a name stays theirs; ours is ``NAME_bsrp``. Empty before basicsr is imported.
    """
    taken = {}
    for kind, registry in find_registries().items():
        for name in TABLE[kind]:
            found = registry.find(name)
            if found is not None and not is_ours(found):
                taken[f'{kind}:{name}'] = qualified_name(found)
    return taken


def require_basicsr() -> ModuleType:
    """Import and return basicsr.

    Raises:
        DependencyError: There is none; names both remedies.
    """
    if 'basicsr' not in sys.modules and importlib.util.find_spec('basicsr') is None:
        raise DependencyError(
            'BasicSR is not installed, and the working directory is no checkout of it or a fork',
            expected='a package basicsr',
            found=f'none on {len(sys.path)} import paths',
            remedy='pip install basicsr torchvision (the extra bsr-plugins[basicsr]; a clone of the pack has '
            '`python tools/bootstrap.py`), or run the command in the root of the fork that you train with',
        )
    return importlib.import_module('basicsr')


def is_ours(found: Any) -> bool:
    """Return whether an object in a registry is one of the pack's factories (of an earlier import of it too)."""
    return is_lazy_call(found)


def _on_last_module(module: ModuleType) -> None:
    _register()


def _on_legacy_module(module: ModuleType) -> None:
    if REGISTRY_MODULE not in sys.modules:
        _register()


def _register() -> None:
    plan = [
        entry
        for kind, registry in find_registries().items()
        for name, target in TABLE[kind].items()
        for entry in _entries(registry, kind, name, target)
    ]
    for entry in plan:
        entry.registry.put(entry.key, entry.factory)
    for kind, registry in find_registries().items():
        registry.let_later_classes_win(is_ours, functools.partial(_log_taken_name, kind))
    for entry in plan:
        found = entry.registry.find(entry.name)
        if entry.key != entry.name and not is_ours(found):
            _log_taken_name(entry.kind, entry.name)


def _entries(registry: AnyRegistry, kind: str, name: str, target: str) -> List[_Entry]:
    """Return what is to be registered for one name: nothing, NAME_bsrp, or both; raise where that cannot be."""
    entries = []
    certain = f'{name}_{SUFFIX}'
    for key in (name, certain):
        found = registry.find(key)
        if found is None:
            entries.append(_Entry(registry, kind, name, key, lazy_call(name, target)))
        elif is_ours(found):
            if found.target != target:
                raise RegistrationError(
                    f'the {kind} {name} is registered twice by bsr_plugins',
                    expected='one target per name',
                    found=f'{found.target} and {target}',
                )
        elif key == certain:
            raise RegistrationError(
                f'the {kind} name {certain} is taken by another object',
                expected=f'{target} under that name',
                found=qualified_name(found),
                remedy=f'names that end in _{SUFFIX} belong to bsr_plugins; rename the other one',
            )
    return entries


def _log_taken_name(kind: str, name: str) -> None:
    owner = taken_names().get(f'{kind}:{name}', 'another object')
    log_with_first_line(
        f'bsr_plugins: the {kind} name {name} belongs to {owner} and is left alone; '
        f'write {name}_{SUFFIX} for the one of bsr_plugins.'
    )


def _own_names() -> List[Tuple[str, str]]:
    return [(kind, key) for kind, registry in find_registries().items() for key in registry.names_where(is_ours)]
