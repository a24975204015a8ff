"""The options of the pack's data sets: keys of ``datasets.train`` and ``datasets.train.inverse``."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any, Mapping, Tuple

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.option import REQUIRED, DescribedDefault, Option, OptionSet
from bsr_plugins.common.option_kinds import PATHS, SECTION, optional, whole
from bsr_plugins.data.images.shared_options import GT_SIZE, PAIRS, SALIENCY, TENSORS, UINT8, check_pair_options
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
            remedy=f'io_backend: {{type: lmdb}}, and data roots that {command("subimages")} has made',
        )
    check_pair_options(values)


_LMDB_BACKEND = Option(
    'io_backend', optional(SECTION), DescribedDefault('`{type: lmdb}`'), '`{type: lmdb}`, nothing else'
)
_TENSORS = (*TENSORS, UINT8)

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
        *_TENSORS,
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
    (*PAIRS, GT_SIZE, NUM_INTERVALS, PIC_MAX, MAX_TRIES, NUM_IMAGES, *_TENSORS, SALIENCY),
    relation=_patches_have_capacity,
)


def _patches_can_be_compared(values: SimpleNamespace) -> None:
    check_pair_options(values)
    inner_side(values.gt_size, values.scale)


SAMPLING_AUG = OptionSet(
    'dataset',
    'SamplingAugDataset',
    'Crops where bilinear upscaling restores an image worst (SamplingAug).',
    (*PAIRS, GT_SIZE, PORTION, *_TENSORS, SALIENCY),
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
        *_TENSORS,
        SALIENCY,
    ),
    relation=_reads_lmdbs,
)

SALIENCY_PAIRED = OptionSet(
    'dataset',
    'SaliencyPairedDataset',
    'Random crops of image pairs, each with its part of a saliency map, which ADD goes by (experimental).',
    (*PAIRS, dataclasses.replace(SALIENCY, kind=PATHS, default=REQUIRED), GT_SIZE, *_TENSORS),
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
OWN_TYPES = tuple(options.name for options in DATASETS)
#: The data sets of image pairs: BasicSR's, and the pack's.
PAIRED_TYPES = ('PairedImageDataset', *OWN_TYPES)


def check_bytes_are_taken(dataset: Mapping[str, Any], model: str) -> None:
    """Refuse bytes of a training set under a model that would take them for what they are.

    Args:
        dataset: The options of a data set of the pack.
        model: The name of a model that is not the pack's.

    Raises:
        OptionError: ``uint8`` is true.
    """
    if dataset.get('uint8') is True:
        raise OptionError(
            f'{model} would train on whole bytes: it does not turn them into floats',
            where='uint8',
            expected='a model_type of bsr_plugins: RebalancedSRModel or BSPAModel, with another one as its '
            'base_model_type where it is not SRModel',
            found='true',
            remedy='uint8: false, or model_type: RebalancedSRModel',
        )
