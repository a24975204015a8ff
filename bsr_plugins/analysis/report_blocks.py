"""The pieces of a report, whatever file it becomes: headings, sentences, tables, pictures, links, commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence, Union


@dataclass(frozen=True)
class Link:
    """A link to a file beside the page: ``target`` is its path from there, not quoted."""

    label: str
    target: str


#: Text of a cell, or a link.
Cell = Union[str, Link]


@dataclass(frozen=True)
class Heading:
    """A heading: level 1 is the page's."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows under heads; a long one is ``folded`` away behind its ``title``."""

    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: str = ''
    folded: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture: PNG, its text for who does not see it, its file from the page."""

    png: bytes
    alt: str
    target: str


@dataclass(frozen=True)
class Links:
    """Links in one paragraph."""

    links: Sequence[Link]


@dataclass(frozen=True)
class Code:
    """Lines as they were typed."""

    text: str


Block = Union[Heading, Text, Table, Picture, Links, Code]
