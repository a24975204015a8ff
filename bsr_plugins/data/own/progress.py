"""The progress bar of the work on one's own images."""

from __future__ import annotations

from typing import Any, Iterable, Iterator


def with_bar(items: Iterable[Any], label: str, progress: bool) -> Iterator[Any]:
    """Yield the items behind a bar on stderr, with its rate and the time that is left."""
    from tqdm import tqdm

    items = list(items)
    with tqdm(items, desc=label, unit='image', mininterval=0.5, disable=not progress) as bar:
        yield from bar
