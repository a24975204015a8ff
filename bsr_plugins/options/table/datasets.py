"""The options of the pack's data sets: keys of ``datasets.train`` and ``datasets.train.inverse``."""

from __future__ import annotations

from bsr_plugins.options.table.key import REQUIRED, InWords, Key, OptionSet
from bsr_plugins.options.table.kinds import (
    FLAG,
    NUMBERS,
    PATH,
    SECTION,
    TEXT,
    choice,
    either,
    number,
    optional,
    whole,
)

TENSORS = (
    Key('use_hflip', optional(FLAG), True, 'random horizontal flips'),
    Key('use_rot', optional(FLAG), True, 'random vertical flips and transpositions'),
    Key('mean', optional(NUMBERS), None, 'taken off each channel'),
    Key('std', optional(NUMBERS), None, 'each channel is divided by it'),
    Key('color', optional(choice('y')), None, 'y: luma instead of RGB'),
)
PAIRED = (
    Key('dataroot_gt', PATH, REQUIRED, 'HR images: a folder, or an LMDB'),
    Key('dataroot_lq', PATH, REQUIRED, 'LR images: a folder, or an LMDB'),
    Key('io_backend', SECTION, REQUIRED, '`{type: disk}`, or `{type: lmdb}`'),
    Key('meta_info_file', optional(PATH), None, 'a list of the HR images to take'),
    Key('filename_tmpl', TEXT, '{}', 'name of an LR image, `{}` for that of the HR image'),
)
_GT_SIZE = Key('gt_size', whole(1), REQUIRED, 'side of the HR crops, a multiple of scale')

DATASETS = (
    OptionSet(
        'dataset',
        'InverseSampledLMDBDataset',
        'Sub-images drawn class by class against their long-tailed distribution (BSPA).',
        (
            Key('dataroot_gt', PATH, REQUIRED, 'LMDB of the HR sub-images, from tools/create_subimage_lmdb.py'),
            Key('dataroot_lq', PATH, REQUIRED, 'LMDB of the LR sub-images'),
            Key('io_backend', optional(SECTION), InWords('`{type: lmdb}`'), 'it reads nothing else'),
            Key(
                'difficulty',
                optional(PATH),
                InWords('`<dataroot_gt>/difficulty_x<scale>.txt`'),
                'MSE of each sub-image, from tools/score_difficulty.py',
            ),
            Key('num_classes', whole(1), 10, 'K of Eq. 2'),
            Key('imbalance_factor', number(at_least=1), 10, 'largest class : smallest (Eq. 2)'),
            Key('sampling', choice('inverse', 'uniform'), 'inverse', 'Eq. 4, or each sub-image alike'),
            Key(
                'gt_size',
                optional(whole(1)),
                None,
                'side of a random HR crop, a multiple of scale; ~: the whole sub-image',
            ),
            *TENSORS,
        ),
    ),
    OptionSet(
        'dataset',
        'RFSBalancedBatchDataset',
        'Batches with as many patches of each interval of information capacity (BSR).',
        (
            *PAIRED,
            _GT_SIZE,
            Key('num_intervals', optional(whole(1)), 16, 'p, the number of intervals of equal width'),
            Key(
                'pic_max',
                optional(either(choice('auto'), number(above=0))),
                'auto',
                'upper edge of the last interval; auto: the .999 quantile of 10,000 random patches',
            ),
            Key('max_tries', optional(whole(1)), 50, 'tries to fill an interval before its neighbour is taken'),
            Key(
                'num_images', optional(whole(1)), None, 'images that one batch draws from; ~: as many as it has samples'
            ),
            *TENSORS,
        ),
    ),
    OptionSet(
        'dataset',
        'SamplingAugDataset',
        'Crops where bilinear upscaling restores an image worst.',
        (
            *PAIRED,
            _GT_SIZE,
            Key('portion', optional(number(above=0, at_most=1)), 0.1, 'share of the patches that is kept'),
            *TENSORS,
        ),
    ),
)
