"""Copies of full-size images beside a report's page, under names that every file system and every link can hold."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from bsr_plugins.analysis.compared_runs import TestedRun
from bsr_plugins.analysis.measured_runs import MeasuredRuns
from bsr_plugins.common.files import replacing
from bsr_plugins.data.images.image_encoding import encoder

FOLDER = 'images'
#: Images of a test set that are kept in full size: of a larger set those that differ most from the twin.
MOST = 20


class ImageFolder:
    """The folder ``images/`` of a report; what an earlier report left there goes."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._taken: Set[str] = set()
        self._copied: Dict[Path, str] = {}
        shutil.rmtree(out / FOLDER, ignore_errors=True)

    def keep(self, name: str, path: Optional[Path], png: Optional[bytes] = None) -> str:
        """Copy a PNG file once, or write ``png``, and return its path from the page."""
        if png is not None:
            return self._write(name, lambda target: target.write_bytes(png))
        if path is None:
            raise ValueError(f'{name}: neither a file nor an image')
        if path not in self._copied:
            self._copied[path] = self._write(name, lambda target: shutil.copyfile(path, target))
        return self._copied[path]

    def of_test_sets(self, measured: MeasuredRuns) -> Dict[Tuple[str, str, str], str]:
        """Keep originals, bicubic upscaling and each method's first run, and return (set, image, which) -> path."""
        files = {}
        first = {method: _first_run(measured, method) for method in measured.scores}
        runs = {method: run for method, run in first.items() if run is not None}
        for test_set in measured.files:
            for name in _most_different(measured, test_set):
                stem = f'{test_set}_{name}'
                files[test_set, name, 'original'] = self._encoded(f'{stem}_original', measured.hr(test_set, name))
                files[test_set, name, 'bicubic'] = self._encoded(f'{stem}_bicubic', measured.bicubic_of(test_set, name))
                for method, run in runs.items():
                    files[test_set, name, method] = self.keep(f'{stem}_{method}', measured.path(run, test_set, name))
        return files

    def _encoded(self, name: str, image: Any) -> str:
        return self.keep(name, None, bytes(encoder('png')(image)))

    def _write(self, name: str, write: Callable[[Path], Any]) -> str:
        plain = re.sub(r'[^A-Za-z0-9._-]+', '_', name).strip('.') or 'image'
        plain = plain[:120]
        chosen, number = plain, 1
        # Two names may differ in what is replaced alone, or on a disk that knows no case.
        while chosen.lower() in self._taken:
            number += 1
            chosen = f'{plain}_{number}'
        self._taken.add(chosen.lower())
        with replacing(self._out / FOLDER / f'{chosen}.png') as temporary:
            write(temporary)
        return f'{FOLDER}/{chosen}.png'


def _first_run(measured: MeasuredRuns, method: str) -> Optional[TestedRun]:
    runs = measured.compared.of(method)
    return next((runs[seed] for seed in measured.seeds if seed in measured.scores[method]), None)


def _most_different(measured: MeasuredRuns, test_set: str) -> List[str]:
    """Return the names of the images to keep, in their order."""
    names = list(measured.names(test_set))
    if len(names) <= MOST:
        return names

    def spread(name: str) -> float:
        values = [sets[test_set][name]['psnr_y'] for runs in measured.scores.values() for sets in runs.values()]
        return max(values) - min(values) if values else 0.0

    kept = set(sorted(names, key=spread, reverse=True)[:MOST])
    return [name for name in names if name in kept]
