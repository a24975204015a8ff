"""Validation images that are trained on: what is measured on them says nothing of other images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

from bsr_plugins.checks.pair_listing import KeyedPairList, pair_lists
from bsr_plugins.checks.path_checks import datasets_in
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.findings import WARNING, Finding
from bsr_plugins.common.naming import plain_name
from bsr_plugins.data.dataset_options import PAIRED_TYPES
from bsr_plugins.data.images.image_folders import NAMED_AT_MOST, Names
from bsr_plugins.data.subimages.lmdb_manifest import has_manifest, read_manifest
from bsr_plugins.options.option_file import OptionFile

#: What an image is known by: its name and the bytes of its file, or its LMDB and its key there.
Image = Tuple[str, Any]


def check_overlap(option_file: OptionFile, root: Path) -> List[Finding]:
    """Return a warning for each validation set whose HR images are among those of the training set.

    Files are the same where name and size are: a copy or a link of a folder too. Sub-image LMDBs of the pack stand for
    the images that they were cut from.
    """
    trained: Set[Image] = set()
    lists: Set[str] = set()
    findings = []
    for keys, dataset, _ in sorted(datasets_in(option_file), key=lambda found: found[0][1] != 'train'):
        if plain_name(dataset.get('type')) not in PAIRED_TYPES:
            continue
        images, listed = _images(dataset, root)
        if keys[1] == 'train':
            trained.update(images)
            lists.update(listed)
            continue
        same = [names for path, names in listed.items() if path in lists]
        files = [name for image, name in images.items() if image in trained]
        both = Names(len(files) + sum(names.count for names in same), files[:NAMED_AT_MOST])
        both.first += [name for names in same for name in names.first][: NAMED_AT_MOST - len(both.first)]
        total = len(images) + sum(names.count for names in listed.values())
        if both.count:
            share = 'All' if both.count == total else f'{both.count} of the'
            findings.append(
                Finding(
                    WARNING,
                    f'{share} {total} validation images are training images',
                    option_file.where(*keys, 'dataroot_gt'),
                    expected='images that are not trained on',
                    found=both.text,
                    remedy='keep some images apart, in folders of their own, and name these here',
                )
            )
    return findings


def _images(dataset: Dict[str, Any], root: Path) -> Tuple[Dict[Image, str], Dict[str, Names]]:
    """Return the HR images of a data set and their names, and the LMDBs that are known by their keys alone."""
    images: Dict[Image, str] = {}
    listed: Dict[str, Names] = {}
    for pairs in pair_lists(dataset, root):
        folder = pairs.folders['gt']
        if not isinstance(pairs, KeyedPairList):
            images.update(_files(folder, [*pairs.pairs, *pairs.alone_gt]))
            continue
        try:
            source = read_manifest(folder).get('source') if has_manifest(folder) else None
        except DataError:  # said where its difficulty is checked, or when it is read
            source = None
        files = source and _files(Path(source.get('resolved', '')), list(source.get('images', {}).values()))
        if files:
            images.update(files)
        else:
            both, alone = pairs.found.both, pairs.found.alone[0]
            first = [*both.first, *alone.first][:NAMED_AT_MOST]
            listed[os.path.realpath(folder)] = Names(both.count + alone.count, first)
    return images, listed


def _files(folder: Path, names: List[str]) -> Dict[Image, str]:
    found: Dict[Image, str] = {}
    for name in names:
        try:
            found[os.path.basename(name), os.stat(folder / name).st_size] = name
        except OSError:  # gone since it was listed, or made on another machine
            continue
    return found
