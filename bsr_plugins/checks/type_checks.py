"""Checks of the ``type`` names in an option file against what will be registered when BasicSR builds them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Set, Tuple

from bsr_plugins.augments.augment_options import AUGMENTS
from bsr_plugins.checks.legacy_names import legacy_names
from bsr_plugins.common.findings import ERROR, WARNING, Finding
from bsr_plugins.common.naming import closest_name, did_you_mean
from bsr_plugins.host.registration import TABLE
from bsr_plugins.host.script_choice import Choice, choose_script
from bsr_plugins.host.source_names import (
    KINDS,
    SourceNames,
    basicsr_folder,
    basicsr_names,
    has_registries,
    names_in,
    project_names,
)
from bsr_plugins.options.option_file import KeyPath, OptionFile

_WORDS = {'arch': 'network', 'dataset': 'data set', 'augment': 'augmentation'}
_OURS_SUFFIX = '_bsrp'
_BASICSR_SUFFIX = '_basicsr'
_SUFFIX_NOTE = (
    'BasicSR prints `Name X is not found, use name: X_basicsr!` before every failed look-up; ignore that line'
)


@dataclass(frozen=True)
class KnownNames:
    """The names that can stand in an option file.

    Attributes:
        basicsr: What the basicsr that will run registers.
        project: What the script that will run imports of the working directory, and registers by that.
        beside: What the working directory's own packages register, imported or not.
        ours: kind -> names of the pack's table, without suffix.
        legacy: Whether it looks names up in its modules, not in registries.
        choice: The script that will run.
    """

    basicsr: SourceNames
    project: SourceNames
    beside: SourceNames
    ours: Dict[str, Set[str]]
    legacy: bool
    choice: Choice

    def file_of(self, kind: str, name: str) -> Optional[Path]:
        """Return the file, not ours, that registers ``name`` or ``name_basicsr``; None where nobody does."""
        for source in (self.basicsr, self.project, self.beside):
            names = source.of(kind)
            if name in names or name + _BASICSR_SUFFIX in names:
                return names.get(name) or names[name + _BASICSR_SUFFIX]
        return None

    def is_ours(self, kind: str, name: str) -> bool:
        """Return whether ``name`` (with or without ``_bsrp``) stands in the pack's table."""
        names = self.ours.get(kind, set())
        return name in names or (name.endswith(_OURS_SUFFIX) and name[: -len(_OURS_SUFFIX)] in names)

    def resolves_to_ours(self, kind: str, name: str) -> bool:
        """Return whether ``name`` resolves to the pack's own: it ends in ``_bsrp``, or nobody else has it."""
        return self.is_ours(kind, name) and (name.endswith(_OURS_SUFFIX) or self.file_of(kind, name) is None)

    def names_to_offer(self, kind: str) -> List[str]:
        """Return the names to offer, each as it should be written."""
        names = {*self.basicsr.of(kind), *self.project.of(kind), *self.beside.of(kind)}
        plain = {name[: -len(_BASICSR_SUFFIX)] if name.endswith(_BASICSR_SUFFIX) else name for name in names}
        return sorted(plain | self.ours.get(kind, set()))


def choice_for(option_file: OptionFile, root: Path, phase: str, script: Optional[Path] = None) -> Choice:
    """Return the script of ``phase`` ('train' or 'test') that runs ``option_file`` in ``root``: ``script`` if given."""
    wanted = [
        (kind, option_file.get(*keys)) for kind, keys in typed_keys(option_file, phase == 'train') if kind in KINDS
    ]
    return choose_script(root, phase, [(kind, name) for kind, name in wanted if isinstance(name, str)], script)


def known_names(root: Path, choice: Optional[Choice] = None) -> Optional[KnownNames]:
    """Collect the names for a run of a script in ``root``, its training script; None where there is no basicsr."""
    choice = choose_script(root, 'train', ()) if choice is None else choice
    folder = basicsr_folder(root)
    if folder is None:
        return None
    legacy = not has_registries(folder)
    found = legacy_names(folder) if legacy else basicsr_names(folder)
    for kind, names in names_in(sorted((Path(__file__).parents[1] / 'models').glob('*.py'))).registered.items():
        if kind not in KINDS:
            for name, path in names.items():
                found.add(kind, name, path)
    ours = {kind: set(table) for kind, table in TABLE.items()}
    ours['augment'] = {options.name for options in AUGMENTS}
    return KnownNames(found, choice.names, project_names(root), ours, legacy, choice)


def check_types(
    option_file: OptionFile,
    names: KnownNames,
    is_train: bool,
    is_built: Callable[[str, KeyPath], bool] = lambda kind, section: True,
) -> List[Finding]:
    """Return a finding for each ``type`` that is absent, unknown, or another's where the pack has one of that name.

    Args:
        option_file: The file.
        names: The names there are.
        is_train: Whether the file is to be trained with, or tested.
        is_built: Whether the model looks a name of a kind in a section up among them.
    """
    findings: List[Finding] = []
    for kind, keys in typed_keys(option_file, is_train):
        value = option_file.get(*keys)
        if not is_built(kind, keys[:-1]):
            continue
        if value is None:
            findings.append(
                Finding(
                    ERROR,
                    f'The type of the {_word(kind)} is missing',
                    option_file.where(*keys),
                    expected=f'{keys[-1]}: NAME',
                )
            )
        elif not isinstance(value, str):
            findings.append(
                Finding(
                    ERROR, f'The type of the {_word(kind)} is not a name', option_file.where(*keys), found=repr(value)
                )
            )
        else:
            findings += _check_name(names, kind, value, option_file.where(*keys))
    return findings


def typed_keys(option_file: OptionFile, is_train: bool) -> Iterator[Tuple[str, KeyPath]]:
    """Yield (kind, key path) of each name that a run looks up. A test builds ``network_g`` and the data sets alone."""
    yield 'model', ('model_type',)
    if option_file.get('base_model_type') is not None:
        yield 'model', ('base_model_type',)
    for phase, dataset in option_file.section('datasets').items():
        if isinstance(dataset, dict):
            yield 'dataset', ('datasets', phase, 'type')
            if isinstance(dataset.get('inverse'), dict):
                yield 'dataset', ('datasets', phase, 'inverse', 'type')
    for key, value in option_file.options.items():
        if key.startswith('network_') and isinstance(value, dict) and (is_train or key == 'network_g'):
            keys: KeyPath = (key,)
            while isinstance(value, dict):
                yield 'arch', (*keys, 'type')
                keys, value = (*keys, 'base'), value.get('base')
    for key, value in option_file.section('val', 'metrics').items():
        if isinstance(value, dict):
            yield 'metric', ('val', 'metrics', key, 'type')
    if is_train:
        yield from _training_keys(option_file)


def _training_keys(option_file: OptionFile) -> Iterator[Tuple[str, KeyPath]]:
    for key, value in option_file.section('train').items():
        if not isinstance(value, dict):
            continue
        if key.startswith('optim_'):
            yield 'optimizer', ('train', key, 'type')
        elif key == 'scheduler':
            yield 'scheduler', ('train', key, 'type')
        elif key == 'losses':
            for name, loss in value.items():
                if isinstance(loss, dict):
                    yield 'loss', ('train', key, name, 'type')
        elif key == 'augment':
            yield 'augment', ('train', key, 'type')
        elif key in ('pixel_opt', 'perceptual_opt', 'gan_opt', 'ldl_opt') or (key.endswith('_opt') and 'type' in value):
            yield 'loss', ('train', key, 'type')


def _check_name(names: KnownNames, kind: str, name: str, where: str) -> List[Finding]:
    owner = names.file_of(kind, name)
    ours = names.is_ours(kind, name)
    if owner and ours:
        return [
            Finding(
                WARNING,
                f"The {_word(kind)} '{name}' is not the pack's: the name is taken",
                where,
                found=f'registered by {owner}',
                remedy=f"for the pack's own write {name}{_OURS_SUFFIX}",
            )
        ]
    if owner is not None and owner not in (*names.basicsr.of(kind).values(), *names.project.of(kind).values()):
        return [
            Finding(
                WARNING,
                f"The {_word(kind)} '{name}' belongs to a package that {names.choice.described} does not import",
                where,
                found=f'registered by {owner}',
                remedy='it is found where a script imports that package: name such a script by --script',
            )
        ]
    if owner or ours or (kind not in KINDS and (not names.names_to_offer(kind) or name in names.basicsr.of(kind))):
        return []
    return [_unknown(names, kind, name, where)]


def _unknown(names: KnownNames, kind: str, name: str, where: str) -> Finding:
    valid = names.names_to_offer(kind)
    remedy = did_you_mean(name, valid)
    if kind in KINDS and name.endswith(_BASICSR_SUFFIX):
        bare = name[: -len(_BASICSR_SUFFIX)]
        near = bare if bare in valid else closest_name(bare, valid)
        remedy = f'write {near}. {_SUFFIX_NOTE}' if near else f'{did_you_mean(bare, valid)}. {_SUFFIX_NOTE}'
    elif name.endswith(_OURS_SUFFIX):
        remedy = did_you_mean(name, [entry + _OURS_SUFFIX for entry in names.ours.get(kind, set())])
    expected = f'one of {", ".join(valid)}' if kind not in KINDS else None
    return Finding(ERROR, f"There is no {_word(kind)} named '{name}'", where, expected=expected, remedy=remedy)


def _word(kind: str) -> str:
    return _WORDS.get(kind, kind)
