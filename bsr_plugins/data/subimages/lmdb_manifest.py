"""What a sub-image LMDB says of itself: ``manifest.json`` (how it was made) and ``meta_info.txt`` (its keys)."""

from __future__ import annotations

import glob
import hashlib
import json
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from bsr_plugins.common import files
from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike
from bsr_plugins.common.findings import shortened
from bsr_plugins.common.option_kinds import SECTION, TEXT, Kind, choice, list_of, number, optional, whole
from bsr_plugins.data.images.degradations import DEGRADATIONS
from bsr_plugins.data.images.image_folders import some_of
from bsr_plugins.data.images.image_store import is_keyed
from bsr_plugins.data.images.lmdb_file import check_lmdb
from bsr_plugins.data.images.name_lists import check_inside_folder, key_in, read_lines

MANIFEST = 'manifest.json'
META_INFO = 'meta_info.txt'
FORMAT = 1
# What stands beside an LMDB or a store while it is made.
_PARTS = ('.partial', '.shard_*')
#: Entries that stand in the manifest of a finished LMDB alone.
MEASURED = ('sub_images', 'sizes')


class ManifestFormat(NamedTuple):
    """What the manifest of one kind of LMDB holds.

    Attributes:
        what: The LMDB, for errors.
        make: How it is made, for errors.
        entries: The kind of each entry that it may have.
    """

    what: str
    make: str
    entries: Dict[str, Kind]


_MAKE = f'make it with {command("subimages")}'
_NAMES = Kind(
    'names of images and their files',
    lambda value: isinstance(value, dict) and bool(value) and all(isinstance(name, str) for name in value.values()),
)
_SIZES = Kind(
    'height and width of each image',
    lambda value: isinstance(value, dict) and all(_is_size(size) for size in value.values()),
)
_FACTORS = list_of(number(above=0, at_most=1))
_SOURCE = {'folder': TEXT, 'resolved': TEXT, 'images': _NAMES, 'fingerprint': TEXT}
_ENTRIES = {
    'kind': choice('hr', 'lr'),
    'sub_images': whole(1),
    'crop': whole(1),
    'step': whole(1),
    'threshold': whole(0),
    'mod': whole(1),
    'factors': Kind(_FACTORS.text, lambda value: bool(value) and _FACTORS.accepts(value)),
    'encoding': TEXT,
    'layout': choice('images'),
    'scale': whole(1),
    'hr': TEXT,
    'source': optional(SECTION),
    'sizes': optional(_SIZES),
    'degradation': choice(*DEGRADATIONS),
    'noise_seed': whole(0),
}
_SUB_IMAGES = ManifestFormat('a sub-image LMDB', _MAKE, _ENTRIES)


def manifest_text(manifest: Dict[str, Any]) -> str:
    """Return ``manifest`` as the JSON text that stands in ``manifest.json``: the same dict, the same bytes."""
    return json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + '\n'


def write_manifest(lmdb_path: PathLike, manifest: Dict[str, Any]) -> None:
    """Write ``manifest.json`` into the LMDB folder, all of it or nothing."""
    files.write_text(Path(lmdb_path) / MANIFEST, manifest_text(manifest))


def read_manifest(lmdb_path: PathLike, *needed: str) -> Dict[str, Any]:
    """Return the manifest of a sub-image LMDB; each entry is of its kind, and those that are ``needed`` are there.

    Keys of both kinds: ``format``, ``kind`` (``hr`` or ``lr``), ``tool_version``, ``sub_images`` (count), ``crop``,
    ``step``, ``threshold``, ``mod`` (sides are cropped to a multiple of it first), ``factors`` (1.0 and ClassSR's
    shrinking factors), ``encoding``, ``layout`` (``images`` in a raw image store) and ``source``, a dict of ``folder``
    (as given), ``resolved`` (absolute path), ``images`` (key prefix of an image -> file name in the folder) and
    ``fingerprint``; several folders are named by the one that they are in, and by ``folders``, as given.
    The HR manifest has ``sizes`` (key prefix of an image -> its height and width before ``mod``; earlier releases did
    not note them) and says nothing of scales, so that adding one leaves it as it was. That of an LR LMDB has ``scale``,
    ``hr`` (fingerprint of the HR source), and its ``source`` is None where the LR images were made from the HR ones,
    by ``degradation`` (absent: bicubic; ``fpl`` with ``noise_seed``).

    Raises:
        DataError: no such folder, no manifest in it, not one of this tool, one that names files outside its folder, or
            an entry that is absent, stands twice or is of another kind.
    """
    manifest = read_entries(lmdb_path, _SUB_IMAGES, *needed)
    where = str(Path(lmdb_path) / MANIFEST)
    source = manifest.get('source')
    if source is None:
        if 'source' in needed and manifest.get('kind') != 'lr':
            raise _wrong_entry(where, 'source', SECTION, manifest, _MAKE)
        return manifest
    _check_entries(source, _SOURCE, _SOURCE if needed else (), f'{where}: source', _MAKE)
    for name in source.get('images', {}).values():
        check_inside_folder(name, f'{where}: source.images', _MAKE)
    return manifest


def read_entries(lmdb_path: PathLike, form: ManifestFormat, *needed: str) -> Dict[str, Any]:
    """Return the manifest of an LMDB of any kind; each entry is of its kind, and those that are ``needed`` are there.

    Raises:
        DataError: no such folder, no manifest in it, not one of this tool, or an entry that is absent, stands twice or
            is of another kind.
    """
    path = Path(lmdb_path) / MANIFEST
    content = _read(lmdb_path, path, form.make)
    try:
        manifest = json.loads(
            content.decode('utf-8'),
            object_pairs_hook=_without_repeats,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError) as error:
        raise DataError(f'{path} cannot be read as JSON', where=path, found=error, remedy=form.make) from error
    if not isinstance(manifest, dict) or type(manifest.get('format')) is not int or manifest['format'] != FORMAT:
        found = manifest.get('format') if isinstance(manifest, dict) else type(manifest).__name__
        raise DataError(
            f'{path} is not the manifest of {form.what}',
            where=path,
            expected=f'format {FORMAT}',
            found=found,
            remedy=form.make,
        )
    _check_entries(manifest, form.entries, needed, str(path), form.make)
    return manifest


def has_manifest(lmdb_path: PathLike) -> bool:
    """Return whether an LMDB has a manifest: whether it was made here, and not by BasicSR's own tools."""
    return (Path(lmdb_path) / MANIFEST).is_file()


def degradation_note(lq_folder: PathLike) -> Optional[str]:
    """Return what is to be said of how the LR images were made; None for bicubic ones, and those that were given."""
    manifest = read_manifest(lq_folder) if has_manifest(lq_folder) else {}
    if 'degradation' not in manifest:
        return None
    seed = f', noise_seed {manifest["noise_seed"]}' if 'noise_seed' in manifest else ''
    return f'{lq_folder}: its LR images were made by --degradation {manifest["degradation"]}{seed}'


def manifest_sha256(lmdb_path: PathLike) -> str:
    """Return what a difficulty file refers to: the SHA-256 (64 hex digits) of the bytes of ``manifest.json``.

    Of an LMDB without one, such as BasicSR's own: that of its ``meta_info.txt`` and the size of its ``data.mdb``.

    Raises:
        DataError: no such folder, or neither of the files in it.
    """
    folder = Path(lmdb_path)
    if has_manifest(folder):
        return hashlib.sha256(_read(lmdb_path, folder / MANIFEST)).hexdigest()
    _require(lmdb_path, folder / META_INFO)
    digest = hashlib.sha256()
    try:
        with open(folder / META_INFO, 'rb') as stream:
            for part in iter(lambda: stream.read(1 << 20), b''):
                digest.update(part)
    except OSError as error:
        raise DataError(f'{folder / META_INFO} cannot be read', where=folder / META_INFO, found=error) from error
    digest.update(f'\ndata.mdb {check_lmdb(folder)}\n'.encode())
    return digest.hexdigest()


def read_keys(lmdb_path: PathLike) -> List[str]:
    """Return the keys of an LMDB in BasicSR's format, in the order of its ``meta_info.txt`` (sorted, if made here).

    A key is what stands before the first dot of a line, as BasicSR reads it.

    Raises:
        DataError: no such folder, no ``meta_info.txt`` in it, an empty one, one that is not text, or one with a key
            that would be a path out of a folder.
    """
    path = Path(lmdb_path) / META_INFO
    _require(lmdb_path, path)
    keys = [key_in(line) for line in read_lines(path, blank_lines=True, remedy=_MAKE)]
    if not keys:
        raise DataError(f'{path} lists no key', where=path, remedy=_MAKE)
    return keys


def _is_size(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(side) is int and side > 0 for side in value)


def _check_entries(
    entries: Dict[str, Any], kinds: Dict[str, Kind], needed: Iterable[str], where: str, make: str
) -> None:
    for name, kind in kinds.items():
        if (name in entries or name in needed) and not kind.accepts(entries.get(name)):
            raise _wrong_entry(where, name, kind, entries, make)


def _wrong_entry(where: str, name: str, kind: Kind, entries: Dict[str, Any], make: str) -> DataError:
    return DataError(
        f'The manifest has a wrong entry {name!r}',
        where=f'{where}: {name}',
        expected=kind.text,
        found=shortened(repr(entries[name])) if name in entries else 'no such entry',
        remedy=make,
    )


def _without_repeats(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f'the entry {next(name for name in names if names.count(name) > 1)!r} stands twice')
    return found


def _refuse_constant(text: str) -> None:
    raise ValueError(f'{text} is no number of JSON')


def _read(lmdb_path: PathLike, path: Path, make: str = _MAKE) -> bytes:
    _require(lmdb_path, path, make)
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f'{path} cannot be read', where=path, found=error) from error


def _require(lmdb_path: PathLike, path: Path, make: str = _MAKE) -> None:
    folder = Path(lmdb_path)
    if not folder.is_dir():
        parts = sorted(
            each.name for pattern in _PARTS for each in folder.parent.glob(glob.escape(folder.name) + pattern)
        )
        if parts:
            raise DataError(
                f'{lmdb_path} is not finished',
                where=lmdb_path,
                found=some_of(parts),
                remedy='give the command that began it again, or those of its shards that are missing: they go on',
            )
        raise DataError(f'no LMDB folder {lmdb_path}', where=lmdb_path, remedy=make)
    if not path.is_file():
        inside = sorted(each.name for each in folder.iterdir() if is_keyed(each))
        raise DataError(
            f'{lmdb_path} has no {path.name}',
            where=path,
            found=some_of(inside) if inside else None,
            remedy=f'name one of these, as {folder}/NAME' if inside else make,
        )
