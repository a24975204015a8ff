"""An option file as text, in the layout of BasicSR's own files, with the reason of each value that needs one."""
from __future__ import annotations

from textwrap import indent
from typing import List, Sequence

from bsr_plugins.option_templates.protocols import (
    BATCH_SIZE,
    BENCHMARKS,
    FURTHER_BENCHMARKS,
    HR_FOLDER,
    lr_folder,
    patch_size,
    subimage_folder,
    window,
)
from bsr_plugins.option_templates.recipe import Recipe


def render(recipe: Recipe) -> str:
    """Return the text of the option file of ``recipe``; the same recipe, the same bytes."""
    parts = _test_parts(recipe) if recipe.method is None else _train_parts(recipe)
    return '\n'.join(part.strip('\n') + '\n' for part in parts)


def _train_parts(recipe: Recipe) -> Sequence[str]:
    schedule = recipe.method_row.schedule
    return (
        _head(recipe, recipe.method_row.about),
        _general(recipe),
        _train_datasets(recipe),
        _network(recipe),
        """\
# path
path:
  pretrain_network_g: ~
  strict_load_g: true
  resume_state: ~
""",
        '# training settings\ntrain:\n' + indent(_sections(schedule.train, recipe.method_row.train), '  '),
        _train_validation(recipe),
        f"""\
# logging settings
logger:
  print_freq: 100
  save_checkpoint_freq: {schedule.val_freq}
  use_tb_logger: true
  wandb:
    project: ~
    resume_id: ~

# dist training settings
dist_params:  # read by --launcher slurm only; torchrun sets its own
  backend: nccl
  port: 29500
""",
    )


def _test_parts(recipe: Recipe) -> Sequence[str]:
    weights = 'experiments/train_{0}_{1}_x{2}/models/net_g_latest.pth'
    return (
        _head(recipe, 'Benchmarks by the protocol of the paper: PSNR and SSIM on Y, border cropped by the scale'),
        _general(recipe),
        'datasets:\n' + indent(_test_datasets(recipe.scale), '  '),
        _network(recipe),
        f"""\
# path
path:
  pretrain_network_g: {weights.format(recipe.net, 'bspa', recipe.scale)}
  # its twin: {weights.format(recipe.net, 'baseline', recipe.scale)}
  strict_load_g: true
""",
        f"""\
# validation settings
val:
  save_img: true
  suffix: ~  # add suffix to saved images, if None, use exp name

{indent(_metrics(recipe.scale), '  ')}""",
    )


def _head(recipe: Recipe, about: str) -> str:
    file = f'options/{recipe.file_name}'
    lines = [f'# Made by {recipe.command}', f'# {about}.', f'# {recipe.network_row.about}.', '#']
    if recipe.method is None:
        lines += [f'# basicsr test -opt {file}']
    else:
        lines += [f'# basicsr train -opt {file} --auto_resume',
                  f'# 4 GPUs, with batch_size_per_gpu: {BATCH_SIZE // 4}:',
                  f'# torchrun --nproc_per_node 4 -m bsr_plugins train -opt {file} --launcher pytorch']
    if recipe.method == 'bspa':
        lines += ['#', "# Once before, the sub-images and their difficulty (scorer: bicubic; the paper's is a trained "
                  'MSRResNet, see --help):', *_cutting(recipe.scale), *_scoring(recipe.scale)]
    if recipe.method == 'scorer':
        weights = f'--opt {file} --weights experiments/{recipe.name}/models/net_g_latest.pth'
        lines += ['#', "# Then it scores; the weights that BasicSR's model zoo has for this recipe do too:",
                  *_scoring(recipe.scale, weights)]
    return '\n'.join(lines)


def _cutting(scale: int) -> List[str]:
    return [f'# python tools/create_subimage_lmdb.py --scale {scale} --out {subimage_folder(scale)} \\',
            f'#   --hr {HR_FOLDER} --lr {lr_folder(scale)}']


def _scoring(scale: int, *arguments: str) -> List[str]:
    sub = subimage_folder(scale)
    return [f'# python tools/score_difficulty.py --scale {scale} \\',
            *(f'#   {text} \\' for text in arguments),
            f'#   --hr-lmdb {sub}/HR_sub.lmdb --lr-lmdb {sub}/LR_sub_x{scale}.lmdb']


def _general(recipe: Recipe) -> str:
    model_type = recipe.method_row.model_type if recipe.method else None
    gpus = ('auto  # none: the CPU. Several without torchrun multiply the batch: CUDA_VISIBLE_DEVICES=0 takes one'
            if recipe.method else 'auto  # none: the CPU')
    return f"""\
# general settings
name: {recipe.name}
model_type: {model_type or recipe.network_row.model_type}
scale: {recipe.scale}
num_gpu: {gpus}
manual_seed: 0
"""


def _train_datasets(recipe: Recipe) -> str:
    scale, method = recipe.scale, recipe.method_row
    text = f"""\
# dataset and data loader settings
datasets:
  train:
    name: DIV2K
    type: PairedImageDataset
    dataroot_gt: {HR_FOLDER}
    dataroot_lq: {lr_folder(scale)}
    filename_tmpl: '{{}}x{scale}'  # an LR image is 0001x{scale}.png
    io_backend:
      type: disk
    # whole images are decoded for each patch; from an LMDB of large windows they are read many times faster:
    # tools/create_subimage_lmdb.py ... --crop 480 --step 240 --encoding bmp --out datasets/DIV2K/sub_480
    # dataroot_gt: datasets/DIV2K/sub_480/HR_sub.lmdb
    # dataroot_lq: datasets/DIV2K/sub_480/LR_sub_x{scale}.lmdb
    # filename_tmpl: '{{}}', io_backend.type: lmdb; dataset_enlarge_ratio: 1, there are far more windows than images

    gt_size: {_gt_size(recipe)}{_gt_size_reason(recipe)}
    use_hflip: true
    use_rot: true

    # data loader
    num_worker_per_gpu: 6
    batch_size_per_gpu: {BATCH_SIZE}
    dataset_enlarge_ratio: {method.schedule.enlarge_ratio}
    persistent_workers: true  # BasicSR seeds new workers alike: without this each epoch repeats the same crops
    prefetch_mode: ~
"""
    if method.dataset:
        whole = _gt_size(recipe) == window(scale)
        crop = '~  # the whole sub-image, as published' if whole else f'{_gt_size(recipe)}  # of {window(scale)}'
        text += '\n' + indent(method.dataset.format(sub=subimage_folder(scale), scale=scale, crop=crop), '    ')
    return text + '\n' + '\n'.join(indent(_benchmark(key, name, scale), '  ')
                                   for key, name in zip(('val', 'val_2'), BENCHMARKS))


def _gt_size(recipe: Recipe) -> int:
    if recipe.method_row.lr_patch is not None:
        return recipe.scale * recipe.method_row.lr_patch
    return patch_size(recipe.scale, recipe.network_row.lr_multiple)


def _gt_size_reason(recipe: Recipe) -> str:
    if recipe.method_row.lr_patch is not None:
        return ''
    if _gt_size(recipe) == window(recipe.scale):
        return '  # HR patches of the paper'
    return f'  # the paper has {window(recipe.scale)}; LR patches have to be multiples of the attention windows'


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


def _test_datasets(scale: int) -> str:
    number = len(BENCHMARKS)
    active = [_benchmark(f'test_{index}', name, scale) for index, name in enumerate(BENCHMARKS, 1)]
    further: List[str] = [_benchmark(f'test_{index}', name, scale)
                          for index, name in enumerate(FURTHER_BENCHMARKS, number + 1)]
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
    return '\n'.join([*active, "# the paper's other sets, to be opened where they are there\n" + commented])


def _network(recipe: Recipe) -> str:
    lr_size = _gt_size(recipe) // recipe.scale
    lines = recipe.network_row.options.format(scale=recipe.scale, lr_size=lr_size)
    return f'# network structures\nnetwork_g:\n  type: {recipe.net}\n' + indent(lines, '  ')


def _train_validation(recipe: Recipe) -> str:
    return f"""\
# validation settings
val:
  val_freq: {recipe.method_row.schedule.val_freq}
  save_img: false
  # save_best: psnr  # keeps net_g_best.pth too; the stock models have no such thing, and twins are compared alike

{indent(_metrics(recipe.scale), '  ')}"""


def _metrics(scale: int) -> str:
    return f"""\
metrics:  # the protocol of the papers: Y, border cropped by the scale
  psnr:
    type: calculate_psnr
    crop_border: {scale}
    test_y_channel: true
  ssim:
    type: calculate_ssim
    crop_border: {scale}
    test_y_channel: true
"""


def _sections(*texts: str) -> str:
    return '\n'.join(text for text in texts if text)
