"""The options of what is drawn: difficulty classes, intervals of patch information capacity, informative positions."""

from __future__ import annotations

import dataclasses

from bsr_plugins.common.option import Option
from bsr_plugins.common.option_kinds import choice, either, number, optional, whole

NUM_CLASSES = Option('num_classes', whole(1), 10, 'K of Eq. 2', 'Table 5 shows little difference between 5, 10 and 20')
IMBALANCE_FACTOR = Option(
    'imbalance_factor',
    number(at_least=1),
    10,
    'size of the largest class / smallest class (Eq. 2)',
    '50, 100 and 200 are worse in Table 3',
)
SAMPLING = Option(
    'sampling', choice('inverse', 'uniform'), 'inverse', 'inverse: Eq. 4; uniform: every sub-image alike, the ablation'
)
# Far above any use; a list of intervals has to fit the memory.
_COUNT = whole(1, 10**6)
NUM_INTERVALS = Option(
    'num_intervals',
    optional(_COUNT),
    16,
    'p, the number of intervals of equal width',
    "as in the paper's Fig. 1; a batch of 16 has one patch of each",
)
_TOP_EDGE = number(above=0)
PIC_MAX = Option(
    'pic_max',
    optional(either(choice('auto'), _TOP_EDGE)),
    'auto',
    'end of the last interval; auto: the .999 quantile of 10,000 random patches',
    'the paper gives none',
)
MAX_TRIES = Option(
    'max_tries',
    optional(whole(0)),
    50,
    'how often further images are looked up for an interval before the nearest one is taken',
    'the log says how often that happens',
)
NUM_IMAGES = Option(
    'num_images',
    optional(whole(1)),
    None,
    "images that one batch draws from, M of the paper's Table 1; ~: as many as the batch has samples",
)
_SHARE = number(at_least=-1, at_most=1)
PORTION = Option(
    'portion',
    optional(_SHARE),
    0.1,
    "share of each image's patches that is drawn from, those that bilinear upscaling restores worst; 0: only the worst "
    'one, below 0: the best instead, 1: all',
)

# What the pure functions are given: `~` and `auto` have become a number.
FOUND_NUM_INTERVALS = dataclasses.replace(NUM_INTERVALS, kind=_COUNT)
FOUND_PIC_MAX = dataclasses.replace(PIC_MAX, kind=_TOP_EDGE)
FOUND_PORTION = dataclasses.replace(PORTION, kind=_SHARE)
