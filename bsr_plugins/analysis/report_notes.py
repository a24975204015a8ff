"""What a figure cannot show, said in its text: a network that is not known here, a log that is gone, no matplotlib."""

from __future__ import annotations

import re
from typing import Any, Callable, List, Mapping, Optional, Tuple, TypeVar

from bsr_plugins.analysis.report_figure import FigureTable, LinkedImage, ReportFigure
from bsr_plugins.common.errors import BsrPluginsError, DependencyError
from bsr_plugins.common.findings import shortened

_T = TypeVar('_T')


class Notes:
    """Sentences that belong to one figure."""

    def __init__(self) -> None:
        self._notes: List[str] = []

    def add(self, note: str) -> None:
        """Keep a sentence, once."""
        if note not in self._notes:
            self._notes.append(note)

    def of(self, measure: Callable[[], _T]) -> Optional[_T]:
        """Return what ``measure`` does; where an error of the pack says that it cannot, None, and keep why."""
        try:
            return measure()
        except BsrPluginsError as error:
            where = '' if error.where is None else f' ({error.where})'
            found = '' if error.found is None else f': {error.found}'
            self.add(shortened(f'{error.problem}{where}{found}'))
            return None

    @property
    def sentences(self) -> str:
        """All of them."""
        return ' '.join(f'{note.rstrip(".")}.' for note in self._notes)

    def unmeasured(self, name: str, title: str) -> ReportFigure:
        """Return the figure that could not be measured at all: its text says why."""
        return ReportFigure(name, title, f'Not measured. {self.sentences}'.rstrip(), None)

    def figure(
        self,
        name: str,
        title: str,
        text: str,
        draw: Callable[[], bytes],
        table: Optional[FigureTable] = None,
        images: Tuple[LinkedImage, ...] = (),
        numbers: Optional[Mapping[str, Any]] = None,
    ) -> ReportFigure:
        """Return a figure, drawn where matplotlib is there, its notes behind its text."""
        png = None
        try:
            png = draw()
        except DependencyError as error:
            text += f' No picture: {error.problem}; {error.remedy}.'
        return ReportFigure(name, title, f'{text} {self.sentences}'.rstrip(), png, table, images, numbers or {})


def slug(method: str) -> str:
    """Return a method's name as a part of the name of a file."""
    return re.sub(r'\W+', '_', method.lower()).strip('_')
