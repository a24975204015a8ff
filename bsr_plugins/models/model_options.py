"""The options of the pack's models: key paths from the top of the option file, beside those of BasicSR's SRModel."""

from __future__ import annotations

import dataclasses
from typing import Any, Iterable, Iterator, Mapping

from bsr_plugins.archs.network_options import SIGMA_TAP
from bsr_plugins.common.option import REQUIRED, Option, OptionSet
from bsr_plugins.common.option_kinds import FLAG, PATH, SECTION, TEXT, either, optional
from bsr_plugins.models.bspa_options import BSPA, INHERITED
from bsr_plugins.models.engine_options import ENGINE
from bsr_plugins.models.overlapping_windows import WINDOWS


def _below(section: str, options: Iterable[Option]) -> Iterator[Option]:
    return (dataclasses.replace(option, path=f'{section}.{option.path}') for option in options)


PARAM_KEY_UDN = Option('path.param_key_udn', optional(TEXT), 'params', 'which weights of the two files')
PARAM_KEY_SALIENCY = Option('path.param_key_saliency', optional(TEXT), 'params', 'which weights of the file')
STRICT_LOAD_SIGMA = Option('path.strict_load_sigma', FLAG, True, 'its weights file must hold all of its weights')

REBALANCED_SR_MODEL = OptionSet(
    'model',
    'RebalancedSRModel',
    "BasicSR's SRModel with any number of losses, mixed precision, accumulation, the sigma branch and exact resume. "
    'Besides what SRModel (or `base_model_type`) reads:',
    (
        Option('base_model_type', optional(TEXT), None, 'a model of a fork (HATModel, ...) to build on'),
        Option('train.losses', optional(SECTION), None, '`<name>: {type: ..., options}`, any number of losses'),
        *_below('train', ENGINE),
        Option('train.augment', optional(SECTION), None, '`{type: CutBlur, options}`: augmentation of the batches'),
        Option('network_sigma', optional(SECTION), None, 'the sigma branch: `{type: SigmaBranch, options}`'),
        Option('train.sigma_opt', optional(SECTION), None, 'its loss: `{type: SigmaLoss, options}`'),
        *_below('train', [SIGMA_TAP]),
        Option('path.pretrain_network_sigma', optional(PATH), None, 'its weights'),
        STRICT_LOAD_SIGMA,
        Option('path.param_key_sigma', optional(TEXT), None, 'which weights of the file; ~: as param_key_g'),
        Option(
            'path.pretrain_network_udn',
            optional(PATH),
            None,
            'net_g_*.pth of the first step of UDN, net_sigma_*.pth beside it: what UncertaintyDrivenLoss reads, frozen',
        ),
        PARAM_KEY_UDN,
        Option(
            'network_saliency',
            optional(SECTION),
            None,
            'the frozen network of `train.augment` with `saliency: cam`; ~: with the options of network_g',
        ),
        Option('path.pretrain_network_saliency', optional(PATH), None, 'its weights: net_g_*.pth of a plain training'),
        PARAM_KEY_SALIENCY,
        Option('val.windows', optional(SECTION), None, 'tests in overlapping windows whose overlaps are averaged'),
        *_below('val.windows', WINDOWS),
        Option('val.sigma', optional(FLAG), False, 'computes the sigma maps, for images and metrics'),
        Option(
            'val.per_class',
            optional(either(FLAG, PATH)),
            None,
            'PSNR of each difficulty class and of the worst decile at every validation; true: the classes of the '
            'inverse-sampled set, a path: those of that difficulty file',
        ),
        Option('val.save_best', optional(TEXT), None, 'name of the metric whose best weights are kept'),
    ),
)
BSPA_MODEL = OptionSet(
    'model',
    'BSPAModel',
    'Bi-sampling and parameter attribution. Besides what RebalancedSRModel reads:',
    (
        Option(
            'datasets.train.inverse',
            SECTION,
            REQUIRED,
            f'the inverse-sampled data set; it inherits {", ".join(INHERITED[:-1])} and {INHERITED[-1]} from '
            'datasets.train',
        ),
        Option('train.bspa', optional(SECTION), None, 'the stages, the attribution and the frozen weights'),
        *_below('train.bspa', BSPA),
    ),
    inherits='RebalancedSRModel',
)


def check_model_options(opt: Mapping[str, Any]) -> None:
    """Check the options of RebalancedSRModel, those of training only where ``opt`` is to be trained with.

    Raises:
        OptionError: One is not what its declaration takes.
    """
    for option in REBALANCED_SR_MODEL.options:
        *sections, name = option.path.split('.')
        if sections == ['train'] and not opt.get('is_train'):
            continue
        section: Any = opt
        for key in sections:
            section = section.get(key) if isinstance(section, Mapping) else None
        if isinstance(section, Mapping) and name in section:
            option.checked(section[name], option.path)


MODELS = (REBALANCED_SR_MODEL, BSPA_MODEL)
