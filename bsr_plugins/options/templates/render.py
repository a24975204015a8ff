"""An option file as text, in the layout of BasicSR's own files, with the reason of each value that needs one."""

from __future__ import annotations

import textwrap
from pathlib import Path
from textwrap import indent
from typing import Sequence

from bsr_plugins.models.overlapping_windows import WINDOWS
from bsr_plugins.options.templates.networks import MEAN, RESIDUAL_MEAN
from bsr_plugins.options.templates.option_lines import option_lines, with_value
from bsr_plugins.options.templates.protocols import BATCH_SIZE
from bsr_plugins.options.templates.recipe import Recipe
from bsr_plugins.options.templates.render_data import (
    cutting_command,
    metrics,
    scoring_command,
    test_datasets,
    train_datasets,
)
from bsr_plugins.options.templates.schedule import fitted_stages
from bsr_plugins.options.templates.setting import shell_word, yaml_text


def render(recipe: Recipe) -> str:
    """Return the text of the option file of ``recipe``; the same recipe, the same bytes."""
    parts = _test_parts(recipe) if recipe.is_test else _train_parts(recipe)
    return '\n'.join(part.strip('\n') + '\n' for part in parts if part)


def _train_parts(recipe: Recipe) -> Sequence[str]:
    method = recipe.method_row
    schedule = recipe.schedule
    return (
        _head(recipe, method.about),
        _general(recipe),
        train_datasets(recipe),
        _network(recipe),
        _sigma(recipe),
        '# path\npath:\n' + indent(_first_weights(recipe) + 'strict_load_g: true\nresume_state: ~\n', '  '),
        '# training settings\ntrain:\n'
        + indent(_sections(schedule.train, method.loss and '# losses\n' + method.loss, _method_lines(recipe)), '  '),
        f"""\
# validation settings
val:
  val_freq: {schedule.val_freq}
  save_img: false
  # save_best: psnr  # also keeps net_g_best.pth; off, so that twins are compared alike (stock models cannot do it)
{_windows(recipe)}
{indent(metrics(recipe), '  ')}""",
        f"""\
# logging settings
logger:
  print_freq: {min(100, schedule.val_freq)}
  save_checkpoint_freq: {schedule.val_freq}
  use_tb_logger: true
  wandb:
    project: ~
    resume_id: ~

# dist training settings
dist_params:  # read only by --launcher slurm; torchrun sets its own
  backend: nccl
  port: 29500
""",
    )


def _first_weights(recipe: Recipe) -> str:
    first, lines = recipe.first, recipe.method_row.path
    plain = '' if 'pretrain_network_g:' in lines else 'pretrain_network_g: ~\n'
    return plain if first is None else plain + lines.format(first=f'experiments/{first.name}')


def _method_lines(recipe: Recipe) -> str:
    """Return what the method puts under ``train``, BSPA's stages fitted to the length that was asked for."""
    iterations = recipe.setting.iterations
    text = recipe.method_row.train_lines(recipe.network_row.arch, recipe.scale)
    if iterations is None or not recipe.method_row.dataset:
        return text
    for key, value in fitted_stages(iterations).items():
        text = with_value(text, key, f'{value}  # fitted to {iterations} iterations')
    return text


def _test_parts(recipe: Recipe) -> Sequence[str]:
    channels = 'RGB and on Y' if recipe.method_row.protocol.rgb else 'Y'
    return (
        _head(
            recipe, f'Benchmarks by the protocol of the paper: PSNR and SSIM on {channels}, border cropped by the scale'
        ),
        _general(recipe),
        test_datasets(recipe.scale),
        _network(recipe),
        _sigma(recipe) if recipe.method_row.has_maps else '',
        _test_path(recipe),
        f"""\
# validation settings
val:
  save_img: true
  suffix: ~  # appended to the names of saved images; ~: the name of the experiment
{_SIGMA_MAPS if recipe.method_row.has_maps else ''}{_windows(recipe)}
{indent(metrics(recipe), '  ')}""",
    )


def _windows(recipe: Recipe) -> str:
    """Return ``windows`` where the paper tests the network in overlapping windows, with a line break before it."""
    if not recipe.tests_in_windows:
        return ''
    return '  windows:  # overlaps are averaged; without it: the whole image at once\n' + indent(
        option_lines(WINDOWS, 'size step batch'), '    '
    )


_SIGMA_MAPS = '  sigma: true  # sigma maps for the metrics, and saved beside the images (white: 0.1 or more)\n'


def _test_path(recipe: Recipe) -> str:
    weights = 'experiments/{}/models/net_{}_latest.pth'
    name, twin = recipe.training.name, recipe.twin
    text = f'# path\npath:\n  pretrain_network_g: {weights.format(name, "g")}\n'
    if twin is not None and twin.learns_residual == recipe.learns_residual:
        text += f'  # its twin: {weights.format(twin.name, "g")}\n'
    text += '  strict_load_g: true\n'
    if recipe.method_row.has_maps:
        text += f'  pretrain_network_sigma: {weights.format(name, "sigma")}\n'
    return text


def _head(recipe: Recipe, about: str) -> str:
    file, method = recipe.file, recipe.method_row
    lines = [f'# Made by {recipe.command}', f'# {about}.', f'# {recipe.network_row.about}.']
    is_named = recipe.setting.name is not None
    if recipe.is_test:
        if is_named:
            lines += [f'# It tests {recipe.training.name}: write the name of another training into its path.']
        return '\n'.join([*lines, '#', f'# basicsr test -opt {file}'])
    first_is_twin = recipe.first is not None and recipe.first == recipe.twin
    if recipe.twin is not None and recipe.setting.made_by is None and not first_is_twin:
        twin = recipe.twin
        beside = Path(recipe.setting.file or f'options/{recipe.file_name}').parent / twin.file_name
        by = f'the same command with --method {twin.method}'
        its_file = f'{by} and another --out' if is_named else f'{shell_word(beside.as_posix())}, by {by}'
        lines += [f'# Its twin: {its_file}.']
    if recipe.first is not None:
        first = recipe.first
        beside = Path(recipe.setting.file or f'options/{recipe.file_name}').parent / first.file_name
        file_of_first = shell_word(beside.as_posix())
        out = f' --out {file_of_first}' if is_named else ''
        what = file_of_first
        if first_is_twin:
            what = 'its twin' if is_named else f'its twin, {file_of_first}'
        lines += [f'# First train {what}, by the same command with --method {first.method}{out}.']
    lines += [
        '#',
        f'# basicsr train -opt {file} --auto_resume',
        f'# 4 GPUs, with batch_size_per_gpu: {BATCH_SIZE // 4}:',
        f'# torchrun --nproc_per_node 4 -m bsr_plugins train -opt {file} --launcher pytorch',
    ]
    if recipe.setting.data is not None:
        return '\n'.join([*lines, '#', *(f'# {line}' for line in textwrap.wrap(recipe.setting.data.source, 116))])
    if method.needs_classes:
        lines += [
            '#',
            '# First make the sub-images and score their difficulty (here by bicubic; the paper has a trained '
            'MSRResNet, see --help):',
            *cutting_command(recipe.scale),
            *scoring_command(recipe.scale),
        ]
    if recipe.method == 'scorer':
        weights = f'--opt {file} --weights experiments/{recipe.name}/models/net_g_latest.pth'
        lines += [
            '#',
            "# Then score the sub-images by it; the weights for this recipe in BasicSR's model zoo will do, too:",
            *scoring_command(recipe.scale, weights),
        ]
    return '\n'.join(lines)


def _general(recipe: Recipe) -> str:
    gpus = (
        'auto  # all GPUs; the CPU where there is none'
        if recipe.is_test
        else 'auto  # all, or the CPU. Several GPUs without torchrun multiply the batch; CUDA_VISIBLE_DEVICES=0: one'
    )
    return f"""\
# general settings
name: {yaml_text(recipe.name)}
model_type: {recipe.model_type}
scale: {recipe.scale}
num_gpu: {gpus}
manual_seed: 0
"""


def _network(recipe: Recipe) -> str:
    residual, row = recipe.learns_residual, recipe.network_row
    lines = row.options.format(
        scale=recipe.scale, lr_size=recipe.gt_size // recipe.scale, mean=RESIDUAL_MEAN if residual else MEAN
    )
    text = f'type: {row.arch}\n' + lines
    if residual:
        text = f"""\
type: BicubicResidual
upscale: {recipe.scale}
bicubic: torch  # a = -0.75, as in FPL's code; matlab: a = -0.5, the kernel that made the LR images
base:
""" + indent(text, '  ')
    elif recipe.method_row.residual:
        text = text.replace('\n', f'  # no BicubicResidual: this network adds a {row.adds_image} image itself\n', 1)
    return '# network structures\nnetwork_g:\n' + indent(text, '  ')


def _sigma(recipe: Recipe) -> str:
    return recipe.method_row.sigma.format(scale=recipe.scale)


def _sections(*texts: str) -> str:
    return '\n'.join(text for text in texts if text)
