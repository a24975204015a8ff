"""The stages of the examination that import things; they run in a process of their own, since an import may crash.

Each stage is written down as one line of JSON when it is done, and its name when it begins: what comes out of a process
that died tells how far it came.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

Facts = Dict[str, Any]


def run_stages(stages: Sequence[str], output: Path, package: str) -> None:
    """Run ``stages`` in order, writing to ``output``; the first that fails ends it, with its own exception.

    Args:
        stages: Names of :data:`STAGES`.
        output: The file of JSON lines, appended to.
        package: Folder of the basicsr that ``import basicsr`` is to give, '' for the one that Python finds.
    """
    import bsr_plugins  # noqa: F401  (its patches come before any import of basicsr)

    if package:
        from bsr_plugins.host.root_finder import use_package

        use_package(Path(package))
    for stage in stages:
        _write(output, {'begun': stage})
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            facts = STAGES[stage]()
        shown = list(
            dict.fromkeys(
                str(warning.message).strip()
                for warning in caught
                if not issubclass(warning.category, (DeprecationWarning, FutureWarning))
            )
        )
        _write(output, {'done': stage, 'facts': facts, 'warnings': shown})


def _importer(name: str) -> Callable[[], Facts]:
    def import_it() -> Facts:
        return {'version': str(getattr(importlib.import_module(name), '__version__', ''))}

    return import_it


def torch_facts() -> Facts:
    """Import torch and return its build, the GPUs it sees and what it can communicate with."""
    import torch
    import torch.distributed as distributed

    facts: Facts = {
        'version': torch.__version__,
        'cuda_build': torch.version.cuda,
        'hip_build': getattr(torch.version, 'hip', None),
        'gpus': [],
        'nccl': None,
        'gloo': False,
        'threads': torch.get_num_threads(),
    }
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            found = torch.cuda.get_device_properties(index)
            facts['gpus'].append(
                {
                    'name': found.name,
                    'gib': round(found.total_memory / 2**30, 1),
                    'capability': f'{found.major}.{found.minor}',
                }
            )
    if distributed.is_available():
        facts['gloo'] = getattr(distributed, 'is_gloo_available', lambda: True)()
        if distributed.is_nccl_available():
            version = torch.cuda.nccl.version()
            facts['nccl'] = '.'.join(map(str, version)) if isinstance(version, tuple) else str(version)
    return facts


def registration_facts() -> Facts:
    """Import basicsr with the pack and return who holds which names in its registries."""
    from bsr_plugins.host import registration
    from bsr_plugins.host.registries import NamedRegistry, find_registries

    registration.register_all()
    kinds: Facts = {}
    for kind, registry in find_registries().items():
        others: Counter = Counter()
        # Without registries, what stands in the modules is not what was registered.
        for name in (
            registry.names_where(lambda found: not registration.is_ours(found))
            if isinstance(registry, NamedRegistry)
            else []
        ):
            others[str(getattr(registry.find(name), '__module__', '?')).split('.')[0]] += 1
        kinds[kind] = {'ours': registration.registered_names(kind), 'others': dict(sorted(others.items()))}
    return {'kinds': kinds, 'taken': registration.taken_names(), **patch_facts()}


def patches_after_imports() -> Facts:
    """Import every module of basicsr that a patch waits for, and return the patches."""
    from bsr_plugins.host.additions import ADDITIONS
    from bsr_plugins.host.mends import MENDS
    from bsr_plugins.host.patches import AFTER_IMPORT

    for patch in (*MENDS, *ADDITIONS):
        if patch.when == AFTER_IMPORT and patch.module.startswith('basicsr.') and _is_there(patch.module):
            importlib.import_module(patch.module)
    return patch_facts()


def patch_facts() -> Facts:
    """Return, of mends and of additions, those that changed something so far, those switched off, and the rest."""
    from bsr_plugins.host.additions import ADDITIONS
    from bsr_plugins.host.mends import MENDS
    from bsr_plugins.host.patches import active_patches, is_switched_off

    facts: Facts = {}
    for kind, patches in (('mends', MENDS), ('additions', ADDITIONS)):
        names = list(dict.fromkeys(patch.name for patch in patches))
        active = {patch.name: patch for patch in active_patches() if patch.name in names}
        off = [name for name in names if is_switched_off(name)]
        facts[kind] = {
            'active': [{'name': patch.name, 'reason': patch.reason, 'link': patch.link} for patch in active.values()],
            'off': off,
            'idle': [name for name in names if name not in active and name not in off],
        }
    return facts


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it
        return False


def _write(output: Path, line: Dict[str, Any]) -> None:
    with output.open('a', encoding='utf-8') as file:
        file.write(json.dumps(line) + '\n')


STAGES: Dict[str, Callable[[], Facts]] = {
    'numpy': _importer('numpy'),
    'cv2': _importer('cv2'),
    'lmdb': _importer('lmdb'),
    'torch': torch_facts,
    'torchvision': _importer('torchvision'),
    'basicsr': registration_facts,
    'patches': patches_after_imports,
}
ORDER: List[str] = list(STAGES)
