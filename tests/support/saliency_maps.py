"""An LMDB of saliency maps, as ``basicsr saliency`` makes it, of maps that a test knows beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Mapping

import numpy as np

from bsr_plugins import __version__
from bsr_plugins.data.saliency.saliency_manifest import COUNT
from bsr_plugins.data.saliency.saliency_record import cell_means, encode_map, source_of
from bsr_plugins.data.subimages.lmdb_writer import LMDBWriter

MANIFEST = {
    'format': 1,
    'kind': 'saliency',
    'tool_version': __version__,
    'scale': 4,
    'source': {'folder': 'LR', 'resolved': '/data/LR', 'layout': 'folder', 'fingerprint': '0' * 64},
    'network': {'type': 'FSRCNN'},
    'weights': {'file': 'net_g.pth', 'sha256': '1' * 64, 'param_key': None},
    'cam': {'cam_steps': 20},
}


def red(image: np.ndarray) -> np.ndarray:
    """Return the red channel of a BGR image: a map that shows where a crop of the image lies."""
    return image[..., 2]


def write_maps(
    path: Path, images: Mapping[str, np.ndarray], cell: int = 1, of: Callable[[np.ndarray], Any] = red
) -> Path:
    """Write the map ``of`` each image, (h, w), its means over cells rounded."""
    writer = LMDBWriter(path, {**MANIFEST, 'cell': cell}, counted=COUNT)
    for key, image in images.items():
        cells = np.rint(cell_means(of(image), cell)).astype(np.uint8)
        writer.put([(key, encode_map(cells, source_of(image, cell)))])
    writer.complete('(1,1,1) 9')
    writer.move_into_place()
    return path
