"""The options of the augmentations: keys of ``train.augment``."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any, Dict, Mapping, Tuple

from bsr_plugins.attribution.cam_options import CAM_DETECTOR, CAM_OPTIONS, CAM_STEPS
from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import did_you_mean
from bsr_plugins.common.option import Option, OptionSet, read_section
from bsr_plugins.common.option_kinds import TEXT, choice, list_of, number, optional, whole

#: Largest share of a side that a box may take: the draw around it (standard deviation 0.01) rarely goes beyond 1.
_LARGEST_BOX = 0.95

PROB = Option('prob', number(at_least=0, at_most=1), 1.0, 'probability that a batch is augmented')
_BOX = Option(
    'alpha',
    number(at_least=0, at_most=_LARGEST_BOX),
    0.7,
    'share of height and width that the box takes, give or take 0.01; 0 leaves every batch as it is',
    'published for the mixture',
)
_ON_LQ_PIXELS = 'Exact at scale 1; above, boxes lie on whole lq pixels'

BLEND = OptionSet(
    'augment',
    'Blend',
    "CutBlur's paper: one colour a sample and channel, U(0, 1), is mixed into lq and gt, v * image + (1 - v) * colour, "
    'with one v ~ U(alpha, 1) a batch. Exact.',
    (
        PROB,
        Option(
            'alpha',
            number(at_least=0, at_most=1),
            0.6,
            'least share of the image; 0 leaves every batch as it is, as published',
        ),
    ),
)
RGB_PERMUTATION = OptionSet(
    'augment',
    'RGBPermutation',
    "CutBlur's paper: one permutation of the three channels a batch, of lq and gt alike. Exact.",
    (PROB,),
)
_MIXUP_ALPHA = Option(
    'alpha', number(at_least=0), 1.2, 'the share is Beta(alpha, alpha); 0 leaves every batch as it is'
)
MIXUP = OptionSet(
    'augment',
    'Mixup',
    "CutBlur's paper: each sample is mixed with a partner of the batch, one share ~ Beta(alpha, alpha) a batch. Exact.",
    (PROB, _MIXUP_ALPHA),
)
CUTOUT = OptionSet(
    'augment',
    'Cutout',
    "CutBlur's paper: pixels of lq are set to 0, and their places are left out of the losses. Exact at scale 1; above, "
    'whole lq pixels are dropped.',
    (
        PROB,
        Option(
            'alpha',
            number(at_least=0, at_most=1),
            0.001,
            'share of the pixels that are dropped; 0 leaves every batch as it is',
            'published for the mixture; boxes and larger shares made results worse',
        ),
    ),
)
CUTMIX = OptionSet(
    'augment',
    'CutMix',
    f"CutBlur's paper: one box a batch is replaced by that of a partner. {_ON_LQ_PIXELS}.",
    (PROB, _BOX),
)
CUTMIXUP = OptionSet(
    'augment',
    'CutMixup',
    f"CutBlur's paper: inside of one box a batch, or outside, each sample is mixed with a partner. {_ON_LQ_PIXELS}.",
    (
        PROB,
        _BOX,
        Option(
            'mixup_prob',
            number(at_least=0, at_most=1),
            1.0,
            'probability that partners are mixed in and not put in whole',
            'the published call hands the alpha 1.2 over in its place, which is 1 in effect',
        ),
        dataclasses.replace(
            _MIXUP_ALPHA,
            path='mixup_alpha',
            meaning="the partner's share is Beta(mixup_alpha, mixup_alpha); 0 puts the partner in whole",
        ),
    ),
)
CUTBLUR = OptionSet(
    'augment',
    'CutBlur',
    'CVPR 2020: gt is pasted into one box of lq a batch, or lq into one of gt, with probability 0.5 each; gt itself '
    'stays. Exact at scale 1; above, gt is averaged over scale x scale pixels and pasted at the size of lq, on whole '
    'lq pixels.',
    (PROB, _BOX),
)
#: Those that need RGB images, and those that need their values in [0, 1], not normalised by mean and std.
NEEDS_RGB = (RGB_PERMUTATION.name,)
NEEDS_PLAIN_VALUES = (BLEND.name, RGB_PERMUTATION.name, CUTOUT.name)
#: What MoA chooses from, in the published order.
MIXTURE: Tuple[OptionSet, ...] = (BLEND, RGB_PERMUTATION, MIXUP, CUTOUT, CUTMIX, CUTMIXUP, CUTBLUR)
_BY_OP = {options.name: options for options in MIXTURE}
#: What the published list of alphas holds for the one that has none.
_PUBLISHED_IN_ITS_PLACE = 1
_FOR_EACH = 'one for each of ops, in their order'


def _mixture_fits(values: SimpleNamespace) -> None:
    ops = values.ops
    if not ops:
        raise OptionError('a mixture needs at least one augmentation', where='ops', expected='names', found=repr(ops))
    for name in ops:
        if name not in _BY_OP:
            raise OptionError(
                f"MoA mixes no augmentation named '{name}'", where='ops', remedy=did_you_mean(name, _BY_OP)
            )
    for option in ('mix_p', 'probs', 'alphas'):
        given = getattr(values, option)
        if given is not None and len(given) != len(ops):
            raise OptionError(
                f'{option} and ops have different lengths',
                where=option,
                expected=f'{len(ops)} entries, {_FOR_EACH}',
                found=f'{len(given)}: {given}',
            )
    if values.mix_p is not None and abs(sum(values.mix_p) - 1) > 1e-6:
        raise OptionError(
            'mix_p are probabilities of which one is chosen',
            where='mix_p',
            expected='numbers whose sum is 1',
            found=f'{values.mix_p}, with the sum {sum(values.mix_p):g}',
        )
    for name, alpha in zip(ops, values.alphas or ()):
        _alpha_fits(name, alpha)


def _alpha_fits(op: str, alpha: Any) -> None:
    options = {option.name: option for option in _BY_OP[op].options}
    if alpha is None:
        return
    if 'alpha' not in options:
        if alpha != _PUBLISHED_IN_ITS_PLACE:
            raise OptionError(
                f'{op} has no alpha', where='alphas', expected=f'~ or {_PUBLISHED_IN_ITS_PLACE} for {op}', found=alpha
            )
    elif not options['alpha'].kind.accepts(alpha):
        raise OptionError(
            f'{op} has another range of alpha',
            where='alphas',
            expected=f'{options["alpha"].kind.text} for {op}',
            found=alpha,
        )


MOA = OptionSet(
    'augment',
    'MoA',
    "CutBlur's mixture of augmentations: one of them a batch, drawn anew for each. As exact as its parts.",
    (
        dataclasses.replace(
            PROB,
            meaning='probability that the chosen one is applied',
            reason='published; 0.2 for CARN and 0.6 for denoising and JPEG',
        ),
        Option('ops', list_of(TEXT), tuple(_BY_OP), 'what it chooses from, by their types'),
        Option(
            'mix_p',
            optional(list_of(number(at_least=0, at_most=1))),
            None,
            f'probability of each, {_FOR_EACH}; ~: the same for all',
            'published; for RealSR 0.1 each and 0.4 for CutBlur',
        ),
        Option(
            'probs',
            optional(list_of(number(at_least=0, at_most=1))),
            None,
            f'prob of each, {_FOR_EACH}; ~: prob for all',
        ),
        Option(
            'alphas',
            optional(list_of(optional(number(at_least=0)))),
            None,
            f"alpha of each, {_FOR_EACH}; ~: each one's default, which is the published value",
        ),
        CUTMIXUP['mixup_prob'],
        CUTMIXUP['mixup_alpha'],
    ),
    relation=_mixture_fits,
)

#: Steps of ``saliency: cam``, which is computed in every iteration.
_CAM_STEPS_OF_BATCH = 2


def _cells_fit_the_grid(values: SimpleNamespace) -> None:
    if values.cells > values.grid**2:
        raise OptionError(
            'more cells are asked for than the grid has',
            where='cells',
            expected=f'<= {values.grid**2}, for grid: {values.grid}',
            found=values.cells,
            remedy='cells: 1',
        )


def _is_add_plus(values: SimpleNamespace) -> None:
    _cells_fit_the_grid(values)
    if not values.ops or len(set(values.ops)) < len(values.ops):
        raise OptionError(
            'ADDPlus does one of these operations, each of them as often as the others',
            where='ops',
            expected='one or more of mix, paste and intensity, each once',
            found=values.ops,
            remedy='ops: [mix, paste, intensity]',
        )


def _on_a_batch(option: Option) -> Option:
    if option is not CAM_STEPS:
        return dataclasses.replace(option, meaning=f'of saliency cam: {option.meaning}')
    return dataclasses.replace(
        option,
        default=_CAM_STEPS_OF_BATCH,
        meaning=f'of saliency cam: {option.meaning}',
        reason='taken in every iteration; 2 choose the same cell of 4 as 20 do in 94 % of patches (FSRCNN) and 96 % '
        '(EDSR), 4 in 96 % and 96 %, one in 71 % and 67 %',
    )


_SALIENT = (
    Option(
        'prob',
        number(at_least=0, at_most=1),
        0.5,
        'share of the samples that something is done to',
        'the paper is not at hand; as in a third-party implementation, like the next four',
    ),
    Option('grid', whole(1), 2, 'cells along each side of an image'),
    Option('cells', whole(1), 1, 'how many of them, those of the largest mean saliency, are the salient region'),
    Option('alpha', number(above=0), 1.2, "lam ~ Beta(alpha, alpha) of each sample, the source's share in its region"),
    Option(
        'canvas',
        choice('partner', 'self'),
        'partner',
        'partner: its salient region goes into the partner, whose surroundings take the place of its own; self: it '
        "keeps its surroundings and receives the partner's salient region",
    ),
    Option(
        'saliency',
        choice('proxy', 'map', 'cam'),
        'proxy',
        'proxy: gradient and error of the images; map: what the data set reads from an LMDB of `basicsr saliency`; '
        'cam: the attribution map by `network_saliency`, computed on each batch',
        'it needs nothing and costs next to nothing; the paper has the attribution map (cam, or map)',
    ),
    # A batch has no window of interest.
    *(_on_a_batch(option) for option in CAM_OPTIONS if option is not CAM_DETECTOR),
)
ADD = OptionSet(
    'augment',
    'ADD',
    'Experimental, built from abstract and supplement: the salient region of each sample is mixed into another one.',
    _SALIENT,
    relation=_cells_fit_the_grid,
)
ADD_PLUS = OptionSet(
    'augment',
    'ADDPlus',
    'Experimental, as ADD: each sample has its salient region mixed, pasted, or sharpened as CutBlur does.',
    (
        *_SALIENT,
        Option(
            'ops',
            list_of(choice('mix', 'paste', 'intensity')),
            ['mix', 'paste', 'intensity'],
            'what may be done to a sample, one of them each, equally likely; intensity takes its region of the '
            'downscaled HR image into the LR image',
        ),
    ),
    relation=_is_add_plus,
)

#: Those that give each sample pixels of another one: a batch of one stays as it is.
MIXES_SAMPLES = (MIXUP.name, CUTMIX.name, CUTMIXUP.name, ADD.name, ADD_PLUS.name)
AUGMENTS: Tuple[OptionSet, ...] = (*MIXTURE, MOA, ADD, ADD_PLUS)
_BY_NAME: Dict[str, OptionSet] = {options.name: options for options in AUGMENTS}
_TYPE = 'type'


def read_augment(section: Mapping[str, Any], prefix: str = 'train.augment.') -> Tuple[OptionSet, Dict[str, Any]]:
    """Return the declaration of the type that ``train.augment`` names, and the values of its options, defaults put in.

    Args:
        section: ``train.augment``.
        prefix: What an error puts before the option's name.

    Raises:
        OptionError: No type or an unknown one, an unknown option, or a value that is wrong or does not fit others.
    """
    name = section.get(_TYPE)
    options = _BY_NAME.get(name) if isinstance(name, str) else None
    if options is None:
        raise OptionError(
            'the type of the augmentation is missing' if name is None else f"there is no augmentation named '{name}'",
            where=f'{prefix}{_TYPE}',
            expected=f'one of {", ".join(_BY_NAME)}',
            remedy=did_you_mean(str(name), _BY_NAME) if name is not None else None,
        )
    given = {key: value for key, value in section.items() if key != _TYPE}
    values = read_section(options.options, given, f'the augmentation {options.name}', prefix)
    options.check_relation(values, prefix)
    return options, values
