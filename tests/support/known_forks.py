"""Public forks by a file of theirs: their own model, and a network of theirs small enough for 6 iterations on a CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional

Options = Dict[str, Any]

# The batch that scripts with progressive learning (the Restormer family) read from the option file.
PROGRESSIVE = {'iters': [100], 'mini_batch_sizes': [2], 'gt_sizes': [48]}
CLEAN = {'use_grad_clip': True, 'mixing_augs': {'mixup': False}}
# Real-ESRGAN's own data set gives kernels; with another one its models train on the pairs as they come.
PAIRED = {'high_order_degradation': False, 'queue_size': 4}


class Known(NamedTuple):
    """How a fork is tried.

    Attributes:
        sign: A file by which the checkout is known.
        base_model: Its own model, for ``base_model_type``; None: its SRModel as it is.
        network: ``network_g``.
        scale: 1 for restoration.
        train: Keys for ``train``. dataset: for ``datasets.train``. val: for ``val``.
        more: for the top of the option file.
        val_dataset: The fork's own data set of pairs.
        validates: Whether its validation runs on a CPU, in one process without a process group.
    """

    sign: str
    base_model: Optional[str]
    network: Options
    scale: int = 4
    train: Options = {}
    dataset: Options = {}
    val: Options = {}
    more: Options = {}
    val_dataset: str = 'PairedImageDataset'
    validates: bool = True


_WINDOWS = {
    'upscale': 4,
    'in_chans': 3,
    'img_size': 16,
    'img_range': 1.0,
    'embed_dim': 16,
    'num_heads': [2],
    'mlp_ratio': 2,
    'upsampler': 'pixelshuffledirect',
    'resi_connection': '1conv',
    'depths': [1],
}
_RESTORATION: Options = {
    'scale': 1,
    'train': CLEAN,
    'dataset': PROGRESSIVE,
    'val': {'window_size': 8},
    'val_dataset': 'Dataset_PairedImage',
}

FORKS = (
    Known(
        'esc/archs/esc_arch.py',
        'ESRModel',
        {
            'type': 'ESC',
            'dim': 16,
            'pdim': 8,
            'kernel_size': 5,
            'n_blocks': 1,
            'conv_blocks': 1,
            'window_size': 8,
            'num_heads': 2,
            'upscaling_factor': 4,
            'exp_ratio': 1.25,
            'attn_type': 'Naive',
        },
    ),
    Known(
        'swinfir/archs/swinfir_arch.py',
        'SwinFIRModel',
        {**_WINDOWS, 'type': 'SwinFIR', 'window_size': 4, 'resi_connection': 'HSFB'},
    ),
    Known(
        'code/vapsr.py',
        None,
        {
            'type': 'vapsr',
            'num_in_ch': 3,
            'num_out_ch': 3,
            'num_feat': 16,
            'd_atten': 16,
            'num_block': 1,
            'scale': 4,
            'conv_groups': 1,
        },
    ),
    Known(
        'basicsr/archs/catanet_arch.py',
        'CATANetModel',
        {'type': 'CARN', 'upscale': 4, 'num_feat': 8},
        val={'metrics': {'psnr': {'type': 'calculate_psnr_pt', 'crop_border': 4, 'test_y_channel': False}}},
    ),
    Known(
        'basicsr/archs/rgt_arch.py',
        'RGTModel',
        {
            'type': 'RGT',
            'upscale': 4,
            'in_chans': 3,
            'img_size': 12,
            'img_range': 1.0,
            'depth': [2],
            'embed_dim': 16,
            'num_heads': [2],
            'mlp_ratio': 2,
            'resi_connection': '1conv',
            'split_size': [2, 4],
            'c_ratio': 0.5,
        },
        more={'find_unused_parameters': True},
    ),
    Known(
        'DiffIR/models/DiffIR_S1_model.py',
        'DiffIRS1Model',
        {
            'type': 'DiffIRS1',
            'n_encoder_res': 1,
            'inp_channels': 3,
            'out_channels': 3,
            'dim': 8,
            'num_blocks': [1, 1, 1, 1],
            'num_refinement_blocks': 1,
            'heads': [1, 2, 4, 8],
            'ffn_expansion_factor': 2.0,
            'bias': False,
            'LayerNorm_type': 'BiasFree',
        },
        dataset={'gt_size': 64},
        validates=False,
    ),
    Known(
        'models/example_model.py',
        'ExampleModel',
        {'type': 'CARN', 'upscale': 4, 'num_feat': 8},
        train={'l1_opt': {'type': 'L1Loss'}, 'l2_opt': {'type': 'MSELoss'}},
    ),
    Known(
        'hat/archs/hat_arch.py',
        'HATModel',
        {
            **_WINDOWS,
            'type': 'HAT',
            'window_size': 4,
            'compress_ratio': 3,
            'squeeze_factor': 4,
            'conv_scale': 0.01,
            'overlap_ratio': 0.5,
            'upsampler': 'pixelshuffle',
        },
    ),
    Known(
        'basicsr/archs/dat_arch.py',
        'DATModel',
        {
            'type': 'DAT',
            'upscale': 4,
            'in_chans': 3,
            'img_size': 12,
            'img_range': 1.0,
            'split_size': [2, 4],
            'depth': [2],
            'embed_dim': 16,
            'num_heads': [2],
            'expansion_factor': 2,
            'resi_connection': '1conv',
        },
    ),
    Known('basicsr/archs/srformer_arch.py', 'SwinIRModel', {**_WINDOWS, 'type': 'SRFormer', 'window_size': 4}),
    Known(
        'basicsr/archs/safmn_arch.py',
        None,
        {'type': 'SAFMN', 'dim': 12, 'n_blocks': 1, 'ffn_scale': 2.0, 'upscaling_factor': 4},
    ),
    Known(
        'basicsr/archs/SMFANet_arch.py',
        None,
        {'type': 'SMFANet', 'dim': 12, 'n_blocks': 1, 'ffn_scale': 2, 'upscaling_factor': 4},
    ),
    Known(
        'basicsr/archs/BSRN_arch.py',
        None,
        {'type': 'BSRN', 'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 16, 'num_block': 8, 'upscale': 4},
        dataset={'gt_size': 64},
    ),
    Known(
        'basicsr/archs/atd_arch.py',
        'ATDModel',
        {
            **_WINDOWS,
            'type': 'ATD',
            'window_size': 4,
            'category_size': 16,
            'num_tokens': 8,
            'reducted_dim': 4,
            'convffn_kernel_size': 5,
        },
    ),
    Known(
        'plksr/archs/plksr_arch.py',
        None,
        {
            'type': 'PLKSR',
            'dim': 16,
            'n_blocks': 1,
            'upscaling_factor': 4,
            'ccm_type': 'DCCM',
            'kernel_size': 5,
            'split_ratio': 0.25,
        },
    ),
    Known(
        'basicsr/archs/codeformer_arch.py',
        None,
        {'type': 'RRDBNet', 'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 8, 'num_block': 1, 'num_grow_ch': 4},
    ),
    Known('basicsr/archs/swinir_arch.py', 'SwinIRModel', {**_WINDOWS, 'type': 'SwinIR', 'window_size': 4}),
    Known(
        'realesrgan/archs/srvgg_arch.py',
        'RealESRNetModel',
        {'type': 'SRVGGNetCompact', 'num_feat': 8, 'num_conv': 1, 'upscale': 4},
        more=PAIRED,
    ),
    Known(
        'basicsr/models/archs/restormer_arch.py',
        'ImageCleanModel',
        {'type': 'Restormer', 'dim': 8, 'num_blocks': [1, 1, 1, 1], 'num_refinement_blocks': 1, 'heads': [1, 1, 1, 1]},
        **_RESTORATION,
    ),
    Known(
        'basicsr/models/archs/mirnet_v2_arch.py',
        'ImageCleanModel',
        {'type': 'MIRNet_v2', 'n_feat': 16, 'n_RRG': 1, 'n_MRB': 1, 'scale': 1},
        **_RESTORATION,
    ),
    Known(
        'basicsr/models/archs/RetinexFormer_arch.py',
        'ImageCleanModel',
        {
            'type': 'RetinexFormer',
            'in_channels': 3,
            'out_channels': 3,
            'n_feat': 8,
            'stage': 1,
            'num_blocks': [1, 1, 1],
        },
        **_RESTORATION,
    ),
    Known(
        'basicsr/models/archs/NAFNet_arch.py',
        'ImageRestorationModel',
        {'type': 'NAFNet', 'width': 8, 'enc_blk_nums': [1], 'middle_blk_num': 1, 'dec_blk_nums': [1]},
        scale=1,
        dataset={'num_worker_per_gpu': 1},
        validates=False,
    ),
)

# Any other checkout: the pack's network over the model that SR forks share.
UNKNOWN = Known('', None, {'type': 'CARN', 'upscale': 4, 'num_feat': 8})


def known_fork(root: Path) -> Known:
    """Return how the checkout ``root`` is tried."""
    return next((known for known in FORKS if (root / known.sign).is_file()), UNKNOWN)
