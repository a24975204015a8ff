"""Whether a difficulty file and its sub-image LMDBs were made for each other, by what their headers say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional

from bsr_plugins.checks.code_in_use import CodeInUse
from bsr_plugins.checks.missing_data import INVERSE_TYPES, difficulty_command, difficulty_path
from bsr_plugins.checks.pair_listing import key_count
from bsr_plugins.checks.path_checks import datasets_in
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.findings import ERROR, Finding
from bsr_plugins.data.images.data_roots import each_root
from bsr_plugins.data.subimages.lmdb_manifest import has_manifest, manifest_sha256, read_manifest
from bsr_plugins.options.option_file import KeyPath, OptionFile


def check_difficulties(option_file: OptionFile, root: Path) -> List[Finding]:
    """Return an error for each difficulty file that is stale, and for each LR LMDB of another scale."""
    findings: List[Finding] = []
    for keys, dataset, _ in datasets_in(option_file):
        if dataset.get('type') in INVERSE_TYPES and option_file.get('scale') is not None:
            for each in each_root(dataset):
                findings += _scale_of_lmdb(option_file, keys, each, root)
                findings += _difficulty(option_file, keys, each, root)
    return findings


def check_per_class(option_file: OptionFile, code: CodeInUse, root: Path) -> List[Finding]:
    """Return an error where ``val.per_class`` of a model of the pack names no classes that the run could read."""
    model, asked, scale = (option_file.get(*keys) for keys in (('model_type',), ('val', 'per_class'), ('scale',)))
    is_ours = isinstance(model, str) and code.names.resolves_to_ours('model', model)
    if not (is_ours and asked and isinstance(asked, (bool, str)) and isinstance(scale, int)):
        return []
    from bsr_plugins.data.sampling.training_classes import difficulties_of, read_training_classes  # numpy

    train = option_file.get('datasets', 'train')
    try:
        if isinstance(asked, str):
            read_training_classes(root / Path(asked).expanduser(), train, scale)
            return []
        for _, folder in difficulties_of(asked, train, scale):
            lmdb = root / Path(folder).expanduser()
            if lmdb.is_dir():
                read_manifest(lmdb, 'crop', 'step', 'threshold')
    except (DataError, OptionError) as error:
        found = '; '.join(str(part) for part in (error.where, error.found) if part and part != 'val.per_class')
        expected = None if error.expected is None else str(error.expected)
        where = option_file.where('val', 'per_class')
        return [Finding(ERROR, error.problem, where, expected, found or None, error.remedy)]
    return []


def _scale_of_lmdb(option_file: OptionFile, keys: KeyPath, dataset: Dict[str, Any], root: Path) -> List[Finding]:
    folder = root / Path(str(dataset.get('dataroot_lq'))).expanduser()
    if not has_manifest(folder):
        return []
    where, scale = option_file.where(*keys, 'dataroot_lq'), option_file.get('scale')
    try:
        made_for = read_manifest(folder).get('scale')
    except DataError as error:
        return [Finding(ERROR, error.problem, where, error.expected, str(error.found), error.remedy)]
    return (
        []
        if made_for == scale
        else [
            Finding(
                ERROR,
                'The LR LMDB was made for another scale',
                where,
                expected=f'scale {scale}',
                found=f'scale {made_for}',
                remedy=f'give the LR LMDB of scale {scale}',
            )
        ]
    )


def _difficulty(option_file: OptionFile, keys: KeyPath, dataset: Dict[str, Any], root: Path) -> List[Finding]:
    scale = option_file.get('scale')
    name = difficulty_path(dataset, scale)
    path = root / Path(str(name)).expanduser()
    lmdb = root / Path(str(dataset.get('dataroot_gt'))).expanduser()
    if name is None or not path.is_file():
        return []  # said by the check of the paths
    stored = key_count(dataset, root)
    if stored is None:
        return []
    try:
        sha256: Optional[str] = manifest_sha256(lmdb)
        from bsr_plugins.data.images.key_blocks import count_scores  # numpy

        with open(path, encoding='utf-8') as lines:
            stated = dict(word.partition('=')[::2] for word in next(lines, '').lstrip('#').split())
        count = count_scores(path)
    except (DataError, OSError, UnicodeDecodeError) as error:
        why = f'{error.problem}, {error.found}' if isinstance(error, DataError) else error
        return [_stale(option_file, keys, dataset, root, f'cannot be compared with its LMDB: {why}', '', '')]
    checks = (
        ('was scored on a different LMDB', 'manifest_sha256', sha256),
        ('was scored at a different scale', 'scale', str(scale)),
        ('does not hold a score for each sub-image', 'sub_images', str(stored)),
    )
    for problem, key, right in checks:
        if stated.get(key) != right:
            return [_stale(option_file, keys, dataset, root, problem, f'{key}={right}', f'{key}={stated.get(key)}')]
    if count != stored:
        return [_stale(option_file, keys, dataset, root, 'is cut short', f'{stored} scores', f'{count}')]
    return []


def _stale(
    option_file: OptionFile, keys: KeyPath, dataset: Dict[str, Any], root: Path, problem: str, expected: str, found: str
) -> Finding:
    scale = option_file.get('scale')
    return Finding(
        ERROR,
        f'The difficulty file {problem}: {difficulty_path(dataset, scale)}',
        option_file.where(*keys, 'difficulty'),
        expected=expected or None,
        found=found or None,
        remedy=difficulty_command(dataset, scale),
    )
