"""What a sub-image LMDB says of itself: ``manifest.json`` (how it was made) and ``meta_info.txt`` (its keys)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, List

from bsr_plugins.common import files
from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike

MANIFEST = 'manifest.json'
META_INFO = 'meta_info.txt'
FORMAT = 1
_MAKE = f'make it with {command("subimages")}'


def manifest_text(manifest: Dict[str, Any]) -> str:
    """Return ``manifest`` as the JSON text that stands in ``manifest.json``: the same dict, the same bytes."""
    return json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + '\n'


def write_manifest(lmdb_path: PathLike, manifest: Dict[str, Any]) -> None:
    """Write ``manifest.json`` into the LMDB folder, all of it or nothing."""
    files.write_text(Path(lmdb_path) / MANIFEST, manifest_text(manifest))


def read_manifest(lmdb_path: PathLike) -> Dict[str, Any]:
    """Return the manifest of a sub-image LMDB.

    Keys of both kinds: ``format``, ``kind`` (``hr`` or ``lr``), ``tool_version``, ``sub_images`` (count), ``crop``,
    ``step``, ``threshold``, ``mod`` (sides are cropped to a multiple of it first), ``factors`` (1.0 and ClassSR's
    shrinking factors), ``encoding`` and ``source``, a dict of ``folder`` (as given), ``resolved`` (absolute path),
    ``images`` (key prefix of an image -> file name in the folder) and ``fingerprint``.
    The HR manifest says nothing of scales, so that adding one leaves it as it was. That of an LR LMDB has ``scale``,
    ``hr`` (fingerprint of the HR source), and its ``source`` is None where the LR images were made from the HR ones.

    Raises:
        DataError: no such folder, no manifest in it, not one of this tool, or one that names files outside its folder.
    """
    path = Path(lmdb_path) / MANIFEST
    _require(lmdb_path, path)
    try:
        manifest = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f'{path} cannot be read as JSON', where=path, found=error, remedy=_MAKE) from error
    if not isinstance(manifest, dict) or manifest.get('format') != FORMAT:
        found = manifest.get('format') if isinstance(manifest, dict) else type(manifest).__name__
        raise DataError(
            f'{path} is not the manifest of a sub-image LMDB',
            where=path,
            expected=f'format {FORMAT}',
            found=found,
            remedy=_MAKE,
        )
    source = manifest.get('source')
    for name in source.get('images', {}).values() if isinstance(source, dict) else ():
        check_inside_folder(str(name), f'{path}: source.images')
    return manifest


def manifest_sha256(lmdb_path: PathLike) -> str:
    """Return the SHA-256 (64 hex digits) of the bytes of ``manifest.json``: what a difficulty file refers to.

    Raises:
        DataError: no such folder, or no manifest in it.
    """
    path = Path(lmdb_path) / MANIFEST
    _require(lmdb_path, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_keys(lmdb_path: PathLike) -> List[str]:
    """Return the keys of an LMDB in BasicSR's format, in the order of its ``meta_info.txt`` (sorted, if made here).

    A key is what stands before the first dot of a line, as BasicSR reads it.

    Raises:
        DataError: no such folder, no ``meta_info.txt`` in it, an empty one, one that is not text, or one with a key
            that would be a path out of a folder.
    """
    path = Path(lmdb_path) / META_INFO
    _require(lmdb_path, path)
    keys = []
    try:
        with open(path, encoding='utf-8') as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    if '..' in line or '/' in line or '\\' in line:
                        check_inside_folder(line.split(' (')[0].strip(), f'{path}:{number}')
                    keys.append(line.split('.')[0])
    except UnicodeDecodeError as error:
        raise DataError(f'{path} is not UTF-8 text', where=path, found=error, remedy=_MAKE) from error
    if not keys:
        raise DataError(f'{path} lists no key', where=path, remedy=_MAKE)
    return keys


def leads_out_of_folder(name: str) -> bool:
    """Return whether ``name``, joined to a folder, would be a path out of it: absolute, or with ``..`` in it."""
    parts = name.replace('\\', '/').split('/')
    return (len(parts) > 1 and (parts[0] == '' or parts[0].endswith(':'))) or '..' in parts


def check_inside_folder(name: str, where: Any) -> None:
    """Raise where ``name`` leads out of its folder.

    Raises:
        DataError: It does.
    """
    if leads_out_of_folder(name):
        raise DataError(
            f'A name leads out of its folder: {name!r}',
            where=where,
            expected='a name without .. that does not start at the root',
            found=repr(name),
            remedy=_MAKE,
        )


def _require(lmdb_path: PathLike, path: Path) -> None:
    if not Path(lmdb_path).is_dir():
        raise DataError(f'no LMDB folder {lmdb_path}', where=lmdb_path, remedy=_MAKE)
    if not path.is_file():
        raise DataError(f'{lmdb_path} has no {path.name}', where=path, remedy=_MAKE)
