"""What a report measures: PSNR and SSIM of every image of every run, bicubic's beside them, and the images themselves.

An image is read when it is asked for, and not kept: a hundred images of twenty runs do not fit into memory.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

from bsr_plugins.analysis.compared_runs import ComparedRuns, FailedRun, TestedRun, TestSet
from bsr_plugins.analysis.image_scores import Scores, bicubic_image, score_image
from bsr_plugins.common.errors import DataError
from bsr_plugins.data.images.image_folders import list_images, some_of
from bsr_plugins.data.images.image_reading import read_image

#: A seed; None where an option file does not say.
Seed = Optional[int]
#: Test set -> image -> metric -> value.
SetScores = Dict[str, Dict[str, Scores]]


@dataclass(frozen=True)
class TestImage:
    """One image of a test set: its files."""

    __test__ = False

    hr: Path
    lr: Path


@dataclass(frozen=True)
class MeasuredRuns:
    """A comparison and its numbers.

    Attributes:
        compared: What was compared.
        seeds: All seeds that a run has ended with, sorted.
        files: Test set -> image -> its files.
        scores: Method -> seed -> test set -> image -> metric (:data:`~bsr_plugins.analysis.image_scores.METRICS`).
        bicubic: Test set -> image -> metric, of bicubic upscaling.
        as_published: Method -> seed -> test set -> image -> metric, of its twin's runs at the paper's shorter budget.
        failed: The runs that did not end, or whose images could not be measured.
    """

    compared: ComparedRuns
    seeds: Tuple[Optional[int], ...]
    files: Mapping[str, Mapping[str, TestImage]]
    scores: Mapping[str, Mapping[Optional[int], SetScores]]
    bicubic: SetScores
    as_published: Mapping[str, Mapping[Optional[int], SetScores]]
    failed: Tuple[FailedRun, ...] = ()

    @property
    def border(self) -> int:
        """HR pixels left out along each side of an image."""
        return self.compared.scale

    def names(self, test_set: str) -> Tuple[str, ...]:
        """Return the names of a test set's images."""
        return tuple(self.files[test_set])

    def hr(self, test_set: str, name: str) -> Any:
        """Return an original, cut to what its LR image covers: (H, W, 3), uint8, BGR."""
        return _covered(
            read_image(self.files[test_set][name].hr, reduce_depth=True), self.lr(test_set, name), self.compared.scale
        )

    def lr(self, test_set: str, name: str) -> Any:
        """Return an LR image: (H / scale, W / scale, 3), uint8, BGR."""
        return read_image(self.files[test_set][name].lr, reduce_depth=True)

    def bicubic_of(self, test_set: str, name: str) -> Any:
        """Return the LR image upscaled bicubically: (H, W, 3), uint8, BGR."""
        return bicubic_image(self.lr(test_set, name), self.compared.scale)

    def path(self, run: TestedRun, test_set: str, name: str) -> Path:
        """Return the file of a super-resolved image."""
        return super_resolved(run, test_set, name)

    def sr(self, run: TestedRun, test_set: str, name: str) -> Any:
        """Return a super-resolved image: (H, W, 3), uint8, BGR."""
        return read_image(self.path(run, test_set, name))


def measure(compared: ComparedRuns) -> MeasuredRuns:
    """Score every image of every run as BasicSR does, ``scale`` pixels of border left out.

    A run whose images are missing, damaged or of another size is among ``failed``; the others are measured all the
    same.

    Raises:
        DataError: An image of a test set is missing or damaged.
    """
    files = {each.name: test_images(each) for each in compared.test_sets}
    published = [(name, run) for name, group in compared.as_published.items() for run in group]
    runs = [*compared.runs, *(run for _, run in published)]
    bicubic: SetScores = {name: {} for name in files}
    tables: List[SetScores] = [{name: {} for name in files} for _ in runs]
    errors: Dict[int, DataError] = {}
    jobs = [(test_set, name) for test_set in files for name in files[test_set]]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        measured = pool.map(lambda job: _scores_of(compared.scale, runs, job[0], job[1], files[job[0]][job[1]]), jobs)
        for (test_set, name), (of_bicubic, of_runs) in zip(jobs, measured):
            bicubic[test_set][name] = of_bicubic
            for number, scores in enumerate(of_runs):
                if isinstance(scores, DataError):
                    errors.setdefault(number, scores)
                else:
                    tables[number][test_set][name] = scores
    ended = [number for number in range(len(compared.runs)) if number not in errors]
    labels = [*(run.method for run in compared.runs), *(f'{run.method}, as published for {m}' for m, run in published)]
    failed = [FailedRun(labels[number], runs[number].seed, str(error)) for number, error in errors.items()]
    return MeasuredRuns(
        compared,
        tuple(sorted({runs[number].seed for number in ended}, key=seed_order)),
        files,
        {
            method: {runs[number].seed: tables[number] for number in ended if runs[number].method == method}
            for method in compared.methods
        },
        bicubic,
        {
            method: {
                run.seed: tables[number]
                for number, (name, run) in enumerate(published, len(compared.runs))
                if name == method and number not in errors
            }
            for method in compared.as_published
        },
        (*compared.failed, *failed),
    )


def test_images(test_set: TestSet) -> Dict[str, TestImage]:
    """Return the images of a test set: name of the HR image without its suffix -> its files.

    Raises:
        DataError: A folder is missing or empty, or HR images have no LR image.
    """
    lr = {path.stem: path for path in list_images(test_set.lq)}
    hr = {path.stem: path for path in list_images(test_set.gt)}
    missing = [stem for stem in hr if test_set.lq_template.format(stem) not in lr]
    if missing:
        raise DataError(
            f'HR images of {test_set.name} without an LR image',
            where=test_set.lq,
            expected=f'names like {test_set.lq_template.format(missing[0])}',
            found=f'none for {some_of(missing)}',
            remedy='give the folder of these LR images, and the template of their names',
        )
    return {stem: TestImage(path, lr[test_set.lq_template.format(stem)]) for stem, path in hr.items()}


test_images.__test__ = False  # type: ignore[attr-defined]


def seed_order(seed: Optional[int]) -> Tuple[bool, int]:
    """Return what seeds are sorted by: a run without one comes last."""
    return seed is None, seed or 0


def super_resolved(run: TestedRun, test_set: str, name: str) -> Path:
    """Return the file of a super-resolved image."""
    return Path(run.images[test_set]) / f'{name}{run.suffix}.png'


def _scores_of(
    scale: int, runs: List[TestedRun], test_set: str, name: str, image: TestImage
) -> Tuple[Scores, List[Union[Scores, DataError]]]:
    """Return bicubic's scores of an image and those of each run; what is wrong with a run's image in their place."""
    lr = read_image(image.lr, reduce_depth=True)
    hr = _covered(read_image(image.hr, reduce_depth=True), lr, scale)
    of_runs: List[Union[Scores, DataError]] = []
    for run in runs:
        path = super_resolved(run, test_set, name)
        try:
            of_runs.append(score_image(read_image(path), hr, scale, path))
        except DataError as error:
            of_runs.append(error)
    return score_image(bicubic_image(lr, scale), hr, scale, image.lr), of_runs


def _covered(hr: Any, lr: Any, scale: int) -> Any:
    """BasicSR's paired data sets cut an original likewise: a benchmark's sides are no multiples of every scale."""
    return hr[: lr.shape[0] * scale, : lr.shape[1] * scale]
