"""The names that a basicsr registers, read from its source files: known before, and without, importing it."""

from __future__ import annotations

import ast
import importlib.util
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Set, Tuple

KINDS = ('arch', 'dataset', 'loss', 'metric', 'model')
_REGISTRIES = {f'{kind.upper()}_REGISTRY': kind for kind in KINDS}
PACKAGE_FOLDERS = ('archs', 'data', 'losses', 'metrics', 'models')
# The functions in which BasicSR and its forks compare an optimizer's or a scheduler's name with those they know.
_CHOOSERS = {'get_optimizer': 'optimizer', 'setup_optimizers': 'optimizer', 'setup_schedulers': 'scheduler'}


@dataclass
class SourceNames:
    """Names found in source files.

    Attributes:
        registered: kind -> name -> the file that registers it. Kinds: arch, dataset, loss, metric, model, and
            optimizer, scheduler for the names that the models' code compares with.
    """

    registered: Dict[str, Dict[str, Path]] = field(default_factory=dict)

    def of(self, kind: str) -> Dict[str, Path]:
        """Return name -> file for one kind."""
        return self.registered.get(kind, {})

    def add(self, kind: str, name: str, path: Path) -> None:
        self.registered.setdefault(kind, {}).setdefault(name, path)


def checkout_of(root: Path) -> Optional[Path]:
    """Return ``root/basicsr`` where ``root`` is BasicSR's or a fork's own checkout, else None."""
    folder = root / 'basicsr'
    whole = all(os.path.isdir(folder / name) for name in ('models', 'utils'))
    return folder if whole or os.path.isfile(folder / 'train.py') else None


def basicsr_folder(root: Path) -> Optional[Path]:
    """Return the folder of the basicsr that will run: the checkout's in ``root``, else the installed one, else None."""
    checkout = checkout_of(root)
    if checkout:
        return checkout
    try:
        spec = importlib.util.find_spec('basicsr')
    except (ImportError, ValueError):
        return None
    locations = list(spec.submodule_search_locations or []) if spec else []
    return Path(locations[0]) if locations else None


def has_registries(folder: Path) -> bool:
    """Return whether the basicsr in ``folder`` looks names up in registries (releases before 1.3 do not)."""
    return os.path.isfile(folder / 'utils' / 'registry.py')


def names_in(files: Iterable[Path]) -> SourceNames:
    """Collect the names that ``files`` register; files that are no Python are passed over."""
    names = SourceNames()
    for path in files:
        try:
            text = path.read_bytes()
        except OSError:
            continue
        if b'_REGISTRY' not in text and not any(name.encode() in text for name in _CHOOSERS):
            continue
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        for kind, name in _registrations(tree):
            names.add(kind, name, path)
    return names


def basicsr_names(folder: Path) -> SourceNames:
    """Collect what the basicsr in ``folder`` registers."""
    return names_in(sorted(folder.rglob('*.py')))


def project_names(root: Path) -> SourceNames:
    """Collect what the working directory's own packages register.

    A package is a folder with subfolders named as BasicSR's are (``hat/archs``, ``hat/models``); ``root`` itself counts
    as one, for projects that keep ``archs`` and ``models`` at the top. ``root/basicsr`` is left out.
    """
    files: List[Path] = []
    for package in package_folders(root):
        for name in PACKAGE_FOLDERS:
            files += sorted((package / name).glob('*.py'))
    return names_in(files)


def package_folders(root: Path) -> List[Path]:
    """Return the working directory's own packages, see :func:`project_names`."""
    # os.path: pathlib raises where a folder, such as lost+found, may not be looked into.
    folders = sorted(entry for entry in root.iterdir() if not entry.name.startswith('.') and os.path.isdir(entry))
    return [
        package
        for package in [root, *folders]
        if package.name != 'basicsr' and any(os.path.isdir(package / name) for name in PACKAGE_FOLDERS)
    ]


def _registrations(tree: ast.Module) -> Iterator[Tuple[str, str]]:
    for node in _outside_functions(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            for decorator in node.decorator_list:
                call = decorator if isinstance(decorator, ast.Call) else None
                kind = _registry_kind(call.func if call else decorator)
                if kind:
                    yield kind, node.name + _suffix(call)
            if node.name in _CHOOSERS:
                for name in sorted(_compared_texts(node)):
                    yield _CHOOSERS[node.name], name
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Name):
            kind = _registry_kind(node.func)
            if kind:
                yield kind, node.args[0].id + _suffix(node)


def _outside_functions(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes that run, or are defined, when the module is imported; of functions the definition alone."""
    waiting: List[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))


def _registry_kind(node: ast.AST) -> Optional[str]:
    """Return 'arch' for ``ARCH_REGISTRY.register`` and ``registry.ARCH_REGISTRY.register``."""
    if not (isinstance(node, ast.Attribute) and node.attr == 'register'):
        return None
    owner = node.value
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ''
    return _REGISTRIES.get(name)


def _suffix(call: Optional[ast.Call]) -> str:
    for keyword in call.keywords if call else []:
        value = getattr(keyword.value, 'value', None)
        if keyword.arg == 'suffix' and isinstance(value, str):
            return f'_{value}'
    return ''


def _compared_texts(function: ast.AST) -> Set[str]:
    """Return the texts that a local ``optim_type`` or ``scheduler_type`` is compared with in ``function``."""
    texts: Set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name) and node.left.id.endswith('_type'):
            for operand in node.comparators:
                members = operand.elts if isinstance(operand, (ast.List, ast.Tuple, ast.Set)) else [operand]
                texts.update(
                    member.value
                    for member in members
                    if isinstance(member, ast.Constant) and isinstance(member.value, str)
                )
    return texts
