"""The options that BasicSR's own scripts, SRModel and PairedImageDataset read: those the pack's option files hold."""

from __future__ import annotations

import dataclasses

from bsr_plugins.options.table.datasets import PAIRED, TENSORS
from bsr_plugins.options.table.key import REQUIRED, InWords, Key, OptionSet
from bsr_plugins.options.table.kinds import (
    ANYTHING,
    FLAG,
    NUMBERS,
    PATH,
    PATHS,
    SECTION,
    TEXT,
    choice,
    either,
    list_of,
    number,
    optional,
    whole,
)

_COUNT = either(whole(1), number(above=0))  # `!!float 5e3` is a number of iterations too

BASICSR = (
    OptionSet(
        'basicsr',
        'General',
        'The top of an option file.',
        (
            Key('name', TEXT, REQUIRED, 'name of the experiment, and of its folder'),
            Key('model_type', TEXT, REQUIRED, 'the model'),
            Key('scale', whole(1), REQUIRED, 'upscaling factor'),
            Key(
                'num_gpu',
                either(whole(0), choice('auto')),
                REQUIRED,
                '0: the CPU; several without torchrun multiply the batch',
            ),
            Key('manual_seed', optional(whole(0, 2**32 - 1)), InWords('drawn'), 'seed of all random draws'),
            Key('network_g', SECTION, REQUIRED, '`type` and options of the network'),
            Key(
                'find_unused_parameters',
                FLAG,
                False,
                'for networks of which a part gets no gradient, in several processes',
            ),
            Key('dist_params', SECTION, None, 'read by `--launcher slurm` alone'),
        ),
    ),
    OptionSet(
        'basicsr',
        'Data sets',
        '`datasets.train`, and any number of `datasets.val`, `datasets.val_2`, ... or, '
        'in a test, `datasets.test_1`, ... Of any type:',
        (
            Key('datasets.*.name', TEXT, REQUIRED, 'shown in logs, and the folder of its pictures'),
            Key('datasets.*.type', TEXT, REQUIRED, 'the data set'),
            Key('datasets.train.num_worker_per_gpu', whole(0), REQUIRED, 'processes that read images'),
            Key('datasets.train.batch_size_per_gpu', whole(1), REQUIRED, 'samples of a batch, for each GPU'),
            Key('datasets.train.dataset_enlarge_ratio', number(above=0), 1, 'how often an epoch goes through the data'),
            Key('datasets.*.prefetch_mode', optional(choice('cpu', 'cuda')), None, 'cuda needs pin_memory'),
            Key('datasets.*.num_prefetch_queue', whole(1), 1, 'batches in the queue of prefetch_mode cpu'),
            Key('datasets.*.pin_memory', FLAG, False, 'page-locked batches'),
            Key(
                'datasets.*.persistent_workers',
                FLAG,
                False,
                'workers outlive an epoch; without it BasicSR seeds them alike, and each epoch repeats the same crops',
            ),
        ),
    ),
    OptionSet(
        'basicsr',
        'PairedImageDataset',
        "BasicSR's data set of image pairs.",
        (
            *(dataclasses.replace(key, kind=PATHS) if key.path.startswith('dataroot') else key for key in PAIRED),
            Key('gt_size', whole(1), InWords('required in training'), 'side of the HR crops, a multiple of scale'),
            *(
                Key(
                    key.path,
                    key.kind,
                    InWords('required in training') if key.path.startswith('use_') else key.default,
                    key.meaning,
                )
                for key in TENSORS
            ),
        ),
    ),
    OptionSet(
        'basicsr',
        'Paths',
        '',
        (
            Key('path.pretrain_network_g', optional(PATH), None, 'weights to start from, or to test'),
            Key('path.strict_load_g', FLAG, True, 'all of the weights have to be there'),
            Key('path.param_key_g', optional(TEXT), 'params', 'which weights of the file: params, params_ema, or ~'),
            Key('path.resume_state', optional(PATH), None, 'training state to go on from'),
            Key('path.experiments_root', optional(PATH), InWords('`experiments`'), 'where experiments are written'),
            Key('path.results_root', optional(PATH), InWords('`results`'), 'where the results of a test are written'),
        ),
    ),
    OptionSet(
        'basicsr',
        'Training',
        'Of SRModel, and of the models that derive from it.',
        (
            Key('train.ema_decay', number(at_least=0, at_most=1), 0, 'moving average of the weights; 0: none'),
            Key('train.optim_g.type', TEXT, REQUIRED, 'the optimizer'),
            Key('train.optim_g.lr', number(at_least=0), REQUIRED, 'learning rate'),
            Key('train.optim_g.weight_decay', number(at_least=0), 0, 'L2 penalty, or decay in AdamW'),
            Key('train.optim_g.betas', list_of(number(), 2), InWords('[0.9, 0.999]'), 'of Adam'),
            Key('train.scheduler.type', TEXT, REQUIRED, 'the learning rate schedule'),
            Key(
                'train.scheduler.milestones',
                NUMBERS,
                InWords('required by MultiStepLR'),
                'iterations at which the learning rate is multiplied by gamma',
            ),
            Key('train.scheduler.gamma', number(), 0.1, 'its factor'),
            Key(
                'train.scheduler.periods',
                NUMBERS,
                InWords('required by CosineAnnealingRestartLR'),
                'iterations of each period; together at least total_iter',
            ),
            Key(
                'train.scheduler.restart_weights', NUMBERS, InWords('[1]'), 'learning rate at each restart, as a factor'
            ),
            Key('train.scheduler.eta_min', number(), 0, 'lowest learning rate'),
            Key('train.total_iter', _COUNT, REQUIRED, 'iterations of the run'),
            Key('train.warmup_iter', number(), -1, 'iterations in which the learning rate rises from 0; -1: none'),
            Key('train.pixel_opt', optional(SECTION), None, '`{type: ..., options}` of the pixel loss'),
            Key('train.perceptual_opt', optional(SECTION), None, '`{type: PerceptualLoss, options}`'),
        ),
    ),
    OptionSet(
        'basicsr',
        'Validation and test',
        '',
        (
            Key('val.val_freq', _COUNT, InWords('required in training'), 'iterations between validations'),
            Key('val.save_img', FLAG, REQUIRED, 'writes the pictures'),
            Key('val.suffix', optional(TEXT), None, 'put behind the names of the pictures'),
            Key('val.pbar', FLAG, True, 'progress bar'),
            Key(
                'val.metrics',
                optional(SECTION),
                None,
                '`<name>: {type: calculate_psnr, crop_border: 4, test_y_channel: true}`, any number',
            ),
        ),
    ),
    OptionSet(
        'basicsr',
        'Logging',
        '',
        (
            Key('logger.print_freq', _COUNT, REQUIRED, 'iterations between log lines'),
            Key('logger.save_checkpoint_freq', _COUNT, REQUIRED, 'iterations between saved weights and states'),
            Key('logger.use_tb_logger', FLAG, False, 'writes for TensorBoard'),
            Key('logger.wandb.project', optional(TEXT), None, 'project on Weights & Biases; ~: none'),
            Key('logger.wandb.resume_id', ANYTHING, None, 'the run there to go on with'),
        ),
    ),
)
