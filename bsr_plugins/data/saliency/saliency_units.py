"""In which batches images are attributed, and how these are shared out: a function of the images alone."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Sequence, Tuple

from bsr_plugins.common.errors import OptionError


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


class Shard(NamedTuple):
    """The part ``number``, from 1, of ``count`` of the batches of one set."""

    number: int
    total: int

    def of(self, all_units: Sequence[List[str]]) -> List[List[str]]:
        """Return the units of this shard: every ``total``-th."""
        return list(all_units[self.number - 1 :: self.total])


def parse_shard(text: str) -> Shard:
    """Return the shard that ``2/8`` names, the second of eight.

    Raises:
        OptionError: ``text`` is no such thing.
    """
    parts = text.split('/')
    if len(parts) == 2 and all(part.isdecimal() for part in parts) and 1 <= int(parts[0]) <= int(parts[1]):
        return Shard(int(parts[0]), int(parts[1]))
    raise OptionError('A shard is i/n, with i from 1 to n', where='--shard', expected='such as 2/8', found=text)
