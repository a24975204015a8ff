"""The options of the parameter attribution and of what it freezes: keys of ``train.bspa``."""

from __future__ import annotations

from bsr_plugins.common.option import Option
from bsr_plugins.common.option_kinds import choice, whole

IG_RULE = Option(
    'ig_rule',
    choice('midpoint', 'right', 'left', 'trapezoid'),
    'midpoint',
    'Riemann rule of Eq. 10',
    'the paper prints left, its code computes right with 100 steps; 4 steps of midpoint rank alike at a '
    'twentieth of the cost',
)
IG_STEPS = Option('ig_steps', whole(1), 4, 'points on the path between the two models')
IG_BATCHES = Option(
    'ig_batches',
    whole(1),
    50,
    'uniform batches that are attributed, by all processes together, without a sample twice before all were taken',
    'at batch 16 one pass over the 800 images',
)
IG_REDUCE = Option(
    'ig_reduce',
    choice('abs_per_batch', 'abs_after_sum', 'signed'),
    'abs_per_batch',
    'how the attributions of the batches are combined',
    'as in the published code',
)
GRANULARITY = Option(
    'granularity',
    choice('weight', 'filter'),
    'weight',
    'what is ranked: single weights (WIG), or kernels (FIG)',
    'FIG is worse in Table 1',
)
SCOPE = Option(
    'scope',
    choice('global', 'layer'),
    'global',
    'rank over the whole network, or inside each layer',
    'as in the published code',
)
MASK_UPDATE = Option(
    'mask_update',
    choice('replace', 'union'),
    'replace',
    "each round's mask replaces the last one, or is added to it",
    'as in the published code',
)
