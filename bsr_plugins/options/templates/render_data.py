"""The parts of an option file that name data: training images, benchmarks, the commands that make LMDBs, metrics."""

from __future__ import annotations

import math
from textwrap import indent
from typing import List

from bsr_plugins.data.sampling.sampling_options import NUM_CLASSES
from bsr_plugins.options.templates import blocks
from bsr_plugins.options.templates.option_lines import with_value
from bsr_plugins.options.templates.protocols import (
    BATCH_SIZE,
    BENCHMARKS,
    FURTHER_BENCHMARKS,
    HR_FOLDER,
    REAL,
    REAL_FOLDER,
    lr_folder,
    subimage_folder,
    window,
)
from bsr_plugins.options.templates.recipe import Recipe
from bsr_plugins.options.templates.setting import OwnData, yaml_text


def cutting_command(scale: int) -> List[str]:
    """Return the comment lines of the command that makes sub-image LMDBs."""
    return [
        f'# basicsr subimages --scale {scale} --out {subimage_folder(scale)} \\',
        f'#   --hr {HR_FOLDER} --lr {lr_folder(scale)}',
    ]


def scoring_command(scale: int, *arguments: str) -> List[str]:
    """Return the comment lines of the command that scores their difficulty."""
    sub = subimage_folder(scale)
    return [
        f'# basicsr score --scale {scale} \\',
        *(f'#   {text} \\' for text in arguments),
        f'#   --hr-lmdb {sub}/HR_sub.lmdb --lr-lmdb {sub}/LR_sub_x{scale}.lmdb',
    ]


def train_datasets(recipe: Recipe) -> str:
    """Return ``datasets`` of a training file."""
    data = recipe.setting.data
    method = recipe.method_row
    kept = f'true  # {_WORKERS_KEPT if method.is_uniform else _WORKERS_ARE_SLOW}'
    if data is not None:
        kept = f'false  # with workers true: {_SLOW}'
    text = f"""\
# dataset and data loader settings
datasets:
  train:
{indent(_training_images(recipe), '    ').rstrip()}
    use_hflip: true
    use_rot: true
{'' if method.draws_by_class else indent(method.train_set_options, '    ')}
    # data loader
    num_worker_per_gpu: {6 if data is None else _NO_WORKERS}
    batch_size_per_gpu: {BATCH_SIZE}
    dataset_enlarge_ratio: {_enlarge_ratio(recipe)}
    persistent_workers: {kept}
    prefetch_mode: ~
"""
    classed = method.dataset or (_NAMED_CLASSES + blocks.INVERSE if recipe.setting.names_classes else '')
    if classed:
        text += '\n' + indent(_classes(recipe, classed), '    ')
    return f'{text}\n{indent(_benchmarks(recipe.scale) if data is None else _own_validation(data), "  ")}'


_NAMED_CLASSES = '# for the methods of the grid that need it; plain training does not read it\n'
_NO_WORKERS = '0  # windows cost little to read; with a fast GPU: 4, and persistent_workers: true'


def _training_images(recipe: Recipe) -> str:
    data, method = recipe.setting.data, recipe.method_row
    if method.draws_by_class:
        name = 'DIV2K' if data is None else yaml_text(data.name)
        return f'name: {name}\n{_classes(recipe, method.train_set_options)}'
    images = _published_images(recipe) if data is None else _own_images(recipe, data)
    return f'{images}\ngt_size: {recipe.gt_size}{_gt_size_reason(recipe)}\n'


def _enlarge_ratio(recipe: Recipe) -> str:
    data, by_class = recipe.setting.data, recipe.method_row.draws_by_class
    if data is not None:
        return _enlarged(recipe, data.class_count if by_class else data.count)
    if by_class:
        return '1  # there are far more sub-images than draws: each is a class, then one of its members'
    return recipe.schedule.enlarge_ratio


def _real_images(train_set: str) -> str:
    return f"""\
name: RealSR
type: {train_set}
# copy or link the HR and LR images of its training part here, each pair under one name
dataroot_gt: {REAL_FOLDER}/train_HR
dataroot_lq: {REAL_FOLDER}/train_LR  # as large as the HR images
io_backend:
  type: disk
"""


def _real_tests(key: str) -> str:
    return f"""\
{key}:
  name: RealSR_test
  type: PairedImageDataset
  dataroot_gt: {REAL_FOLDER}/test_HR
  dataroot_lq: {REAL_FOLDER}/test_LR
  io_backend:
    type: disk
"""


def _published_images(recipe: Recipe) -> str:
    if recipe.scale == REAL:
        return _real_images(recipe.method_row.train_set)
    scale, method = recipe.scale, recipe.method_row
    further = f'type: {method.window_set}, io_backend.type: lmdb, no filename_tmpl'
    if not method.is_uniform:
        further = "filename_tmpl: '{}', io_backend.type: lmdb, dataset_enlarge_ratio: 1 (far more windows than images)"
    return f"""\
name: DIV2K
type: {method.train_set}
dataroot_gt: {HR_FOLDER}
dataroot_lq: {lr_folder(scale)}
filename_tmpl: '{{}}x{scale}'  # an LR image is 0001x{scale}.png
io_backend:
  type: disk
# a whole image is decoded for every patch; an LMDB of large windows is read many times faster:
# basicsr subimages ... --crop 480 --step 240 --thresh 0 --encoding bmp --out datasets/DIV2K/sub_480
# dataroot_gt: datasets/DIV2K/sub_480/HR_sub.lmdb
# dataroot_lq: datasets/DIV2K/sub_480/LR_sub_x{scale}.lmdb
# {further}
{method.protocol.data_note}"""


def _own_images(recipe: Recipe, data: OwnData) -> str:
    method = recipe.method_row
    stock = _WITHOUT_PACK if method.is_uniform else ''
    return f"""\
name: {yaml_text(data.name)}
type: {method.window_set}{stock}
# windows of the images, uncompressed: they are read many times faster than whole images
dataroot_gt: {yaml_text(f'{data.uniform}/HR_sub.lmdb')}
dataroot_lq: {yaml_text(f'{data.uniform}/LR_sub_x{recipe.scale}.lmdb')}
io_backend:
  type: lmdb
"""


_WITHOUT_PACK = '  # crops as of whole images; without the pack PairedImageDataset, crops of windows'


def _enlarged(recipe: Recipe, count: int) -> str:
    """Return ``dataset_enlarge_ratio`` with its reason.

    BasicSR drops the last, incomplete batch of an epoch but counts it when it plans the number of epochs. The run is
    not cut short where an epoch has as many iterations as there are epochs.
    """
    total = recipe.schedule.total_iter
    epoch = max(math.ceil(math.sqrt(total)), min(total, _EPOCH))
    ratio = math.ceil(epoch * BATCH_SIZE / count)
    iterations = count * ratio // BATCH_SIZE
    method = recipe.method_row
    kind = 'sub-images' if method.draws_by_class else 'images'
    more = '' if method.is_uniform or method.draws_by_class else '; here, of windows, more'
    return f'{ratio}  # an epoch is {count} {kind} * {ratio} / {BATCH_SIZE} = {iterations} iterations{more}'


_EPOCH = 1000


def _classes(recipe: Recipe, lines: str) -> str:
    """Return the lines of the set of classed sub-images, for where they lie and how many there are."""
    data, scale = recipe.setting.data, recipe.scale
    side = window(scale) if data is None else data.crop
    crop = f'{recipe.gt_size}  # of {side}'
    if recipe.gt_size == side:
        crop = '~  # the whole sub-image, as published' if data is None else '~  # the whole sub-image'
    folder = subimage_folder(scale) if data is None else data.classes
    text = lines.format(sub=folder, scale=scale, crop=crop)
    if data is not None and data.num_classes != NUM_CLASSES.default:
        return with_value(text, 'num_classes', f'{data.num_classes}  # as many as there are sub-images enough for')
    return text


def _own_validation(data: OwnData) -> str:
    return f"""\
val:  # Set5, Set14, ... as val_2, val_3, if you have them: docs/own_images.md
  name: {yaml_text(data.name + '_val')}
  type: PairedImageDataset
  dataroot_gt: {yaml_text(data.val_hr)}
  dataroot_lq: {yaml_text(data.val_lr)}
  io_backend:
    type: disk
"""


def _benchmarks(scale: int) -> str:
    if scale == REAL:
        return _real_tests('val')
    sets = '\n'.join(_benchmark(key, name, scale) for key, name in zip(('val', 'val_2'), BENCHMARKS))
    return f'# benchmarks: optional; docs/own_images.md says where they come from\n{sets}'


_REPEATED = 'without it each epoch repeats the same crops'
_WORKERS_KEPT = f'BasicSR seeds new workers alike: {_REPEATED}'
_SLOW = 'saves starting new workers every epoch'
_WORKERS_ARE_SLOW = f'{_SLOW}; the draws do not depend on it'


def _gt_size_reason(recipe: Recipe) -> str:
    protocol = recipe.method_row.protocol
    full = protocol.gt_size(recipe.scale)
    if recipe.setting.data is not None and recipe.gt_size < protocol.gt_size(
        recipe.scale, recipe.network_row.lr_multiple
    ):
        return f'  # the smallest image has {recipe.setting.data.smallest}; the paper has patches of {full}'
    if recipe.gt_size < full:
        return f'  # the paper has {full}, but LR patches must be multiples of the attention window'
    if protocol.real is not None and recipe.scale == REAL:
        return f'  # {protocol.real.patch_reason}'
    return f'  # {protocol.patch_reason}' if protocol.patch_reason else ''


def _benchmark(key: str, name: str, scale: int) -> str:
    return f"""\
{key}:
  name: {name}
  type: PairedImageDataset
  dataroot_gt: datasets/{name}/GTmod12
  dataroot_lq: datasets/{name}/LRbicx{scale}
  io_backend:
    type: disk
"""


def test_datasets(scale: int) -> str:
    """Return ``datasets`` of a test file; the benchmarks that not everybody keeps are comments."""
    if scale == REAL:
        return 'datasets:\n' + indent(_real_tests('test_1'), '  ')
    number = len(BENCHMARKS)
    active = [_benchmark(f'test_{index}', name, scale) for index, name in enumerate(BENCHMARKS, 1)]
    further: List[str] = [
        _benchmark(f'test_{index}', name, scale) for index, name in enumerate(FURTHER_BENCHMARKS, number + 1)
    ]
    further.append(f"""\
test_{number + len(FURTHER_BENCHMARKS) + 1}:
  name: DIV2K100
  type: PairedImageDataset
  dataroot_gt: datasets/DIV2K/DIV2K_valid_HR
  dataroot_lq: datasets/DIV2K/DIV2K_valid_LR_bicubic/X{scale}
  filename_tmpl: '{{}}x{scale}'
  io_backend:
    type: disk
""")
    commented = indent('\n'.join(further), '# ', predicate=lambda line: bool(line.strip()))
    text = '\n'.join([*active, "# the paper's other sets: uncomment those you have\n" + commented])
    return 'datasets:\n' + indent(text, '  ')


def metrics(recipe: Recipe) -> str:
    """Return ``metrics``: PSNR and SSIM on Y, or on RGB with Y beside it; in tests, what the sigma branch adds."""
    rgb = recipe.method_row.protocol.rgb
    text = f'metrics:  # {recipe.method_row.protocol.measures}, border cropped by the scale\n'
    for suffix, luma in (('', False), ('_y', True)) if rgb else (('', True),):
        for metric in ('psnr', 'ssim'):
            text += _metric(
                metric + suffix, f'calculate_{metric}', recipe.scale, f'  test_y_channel: {str(luma).lower()}\n'
            )
    if rgb:
        text += indent("# as FPL's code measures it: a 7 x 7 uniform window; its tables\n", '  ')
        text += _metric('ssim_skimage', 'calculate_ssim_skimage', recipe.scale, '  test_y_channel: false\n')
    if recipe.is_test and recipe.method_row.sigma:
        text += indent(
            '# quality of sigma (Eq. 11, Table 7); each gets a second row for the constant sigma, once\n'
            '# `basicsr sigma` has measured it\n',
            '  ',
        )
        text += _metric('pll', 'calculate_pll', recipe.scale)
        text += _metric('sigma_psnr', 'calculate_sigma_psnr', recipe.scale)
    return text


def _metric(name: str, kind: str, scale: int, more: str = '') -> str:
    return indent(f'{name}:\n  type: {kind}\n  crop_border: {scale}\n{more}', '  ')
