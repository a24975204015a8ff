"""Checks that every file and folder an option file reads is there, all of them at once."""

from __future__ import annotations

import os
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from bsr_plugins.checks.missing_data import (
    INVERSE_TYPES,
    difficulty_command,
    difficulty_path,
    lmdb_command,
    own_images_command,
)
from bsr_plugins.common.findings import ERROR, Finding
from bsr_plugins.common.naming import closest_name
from bsr_plugins.data.images.data_roots import each_root
from bsr_plugins.data.images.image_store import data_files, is_keyed, is_store
from bsr_plugins.models.sigma_options import first_step_files
from bsr_plugins.options.option_file import KeyPath, OptionFile

_LIST_FILES = ('meta_info_file', 'meta_info')
_ALIKE = 0.8
#: Weights of networks that a training reads and does not save, and the files that each means.
_FROZEN: Dict[str, Callable[[str], Tuple[str, ...]]] = {
    'pretrain_network_udn': first_step_files,
    'pretrain_network_saliency': lambda path: (path,),
}
_WEIGHT_KEYS = ('spynet_path', 'edvr_path')


def check_paths(option_file: OptionFile, root: Path, is_train: bool, auto_resume: bool = False) -> List[Finding]:
    """Return an error for each data set path, weight file and training state that does not exist.

    Relative paths are read from ``root``, the working directory, as BasicSR reads them.
    """
    findings: List[Finding] = []
    for keys, dataset, uniform in datasets_in(option_file):
        findings += _check_dataset(option_file, keys, dataset, uniform, root)
    findings += _check_weights(option_file, root, is_train, auto_resume)
    return findings


def datasets_in(option_file: OptionFile) -> Iterator[Tuple[KeyPath, Dict[str, Any], Optional[Dict[str, Any]]]]:
    """Yield (key path, options, None) of each data set and (key path, options, the set around it) of each ``inverse``.

    What an inverse-sampled set takes over from the set around it (scale and augmentation) holds no path.
    """
    for phase, dataset in option_file.section('datasets').items():
        if isinstance(dataset, dict):
            yield ('datasets', phase), dataset, None
            if isinstance(dataset.get('inverse'), dict):
                yield ('datasets', phase, 'inverse'), dataset['inverse'], dataset


def _check_dataset(
    option_file: OptionFile, keys: KeyPath, dataset: Dict[str, Any], uniform: Optional[Dict[str, Any]], root: Path
) -> List[Finding]:
    findings: List[Finding] = []
    scale, own = option_file.get('scale'), own_images_command(option_file.path)
    made_by_command = False
    for key, value in dataset.items():
        if key in _LIST_FILES:
            findings += _missing_file(option_file, (*keys, key), value, root)
        elif key.startswith('dataroot'):
            for path in value if isinstance(value, list) else [value]:
                problem = _folder_problem(path, root)
                if problem is None:
                    continue
                remedy = own or _nearest_entry(path, root)
                if own is None and keys[1] == 'train' and _can_be_made(key, path) and scale is not None:
                    remedy = (
                        'the command above makes it too'
                        if made_by_command
                        else lmdb_command(dataset, uniform, scale, root)
                    )
                    made_by_command = True
                findings.append(
                    Finding(
                        ERROR, problem, option_file.where(*keys, key), found=_existing_part(path, root), remedy=remedy
                    )
                )
    for each in each_root(dataset) if dataset.get('type') in INVERSE_TYPES else ():
        path = difficulty_path(each, scale)
        if path is not None and not os.path.isfile(root / Path(path).expanduser()):
            remedy = own or (None if scale is None else difficulty_command(each, scale))
            findings.append(
                Finding(
                    ERROR,
                    f'The difficulty file does not exist: {path}',
                    option_file.where(*keys, 'difficulty'),
                    remedy=remedy,
                )
            )
    return findings


def _can_be_made(key: str, path: Any) -> bool:
    return key in ('dataroot_gt', 'dataroot_lq') and is_keyed(path)


def resumes(option_file: OptionFile, root: Path, auto_resume: bool) -> bool:
    """Return whether a training goes on from a state."""
    return option_file.get('path', 'resume_state') is not None or (auto_resume and bool(state_names(option_file, root)))


def _check_weights(option_file: OptionFile, root: Path, is_train: bool, auto_resume: bool) -> List[Finding]:
    findings: List[Finding] = []
    from_state = is_train and resumes(option_file, root, auto_resume)
    for key, value in option_file.section('path').items():
        # A run that resumes takes the networks that were saved with the state instead of the pretrained ones.
        if key == 'resume_state' and is_train and not auto_resume or 'pretrain_network' in key and not from_state:
            findings += _missing_file(option_file, ('path', key), value, root)
    # Those of frozen networks are read by a run that resumes too.
    for key, files_of in _FROZEN.items():
        value = option_file.get('path', key)
        if is_train and isinstance(value, str):
            for path in files_of(value)[0 if from_state else 1 :]:
                findings += _missing_file(option_file, ('path', key), path, root)
    for name, network in option_file.options.items():
        if name.startswith('network_') and isinstance(network, dict):
            for key in _WEIGHT_KEYS:
                findings += _missing_file(option_file, (name, key), network.get(key), root)
    return findings


def _missing_file(option_file: OptionFile, keys: KeyPath, value: Any, root: Path) -> List[Finding]:
    if not isinstance(value, str) or _is_url(value) or os.path.isfile(root / Path(value).expanduser()):
        return []
    if not value:
        return [Finding(ERROR, 'The path is empty', option_file.where(*keys), remedy=f'{keys[-1]}: ~ for none')]
    remedy, is_run = _nearest_entry(value, root), 'models' in Path(value).parts[:-1]
    return [
        Finding(
            ERROR,
            f'The file does not exist: {value}',
            option_file.where(*keys),
            found=_existing_part(value, root),
            remedy=f'train the network first, or {remedy}' if is_run and remedy else remedy,
        )
    ]


def _folder_problem(value: Any, root: Path) -> Optional[str]:
    if not isinstance(value, str) or _is_url(value):
        return None
    folder = root / Path(value).expanduser()
    kind = 'raw image store' if is_store(value) else 'LMDB' if is_keyed(value) else 'folder'
    if not os.path.exists(folder):
        return f'The {kind} does not exist: {value}'
    if not os.path.isdir(folder):
        return f'The {kind} is a file: {value}'
    if is_keyed(value):
        absent = [name for name in data_files(value) if not (folder / name).is_file()]
        return f'The {kind} is incomplete, it lacks {" and ".join(absent)}: {value}' if absent else None
    try:
        return None if os.listdir(folder) else f'The folder is empty: {value}'
    except OSError as error:
        return f'The folder cannot be listed ({error.strerror}): {value}'


def _names_in(folder: Path) -> List[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _is_url(value: str) -> bool:
    return '://' in value


def state_names(option_file: OptionFile, root: Path) -> List[str]:
    """Return the names, without ending, of the states that --auto_resume would find."""
    experiments = option_file.get('path', 'experiments_root') or 'experiments'
    folder = root / str(experiments) / str(option_file.get('name')) / 'training_states'
    return [path.stem for path in folder.glob('*.state')]


def _existing_part(value: str, root: Path) -> Optional[str]:
    """Say how far the path exists."""
    path = root / Path(value).expanduser()
    if os.path.exists(path):
        return None
    parent = next(parent for parent in path.parents if os.path.isdir(parent))
    return f'{parent} exists, {path.relative_to(parent).parts[0]} in it does not'


def _nearest_entry(value: str, root: Path) -> Optional[str]:
    """Offer the entry of the deepest existing folder that is most like the missing one."""
    path = Path(value).expanduser()
    full = root / path
    if os.path.exists(full):
        return None
    parent = next(parent for parent in full.parents if os.path.isdir(parent))
    wanted = full.relative_to(parent).parts[0]
    near = closest_name(wanted, _names_in(parent))
    # Names of folders are short and alike: `tests` is no offer for `datasets`.
    if near and SequenceMatcher(None, near.lower(), wanted.lower()).ratio() >= _ALIKE:
        return f"did you mean '{parent / near}'?"
    if path.is_absolute():
        return None
    return f'correct the path, or change to the folder it starts from: it is read from the working directory, {root}'
