"""The options of the pack's networks: keys of ``network_g``, ``network_g.base`` and ``network_sigma``."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Optional

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import plain_name
from bsr_plugins.common.option import REQUIRED, Option, OptionSet
from bsr_plugins.common.option_kinds import (
    FLAG,
    SECTION,
    TEXT,
    UPSAMPLER_SCALE,
    choice,
    list_of,
    number,
    optional,
    whole,
)
from bsr_plugins.data.images.bicubic_resampling import BICUBIC

_IN = Option('num_in_ch', whole(1), 3, 'channels of the input')
_OUT = Option('num_out_ch', whole(1), 3, 'channels of the output')
_UPSCALE = Option('upscale', whole(1), 4, 'upscaling factor')
_MEAN = Option(
    'rgb_mean',
    list_of(number()),
    (0.4488, 0.4371, 0.4040),
    'subtracted from the input and added to the output, in [0, 1]; not used where either has another number of '
    'channels',
    'the mean of DIV2K',
)

FSRCNN = OptionSet(
    'arch',
    'FSRCNN',
    'Small network: shrinking, mappings, expanding, deconvolution.',
    (
        _IN,
        _OUT,
        _UPSCALE,
        Option('d', whole(1), 56, 'channels of the features'),
        Option('s', whole(1), 12, 'channels of the mappings'),
        Option('m', whole(0), 4, 'number of mappings'),
        Option(
            'variant',
            choice('eccv', 'fpl'),
            'eccv',
            "fpl: as in FPL's code, one PReLU after all mappings, and at x3 and above a deconvolution that pads 3",
        ),
        Option(
            'init',
            choice('eccv', 'torch', 'fpl'),
            'eccv',
            "eccv: the paper's, a deconvolution near zero; torch: PyTorch's own; fpl: that of FPL's code",
        ),
    ),
)

# What networks add to their output themselves. A second image on top of it would have to be learnt away.
_ADDING_BASES = {
    'MSRResNet': 'a bilinear image',
    'EDVR': 'a bilinear image',
    'BasicVSR': 'a bilinear image',
    'IconVSR': 'a bilinear image',
    'SRVGGNetCompact': 'a nearest image',
    'ECBSR': 'a nearest image',
    'RIDNet': 'the input',
    'BicubicResidual': 'a bicubic image',
    'VDSR': 'a bicubic image',
    'IDN': 'a bicubic image',
}
# With any other, SwinIR is the one for denoising.
SWINIR_UPSAMPLERS = ('pixelshuffle', 'pixelshuffledirect', 'nearest+conv')


def check_base(name: str, base_upscale: Any, upscale: int, upsampler: Optional[str]) -> None:
    """Check that a network may stand under BicubicResidual: it emits the whole image, at the same scale.

    Args:
        name: Its type.
        base_upscale: Its upscaling factor, where it has one.
        upscale: That of BicubicResidual.
        upsampler: SwinIR's option of that name.

    Raises:
        OptionError: It may not.
    """
    added = _ADDING_BASES.get(name)
    if name == 'SwinIR' and upsampler not in SWINIR_UPSAMPLERS:
        added = 'the input'
    if added:
        raise OptionError(
            f'{name} adds {added} itself, so it already learns a residual',
            where='base.type',
            expected='a network that emits the whole image',
            found=name,
            remedy=f'use network_g.type: {name} as it is, or another base',
        )
    if isinstance(base_upscale, int) and base_upscale != upscale:
        raise OptionError(
            'BicubicResidual and its base have different scales',
            where='base.upscale',
            expected=upscale,
            found=base_upscale,
            remedy=f'give the base upscale: {upscale}',
        )


def _base_fits(values: SimpleNamespace) -> None:
    base = values.base
    if not isinstance(base, Mapping) or not base.get('type'):
        raise OptionError(
            'BicubicResidual needs the options of its base',
            where='base',
            expected='{type: FSRCNN, upscale: 4, ...}',
            found=repr(base),
            remedy='give the base a type',
        )
    check_base(plain_name(base['type']), base.get('upscale'), values.upscale, base.get('upsampler'))


BICUBIC_RESIDUAL = OptionSet(
    'arch',
    'BicubicResidual',
    'base(x) + bicubic(x): the base learns the residual, as FPL trains it.',
    (
        Option('base', SECTION, REQUIRED, '`type` and options of the base, any network that BasicSR builds'),
        Option('upscale', whole(1), REQUIRED, "upscaling factor; the base's must be the same"),
        BICUBIC,
    ),
    relation=_base_fits,
)


def _groups_divide_features(values: SimpleNamespace) -> None:
    if values.num_feat % values.group:
        raise OptionError(
            'the features cannot be divided into the groups',
            where='group',
            expected=f'a divisor of num_feat, {values.num_feat}',
            found=values.group,
        )


CARN = OptionSet(
    'arch',
    'CARN',
    'Cascading residual network; CARN-M with groups.',
    (
        _IN,
        _OUT,
        Option('upscale', UPSAMPLER_SCALE, 4, 'upscaling factor'),
        Option('num_feat', whole(1), 64, 'channels of the features'),
        Option('group', whole(1), 1, '1: CARN; 4: CARN-M; a divisor of num_feat'),
        Option('batch_norm', FLAG, False, "batch normalization in the fusions, as in FPL's code"),
        Option(
            'mean_shift',
            choice('fixed', 'learned'),
            'fixed',
            "learned: the mean is two 1x1 convolutions that are trained, as in FPL's code",
        ),
        _MEAN,
    ),
    relation=_groups_divide_features,
)


def _upsampler_reaches_scale(values: SimpleNamespace) -> None:
    if values.upsampler == 'edsr' and not UPSAMPLER_SCALE.accepts(values.upscale):
        raise OptionError(
            f'the edsr upsampler cannot upscale by {values.upscale}',
            where='upscale',
            expected=UPSAMPLER_SCALE.text,
            found=values.upscale,
            remedy='upsampler: espcn does any whole factor',
        )


SIGMA_BRANCH = OptionSet(
    'arch',
    'SigmaBranch',
    'Head that predicts |y - mu| from the features before the upsampler, for `network_sigma`.',
    (
        Option('num_in_ch', optional(whole(1)), 64, 'channels of the features; ~: found in network_g'),
        _OUT,
        Option('num_feat', whole(1), 160, 'channels of its convolutions'),
        Option('num_conv', whole(1), 4, 'number of its convolutions'),
        Option(
            'upscale',
            whole(1),
            4,
            "upscaling factor; absent: the file's scale, or 1 where the features have it",
        ),
        Option(
            'upsampler',
            choice('espcn', 'edsr'),
            'espcn',
            'one PixelShuffle, or stages as in EDSR',
            'the paper says PixelShuffle and a convolution, which fits both',
        ),
        Option(
            'init_sigma',
            optional(number(above=0, below=1)),
            0.02,
            'sigma at the start; ~: as PyTorch initialises it',
            'starting from .5, the sigmoid saturates on the way down',
        ),
    ),
    relation=_upsampler_reaches_scale,
)

LOG_VARIANCE_BRANCH = OptionSet(
    'arch',
    'LogVarianceBranch',
    'Head of UDN that predicts ln(theta) from the features before the upsampler, for `network_sigma`.',
    (
        Option('num_in_ch', optional(whole(1)), 64, 'channels of the features; ~: found in network_g'),
        _OUT,
        Option('num_feat', whole(1), 64, 'channels of its convolutions'),
        Option('upscale', whole(1), 4, "upscaling factor; absent: the file's scale"),
    ),
)

BSR_NET = OptionSet(
    'arch',
    'BSRNet',
    'Cascaded feature mapping groups, each weighted into the reconstruction (BSR).',
    (
        _IN,
        _OUT,
        Option('num_feat', whole(1), 64, 'channels of the features', 'the paper gives none'),
        Option('num_fmg', whole(1), 10, 'number of groups'),
        Option(
            'num_rb',
            whole(1),
            12,
            'residual blocks in each group',
            'by the ablation; Sec. III-C says five',
        ),
        Option('upscale', UPSAMPLER_SCALE, 4, 'upscaling factor'),
        Option('fuse_kernel', choice(1, 3), 1, 'kernel of the convolution that fuses', 'the paper gives none'),
        Option('use_fmg_skips', FLAG, True, 'false: the ablation without skips, "w/o SC" of Table 4'),
        Option(
            'alpha_mode',
            choice('sigmoid_scalar', 'spatial_1x1', 'fixed'),
            'sigmoid_scalar',
            'weight of a group',
            'the paper says only: a light spatial attention',
        ),
        Option('fmg_conv', FLAG, False, 'a 3x3 convolution ends each group'),
        Option('res_scale', number(above=0), 1, 'factor of the residuals', 'the paper gives none'),
        _MEAN,
    ),
)

SRRESNET = OptionSet(
    'arch',
    'SRResNet',
    'SRResNet with batch normalization, 9x9 at both ends, without an image added (FPL).',
    (
        _IN,
        _OUT,
        Option('num_feat', whole(1), 64, 'channels of the features'),
        Option('num_block', whole(1), 16, 'number of residual blocks'),
        Option('upscale', UPSAMPLER_SCALE, 4, 'upscaling factor'),
    ),
)

MSRN = OptionSet(
    'arch',
    'MSRN',
    'Multi-scale residual blocks (3x3 and 5x5), all fused.',
    (
        _IN,
        _OUT,
        Option('num_feat', whole(1), 64, 'channels of the features'),
        Option('num_block', whole(1), 8, 'number of blocks'),
        Option('upscale', UPSAMPLER_SCALE, 4, 'upscaling factor'),
        _MEAN,
    ),
)


def _same_channels(values: SimpleNamespace) -> None:
    if values.num_in_ch != values.num_out_ch:
        raise OptionError(
            'the network adds its upscaled input to its output',
            where='num_out_ch',
            expected=f'num_in_ch, {values.num_in_ch}',
            found=values.num_out_ch,
        )


VDSR = OptionSet(
    'arch',
    'VDSR',
    'Twenty convolutions on the bicubic image, which is added.',
    (
        _IN,
        _OUT,
        Option('num_feat', whole(1), 64, 'channels of the features'),
        Option('num_layer', whole(2), 20, 'number of convolutions'),
        _UPSCALE,
        BICUBIC,
    ),
    relation=_same_channels,
)

#: Groups of the middle convolutions of IDN's enhancement units.
IDN_GROUPS = 4


def _idn_divides(values: SimpleNamespace) -> None:
    _same_channels(values)
    if values.num_feat % values.s:
        raise OptionError(
            'a part of the features cannot be kept',
            where='s',
            expected=f'a divisor of num_feat, {values.num_feat}',
            found=values.s,
        )
    middle = (values.num_feat, values.num_feat - values.d, values.num_feat - 2 * values.d)
    if middle[-1] <= 0 or any(channels % IDN_GROUPS for channels in middle):
        raise OptionError(
            f'the layers of an enhancement unit cannot be divided into {IDN_GROUPS} groups',
            where='d',
            expected=f'num_feat, num_feat - d and num_feat - 2d above 0 and multiples of {IDN_GROUPS}',
            found=', '.join(map(str, middle)),
        )


IDN = OptionSet(
    'arch',
    'IDN',
    'Information distillation blocks and a deconvolution; a bicubic image is added.',
    (
        _IN,
        _OUT,
        Option('num_feat', whole(1), 64, 'channels of the features'),
        Option('num_block', whole(1), 4, 'number of blocks'),
        Option('d', whole(0), 16, 'difference of channels between layers of a block'),
        Option('s', whole(2), 4, 'one part in s of the features is kept as it is'),
        _UPSCALE,
        BICUBIC,
    ),
    relation=_idn_divides,
)

#: Of ``train``: read with the sigma branch.
SIGMA_TAP = Option('sigma_tap', optional(TEXT), 'auto', 'auto, or the module of network_g whose input the branch reads')

NETWORKS = (FSRCNN, BICUBIC_RESIDUAL, CARN, SIGMA_BRANCH, LOG_VARIANCE_BRANCH, BSR_NET, SRRESNET, MSRN, VDSR, IDN)
