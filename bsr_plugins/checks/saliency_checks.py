"""Whether the saliency maps of a data set are there, one for each of its images, and whether anything goes by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

from bsr_plugins.checks.code_in_use import CodeInUse
from bsr_plugins.checks.pair_listing import list_pairs
from bsr_plugins.checks.path_checks import datasets_in
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.findings import ERROR, WARNING, Finding
from bsr_plugins.data.images.data_roots import each_root
from bsr_plugins.options.option_file import KeyPath, OptionFile


def check_saliency(option_file: OptionFile, code: CodeInUse, root: Path, is_train: bool) -> List[Finding]:
    """Return an error for maps that are not there or not of these images, a warning for maps that nobody uses."""
    findings: List[Finding] = []
    for keys, dataset, _ in datasets_in(option_file):
        kind, path = dataset.get('type'), dataset.get('saliency')
        is_ours = isinstance(kind, str) and code.names.resolves_to_ours('dataset', kind)
        # Another data set's is an unknown key.
        if is_train and is_ours and path is not None:
            for each in each_root(dataset):
                findings += _maps(option_file, keys, each, root)
            findings += _use(option_file, keys)
    return findings


def _maps(option_file: OptionFile, keys: KeyPath, dataset: Dict[str, Any], root: Path) -> List[Finding]:
    from bsr_plugins.data.saliency.saliency_maps import SaliencyMaps, saliency_key  # numpy

    try:
        maps = SaliencyMaps(root / Path(str(dataset['saliency'])).expanduser(), str(dataset.get('dataroot_lq')))
        pairs = list_pairs(dataset, root)
        if pairs is not None and pairs.is_lmdb and not pairs.alone('lq')[0]:
            maps.check_lmdb_keys(pairs.folders['lq'])
        elif pairs is not None:
            maps.check_keys(saliency_key(name, pairs.is_lmdb) for name in pairs.pairs.values())
    except DataError as error:
        found = None if error.found is None else str(error.found)
        where = option_file.where(*keys, 'saliency')
        return [Finding(ERROR, error.problem, where, error.expected, found, error.remedy)]
    return []


def _use(option_file: OptionFile, keys: KeyPath) -> List[Finding]:
    augment = option_file.get('train', 'augment')
    if isinstance(augment, dict) and augment.get('saliency') == 'map':
        return []
    return [
        Finding(
            WARNING,
            'The saliency maps are read, and nothing goes by them',
            option_file.where(*keys, 'saliency'),
            expected='train.augment with saliency: map',
            found=f'train.augment: {augment}' if augment else 'no train.augment',
            remedy='augment: {type: ADD, saliency: map} under train, or leave out saliency',
        )
    ]
