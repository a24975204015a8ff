"""The names in a basicsr without registries (before 1.3): classes and functions that it looks up in its modules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator, Tuple

from bsr_plugins.host.source_names import SourceNames, names_in

_CLASS = re.compile(r'^class (\w+)', re.MULTILINE)
_FUNCTION = re.compile(r'^def (\w+)', re.MULTILINE)
_KINDS = (('_model.py', 'model'), ('_dataset.py', 'dataset'), ('_arch.py', 'arch'))


def legacy_names(folder: Path) -> SourceNames:
    """Collect what the basicsr in ``folder`` finds by name, and the optimizers and schedulers of its models."""
    names = names_in(sorted((folder / 'models').glob('*.py')))
    for path in sorted(folder.rglob('*.py')):
        for kind, name in _names_in_file(path):
            names.add(kind, name, path)
    return names


def _names_in_file(path: Path) -> Iterator[Tuple[str, str]]:
    text = path.read_text(encoding='utf-8', errors='replace')
    for ending, kind in _KINDS:
        if path.name.endswith(ending):
            yield from ((kind, name) for name in _CLASS.findall(text))
    if path.parent.name == 'losses':
        yield from (('loss', name) for name in _CLASS.findall(text))
    if path.parent.name == 'metrics':
        yield from (('metric', name) for name in _FUNCTION.findall(text))
