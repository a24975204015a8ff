"""Checks that the options of every data set of the pack share: known keys, needed keys, the phase, the crop's size."""

from __future__ import annotations

from typing import Mapping, Optional, Sequence

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import did_you_mean

# Read by BasicSR and by BSPAModel around the data set, or carried by BasicSR's option files for any data set.
CARRIED_OPTIONS = (
    'name',
    'type',
    'phase',
    'scale',
    'batch_size_per_gpu',
    'num_worker_per_gpu',
    'dataset_enlarge_ratio',
    'prefetch_mode',
    'num_prefetch_queue',
    'pin_memory',
    'persistent_workers',
    'use_shuffle',
    'filename_tmpl',
    'inverse',
    # Read by the training scripts of the Restormer family (progressive learning).
    'iters',
    'mini_batch_sizes',
    'gt_sizes',
)


def names_images(template: object) -> bool:
    """Return whether ``filename_tmpl`` makes a name of its own of each image's."""
    try:
        return template.format('0801') != template.format('0802')  # type: ignore[attr-defined]
    except (AttributeError, LookupError, ValueError):
        return False


def option_place(opt: Mapping[str, object], name: str) -> str:
    """Return how an error names the option ``name`` of a data set."""
    return f"data set '{opt.get('name', opt.get('type'))}': {name}"


def check_known(opt: Mapping[str, object], own: Sequence[str], carried: Sequence[str], what: str) -> None:
    """Raise OptionError for a key of ``opt`` that is neither read (``own``) nor one that option files carry anyway."""
    for name in opt:
        if name not in own and name not in carried:
            raise OptionError(
                f"{what} has no option '{name}'", where=option_place(opt, name), remedy=did_you_mean(str(name), own)
            )


def check_given(opt: Mapping[str, object], names: Sequence[str], what: str, remedy: Optional[str] = None) -> None:
    """Raise OptionError where one of the options ``names`` is absent."""
    for name in names:
        if opt.get(name) is None:
            raise OptionError(f"{what} needs the option '{name}'", where=option_place(opt, name), remedy=remedy)


def check_training_phase(opt: Mapping[str, object]) -> None:
    """Raise OptionError where the data set is to be anything but the training set."""
    if opt.get('phase', 'train') != 'train':
        raise OptionError(
            'validation data is never rebalanced: the draws are for training alone',
            where=option_place(opt, 'phase'),
            expected='train',
            found=opt['phase'],
            remedy='use type: PairedImageDataset for validation and test sets',
        )


def check_gt_size(opt: Mapping[str, object], scale: int, whole: Optional[str] = 'sub-image') -> Optional[int]:
    """Return the option ``gt_size``; raise OptionError unless it is a positive multiple of ``scale``.

    ``whole`` is what a data set without ``gt_size`` takes instead of a crop; None: it has to be given.
    """
    gt_size = opt.get('gt_size')
    if gt_size is None and whole is not None:
        return None
    if not isinstance(gt_size, int) or isinstance(gt_size, bool) or gt_size <= 0 or gt_size % scale:
        expected = f'a positive multiple of {scale}'
        raise OptionError(
            'gt_size must be a multiple of scale',
            where=option_place(opt, 'gt_size'),
            expected=f'{expected}, or ~ for the whole {whole}' if whole else expected,
            found=repr(gt_size),
            remedy='gt_size: ~' if whole else None,
        )
    return gt_size


def check_whole(opt: Mapping[str, object], name: str, default: Optional[int], least: int) -> Optional[int]:
    """Return the whole-number option ``name``; raise OptionError where it is less than ``least`` or no whole number.

    ``~`` stands for the default.
    """
    value = opt.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise OptionError(
            f'{name} must be a whole number of at least {least}',
            where=option_place(opt, name),
            expected=f'{least} or more',
            found=repr(value),
            remedy=None if default is None else f'{name}: {default}',
        )
    return value
