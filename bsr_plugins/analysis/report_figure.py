"""One figure of a report: what draws it hands this over, and the page lays it out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Sequence, Tuple


@dataclass(frozen=True)
class FigureTable:
    """The numbers of a figure: ``rows`` of cells as they are shown, under ``heads``."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class LinkedImage:
    """A full-size image that a figure links to; the report keeps a copy of ``path`` beside it.

    Attributes:
        label: What the link says.
        path: The image's file.
        name: Name of the copy, without its suffix: one report-wide, ``Set14_comic_bspa_0``.
    """

    label: str
    path: Path
    name: str


@dataclass(frozen=True)
class ReportFigure:
    """A section of the page: a heading, some sentences, a picture, its numbers.

    Attributes:
        name: Name of its file, without ``.png``: lower case and underscores.
        title: Heading.
        text: What it shows, in plain sentences; not HTML.
        png: The picture, as a PNG file.
        table: Its numbers; None where the picture says it all.
        images: Images to look at in full size.
    """

    name: str
    title: str
    text: str
    png: bytes
    table: Optional[FigureTable] = None
    images: Tuple[LinkedImage, ...] = ()
