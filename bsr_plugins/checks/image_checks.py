"""``basicsr check --deep``: every image of every data set is decoded, and each that cannot be is listed."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from bsr_plugins.checks.pair_listing import lmdb_sizes
from bsr_plugins.checks.path_checks import datasets_in
from bsr_plugins.checks.resemblance_checks import Decoded
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.findings import ERROR, WARNING, Finding
from bsr_plugins.common.naming import plain_name
from bsr_plugins.data.images.image_folders import EXTENSIONS
from bsr_plugins.data.images.image_store import is_keyed
from bsr_plugins.host.registration import TABLE
from bsr_plugins.options.option_file import KeyPath, OptionFile

_AT_ONCE = 256


class _Image(NamedTuple):
    name: str
    decode: Callable[[], Any]


def check_images(option_file: OptionFile, root: Path) -> Tuple[List[Finding], Decoded]:
    """Decode all images below the data sets' folders and in their LMDBs.

    Return a finding for each that cannot be, and what the others are.

    A folder that several data sets share is read once. Progress is shown on stderr.
    """
    from tqdm import tqdm

    places: Dict[Path, KeyPath] = {}
    own: Dict[Path, bool] = {}
    for keys, dataset, _ in datasets_in(option_file):
        for key, value in dataset.items():
            if key.startswith('dataroot'):
                for path in value if isinstance(value, list) else [value]:
                    folder = root / Path(str(path)).expanduser()
                    places.setdefault(folder, (*keys, key))
                    own[folder] = own.get(folder, False) or plain_name(dataset.get('type')) in TABLE['dataset']
    findings: List[Finding] = []
    decoded = Decoded({}, {})
    images = [(folder, image) for folder in places for image in _images(folder)]
    readers = _open_lmdbs(places)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool, tqdm(
        total=len(images), desc='images decoded', unit='image', mininterval=0.5
    ) as bar:
        for start in range(0, len(images), _AT_ONCE):
            part = images[start : start + _AT_ONCE]
            for (folder, image), error in zip(part, pool.map(lambda entry: _problem(entry[1], decoded), part)):
                bar.update()
                if error is not None:
                    deep_colour = error.expected == 'uint8'
                    findings.append(
                        Finding(
                            WARNING if deep_colour and not own[folder] else ERROR,
                            error.problem,
                            option_file.where(*places[folder]),
                            _text(error.expected),
                            _text(error.found) or image.name,
                            error.remedy,
                        )
                    )
    del readers
    return findings, decoded


def _open_lmdbs(folders: Iterable[Path]) -> List[Any]:
    """Return readers that keep the LMDBs open; one that cannot be opened is reported with its first record."""
    from bsr_plugins.data.images.lmdb_reader import open_reader

    readers = []
    for folder in folders:
        if is_keyed(folder) and folder.is_dir():
            with contextlib.suppress(DataError):
                readers.append(open_reader(folder))
    return readers


def _problem(image: _Image, decoded: Decoded) -> Optional[DataError]:
    try:
        decoded.add(image.name, image.decode())
    except DataError as error:
        return error
    return None


def _images(folder: Path) -> Iterator[_Image]:
    from bsr_plugins.data.images.image_reading import read_image

    if is_keyed(folder):
        for key in lmdb_sizes(folder) or {}:
            yield _Image(f'{folder}: {key}', lambda key=key: _decode_record(folder, key))  # type: ignore[misc]
        return
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if path.suffix.lower() in EXTENSIONS and not name.startswith('.'):
                yield _Image(str(path), lambda path=path: read_image(path))  # type: ignore[misc]


def _decode_record(folder: Path, key: str) -> Any:
    from bsr_plugins.data.images.image_reading import decode_image
    from bsr_plugins.data.images.lmdb_reader import open_reader

    return decode_image(open_reader(folder).record(key), f'{folder}: {key}')


def _text(value: Any) -> Optional[str]:
    return None if value is None else str(value)
