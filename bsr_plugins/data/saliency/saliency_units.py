"""In which batches images are attributed, and how these are shared out: a function of the images alone."""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple


def units(keys: Sequence[str], sizes: Sequence[Tuple[int, int]], at_once: int) -> List[List[str]]:
    """Return keys of images of one size together, as many as have ``at_once`` pixels, in the order of their first one.

    An interrupted run and its continuation, and the shards of one, make the same batches, so the same maps to the bit.

    Args:
        keys: Of the images.
        sizes: (h, w) of each.
        at_once: Pixels of a batch; at least one image is in it.
    """
    open_units: Dict[Tuple[int, int], List[str]] = {}
    found: List[List[str]] = []
    for key, size in zip(keys, sizes):
        unit = open_units.get(size)
        if unit is None or (len(unit) + 1) * size[0] * size[1] > at_once:
            unit = open_units[size] = []
            found.append(unit)
        unit.append(key)
    return found
