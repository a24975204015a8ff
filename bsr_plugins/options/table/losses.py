"""The options of the pack's losses: keys of ``train.pixel_opt``, ``train.losses.<name>`` and ``train.sigma_opt``."""

from __future__ import annotations

from bsr_plugins.options.table.key import Key, OptionSet
from bsr_plugins.options.table.kinds import FLAG, choice, number, optional, whole

_WEIGHT = Key('loss_weight', number(), 1.0, 'factor of the loss')
_REDUCTION = Key('reduction', choice('mean', 'sum', 'none'), 'mean', 'how the elements are brought together')

LOSSES = (
    OptionSet(
        'loss',
        'FocalPixelLoss',
        'FPL: weights by the error of bicubic (sp) and of the network (lp), W(z) = alpha * exp(gamma * g(z)).',
        (
            Key('alpha_sp', number(above=0), 0.5, 'factor of the weight by the error of bicubic'),
            Key('gamma_sp', number(), 1.0, 'exponent of that weight; 0 makes it constant'),
            Key('alpha_lp', number(above=0), 1.0, "factor of the weight by the network's own error"),
            Key('gamma_lp', number(), 1.0, 'exponent of that weight'),
            Key('p', number(above=0), 1.0, 'power of the error'),
            Key(
                'norm_scope',
                choice('batch', 'sample', 'sample_channel'),
                'batch',
                'over what the minimum and the maximum in g are taken',
            ),
            Key('bicubic', choice('torch', 'matlab'), 'torch', 'a = -0.75, or a = -0.5; neither clamps'),
            Key('scale', optional(whole(1)), None, 'derives lq from the target where the model gives none'),
            _WEIGHT,
            _REDUCTION,
        ),
    ),
    OptionSet(
        'loss',
        'ExpectationLoss',
        'l_E = |y - (mu + |y - mu| z)| with z from N(0, 1).',
        (
            Key('noise', choice('element', 'pixel', 'sample'), 'element', 'what has a draw of its own'),
            Key('num_draws', whole(1), 1, 'draws that one loss averages'),
            Key(
                'threshold',
                choice('batch', 'sample', 'none'),
                'batch',
                'where the error is below its mean over these, the noise is 0',
            ),
            _WEIGHT,
            _REDUCTION,
        ),
    ),
    OptionSet(
        'loss',
        'SigmaLoss',
        'Loss of the sigma branch, for `train.sigma_opt`: ||y - mu| - sigma|.',
        (
            Key('loss_weight', number(), 0.01, 'beta of Eq. 10'),
            Key('target', choice('abs', 'signed'), 'abs', '|y - mu|, or y - mu as Eq. 10 prints it'),
            Key('threshold', choice('none', 'batch'), 'none', 'batch: errors below their mean count as 0'),
            Key('detach_pred', FLAG, True, 'the loss trains the branch and the features alone; false: mu too'),
            _REDUCTION,
        ),
    ),
    OptionSet(
        'loss',
        'HybridLpLoss',
        'l1_weight |e| + l2_weight e^2 + lp_weight ((|e| + eps)^p - eps^p).',
        (
            Key('l1_weight', number(at_least=0), 1.0, 'factor of the absolute error'),
            Key('l2_weight', number(at_least=0), 1.0, 'factor of the squared error'),
            Key('lp_weight', number(at_least=0), 0.1, 'factor of the Lp term'),
            Key('p', number(above=0), 0.5, 'power of the Lp term'),
            Key('eps', number(at_least=0), 1e-3, 'bounds the gradient of the Lp term'),
            _WEIGHT,
            _REDUCTION,
        ),
    ),
)
