"""What a data set lists, read as the run reads it: folders, lists of names, and the keys of LMDBs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

from bsr_plugins.checks.pair_listing import keyed_pairs, read_list
from bsr_plugins.checks.path_checks import datasets_in
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.findings import ERROR, Finding
from bsr_plugins.common.naming import plain_name
from bsr_plugins.common.shown import counted
from bsr_plugins.data.dataset_options import PAIRED_TYPES, SEVERAL_ROOTS
from bsr_plugins.data.images.data_roots import each_root
from bsr_plugins.data.images.image_folders import some_of, stray_files
from bsr_plugins.data.images.image_store import check_database, data_files, is_keyed
from bsr_plugins.data.images.name_lists import blank_line, files_in, folders_in, name_in, read_lines
from bsr_plugins.data.images.shared_options import FILENAME_TMPL, names_images
from bsr_plugins.data.subimages.lmdb_manifest import META_INFO
from bsr_plugins.options.option_file import KeyPath, OptionFile

_BASICSRS = ('PairedImageDataset', 'SingleImageDataset')
# It leaves blank lines of its LMDBs' lists out.
_WITH_BLANK_LINES = ('InverseSampledLMDBDataset', 'UniformWindowsDataset')
_LINE = re.compile(r':\d+$')
_ROOTS = ('dataroot_gt', 'dataroot_lq')


def check_listing(option_file: OptionFile, root: Path, upstream: bool) -> List[Finding]:
    """Return what the data sets cannot list, or would list and could not read.

    Args:
        option_file: The file.
        root: The working directory.
        upstream: Whether BasicSR's data sets are its own; a fork's may list in another way.
    """
    findings: List[Finding] = []
    for keys, dataset, _ in datasets_in(option_file):
        kind = plain_name(dataset.get('type'))
        if kind in (*PAIRED_TYPES, 'SingleImageDataset') and (upstream or kind not in _BASICSRS):
            several = each_root(dataset) if kind in SEVERAL_ROOTS else [dataset]
            findings += [finding for each in several for finding in _Listing(option_file, keys, each, root).findings()]
    return findings


class _Listing:
    """The lists of one data set, and where the option file names them."""

    def __init__(self, option_file: OptionFile, keys: KeyPath, dataset: Dict[str, Any], root: Path) -> None:
        self.file, self.keys, self.dataset, self.root = option_file, keys, dataset, root
        self.kind = plain_name(dataset.get('type'))
        wanted = _ROOTS if self.kind in PAIRED_TYPES else _ROOTS[1:]
        self.roots = {key: dataset[key] for key in wanted if dataset.get(key) is not None}

    def findings(self) -> List[Finding]:
        several = {key: value for key, value in self.roots.items() if isinstance(value, list)}
        found = [self._of_several(*each) for each in several.items() if self.kind not in SEVERAL_ROOTS]
        folders = {key: self._place(value) for key, value in self.roots.items() if isinstance(value, str)}
        there = {key: folder for key, folder in folders.items() if folder.is_dir()}
        listed = self.dataset.get('meta_info_file')
        for key, folder in there.items():
            if is_keyed(self.roots[key]):
                found += self._caught(key, self._of_lmdb, key, folder, there)
            elif not isinstance(listed, str):
                found += self._caught(key, self._of_folder, key, folder)
        lmdb = any(is_keyed(value) for value in self.roots.values())
        if isinstance(listed, str) and self._place(listed).is_file() and not lmdb:
            found += self._caught('meta_info_file', self._of_list, self._place(listed), listed, there)
        return found

    def _place(self, value: str) -> Path:
        return self.root / Path(value).expanduser()

    def _caught(self, key: str, look: Any, *arguments: Any) -> Iterator[Finding]:
        try:
            yield from look(*arguments)
        except DataError as error:
            found = None if error.found is None else str(error.found)
            if _LINE.search(str(error.where)):
                found = f'{error.where}: {found}' if found else str(error.where)
            yield self._finding(key, error.problem, found, error.expected, error.remedy)

    def _finding(self, key: str, problem: str, found: Any = None, expected: Any = None, remedy: Any = None) -> Finding:
        return Finding(ERROR, problem, self.file.where(*self.keys, key), expected, found, remedy)

    def _of_several(self, key: str, value: List[Any]) -> Finding:
        return self._finding(
            key,
            f'{key} is a list: {self.kind} reads one folder, or one LMDB',
            found=some_of(value),
            expected='a path',
            remedy='put the images, or links to them, into one folder',
        )

    def _of_folder(self, key: str, folder: Path) -> Iterator[Finding]:
        names, shown = files_in(folder), self.roots[key]
        if not names:
            inside = folders_in(folder)
            if inside:
                yield self._finding(
                    key,
                    f'There is no image in the folder, and BasicSR does not look into its sub-folders: {shown}',
                    found=f'sub-folders {some_of(inside)}',
                    remedy=f'name one of them, such as {key}: {Path(shown) / inside[0]}',
                )
            elif any(folder.iterdir()):
                yield self._finding(key, f'There is no image in the folder, only hidden files: {shown}')
        strays = stray_files(folder, names)
        if strays:
            yield self._finding(
                key,
                'BasicSR takes every file in the folder for an image, and '
                f'{counted(len(strays), "is", "are")} none: {shown}',
                found=some_of(strays),
                remedy='move them away',
            )

    def _of_lmdb(self, key: str, folder: Path, there: Dict[str, Path]) -> Iterator[Finding]:
        if not all((folder / name).is_file() for name in data_files(folder)):
            return  # said by the check of the paths
        found = keyed_pairs(*there.values()) if len(there) == len(_ROOTS) else None
        number = 0 if found is None else list(there).index(key)
        found = found or read_list(folder)
        if self.kind not in _WITH_BLANK_LINES:
            number_of_blank = found.blank[number]
            if number_of_blank is not None:
                raise blank_line(folder / META_INFO, number_of_blank)
        foreign = found.foreign[number]
        if foreign.count:
            yield self._finding(
                key,
                'BasicSR looks keys of an LMDB up as ASCII text, and '
                f'{counted(foreign.count, "is", "are")} none: {self.roots[key]}',
                found=foreign.quoted,
                remedy='rename the images and make the LMDB again',
            )
        check_database(folder)

    def _of_list(self, path: Path, shown: str, folders: Dict[str, Path]) -> Iterator[Finding]:
        template = str(self.dataset.get('filename_tmpl') or FILENAME_TMPL.default)
        if len(folders) < len(self.roots) or not names_images(template):
            return
        there = {key: set(files_in(folder)) for key, folder in folders.items()}
        absent: List[Tuple[int, str, str]] = []
        lines = read_lines(path)
        if not lines:
            yield self._finding(
                'meta_info_file',
                f'The list of names is empty: {shown}',
                expected='one line an image: the name of its file in the folder',
                remedy='write the names into it, or meta_info_file: ~ for all images of the folder',
            )
        for number, name in enumerate(map(name_in, lines), 1):
            for key, names in there.items():
                file = name
                if key == 'dataroot_lq' and 'dataroot_gt' in folders:
                    file = template.format(Path(name).stem) + Path(name).suffix
                if file not in names and not (folders[key] / file).is_file():
                    absent.append((number, name, str(Path(self.roots[key]) / file)))
                    break
        if absent:
            number, name, file = absent[0]
            blank = ': BasicSR takes what stands before the first blank' if name != lines[number - 1] else ''
            yield self._finding(
                'meta_info_file',
                f'The list names {counted(len(absent), "image that is", "images that are")} not there, '
                f'of {len(lines)}: {shown}',
                found=f'{shown}:{number}: {name}{blank}; there is no {file}',
                expected='one line an image: the name of its file in the folder',
                remedy='correct the list, or the folders, or remove these lines',
            )
