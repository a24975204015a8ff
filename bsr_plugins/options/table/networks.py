"""The options of the pack's networks: keys of ``network_g``, ``network_g.base`` and ``network_sigma``."""

from __future__ import annotations

from bsr_plugins.options.table.key import REQUIRED, InWords, Key, OptionSet
from bsr_plugins.options.table.kinds import FLAG, SECTION, choice, list_of, number, optional, whole

_IN = Key('num_in_ch', whole(1), 3, 'channels of the input')
_OUT = Key('num_out_ch', whole(1), 3, 'channels of the output')
_UPSCALE = Key('upscale', whole(1), 4, 'upscaling factor')
_MEAN = Key(
    'rgb_mean',
    list_of(number()),
    InWords('the mean of DIV2K'),
    'taken off the input and added to the output, in [0, 1]; left out where the channels are not as many',
)

NETWORKS = (
    OptionSet(
        'arch',
        'FSRCNN',
        'Small network: shrinking, mappings, expanding, deconvolution.',
        (
            _IN,
            _OUT,
            _UPSCALE,
            Key('d', whole(1), 56, 'channels of the features'),
            Key('s', whole(1), 12, 'channels of the mappings'),
            Key('m', whole(0), 4, 'number of mappings'),
        ),
    ),
    OptionSet(
        'arch',
        'BicubicResidual',
        'base(x) + bicubic(x): the base learns the residual, as FPL trains it.',
        (
            Key('base', SECTION, REQUIRED, '`type` and options of the base, any network that BasicSR can build'),
            Key('upscale', whole(1), REQUIRED, "upscaling factor; the base's must be the same"),
            Key('bicubic', choice('torch', 'matlab'), 'torch', 'a = -0.75, or a = -0.5; neither clamps'),
        ),
    ),
    OptionSet(
        'arch',
        'CARN',
        'Cascading residual network; CARN-M with groups.',
        (
            _IN,
            _OUT,
            _UPSCALE,
            Key('num_feat', whole(1), 64, 'channels of the features'),
            Key('group', whole(1), 1, '1: CARN; 4: CARN-M; a divisor of num_feat'),
            _MEAN,
        ),
    ),
    OptionSet(
        'arch',
        'SigmaBranch',
        'Head that predicts |y - mu| from the features before the upsampler, for `network_sigma`.',
        (
            Key('num_in_ch', optional(whole(1)), 64, 'channels of the features; ~: found in network_g'),
            _OUT,
            Key('num_feat', whole(1), 160, 'channels of its convolutions'),
            Key('num_conv', whole(1), 4, 'number of its convolutions'),
            Key('upscale', whole(1), 4, "upscaling factor; absent: the file's scale"),
            Key('upsampler', choice('espcn', 'edsr'), 'espcn', 'one PixelShuffle, or stages as in EDSR'),
            Key('init_sigma', optional(number(above=0, below=1)), 0.02, 'sigma at the start; ~: as it comes'),
        ),
    ),
    OptionSet(
        'arch',
        'BSRNet',
        'Cascaded feature mapping groups, all of them weighted into the reconstruction.',
        (
            _IN,
            _OUT,
            Key('num_feat', whole(1), 64, 'channels of the features'),
            Key('num_fmg', whole(1), 10, 'number of groups'),
            Key('num_rb', whole(1), 12, 'residual blocks in each group'),
            _UPSCALE,
            Key('fuse_kernel', choice(1, 3), 1, "size of the fusing convolution's kernel"),
            Key('use_fmg_skips', FLAG, True, 'false: the ablation without skips'),
            Key('alpha_mode', choice('sigmoid_scalar', 'spatial_1x1', 'fixed'), 'sigmoid_scalar', 'weight of a group'),
            Key('fmg_conv', FLAG, False, 'a 3x3 convolution ends each group'),
            Key('res_scale', number(), 1, 'factor of the residuals'),
            _MEAN,
        ),
    ),
)
