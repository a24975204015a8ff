"""The networks that option files are made for, with the sizes of the papers' tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Optional

from bsr_plugins.archs.network_options import BSR_NET, CARN, FSRCNN, IDN, MSRN, SRRESNET, VDSR
from bsr_plugins.common.option import yaml_value
from bsr_plugins.options.templates.option_lines import option_lines

# What networks take off their input and add to their output: DIV2K's mean; none where that output is a residual.
MEAN = yaml_value(CARN.defaults.rgb_mean)
RESIDUAL_MEAN = '[0., 0., 0.]  # not the mean of DIV2K: it would be added to the output, which is a residual'


@dataclass(frozen=True)
class Network:
    """One row of the table.

    Attributes:
        about: What it is, for the file's head.
        arch: Its name in BasicSR's registry.
        options: Lines of ``network_g`` under ``type``; ``{scale}``, ``{mean}`` and ``{lr_size}`` (side of an LR
            patch) are put in.
        model_type: BasicSR's own model for it.
        lr_multiple: The side of an LR patch has to be a multiple of it.
        adds_image: The upscaled image that it adds to its output itself, bilinear or bicubic, and so is no base of
            BicubicResidual; '' where it adds none.
        own_method: The method that it was made for: the names of its files leave it out, and its test file made
            without a method is that method's.
    """

    about: str
    arch: str
    options: str
    model_type: str = 'SRModel'
    lr_multiple: int = 1
    adds_image: str = ''
    own_method: Optional[str] = None


def _carn(names: str = '', **values: str) -> str:
    return option_lines(
        CARN.options,
        f'-num_in_ch -num_out_ch -upscale num_feat group {names} -rgb_mean',
        upscale='{scale}',
        rgb_mean='{mean}',
        **values,
    )


def _fsrcnn(names: str = '', **values: str) -> str:
    return option_lines(FSRCNN.options, f'-num_in_ch -num_out_ch -upscale d s m {names}', upscale='{scale}', **values)


NETWORKS: Dict[str, Network] = {
    'RCAN': Network(
        about='RCAN, 10 groups of 20 blocks (15.6M parameters at x4)',
        arch='RCAN',
        options="""\
num_in_ch: 3
num_out_ch: 3
num_feat: 64
num_group: 10
num_block: 20  # 20 in the RCAN paper; BasicSR's default is 16
squeeze_factor: 16
upscale: {scale}
res_scale: 1
img_range: 255.  # of the published weights, inside the network; images are in [0, 1]
rgb_mean: {mean}
""",
    ),
    'EDSR': Network(
        about='EDSR-baseline, 16 blocks of 64 channels (1.5M parameters at x4)',
        arch='EDSR',
        options="""\
num_in_ch: 3
num_out_ch: 3
num_feat: 64
num_block: 16
upscale: {scale}
res_scale: 1  # 0.1 is for the large EDSR of 256 channels
img_range: 255.  # of the published weights, inside the network; images are in [0, 1]
rgb_mean: {mean}
""",
    ),
    'EDSR_L': Network(
        about='EDSR, 32 blocks of 256 channels: the large one (43.1M parameters at x4)',
        arch='EDSR',
        options="""\
num_in_ch: 3
num_out_ch: 3
num_feat: 256
num_block: 32
upscale: {scale}
res_scale: 0.1  # with 1 so wide a network is unstable
img_range: 255.  # of the published weights, inside the network; images are in [0, 1]
rgb_mean: {mean}
""",
    ),
    'FSRCNN': Network(
        about='FSRCNN(56, 12, 4) on RGB (24.5K parameters)',
        arch='FSRCNN',
        options=_fsrcnn(),
    ),
    'SwinIR': Network(
        about='SwinIR for classical SR, as BasicSR trains it from scratch (11.9M parameters at x4)',
        arch='SwinIR',
        options="""\
upscale: {scale}
in_chans: 3
img_size: {lr_size}  # side of the LR patches; the attention masks saved with the weights have this size
window_size: 8
img_range: 1.
depths: [6, 6, 6, 6, 6, 6]
embed_dim: 180
num_heads: [6, 6, 6, 6, 6, 6]
mlp_ratio: 2
upsampler: pixelshuffle
resi_connection: 1conv
""",
        model_type='SwinIRModel',
        lr_multiple=8,
    ),
    'MSRResNet': Network(
        about='MSRResNet, 16 blocks of 64 channels: the network that scores sub-images in the BSPA paper',
        arch='MSRResNet',
        options="""\
num_in_ch: 3
num_out_ch: 3
num_feat: 64
num_block: 16
upscale: {scale}
""",
        adds_image='bilinear',
        own_method='scorer',
    ),
    'CARN': Network(
        about='CARN (1.1M parameters at x4)',
        arch='CARN',
        options=_carn(),
    ),
    'SRResNet': Network(
        about='SRResNet with batch normalization, 16 blocks of 64 channels (1.5M parameters at x4)',
        arch='SRResNet',
        options=option_lines(SRRESNET.options, '-num_in_ch -num_out_ch num_feat num_block -upscale', upscale='{scale}'),
    ),
    'MSRN': Network(
        about='MSRN, 8 multi-scale blocks of 64 channels (6.1M parameters at x4)',
        arch='MSRN',
        options=option_lines(
            MSRN.options,
            '-num_in_ch -num_out_ch num_feat num_block -upscale -rgb_mean',
            upscale='{scale}',
            rgb_mean='{mean}',
        ),
    ),
    'VDSR': Network(
        about='VDSR on RGB, 20 convolutions of 64 channels on the bicubic image (0.7M parameters)',
        arch='VDSR',
        options=option_lines(VDSR.options, '-num_in_ch -num_out_ch num_feat num_layer -upscale', upscale='{scale}'),
        adds_image='bicubic',
    ),
    'IDN': Network(
        about='IDN on RGB, 4 distillation blocks of 64 channels (0.6M parameters)',
        arch='IDN',
        options=option_lines(IDN.options, '-num_in_ch -num_out_ch num_feat num_block d s -upscale', upscale='{scale}'),
        adds_image='bicubic',
    ),
    'BSR': Network(
        about='BSR, 10 groups of 12 blocks, every group concatenated for the upsampler (9.2M parameters at x4)',
        arch='BSRNet',
        options=option_lines(
            BSR_NET.options,
            '-num_in_ch -num_out_ch num_feat num_fmg num_rb -upscale fuse_kernel use_fmg_skips -rgb_mean',
            upscale='{scale}',
            rgb_mean='{mean}',
        ),
        own_method='bsr',
    ),
}

# The sizes that FPL's paper and code train, where a network of that name has another one elsewhere.
FPL_NETWORKS: Dict[str, Network] = {
    'CARN': replace(
        NETWORKS['CARN'],
        about="CARN-M as in FPL's code, its small network, which its paper calls CARN (294,939 parameters at x4)",
        options=_carn('batch_norm mean_shift', group='4', batch_norm='true', mean_shift='learned'),
    ),
    'FSRCNN': replace(
        NETWORKS['FSRCNN'],
        about="FSRCNN(56, 12, 4) on RGB as in FPL's code (24,515 parameters)",
        options=_fsrcnn('variant init', variant='fpl', init='fpl'),
    ),
    'SwinIR': replace(
        NETWORKS['SwinIR'],
        about="SwinIR in FPL's lightweight size (1.2M parameters at x4)",
        options=NETWORKS['SwinIR']
        .options.replace('depths: [6, 6, 6, 6, 6, 6]', 'depths: [6, 6, 6, 6]')
        .replace('num_heads: [6, 6, 6, 6, 6, 6]', 'num_heads: [6, 6, 6, 6]')
        .replace('embed_dim: 180', 'embed_dim: 60')
        .replace(
            'upsampler: pixelshuffle',
            'upsampler: pixelshuffle  # gives the 1.2M parameters of the FPL paper; pixelshuffledirect gives 0.9M',
        ),
    ),
}
