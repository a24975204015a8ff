"""Work shared out among processes that know nothing of each other: part i of n of a list."""

from __future__ import annotations

from typing import List, NamedTuple, Sequence, TypeVar

from bsr_plugins.common.errors import OptionError

_Item = TypeVar('_Item')


class Shard(NamedTuple):
    """The part ``number``, from 1, of ``total`` parts of one list."""

    number: int
    total: int

    def of(self, items: Sequence[_Item]) -> List[_Item]:
        """Return the items of this shard: every ``total``-th."""
        return list(items[self.number - 1 :: self.total])


def parse_shard(text: str) -> Shard:
    """Return the shard that ``2/8`` names, the second of eight.

    Raises:
        OptionError: ``text`` is no such thing.
    """
    parts = text.split('/')
    if len(parts) == 2 and all(part.isdecimal() for part in parts) and 1 <= int(parts[0]) <= int(parts[1]):
        return Shard(int(parts[0]), int(parts[1]))
    raise OptionError('A shard is i/n, with i from 1 to n', where='--shard', expected='such as 2/8', found=text)
