"""The code that a run with an option file reaches, and what it reads of the file."""

from __future__ import annotations

import ast
import importlib.util
import re
from functools import cached_property
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple

from bsr_plugins.checks.option_reads import Reads, reads_of_class, reads_of_functions
from bsr_plugins.checks.signatures import REQUIRED, Signature, signature_of
from bsr_plugins.checks.source_tree import Definition, SourceTree, last_name
from bsr_plugins.checks.type_checks import KnownNames
from bsr_plugins.host.registries import STOCK_MODELS
from bsr_plugins.host.scripts.fork_scripts import takes_option_file
from bsr_plugins.host.source_names import PACKAGE_FOLDERS, package_folders
from bsr_plugins.models.upstream_code import definition_digest
from bsr_plugins.options.option_file import KeyPath, OptionFile
from bsr_plugins.options.table import option_set

# What a script does with any section: it makes the folders of `path` and prints everything.
_NO_READS = {('*',), ('path', '*')}
_SUFFIXES = ('_bsrp', '_basicsr')
# Words of the code that builds what a name of a kind stands for: since 1.3, and before.
_LOOK_UPS = {
    'arch': re.compile(r'build_network|define_network|ARCH_REGISTRY'),
    'loss': re.compile(r'build_loss|loss_module|LOSS_REGISTRY'),
    'metric': re.compile(r'calculate_metric|metric_module|METRIC_REGISTRY'),
}
_READS = r"""\[\s*['"]KEY['"]\s*\]|\.(?:get|pop|setdefault)\(\s*['"]KEY['"]|['"]KEY['"]\s+(?:not\s+)?in\b"""
# The functions by which PairedImageDataset of BasicSR 1.3 to 1.4.2 works, and the digests of their code.
_PAIRING = {'paired_paths_from_folder': '0c258eb90d23854a', 'paired_random_crop': 'caf64d5bbf014f10'}
_GIVEN_TO_METRICS = ('img', 'img1', 'img2')


class CodeInUse:
    """What the basicsr that will run, the working directory's packages and torch read of an option file.

    Args:
        option_file: The file.
        names: Who registers which name.
        folder: The folder of that basicsr.
        root: The working directory.
    """

    def __init__(self, option_file: OptionFile, names: KnownNames, folder: Path, root: Path) -> None:
        self.option_file = option_file
        self.names = names
        self.folder = folder
        self.root = root
        own = names.choice.files
        named = (path for kind in names.project.registered.values() for path in kind.values())
        # Other scripts beside those that run may read keys of the same file.
        beside = (path for place in [root, *(path.parent for path in own)] for path in sorted(place.glob('*.py')))
        everything = (*sorted(folder.rglob('*.py')), *own, *_project_files(root), *named, *beside)
        self.tree = SourceTree(tuple(dict.fromkeys(everything)))
        self._own_scripts = [path for path in own if takes_option_file(path)]
        self.scripts = self._reads_of_scripts()
        self._of_datasets: Dict[str, Optional[Reads]] = {}

    @property
    def scripts_are_known(self) -> bool:
        """Whether the scripts were found and understood: they read the experiment's name and a loader's batch size."""
        return self.scripts.reads(('name',)) and self.scripts.reads(('datasets', 'train', 'batch_size_per_gpu'))

    # ------------------------------------------------------------------ the model
    @cached_property
    def model_reads(self) -> Optional[Reads]:
        """What the scripts and the model of the file read; None where the model's source is not known."""
        name = self.option_file.get('model_type')
        if not isinstance(name, str):
            return None
        if not self.names.resolves_to_ours('model', name):
            return self.reads(name)
        reads = self.reads(self._base_of_ours())
        while reads is not None and name:
            own = option_set('model', name)
            for option in own.options if own else ():
                path = tuple(option.path.split('.'))
                reads.keys.update(path[:end] for end in range(1, len(path) + 1))
            name = own.inherits if own else ''
        if reads is not None:
            # Each stands under a name of the user's, and is checked as a loss.
            reads.keys.add(('train', 'losses', '*'))
        return reads

    def builds(self, kind: str, section: KeyPath) -> bool:
        """Return whether the model looks a name of ``kind`` up in BasicSR's way, so that it can be called unknown.

        FeMaSR's takes metrics from another package; a section that no code reads is not built at all.
        """
        if kind == 'augment':
            return self.model_reads is None or self.model_reads.reads(section)
        name = self.option_file.get('model_type')
        if kind not in _LOOK_UPS or not isinstance(name, str):
            return True
        if self.names.resolves_to_ours('model', name):
            name = self._base_of_ours()
        if self.model_reads is not None and not self.model_reads.reads(section):
            return False
        definition = self.definition('model', name)
        chain, complete = self.tree.chain(definition) if definition else ([], False)
        return not complete or any(_LOOK_UPS[kind].search(self.tree.source(each)) for each in chain)

    def _base_of_ours(self) -> str:
        base = self.option_file.get('base_model_type')
        stock = (each for _, each in STOCK_MODELS if each in self.names.basicsr.of('model'))
        return base if isinstance(base, str) else next(stock, STOCK_MODELS[0][1])

    # ------------------------------------------------------------------ sections
    def reads(self, model: str) -> Optional[Reads]:
        """Return what the scripts and a model that is not the pack's read; None where its source is not known."""
        definition = self.definition('model', model) if self.scripts_are_known else None
        if definition is None:
            return None
        chain, complete = self.tree.chain(definition)
        return Reads().add(self.scripts).add(reads_of_class(self.tree, chain)) if complete else None

    def reads_of_dataset(self, name: str) -> Optional[Reads]:
        """Return what a data set that is not the pack's reads, paths from its own section; None as above."""
        if name not in self._of_datasets:
            definition = self.definition('dataset', name) if self.scripts_are_known else None
            known = definition is not None and isinstance(definition.node, ast.ClassDef)
            chain, complete = self.tree.chain(definition) if definition is not None and known else ([], False)
            self._of_datasets[name] = reads_of_class(self.tree, chain) if complete else None
        found = self._of_datasets[name]
        return None if found is None else Reads().add(found)

    def pairs_as_upstream(self) -> bool:
        """Return whether PairedImageDataset pairs and crops images by BasicSR's functions, unchanged: a fork's may not.

        MambaIR's ``paired_paths_from_folder`` takes lists of folders; the name alone does not tell.
        """
        found = self.definition('dataset', 'PairedImageDataset')
        if found is None:
            return False
        called = {last_name(node.func) for node in ast.walk(found.node) if isinstance(node, ast.Call)}
        functions = [self.tree.find(name, found.path) for name in _PAIRING if name in called]
        codes = {definition_digest(each.node) for each in functions if each and isinstance(each.node, ast.FunctionDef)}
        return codes == set(_PAIRING.values())

    def gives_gt(self, dataset: str) -> Optional[bool]:
        """Return whether a data set has HR images (``gt``) in its samples; None where its source is not known."""
        definition = self.definition('dataset', dataset)
        chain, _ = self.tree.chain(definition) if definition else ([], False)
        found = self.tree.method(chain, '__getitem__')
        # What a data set hands on from another one, or puts together elsewhere, is not known.
        given = [node.value for node in ast.walk(found[0]) if isinstance(node, ast.Return)] if found else []
        if not given or not all(isinstance(value, ast.Dict) and None not in value.keys for value in given):
            return None
        words = {getattr(key, 'value', None) for value in given for key in getattr(value, 'keys', ())}
        return 'gt' in words

    def compares(self, metric: str) -> bool:
        """Return whether a metric is known to need a second image."""
        definition = self.definition('metric', metric)
        if definition is None:
            return self.names.is_ours('metric', metric)
        signature = signature_of(self.tree, definition)
        return signature is not None and signature.defaults.get('img2') is REQUIRED

    def pads(self, network: str) -> bool:
        """Return whether a network is not known to take its input as it is: it pads, or its source is not known."""
        definition = self.definition('arch', network)
        calls = ast.walk(definition.node) if definition else ()
        return definition is None or any(
            isinstance(node, ast.Call) and (last_name(node.func) == 'pad' or 'check_image_size' in last_name(node.func))
            for node in calls
        )

    def definition(self, kind: str, name: str) -> Optional[Definition]:
        """Return the class or function that a name stands for; None where it is the pack's own, or not known."""
        path = self.names.file_of(kind, name)
        for suffix in _SUFFIXES:
            if name.endswith(suffix):
                name = name[: -len(suffix)]
        return self.tree.find(name, path) if path is not None else None

    def reader_of(self, key: str) -> Optional[Path]:
        """Return a file of the tree that reads a key of that name from something, None where none does."""
        reads = re.compile(_READS.replace('KEY', re.escape(key)))
        return next((path for path, text in self.tree.texts.items() if reads.search(text)), None)

    def shown(self, path: Path) -> str:
        """Return a file of the tree as messages name it, from the folder that holds it on the import path."""
        root = self.folder.parent if self.folder in path.parents else self.root
        return path.relative_to(root).as_posix() if root in path.parents else str(path)

    # ------------------------------------------------------------------ constructors
    def signature(self, kind: str, name: str) -> Optional[Signature]:
        """Return what the network, loss, metric, optimizer or scheduler takes; None where that is not known."""
        if kind in ('optimizer', 'scheduler'):
            return self._signature_by_branch(kind, name)
        definition = self.definition(kind, name)
        signature = signature_of(self.tree, definition) if definition else None
        if signature is not None and kind == 'metric':
            for given in _GIVEN_TO_METRICS:
                signature.defaults.pop(given, None)
            if not self.names.legacy:
                signature.defaults.setdefault('better', None)
        return signature

    def _signature_by_branch(self, kind: str, name: str) -> Optional[Signature]:
        model = self.option_file.get('model_type')
        definition = self.definition('model', str(model)) or self.tree.find('SRModel') or self.tree.find('BaseModel')
        if definition is None:
            return None
        chain, _ = self.tree.chain(definition)
        methods = ('get_optimizer', 'setup_optimizers') if kind == 'optimizer' else ('setup_schedulers',)
        for method in methods:
            found = self.tree.method(chain, method)
            call = _call_for(found[0], name) if found else None
            if call is not None:
                inner = self._called_class(call)
                return signature_of(inner[0], inner[1], given=1) if inner else None
        return None

    def _called_class(self, call: ast.Call) -> Optional[Tuple[SourceTree, Definition]]:
        name = last_name(call.func)
        if ast.dump(call.func).count("'torch'"):
            tree = _torch_tree(name, isinstance(call.func, ast.Attribute) and last_name(call.func.value))
        else:
            tree = self.tree
        found = tree.find(name) if tree else None
        return (tree, found) if tree and found else None

    # ------------------------------------------------------------------ scripts
    def _reads_of_scripts(self) -> Reads:
        reads = Reads()
        for path in self._scripts():
            module = self.tree.module(path)
            if module is not None:
                reads.add(reads_of_functions(self.tree, module.body, {'opt': (), 'dataset_opt': ('datasets', '*')}))
        reads.keys -= _NO_READS
        reads.whole -= _NO_READS
        return reads

    def _scripts(self) -> Iterator[Path]:
        """Yield the files whose functions are called with all options, or with those of a data set."""
        for path in self.tree.texts:
            inside = path.parent.relative_to(self.folder).parts if self.folder in path.parents else None
            if inside is None or path in self._own_scripts:
                if path in self._own_scripts or path.name in ('train.py', 'test.py'):
                    yield path
            elif (
                inside[:1] == ('utils',)
                or (not inside and path.name in ('train.py', 'test.py'))
                or (inside == ('data',) and path.name in ('__init__.py', 'prefetch_dataloader.py'))
                or (inside == ('models',) and path.name == '__init__.py')
            ):
                yield path


def _project_files(root: Path) -> Iterator[Path]:
    """Yield the Python files of the working directory's own packages, besides ``basicsr``."""
    for package in package_folders(root):
        yield from sorted(package.glob('*.py'))
        for name in (*PACKAGE_FOLDERS, 'utils'):
            files = sorted((package / name).glob('*.py'))
            # A folder without any is one of images: it is not searched to its depth.
            yield from sorted((package / name).rglob('*.py')) if files else ()


def _torch_tree(name: str, module: object) -> Optional[SourceTree]:
    spec = importlib.util.find_spec('torch')  # of a top-level package: it is found, not imported
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / 'optim'
    files = [folder / 'lr_scheduler.py'] if module == 'lr_scheduler' else [folder / f'{name.lower()}.py']
    return SourceTree(path for path in files if path.is_file())


def _call_for(function: ast.AST, name: str) -> Optional[ast.Call]:
    """Return the constructor's call in the branch of ``if optim_type == name`` (or ``in [...]``)."""
    for node in ast.walk(function):
        if isinstance(node, ast.If) and name in _texts_in(node.test):
            for part in node.body:
                for call in ast.walk(part):
                    if isinstance(call, ast.Call) and any(keyword.arg is None for keyword in call.keywords):
                        return call
    return None


def _texts_in(test: ast.AST) -> List[str]:
    texts: Dict[str, None] = {}
    for node in ast.walk(test):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts[node.value] = None
    return list(texts)
