"""A report on plain training and BSPA, from what BasicSR and the tools left on disk: JSON, a page, a figure."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Mapping, Sequence

import numpy as np

from bsr_plugins.analysis.comparison import Sources, compare
from bsr_plugins.common.files import PathLike, replacing, write_text


def write_report(sources: Sources, out: PathLike, seconds: Mapping[str, float], commands: Sequence[str] = ()) -> Path:
    """Write ``report.json``, ``report.html`` (all figures inside it, opens without a network) and ``report.png``.

    Args:
        sources: What to report on.
        out: Folder to write to.
        seconds: Duration of each step so far; the time of this call is added as the step ``report``.
        commands: The commands that were run, for the page.

    Returns:
        The path of ``report.html``.

    Raises:
        DataError: A file is missing or does not fit.
        DependencyError: matplotlib is not installed.
    """
    from bsr_plugins.analysis.demo_figures import draw_figures, draw_overview
    from bsr_plugins.analysis.demo_page import render_page

    start = time.monotonic()
    comparison = compare(sources)
    figures = draw_figures(comparison)
    overview = draw_overview(comparison)
    steps = {**seconds, 'report': time.monotonic() - start}
    results = {
        **comparison.results,
        'seconds': round(sum(steps.values()), 1),
        'seconds_by_step': {name: round(value, 1) for name, value in steps.items()},
        'commands': list(commands),
    }
    out = Path(out)
    with replacing(out / 'report.png') as temporary:
        temporary.write_bytes(overview)
    write_text(out / 'report.html', render_page(results, figures))
    write_text(out / 'report.json', json.dumps(_finite(results), indent=1, allow_nan=False) + '\n')
    return out / 'report.html'


def _finite(value: Any) -> Any:
    """JSON knows no infinity (a class that is restored exactly): it becomes null, as does what is not a number."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
