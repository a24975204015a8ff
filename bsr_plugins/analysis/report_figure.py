"""One figure of a report: what draws it hands this over, and the page lays it out.

Its text and its table stand by themselves: without matplotlib there is no picture, and the report is whole without it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence, Tuple


@dataclass(frozen=True)
class FigureTable:
    """The numbers of a figure: ``rows`` of cells as they are shown, under ``heads``."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class LinkedImage:
    """A full-size image that a figure links to; the report keeps a copy of it beside the page.

    Attributes:
        label: What the link says.
        path: The image's file; None for an image that was made for the report alone, which is ``png``.
        name: Name of the copy, without its suffix: one report-wide, ``Set14_comic_bspa_0``.
        png: A PNG file, where ``path`` is None.
    """

    label: str
    path: Optional[Path]
    name: str
    png: Optional[bytes] = None


@dataclass(frozen=True)
class ReportFigure:
    """A section of the page: a heading, some sentences, a picture, its numbers.

    Attributes:
        name: Name of its file, without ``.png``: lower case and underscores.
        title: Heading.
        text: What it shows, in plain sentences; not HTML.
        png: The picture, as a PNG file; None where it could not be drawn, which the text says.
        table: Its numbers; None where the picture says it all.
        images: Images to look at in full size.
        numbers: What the figure shows, as JSON has it, for ``figures.<name>`` of report.json.
    """

    name: str
    title: str
    text: str
    png: Optional[bytes]
    table: Optional[FigureTable] = None
    images: Tuple[LinkedImage, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)
