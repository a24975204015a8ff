"""What ``basicsr lam`` writes: the numbers, the attributions, the maps and SR images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

import cv2
import numpy as np

from bsr_plugins.analysis.local_attribution import NetworkAttribution
from bsr_plugins.common.files import replacing, write_text


def write_attributions(found: Sequence[NetworkAttribution], facts: Mapping[str, Any], out: Path, name: str) -> Path:
    """Write the files of every network and ``<name>.json``, and return the path of that.

    Of each network, by its name: ``<network>_<name>.npy``, the attribution (C, h, w) float32 with its sign;
    ``<network>_<name>.png``, the map in 8 bit at LR size; ``<network>_sr.png``, the SR image.

    Args:
        found: What was found.
        facts: What else the JSON file says: image, window, options.
        out: Folder.
        name: ``lam`` or ``cam``.
    """
    networks: List[Dict[str, Any]] = []
    for each in found:
        files = {
            'attribution': f'{each.name}_{name}.npy',
            'map': f'{each.name}_{name}.png',
            'sr': f'{each.name}_sr.png',
        }
        with replacing(out / files['attribution']) as path:
            np.save(path, each.attribution.astype(np.float32))
        _write_image(out / files['map'], np.rint(each.map * 255).astype(np.uint8))
        _write_image(out / files['sr'], each.sr)
        networks.append(
            {
                'name': each.name,
                'diffusion_index': each.diffusion_index,
                'network_g': each.network.options,
                'weights': each.network.weights,
                'files': files,
            }
        )
    path = out / f'{name}.json'
    write_text(path, json.dumps({**facts, 'networks': networks}, indent=1) + '\n')
    return path


def _write_image(path: Path, image: np.ndarray) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(cv2.imencode('.png', image)[1].tobytes())
