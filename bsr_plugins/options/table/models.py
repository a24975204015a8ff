"""The options of the pack's models: key paths from the top of the option file, beside those of BasicSR's SRModel."""

from __future__ import annotations

from bsr_plugins.options.table.key import REQUIRED, Key, OptionSet
from bsr_plugins.options.table.kinds import FLAG, OFF, PATH, SECTION, TEXT, choice, either, number, optional, whole

MODELS = (
    OptionSet(
        'model',
        'RebalancedSRModel',
        "BasicSR's SRModel with open losses, an engine, the sigma branch and exact "
        'resume. Beside what SRModel (or `base_model_type`) reads:',
        (
            Key('base_model_type', optional(TEXT), None, 'a model of a fork (HATModel, ...) to build upon'),
            Key('train.losses', optional(SECTION), None, '`<name>: {type: ..., options}`, any number of losses'),
            Key('train.amp', optional(either(choice('bf16', 'fp16'), OFF)), None, 'precision of the network'),
            Key('train.compile', optional(FLAG), False, '`torch.compile` for the training pass'),
            Key('train.channels_last', optional(FLAG), False, 'memory format in training'),
            Key('train.grad_clip', optional(either(number(above=0), OFF)), None, 'largest total norm of the gradients'),
            Key('train.accumulate', optional(whole(1)), 1, 'batches whose mean gradient makes an update'),
            Key(
                'train.non_finite',
                optional(choice('stop', 'skip')),
                'stop',
                'what becomes of an update with a loss or gradient that is not finite',
            ),
            Key('network_sigma', optional(SECTION), None, 'the sigma branch: `{type: SigmaBranch, options}`'),
            Key('train.sigma_opt', optional(SECTION), None, 'its loss: `{type: SigmaLoss, options}`'),
            Key('train.sigma_tap', optional(TEXT), 'auto', 'module of network_g whose input it reads'),
            Key('path.pretrain_network_sigma', optional(PATH), None, 'its weights'),
            Key('path.strict_load_sigma', FLAG, True, 'all of its weights have to be there'),
            Key('path.param_key_sigma', optional(TEXT), None, 'which of its weights; ~: as param_key_g'),
            Key('val.sigma', optional(FLAG), False, 'computes the sigma maps, for pictures and metrics'),
            Key('val.save_best', optional(TEXT), None, 'name of the metric whose best weights are kept'),
        ),
    ),
    OptionSet(
        'model',
        'BSPAModel',
        'Bi-sampling and parameter attribution. Beside what RebalancedSRModel reads:',
        (
            Key(
                'datasets.train.inverse',
                SECTION,
                REQUIRED,
                'the inverse-sampled data set; it takes over phase, scale, '
                'batch_size_per_gpu, num_worker_per_gpu, use_hflip and use_rot from datasets.train',
            ),
            Key('train.bspa', optional(SECTION), None, 'the schedule and the attribution'),
            Key('train.bspa.interval_iter', whole(1), 2500, 'uniform iterations between inverse stages'),
            Key('train.bspa.inverse_iter', whole(1), 2500, 'iterations of an inverse stage'),
            Key('train.bspa.beta', number(at_least=0, at_most=1), 0.1, 'frozen share p = beta * progress (Eq. 11)'),
            Key(
                'train.bspa.ig_rule',
                choice('midpoint', 'right', 'left', 'trapezoid'),
                'midpoint',
                'Riemann rule of Eq. 10',
            ),
            Key('train.bspa.ig_steps', whole(1), 8, 'points on the path between the two models'),
            Key('train.bspa.ig_batches', whole(1), 50, 'uniform batches that are attributed'),
            Key(
                'train.bspa.ig_reduce',
                choice('abs_per_batch', 'abs_after_sum', 'signed'),
                'abs_per_batch',
                'how the attributions of the batches are brought together',
            ),
            Key('train.bspa.granularity', choice('weight', 'filter'), 'weight', 'what is ranked: weights, or kernels'),
            Key('train.bspa.scope', choice('global', 'layer'), 'global', 'ranked over the network, or in each layer'),
            Key('train.bspa.freeze_in_inverse', FLAG, False, 'holds frozen entries in inverse stages too'),
            Key(
                'train.bspa.mask_update',
                choice('replace', 'union'),
                'replace',
                "each round's mask replaces the last one, or is added to it",
            ),
        ),
        inherits='RebalancedSRModel',
    ),
)
