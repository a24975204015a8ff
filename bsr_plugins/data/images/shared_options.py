"""The options that data sets of image pairs share, and the checks of a data set's options as a whole."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Mapping, Optional

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.option import REQUIRED, Option, OptionSet, read_section
from bsr_plugins.common.option_kinds import FLAG, NUMBERS, PATH, PATHS, SECTION, TEXT, choice, optional, whole
from bsr_plugins.data.images.data_roots import check_roots

#: Of the whole option file; BasicSR puts it into the options of every data set.
SCALE = Option('scale', whole(1), REQUIRED, 'upscaling factor')
USE_HFLIP = Option('use_hflip', optional(FLAG), True, 'random horizontal flips')
USE_ROT = Option('use_rot', optional(FLAG), True, 'random vertical flips and transpositions')
#: What PairedImageDataset does with a pair of crops.
TENSORS = (
    USE_HFLIP,
    USE_ROT,
    Option('mean', optional(NUMBERS), None, 'subtracted from each channel; needs std'),
    Option('std', optional(NUMBERS), None, 'each channel is divided by it; needs mean'),
    Option('color', optional(choice('y')), None, 'y: luma instead of RGB'),
)
#: In which form the data sets of the pack hand it over.
UINT8 = Option(
    'uint8',
    optional(FLAG),
    False,
    'samples are bytes, which a model of the pack turns into the same floats on the device: a quarter to collate, to '
    'send between processes and to copy',
)
GT_SIZE = Option('gt_size', whole(1), REQUIRED, 'side of the HR crops, a multiple of scale')
FILENAME_TMPL = Option('filename_tmpl', TEXT, '{}', 'name of an LR image, `{}` for that of the HR image')
#: The maps that ``train.augment`` goes by with ``saliency: map``.
SALIENCY = Option(
    'saliency',
    optional(PATHS),
    None,
    'saliency maps of the LR images, an LMDB from `basicsr saliency`; each sample then has its part as `saliency`',
)
#: Where PairedImageDataset finds its pairs.
PAIRS = (
    Option('dataroot_gt', PATHS, REQUIRED, 'HR images: a folder, or an LMDB'),
    Option('dataroot_lq', PATHS, REQUIRED, 'LR images: a folder, or an LMDB'),
    Option('io_backend', SECTION, REQUIRED, '`{type: disk}`, or `{type: lmdb}`'),
    Option('meta_info_file', optional(PATH), None, 'a list of the HR images to take'),
    FILENAME_TMPL,
)

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


def read_dataset_options(opt: Mapping[str, Any], options: OptionSet) -> SimpleNamespace:
    """Return the values of a rebalanced data set's options by name, and of ``scale``.

    Raises:
        OptionError: An option is unknown, missing or out of its range, the values do not fit each other, or the phase
            is not ``train``.
    """
    check_training_phase(opt)
    prefix = option_place(opt, '')
    values = {
        **read_section(options.options, opt, options.name, prefix, CARRIED_OPTIONS),
        'scale': SCALE.read(opt, f'{prefix}scale'),
    }
    options.check_relation(values, prefix)
    return SimpleNamespace(**values)


def check_training_phase(opt: Mapping[str, object]) -> None:
    """Raise OptionError where the data set is to be anything but the training set."""
    if opt.get('phase', 'train') != 'train':
        raise OptionError(
            'validation data is never rebalanced: these draws are only for training',
            where=option_place(opt, 'phase'),
            expected='train',
            found=opt['phase'],
            remedy='use type: PairedImageDataset for validation and test sets',
        )


def check_pair_options(values: SimpleNamespace) -> None:
    """Check what the options of PairedImageDataset have to fulfil together.

    Raises:
        OptionError: The lists of roots differ in length, ``gt_size`` is no multiple of ``scale``, one of ``mean`` and
            ``std`` is given alone, or luma is to be bytes.
    """
    check_roots(values)
    check_gt_size(values.gt_size, values.scale)
    if (values.mean is None) != (values.std is None):
        raise OptionError(
            'mean and std belong together',
            where='mean' if values.std is None else 'std',
            expected='both or neither',
            found=f'mean: {values.mean}, std: {values.std}',
        )
    if values.uint8 and values.color == 'y':
        raise OptionError(
            'luma is a weighted sum of three channels, which bytes would round',
            where='uint8',
            expected='bytes with color: ~, or luma as floats',
            found='color: y',
            remedy='uint8: false',
        )


def check_gt_size(gt_size: Optional[int], scale: int) -> None:
    """Raise OptionError where ``gt_size`` is given and no multiple of ``scale``."""
    if gt_size is not None and gt_size % scale:
        lower = gt_size - gt_size % scale
        raise OptionError(
            'gt_size is not a multiple of scale',
            where='gt_size',
            expected=f'a multiple of {scale}',
            found=gt_size,
            remedy=f'gt_size: {lower or scale} or {lower + scale}',
        )
