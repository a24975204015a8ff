"""A report on compared runs: a page, Markdown, JSON, a table of every image, and the images that these link to."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Optional, Sequence, Tuple

from bsr_plugins.analysis.compared_runs import ComparedRuns
from bsr_plugins.analysis.image_scores import METRICS
from bsr_plugins.analysis.measured_runs import MeasuredRuns, Seed, SetScores, measure
from bsr_plugins.analysis.overview_figure import overview
from bsr_plugins.analysis.paper_pictures import draw_pictures
from bsr_plugins.analysis.report_blocks import Link
from bsr_plugins.analysis.report_content import content
from bsr_plugins.analysis.report_figure import ReportFigure
from bsr_plugins.analysis.report_figures import draw_figures
from bsr_plugins.analysis.report_images import ImageFolder
from bsr_plugins.analysis.report_markdown import render_markdown
from bsr_plugins.analysis.report_page import render_page
from bsr_plugins.analysis.report_results import finite, results_of
from bsr_plugins.analysis.training_windows import PER_CLASS
from bsr_plugins.common.files import PathLike, replacing, write_text
from bsr_plugins.common.shown import shown

FIGURES, RESULTS, OVERVIEW = 'figures', 'report.json', 'report.png'


def write_report(
    compared: ComparedRuns,
    out: PathLike,
    extra: Sequence[ReportFigure] = (),
    pictures: Sequence[str] = (),
    image: Optional[str] = None,
    windows: int = PER_CLASS,
) -> Path:
    """Measure the runs and write ``report.html``, ``report.md``, ``report.json`` and ``per_image.csv``.

    Pictures lie inside the page, and in ``figures/`` for the Markdown; the images in full size in ``images/``. The
    page is written last. ``report.png`` has all figures side by side; without matplotlib there is none.

    Args:
        compared: What to report on.
        out: Folder to write to; what it holds of an earlier report is replaced.
        extra: Further figures, behind the report's own.
        pictures: Pictures of the papers to draw, of :data:`~bsr_plugins.analysis.paper_pictures.PICTURES`.
        image: ``<test set>/<image>`` that these show; None: the first image of the first set.
        windows: Training windows of each difficulty class that every run super-resolves; 0: none.

    Returns:
        The path of ``report.html``.

    Raises:
        DataError: An image of a test set is missing or damaged. A run whose images are is reported as failed.
        OptionError: A picture or its image is not known.
    """
    start = time.monotonic()
    out = Path(out)
    measured = measure(compared)
    results = results_of(measured)
    figures = [*draw_figures(measured, windows), *draw_pictures(measured, pictures, image), *extra]
    drawn = _write_pictures(figures, out)
    images = ImageFolder(out)
    files = images.of_test_sets(measured)
    links = {
        figure.name: [Link(each.label, images.keep(each.name, each.path, each.png)) for each in figure.images]
        for figure in figures
    }
    results['figures'] = {figure.name: figure.numbers for figure in figures if figure.numbers}
    results['seconds_by_step']['report'] = time.monotonic() - start
    results['seconds'] = sum(results['seconds_by_step'].values())
    blocks = content(results, figures, drawn, links, files)
    write_text(out / 'per_image.csv', _per_image(measured))
    write_text(out / RESULTS, json.dumps(finite(results), indent=1, allow_nan=False) + '\n')
    write_text(out / 'report.md', render_markdown(blocks))
    write_text(out / 'report.html', render_page(f'{compared.name}, x{compared.scale}', blocks))
    return out / 'report.html'


def read_results(out: PathLike) -> Dict[str, Any]:
    """Return what the ``report.json`` of a report holds."""
    return json.loads((Path(out) / RESULTS).read_text(encoding='utf-8'))


def _write_pictures(figures: Sequence[ReportFigure], out: Path) -> Dict[str, str]:
    """Write the pictures for the Markdown, and return figure -> its file, from the page; all in one too."""
    targets = {}
    sheet = overview(figures)
    if sheet is not None:
        with replacing(out / OVERVIEW) as temporary:
            temporary.write_bytes(sheet)
    for figure in figures:
        if figure.png is not None:
            targets[figure.name] = f'{FIGURES}/{figure.name}.png'
            with replacing(out / targets[figure.name]) as temporary:
                temporary.write_bytes(figure.png)
    return targets


def _per_image(measured: MeasuredRuns) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['set', 'image', 'method', 'seed', 'budget', *METRICS])
    for method, seed, budget, sets in _tables(measured):
        for test_set, images in sets.items():
            for name, scores in images.items():
                row = [test_set, name, method, '' if seed is None else seed, budget]
                writer.writerow([*(shown(cell) for cell in row), *(scores[metric] for metric in METRICS)])
    return text.getvalue()


def _tables(measured: MeasuredRuns) -> Iterator[Tuple[str, Optional[int], str, SetScores]]:
    yield 'bicubic', None, '', measured.bicubic
    for method, runs in measured.scores.items():
        for seed, sets in runs.items():
            yield method, seed, 'equal', sets
    published: Mapping[str, Mapping[Seed, Any]] = measured.as_published
    for method, runs in published.items():
        for seed, sets in runs.items():
            yield measured.compared.twins.get(method, method), seed, f'as published for {method}', sets
