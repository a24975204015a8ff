"""The networks that option files are made for, with the sizes of the papers' tables."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Dict


@dataclass(frozen=True)
class Network:
    """One row of the table.

    Attributes:
        about: What it is, for the file's head.
        options: Lines of ``network_g`` under ``type``; ``{scale}`` and ``{lr_size}`` (side of an LR patch) are put in.
        model_type: BasicSR's own model for it.
        lr_multiple: The side of an LR patch has to be a multiple of it.
    """

    about: str
    options: str
    model_type: str = 'SRModel'
    lr_multiple: int = 1


NETWORKS: Dict[str, Network] = {
    'RCAN': Network(
        about='RCAN, 10 groups of 20 blocks: the large network of the paper (15.6M parameters at x4)',
        options="""\
num_in_ch: 3
num_out_ch: 3
num_feat: 64
num_group: 10
num_block: 20  # BasicSR's default is 16, the RCAN paper's 20
squeeze_factor: 16
upscale: {scale}
res_scale: 1
img_range: 255.  # as the published weights; the images that go in and out are in [0, 1]
rgb_mean: [0.4488, 0.4371, 0.4040]
"""),
    'EDSR': Network(
        about='EDSR-baseline, 16 blocks of 64 channels: the medium network of the paper (1.5M parameters at x4)',
        options="""\
num_in_ch: 3
num_out_ch: 3
num_feat: 64
num_block: 16
upscale: {scale}
res_scale: 1  # 0.1 belongs to the large EDSR of 256 channels
img_range: 255.  # as the published weights; the images that go in and out are in [0, 1]
rgb_mean: [0.4488, 0.4371, 0.4040]
"""),
    'FSRCNN': Network(
        about='FSRCNN(56, 12, 4) on RGB: the small network of the paper (24.5K parameters)',
        options="""\
num_in_ch: 3
num_out_ch: 3
upscale: {scale}
d: 56
s: 12
m: 4
"""),
    'SwinIR': Network(
        about="SwinIR for classical SR, as BasicSR trains it from scratch (11.9M parameters at x4)",
        options="""\
upscale: {scale}
in_chans: 3
img_size: {lr_size}  # side of the LR patches: the attention masks in the weights are of this size
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
        lr_multiple=8),
    'MSRResNet': Network(
        about="MSRResNet, 16 blocks of 64 channels: the paper's scorer of sub-images",
        options="""\
num_in_ch: 3
num_out_ch: 3
num_feat: 64
num_block: 16
upscale: {scale}
"""),
}
