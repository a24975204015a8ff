"""The options that BasicSR's own scripts, SRModel and PairedImageDataset read: those the pack's option files hold."""

from __future__ import annotations

import dataclasses

from bsr_plugins.common.option import REQUIRED, DescribedDefault, Option, OptionSet
from bsr_plugins.common.option_kinds import (
    ANYTHING,
    FLAG,
    NUMBERS,
    PART_OF_NAME,
    PATH,
    SECTION,
    TEXT,
    choice,
    either,
    list_of,
    number,
    optional,
    whole,
)
from bsr_plugins.data.images.shared_options import GT_SIZE, PAIRS, SCALE, TENSORS

_IN_TRAINING = DescribedDefault('required in training')
_BETA = number(at_least=0, below=1)
_COUNT = either(whole(1), number(above=0))  # `!!float 5e3` is a number of iterations too

BASICSR = (
    OptionSet(
        'basicsr',
        'General',
        'The top of an option file.',
        (
            Option('name', TEXT, REQUIRED, 'name of the experiment, and of its folder'),
            Option('model_type', TEXT, REQUIRED, 'the model'),
            SCALE,
            Option(
                'num_gpu',
                either(whole(0), choice('auto')),
                REQUIRED,
                '0: the CPU; several without torchrun multiply the batch',
            ),
            Option('manual_seed', optional(whole(0, 2**32 - 1)), DescribedDefault('drawn'), 'seed of all random draws'),
            Option('network_g', SECTION, REQUIRED, '`type` and options of the network'),
            Option(
                'find_unused_parameters',
                FLAG,
                False,
                'true for networks of which a part gets no gradient, when training in several processes',
            ),
            Option('dist_params', SECTION, None, 'read only by `--launcher slurm`'),
        ),
    ),
    OptionSet(
        'basicsr',
        'Data sets',
        '`datasets.train`, and any number of `datasets.val`, `datasets.val_2`, ... or, '
        'in a test, `datasets.test_1`, ... Of any type:',
        (
            Option('datasets.*.name', TEXT, REQUIRED, 'shown in logs, and the folder of its images'),
            Option('datasets.*.type', TEXT, REQUIRED, 'the data set'),
            Option('datasets.train.num_worker_per_gpu', whole(0), REQUIRED, 'processes that read images'),
            Option('datasets.train.batch_size_per_gpu', whole(1), REQUIRED, 'samples of a batch, for each GPU'),
            Option(
                'datasets.train.dataset_enlarge_ratio', number(above=0), 1, 'how often an epoch goes through the data'
            ),
            Option('datasets.*.prefetch_mode', optional(choice('cpu', 'cuda')), None, 'cuda needs pin_memory'),
            Option('datasets.*.num_prefetch_queue', whole(1), 1, 'batches in the queue of prefetch_mode cpu'),
            Option('datasets.*.pin_memory', FLAG, False, 'page-locked batches'),
            Option(
                'datasets.*.persistent_workers',
                FLAG,
                False,
                'workers are kept from epoch to epoch; otherwise BasicSR seeds new ones alike, and each epoch repeats '
                'the same crops',
            ),
        ),
    ),
    OptionSet(
        'basicsr',
        'PairedImageDataset',
        "BasicSR's data set of image pairs.",
        (
            *PAIRS,
            dataclasses.replace(GT_SIZE, default=_IN_TRAINING),
            *(
                dataclasses.replace(option, default=_IN_TRAINING) if option.path.startswith('use_') else option
                for option in TENSORS
            ),
        ),
    ),
    OptionSet(
        'basicsr',
        'Paths',
        '',
        (
            Option('path.pretrain_network_g', optional(PATH), None, 'weights to start from, or to test'),
            Option('path.strict_load_g', FLAG, True, 'the file must hold all weights of the network'),
            Option('path.param_key_g', optional(TEXT), 'params', 'which weights of the file: params, params_ema, or ~'),
            Option('path.resume_state', optional(PATH), None, 'training state to go on from'),
            Option(
                'path.experiments_root',
                optional(PATH),
                DescribedDefault('`experiments`'),
                'where experiments are written',
            ),
            Option(
                'path.results_root',
                optional(PATH),
                DescribedDefault('`results`'),
                'where the results of a test are written',
            ),
        ),
    ),
    OptionSet(
        'basicsr',
        'Training',
        'Of SRModel, and of the models that derive from it.',
        (
            Option('train.ema_decay', number(at_least=0, at_most=1), 0, 'moving average of the weights; 0: none'),
            Option('train.optim_g.type', TEXT, REQUIRED, 'the optimizer'),
            Option('train.optim_g.lr', number(above=0), REQUIRED, 'learning rate'),
            Option('train.optim_g.weight_decay', number(at_least=0), 0, 'L2 penalty, or decay in AdamW'),
            Option('train.optim_g.betas', list_of(_BETA), DescribedDefault('[0.9, 0.999]'), 'of Adam'),
            Option('train.scheduler.type', TEXT, REQUIRED, 'the learning rate schedule'),
            Option(
                'train.scheduler.milestones',
                NUMBERS,
                DescribedDefault('required by MultiStepLR'),
                'iterations at which the learning rate is multiplied by gamma',
            ),
            Option('train.scheduler.gamma', number(), 0.1, 'its factor'),
            Option(
                'train.scheduler.periods',
                list_of(number(above=0)),
                DescribedDefault('required by CosineAnnealingRestartLR'),
                'iterations of each period; together at least total_iter',
            ),
            Option(
                'train.scheduler.restart_weights',
                NUMBERS,
                DescribedDefault('[1]'),
                'learning rate at each restart, as a factor',
            ),
            Option('train.scheduler.eta_min', number(), 0, 'lowest learning rate'),
            Option('train.total_iter', _COUNT, REQUIRED, 'iterations of the run'),
            Option('train.warmup_iter', number(), -1, 'iterations in which the learning rate rises from 0; -1: none'),
            Option('train.pixel_opt', optional(SECTION), None, '`{type: ..., options}` of the pixel loss'),
            Option('train.perceptual_opt', optional(SECTION), None, '`{type: PerceptualLoss, options}`'),
        ),
    ),
    OptionSet(
        'basicsr',
        'Validation and test',
        '',
        (
            Option('val.val_freq', _COUNT, _IN_TRAINING, 'iterations between validations'),
            Option('val.save_img', FLAG, REQUIRED, 'saves the output images'),
            Option('val.suffix', optional(PART_OF_NAME), None, 'appended to the names of the saved images'),
            Option('val.pbar', FLAG, True, 'progress bar'),
            Option(
                'val.metrics',
                optional(SECTION),
                None,
                '`<name>: {type: calculate_psnr, crop_border: 4, test_y_channel: true}`, any number',
            ),
            Option('val.metrics.*', SECTION, REQUIRED, '`type` and options of a metric'),
            Option(
                'val.metrics.*.crop_border', whole(0), REQUIRED, 'border that a metric leaves out, the scale in papers'
            ),
        ),
    ),
    OptionSet(
        'basicsr',
        'Logging',
        '',
        (
            Option('logger.print_freq', _COUNT, REQUIRED, 'iterations between log lines'),
            Option('logger.save_checkpoint_freq', _COUNT, REQUIRED, 'iterations between saved weights and states'),
            Option('logger.use_tb_logger', FLAG, False, 'writes for TensorBoard'),
            Option('logger.wandb.project', optional(TEXT), None, 'project on Weights & Biases; ~: none'),
            Option('logger.wandb.resume_id', ANYTHING, None, 'the run there to go on with'),
        ),
    ),
)
