"""The options of the pack's data sets: keys of ``datasets.train`` and ``datasets.train.inverse``."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Tuple

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.option import REQUIRED, DescribedDefault, Option, OptionSet
from bsr_plugins.common.option_kinds import PATHS, SECTION, optional, whole
from bsr_plugins.data.images.shared_options import GT_SIZE, PAIRS, SALIENCY, TENSORS, check_pair_options
from bsr_plugins.data.sampling.patch_sides import inner_side, pic_side
from bsr_plugins.data.sampling.sampling_options import (
    IMBALANCE_FACTOR,
    MAX_TRIES,
    NUM_CLASSES,
    NUM_IMAGES,
    NUM_INTERVALS,
    PIC_MAX,
    PORTION,
    SAMPLING,
)


def _reads_lmdbs(values: SimpleNamespace) -> None:
    backend = (values.io_backend or {'type': 'lmdb'}).get('type')
    if backend != 'lmdb':
        raise OptionError(
            'This data set reads LMDBs and raw image stores only',
            where='io_backend.type',
            expected='lmdb',
            found=backend,
            remedy=f'make one with {command("subimages")}',
        )
    check_pair_options(values)


_LMDB_BACKEND = Option(
    'io_backend', optional(SECTION), DescribedDefault('`{type: lmdb}`'), '`{type: lmdb}`, nothing else'
)

INVERSE_SAMPLED = OptionSet(
    'dataset',
    'InverseSampledLMDBDataset',
    'Sub-images drawn by difficulty class, against the long-tailed distribution (BSPA).',
    (
        Option(
            'dataroot_gt', PATHS, REQUIRED, 'LMDB or raw image store of the HR sub-images, from `basicsr subimages`'
        ),
        Option('dataroot_lq', PATHS, REQUIRED, 'that of the LR sub-images'),
        _LMDB_BACKEND,
        Option(
            'difficulty',
            optional(PATHS),
            DescribedDefault('`<dataroot_gt>/difficulty_x<scale>.txt`'),
            'MSE of each sub-image, from `basicsr score`',
        ),
        NUM_CLASSES,
        IMBALANCE_FACTOR,
        SAMPLING,
        Option(
            'gt_size',
            optional(whole(1)),
            None,
            'side of a random HR crop, a multiple of scale; ~: the whole sub-image, as published',
        ),
        *TENSORS,
        SALIENCY,
    ),
    relation=_reads_lmdbs,
)


def _patches_have_capacity(values: SimpleNamespace) -> None:
    check_pair_options(values)
    pic_side(values.gt_size, values.scale)


RFS = OptionSet(
    'dataset',
    'RFSBalancedBatchDataset',
    'Batches with equally many patches of each interval of patch information capacity (RFS of BSR).',
    (*PAIRS, GT_SIZE, NUM_INTERVALS, PIC_MAX, MAX_TRIES, NUM_IMAGES, *TENSORS, SALIENCY),
    relation=_patches_have_capacity,
)


def _patches_can_be_compared(values: SimpleNamespace) -> None:
    check_pair_options(values)
    inner_side(values.gt_size, values.scale)


SAMPLING_AUG = OptionSet(
    'dataset',
    'SamplingAugDataset',
    'Crops where bilinear upscaling restores an image worst (SamplingAug).',
    (*PAIRS, GT_SIZE, PORTION, *TENSORS, SALIENCY),
    relation=_patches_can_be_compared,
)

UNIFORM_WINDOWS = OptionSet(
    'dataset',
    'UniformWindowsDataset',
    'Crops drawn as from whole images, read from an LMDB of their windows, or a raw image store.',
    (
        Option('dataroot_gt', PATHS, REQUIRED, 'LMDB or raw image store of HR windows, from `basicsr subimages`'),
        Option('dataroot_lq', PATHS, REQUIRED, 'that of the LR windows, from the same call'),
        _LMDB_BACKEND,
        GT_SIZE,
        *TENSORS,
        SALIENCY,
    ),
    relation=_reads_lmdbs,
)

SALIENCY_PAIRED = OptionSet(
    'dataset',
    'SaliencyPairedDataset',
    'Random crops of image pairs, each with its part of a saliency map, which ADD goes by (experimental).',
    (*PAIRS, dataclasses.replace(SALIENCY, kind=PATHS, default=REQUIRED), GT_SIZE, *TENSORS),
    relation=check_pair_options,
)

DATASETS = (INVERSE_SAMPLED, UNIFORM_WINDOWS, RFS, SAMPLING_AUG, SALIENCY_PAIRED)
#: Those that take lists for ``dataroot_gt``, ``dataroot_lq``, ``difficulty`` and ``saliency``.
SEVERAL_ROOTS: Tuple[str, ...] = (
    'InverseSampledLMDBDataset',
    'UniformWindowsDataset',
    'RFSBalancedBatchDataset',
    'SamplingAugDataset',
    'SaliencyPairedDataset',
)
#: The data sets of image pairs: BasicSR's, and the pack's.
PAIRED_TYPES = ('PairedImageDataset', *(options.name for options in DATASETS))
