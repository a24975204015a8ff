"""The table of augmentations, and how one is built by its name in an option file."""

from __future__ import annotations

import importlib
from typing import Any, Dict, Mapping

from bsr_plugins.augments.augment import Augment
from bsr_plugins.augments.augment_options import read_augment

#: ``train.augment.type`` -> 'module:Class'.
AUGMENTS: Dict[str, str] = {
    'Blend': 'bsr_plugins.augments.blend_augment:Blend',
    'RGBPermutation': 'bsr_plugins.augments.rgb_permutation_augment:RGBPermutation',
    'Mixup': 'bsr_plugins.augments.mixup_augment:Mixup',
    'Cutout': 'bsr_plugins.augments.cutout_augment:Cutout',
    'CutMix': 'bsr_plugins.augments.cutmix_augment:CutMix',
    'CutMixup': 'bsr_plugins.augments.cutmixup_augment:CutMixup',
    'CutBlur': 'bsr_plugins.augments.cutblur_augment:CutBlur',
    'MoA': 'bsr_plugins.augments.moa_augment:MoA',
    'ADD': 'bsr_plugins.augments.add_augment:ADDAugment',
    'ADDPlus': 'bsr_plugins.augments.add_plus_augment:ADDPlusAugment',
}


def build_augment(options: Mapping[str, Any], scale: int) -> Augment:
    """Return the augmentation of ``train.augment``.

    Args:
        options: The section: ``type``, and options of that type.
        scale: Upscaling factor of the network.

    Raises:
        OptionError: See :func:`bsr_plugins.augments.augment_options.read_augment`.
    """
    declared, values = read_augment(options)
    module, _, attribute = AUGMENTS[declared.name].partition(':')
    augment: Augment = getattr(importlib.import_module(module), attribute)(scale, **values)
    return augment
