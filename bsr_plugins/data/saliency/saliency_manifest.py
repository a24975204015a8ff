"""What an LMDB of saliency maps says of itself, ``manifest.json``, and where that differs from what is asked for."""

from __future__ import annotations

from typing import Any, Dict, List

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike
from bsr_plugins.common.option_kinds import SECTION, TEXT, choice, whole
from bsr_plugins.data.subimages.lmdb_manifest import ManifestFormat, read_entries

MAKE = f'make it with {command("saliency")}'
#: Side of a cell in LR pixels: a patch of 24 pixels, one of the smallest that is trained on, has 3 x 3 in each quarter.
CELL = 4
#: The entry that a finished LMDB has, and no other.
COUNT = 'count'
_NEEDED = ('kind', 'cell', 'scale', 'source', 'network', 'weights', 'cam')
_FORMAT = ManifestFormat(
    'an LMDB of saliency maps',
    MAKE,
    {
        'kind': choice('saliency'),
        'tool_version': TEXT,
        'cell': whole(1),
        'scale': whole(1),
        'source': SECTION,
        'network': SECTION,
        'weights': SECTION,
        'cam': SECTION,
        COUNT: whole(0),
    },
)


def read_saliency_manifest(path: PathLike, *needed: str, make: str = MAKE) -> Dict[str, Any]:
    """Return the manifest of an LMDB of saliency maps.

    ``format``, ``kind`` (``saliency``), ``tool_version``, ``cell`` (side of a cell in LR pixels), ``scale``,
    ``source`` (``folder`` as given, ``resolved``, ``layout``: folder or lmdb, ``fingerprint`` of the keys, sizes
    and pixels), ``network`` (the options of network_g), ``weights`` (``file`` and ``sha256``), ``cam`` (the options of
    the attribution) and ``count`` (of the maps; in a finished one).

    Args:
        path: The LMDB.
        needed: Entries that have to be there, beside those of a part.
        make: How it is made, for errors.

    Raises:
        DataError: There is no such LMDB, or it was not made by ``basicsr saliency``.
    """
    return read_entries(path, _FORMAT._replace(make=make), *_NEEDED, *needed)


def differences(there: Dict[str, Any], asked: Dict[str, Any]) -> List[str]:
    """Return in words what two manifests differ in; where the data and the weights lie is of no account."""
    compared = {
        '--cell': lambda one: one['cell'],
        'scale': lambda one: one['scale'],
        'network_g': lambda one: one['network'],
        'the SHA-256 of the weights': lambda one: one['weights'].get('sha256'),
        'param_key_g': lambda one: one['weights'].get('param_key'),
    }
    found = [
        f'{words} {_shown(get(there))} there, {_shown(get(asked))} asked for'
        for words, get in compared.items()
        if get(there) != get(asked)
    ]
    names = sorted({*there['cam'], *asked['cam']})
    found += [
        f'{name} {there["cam"].get(name)} there, {asked["cam"].get(name)} asked for'
        for name in names
        if there['cam'].get(name) != asked['cam'].get(name)
    ]
    if there['source'].get('fingerprint') != asked['source'].get('fingerprint'):
        found.append(
            f'other images: {there["source"].get("resolved")} there, {asked["source"].get("resolved")} asked for'
        )
    return found


def is_same_request(path: PathLike, asked: Dict[str, Any]) -> bool:
    """Return whether the LMDB, or the part of one, in ``path`` is of the same images, network and options."""
    try:
        return not differences(read_saliency_manifest(path), asked)
    except DataError:
        return False


def _shown(value: Any) -> str:
    text = str(value)
    return f'{text[:12]}...' if len(text) == 64 else text
