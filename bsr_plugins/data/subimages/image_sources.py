"""The folders that a set of sub-images is made of: one of HR images, or several with their LR ones, and their names."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Union

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.files import PathLike
from bsr_plugins.common.shown import counted
from bsr_plugins.data.images.image_folders import by_key, fingerprint, image_key, list_images, pair_images, some_of

Folders = Union[PathLike, Sequence[PathLike]]


class Sources(NamedTuple):
    """Images by the start of their keys, in the order of the folders and of their names; ``lr`` may be None."""

    hr: Dict[str, Path]
    lr: Optional[Dict[str, Path]]


def folders_of(given: Optional[Folders]) -> List[PathLike]:
    """Return the folders that are given: none, one, or several."""
    if given is None:
        return []
    return [given] if isinstance(given, (str, os.PathLike)) else list(given)


def find_sources(
    hr: Folders, lr: Optional[Folders], scale: int, hr_template: str = '{}', lr_template: Optional[str] = None
) -> Sources:
    """Find the images of all folders and pair them, folder by folder.

    Where a name is in several folders, the name of its folder begins the keys of all images: ``DIV2K_0001``.

    Raises:
        OptionError: Not as many LR folders as HR ones.
        DataError: A folder is missing or empty, images do not pair, names cannot be keys or cannot be told apart.
    """
    hr_folders, lr_folders = folders_of(hr), folders_of(lr)
    if lr is not None and len(lr_folders) != len(hr_folders):
        raise OptionError(
            '--hr and --lr do not name as many folders',
            where='--lr',
            expected=f'{counted(len(hr_folders), "folder", "folders")}, one for each of --hr, in the same order',
            found=len(lr_folders),
        )
    hr_of = [by_key(list_images(folder), hr_template) for folder in hr_folders]
    lr_of = [pair_images(images, list_images(folder), scale, lr_template) for images, folder in zip(hr_of, lr_folders)]
    times = Counter(key for images in hr_of for key in images)
    starts = ['' for _ in hr_folders]
    repeated = [key for key, count in times.items() if count > 1]
    if repeated:
        starts = _starts(hr_folders, repeated)
    return Sources(
        {start + key: path for start, images in zip(starts, hr_of) for key, path in images.items()},
        {start + key: path for start, images in zip(starts, lr_of) for key, path in images.items()} if lr_of else None,
    )


def manifest_source(given: Folders, images: Dict[str, Path]) -> Dict[str, Any]:
    """Return what a manifest says of its images: see ``read_manifest``.

    Of several folders it names the one that they are in, and the images by their paths from there.
    """
    folders = folders_of(given)
    if len(folders) == 1:
        resolved = Path(folders[0]).resolve()
        names = {key: path.name for key, path in images.items()}
        shown: Dict[str, Any] = {'folder': str(folders[0])}
    else:
        each = {str(folder): Path(folder).resolve() for folder in folders}
        resolved = Path(os.path.commonpath(list(each.values())))
        inside = {folder: path.relative_to(resolved) for folder, path in each.items()}
        names = {key: (inside[str(path.parent)] / path.name).as_posix() for key, path in images.items()}
        shown = {'folder': str(resolved), 'folders': [str(folder) for folder in folders]}
    return {**shown, 'resolved': str(resolved), 'images': names, 'fingerprint': fingerprint(images)}


def _starts(folders: Sequence[PathLike], repeated: List[str]) -> List[str]:
    names = [Path(folder).resolve().name for folder in folders]
    if len(set(names)) < len(names):
        raise DataError(
            f"{counted(len(repeated), 'name is', 'names are')} in several folders, and so are the folders' own names",
            where=', '.join(map(str, folders)),
            expected='folders of different names, which then begin the keys of their images',
            found=some_of(repeated),
            remedy='rename one of the folders, give links to them of other names, or name each folder once',
        )
    return [f'{image_key(name)}_' for name in names]
