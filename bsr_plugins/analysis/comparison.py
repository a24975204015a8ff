"""Plain training and BSPA against bicubic upscaling: what both runs left on disk, measured on held-out images."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Mapping, NamedTuple, Sequence

import numpy as np

from bsr_plugins.analysis.attribution_rounds import read_rounds
from bsr_plugins.analysis.image_scores import (
    ImageScore,
    bicubic_images,
    image_names,
    mean_score,
    read_images,
    score_images,
)
from bsr_plugins.analysis.training_log import TrainingLog, read_training_log
from bsr_plugins.common.errors import DataError
from bsr_plugins.data.difficulty.difficulty_file import difficulty_path, read_difficulty
from bsr_plugins.data.difficulty.scorers import bicubic_scorer
from bsr_plugins.data.sampling.class_psnr import HeldOutWindows, class_held_out_windows, psnr_by_class
from bsr_plugins.data.sampling.long_tail import class_counts, rank_into_classes
from bsr_plugins.data.sampling.sampling_options import IMBALANCE_FACTOR, NUM_CLASSES
from bsr_plugins.data.subimages.lmdb_manifest import read_manifest
from bsr_plugins.data.subimages.windows import WindowGrid

#: The methods, in the order in which they are shown.
METHODS = ('bicubic', 'baseline', 'bspa')


class Run(NamedTuple):
    """A trained and tested method: ``experiments/<name>``, and the folder of images that `basicsr test` saved.

    ``suffix`` is what stands behind the image's name there: ``_<name of the test>`` unless ``val.suffix`` is set.
    """

    experiment: Path
    images: Path
    suffix: str


class Sources(NamedTuple):
    """What a report is made from. The difficulty must be scored by the bicubic scorer and lie inside ``hr_lmdb``."""

    hr_lmdb: Path
    test_hr: Path
    test_lr: Path
    baseline: Run
    bspa: Run
    scale: int
    num_classes: int = NUM_CLASSES.default
    imbalance_factor: float = IMBALANCE_FACTOR.default


class Comparison(NamedTuple):
    """All that the figures and the page show; ``results`` is what ``report.json`` holds, less the seconds."""

    results: Dict[str, Any]
    hr: Dict[str, np.ndarray]
    images: Dict[str, Dict[str, np.ndarray]]
    logs: Dict[str, TrainingLog]
    training_mse: np.ndarray
    training_class: np.ndarray


def compare(sources: Sources) -> Comparison:
    """Measure both runs and bicubic upscaling on the held-out images.

    Raises:
        DataError: A file is missing or does not fit, or the difficulty is not bicubic's.
    """
    border = sources.scale
    names = image_names(sources.test_hr)
    hr, lr = (read_images(folder, names) for folder in (sources.test_hr, sources.test_lr))
    runs = {'baseline': sources.baseline, 'bspa': sources.bspa}
    images = {
        'bicubic': bicubic_images(lr, sources.scale),
        **{method: read_images(run.images, names, run.suffix) for method, run in runs.items()},
    }
    scores = {method: score_images(images[method], hr, border) for method in METHODS}

    keys, mse = _bicubic_difficulty(sources)
    counts = class_counts(len(keys), sources.num_classes, sources.imbalance_factor)
    classes = rank_into_classes(keys, mse, counts)
    manifest = read_manifest(sources.hr_lmdb, 'crop', 'step', 'threshold')
    grid = WindowGrid(manifest['crop'], manifest['step'], manifest['threshold'])
    held_out = class_held_out_windows(
        hr, lr, grid, sources.scale, bicubic_scorer(sources.scale), border, classes.thresholds
    )
    per_class = {method: psnr_by_class(images[method], hr, held_out, grid.crop, border) for method in METHODS}

    logs = {method: read_training_log(run.experiment) for method, run in runs.items()}
    rounds = read_rounds(sources.bspa.experiment)
    results = {
        **_means(scores),
        'per_class': per_class,
        **_class_results(held_out, counts, classes.thresholds),
        'per_image': {name: {method: scores[method][name].psnr for method in METHODS} for name in names},
        **_round_results(rounds),
        'updates': {method: max(max(curve) for curve in log.values.values()) for method, log in logs.items()},
        'scale': sources.scale,
        'border': border,
        'training_images': list(manifest['source']['images']),
        'held_out_images': names,
    }
    return Comparison(results, hr, images, logs, mse, classes.class_index)


def _bicubic_difficulty(sources: Sources) -> Any:
    path = difficulty_path(sources.hr_lmdb, sources.scale)
    header, keys, mse = read_difficulty(path)
    if header.scorer != 'bicubic' or header.border != sources.scale:
        raise DataError(
            'The held-out windows are scored by bicubic upscaling, the training windows were not',
            where=path,
            expected=f'scorer=bicubic border={sources.scale}',
            found=f'scorer={header.scorer} border={header.border}',
            remedy='score the LMDB by --scorer bicubic, to another --out than that of the training',
        )
    return keys, mse


def _means(scores: Mapping[str, Mapping[str, ImageScore]]) -> Dict[str, float]:
    means = {method: mean_score(scores[method]) for method in METHODS}
    return {
        **{f'psnr_{method}': mean.psnr for method, mean in means.items()},
        **{f'ssim_{method}': mean.ssim for method, mean in means.items()},
    }


def _class_results(held_out: HeldOutWindows, counts: np.ndarray, thresholds: np.ndarray) -> Dict[str, Any]:
    return {
        'class_counts': held_out.counts.tolist(),
        'training_class_counts': counts.tolist(),
        'class_thresholds': thresholds.tolist(),
    }


def _round_results(rounds: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
    last: Mapping[str, Any] = rounds[-1] if rounds else {'frozen_share': 0.0, 'completeness_gap': None}
    return {
        'frozen_share': last['frozen_share'],
        'completeness_gap': last['completeness_gap'],
        'completeness_gap_by_round': [each['completeness_gap'] for each in rounds],
        'rounds': list(rounds),
    }
