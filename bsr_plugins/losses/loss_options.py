"""The options of the pack's losses: keys of ``train.pixel_opt``, ``train.losses.<name>`` and ``train.sigma_opt``."""

from __future__ import annotations

from types import SimpleNamespace

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.option import Option, OptionSet
from bsr_plugins.common.option_kinds import FLAG, choice, either, number, optional, whole
from bsr_plugins.data.images.bicubic_resampling import BICUBIC

LOSS_WEIGHT = Option('loss_weight', number(), 1.0, 'factor of the loss')
REDUCTION = Option('reduction', choice('mean', 'sum', 'none'), 'mean', 'how the elements are combined')

FOCAL_PIXEL_LOSS = OptionSet(
    'loss',
    'FocalPixelLoss',
    'FPL: weights by the error of bicubic (sp) and of the network (lp), W(z) = alpha * exp(gamma * g(z)).',
    (
        Option(
            'alpha_sp',
            number(above=0),
            0.5,
            'alpha of the weight by the error of bicubic',
            "the paper's; its code swaps the names alpha_sp and gamma_sp",
        ),
        Option('gamma_sp', number(), 1.0, 'gamma of the weight by the error of bicubic; 0 makes that weight constant'),
        Option('alpha_lp', number(above=0), 1.0, "alpha of the weight by the network's own error"),
        Option(
            'gamma_lp', number(), 1.0, "gamma of the weight by the network's own error; 0 makes that weight constant"
        ),
        Option('p', number(above=0), 1.0, 'power of the error'),
        Option(
            'norm_scope',
            choice('batch', 'sample', 'sample_channel'),
            'batch',
            'what the minimum and the maximum of g are taken over',
            'as in the published code; each process takes its own batch',
        ),
        BICUBIC,
        Option('scale', optional(whole(1)), None, 'derives lq from the target where the model gives none'),
        LOSS_WEIGHT,
        REDUCTION,
    ),
)


def _threshold_goes_with_scale(values: SimpleNamespace) -> None:
    if values.noise_scale != 'error' and values.threshold != 'none':
        raise OptionError(
            'the threshold of Sec. 4.3 sets |y - mu| to 0, which is the scale of the noise in Eq. 8 alone',
            where='threshold',
            expected='none, with a noise_scale other than error',
            found=f'{values.threshold}, with noise_scale: {values.noise_scale}',
            remedy='threshold: none',
        )


EXPECTATION_LOSS = OptionSet(
    'loss',
    'ExpectationLoss',
    'l_E = |y - (mu + |y - mu| z)| with z from N(0, 1); with another `noise_scale` Eq. 6 or 7.',
    (
        Option(
            'noise',
            choice('element', 'pixel', 'sample'),
            'element',
            'what gets its own random draw',
            "the paper's element-wise product",
        ),
        Option(
            'num_draws',
            whole(1),
            1,
            'number of draws that one loss averages',
            'the paper leaves the expectation to SGD',
        ),
        Option(
            'threshold',
            choice('batch', 'sample', 'none'),
            'batch',
            'the noise is 0 where the error is below its mean over the batch or the sample; none: never',
            'Sec. 4.3, which leaves open what is set to 0',
        ),
        Option(
            'noise_scale',
            either(choice('error', 'sigma'), number(at_least=0)),
            'error',
            'what z is multiplied by: |y - mu| (Eq. 8), the sigma that `network_sigma` learns (Eq. 6), or a number k '
            '(Eq. 7); the last two with threshold: none',
        ),
        Option(
            'distribution',
            choice('normal', 'laplace'),
            'normal',
            'of z: N(0, 1), or the Laplace distribution of scale 1',
            'the footnote to Eq. 4 prints N(0, 1) where it needs a uniform draw',
        ),
        LOSS_WEIGHT,
        REDUCTION,
    ),
    relation=_threshold_goes_with_scale,
)

SIGMA_LOSS = OptionSet(
    'loss',
    'SigmaLoss',
    'Loss of the sigma branch, for `train.sigma_opt`: ||y - mu| - sigma|.',
    (
        Option('loss_weight', number(), 0.01, 'beta of Eq. 10', 'the best of Table 2'),
        Option(
            'target',
            choice('abs', 'signed'),
            'abs',
            'fits sigma to |y - mu|, or to y - mu as Eq. 10 prints it',
            'there the best is 0 nearly everywhere',
        ),
        Option('threshold', choice('none', 'batch'), 'none', 'batch: errors below their mean count as 0'),
        Option('detach_pred', FLAG, True, 'the loss trains only the branch and the features; false: mu too'),
        REDUCTION,
    ),
)

UNCERTAINTY_ESTIMATION_LOSS = OptionSet(
    'loss',
    'UncertaintyEstimationLoss',
    'First step of UDN, for `train.sigma_opt`: exp(-s) |y - mu| + 2 s, s = ln(theta) by LogVarianceBranch.',
    (
        Option('img_range', number(above=0), 255.0, 'what 1 in an image stands for', 'the branch ends at s = -1'),
        LOSS_WEIGHT,
        REDUCTION,
    ),
)

UNCERTAINTY_DRIVEN_LOSS = OptionSet(
    'loss',
    'UncertaintyDrivenLoss',
    'UDL, second step of UDN: (s - min(s) + offset) |y - mu|, s by the networks of `path.pretrain_network_udn`.',
    (
        Option(
            'offset', number(at_least=0), 1.0, 'what is added to each weight', "the published code's; the paper has 0"
        ),
        LOSS_WEIGHT,
        REDUCTION,
    ),
)


def _has_a_term(values: SimpleNamespace) -> None:
    if not (values.l1_weight or values.l2_weight or values.lp_weight):
        raise OptionError(
            'all three weights of HybridLpLoss are 0',
            where='l1_weight',
            expected='l1_weight, l2_weight or lp_weight above 0',
            found='all 0',
        )


HYBRID_LP_LOSS = OptionSet(
    'loss',
    'HybridLpLoss',
    'l1_weight |e| + l2_weight e^2 + lp_weight ((|e| + eps)^p - eps^p).',
    (
        Option('l1_weight', number(at_least=0), 1.0, 'factor of |e|', 'the paper gives none'),
        Option('l2_weight', number(at_least=0), 1.0, 'factor of e^2', 'the paper gives none'),
        Option('lp_weight', number(at_least=0), 0.1, 'factor of the Lp term', 'the paper gives none'),
        Option('p', number(above=0), 0.5, 'power of the Lp term'),
        Option('eps', number(at_least=0), 1e-3, 'limits the gradient of the Lp term at 0', 'for images in [0, 1]'),
        LOSS_WEIGHT,
        REDUCTION,
    ),
    relation=_has_a_term,
)

LOSSES = (
    FOCAL_PIXEL_LOSS,
    EXPECTATION_LOSS,
    SIGMA_LOSS,
    HYBRID_LP_LOSS,
    UNCERTAINTY_ESTIMATION_LOSS,
    UNCERTAINTY_DRIVEN_LOSS,
)
