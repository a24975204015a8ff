"""Exceptions of BasicSR, torch and the system that a user's options cause: what each means, and what to change."""

from __future__ import annotations

import re
import traceback
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import BsrPluginsError, DataError, DependencyError, OptionError

_NO_CUDA = (
    'Found no NVIDIA driver|Torch not compiled with CUDA|driver version is insufficient|No CUDA GPUs|'
    'CUDA error: invalid device ordinal'
)
_BUILDERS = {'build_network', 'build_loss', 'build_dataset', 'get_optimizer', 'setup_schedulers', 'calculate_metric'}


class _Fault(NamedTuple):
    """A fault by its type and text, and a function that has to stand in its traceback."""

    text: str
    function: str
    problem: str
    where: Optional[str]
    remedy: str


_TABLE: Tuple[_Fault, ...] = (
    _Fault(
        'AssertionError: should turn on tensorboard',
        '',
        'wandb takes what TensorBoard is given, and that is off',
        'logger.use_tb_logger',
        'use_tb_logger: true, or wandb: ~',
    ),
    _Fault(
        "ModuleNotFoundError: No module named '(wandb)'",
        '',
        'The package wandb, which logger.wandb asks for, is not installed',
        'logger.wandb',
        'pip install wandb, or wandb: ~',
    ),
    _Fault(
        "ModuleNotFoundError: No module named 'tensorboard'",
        '',
        'The package tensorboard, which logger.use_tb_logger asks for, is not installed',
        'logger.use_tb_logger',
        'pip install tensorboard, or use_tb_logger: false',
    ),
    _Fault(
        _NO_CUDA,
        'CUDAPrefetcher',
        'prefetch_mode: cuda needs a GPU, and torch finds none',
        'datasets.train.prefetch_mode',
        'prefetch_mode: cpu',
    ),
    _Fault(
        _NO_CUDA,
        '',
        'The run asks for more GPUs than torch finds',
        'num_gpu',
        f'num_gpu: 0 runs on the CPU; {command("doctor")} says what torch finds',
    ),
    _Fault(
        'persistent_workers option needs num_workers > 0',
        '',
        'There are no workers to persist',
        'datasets.train.persistent_workers',
        'persistent_workers: false, or num_worker_per_gpu: 1 or more',
    ),
    _Fault(
        'Please set pin_memory=True',
        '',
        'prefetch_mode: cuda copies from page-locked memory',
        'datasets.train.pin_memory',
        'pin_memory: true',
    ),
    _Fault(
        'environment variable (RANK|WORLD_SIZE|MASTER_ADDR|MASTER_PORT) expected',
        '',
        '--launcher pytorch runs in the processes that torchrun starts, and this one it has not started',
        None,
        'leave out --launcher; on N GPUs: torchrun --nproc_per_node=N -m bsr_plugins train -opt X.yml '
        '--launcher pytorch',
    ),
    _Fault(
        "KeyError: 'SLURM_",
        '',
        '--launcher slurm runs in the processes that srun starts, and this one it has not started',
        None,
        'leave out --launcher, or start it by srun',
    ),
    _Fault(
        'periods and restart_weights should have the same length',
        '',
        'periods and restart_weights of the schedule have different lengths',
        'train.scheduler.restart_weights',
        'a weight for each period; [1] alone for a single one',
    ),
    _Fault(
        'restarts and their weights do not match',
        '',
        'restarts and restart_weights of the schedule have different lengths',
        'train.scheduler.restart_weights',
        'a weight for each restart',
    ),
    _Fault(
        r'to have (\d+) channels, but got (\d+) channels',
        '',
        r'The network takes images of \1 channels and was given \2',
        'network_g',
        r'give network_g \2 input and output channels (num_in_ch, in_chans), or its data sets another color: y has '
        'one channel, ~ has three',
    ),
    _Fault(
        "shape '.*' is invalid for input of size",
        'window_partition',
        'The network takes whole windows, and an image has others',
        'network_g.window_size',
        'in training gt_size / scale has to be a multiple of window_size; in validations and tests SwinIRModel and '
        'RebalancedSRModel pad images',
    ),
    _Fault(
        r'Image shapes are different: (\(.*?\)), (\(.*?\))\.',
        '',
        r'The output of the network has the shape \1, the HR image \2',
        'network_g.upscale',
        'give network_g the scale of the file, and the data sets LR images of that scale',
    ),
    _Fault(
        'Both pixel and perceptual losses are None',
        '',
        'There is no loss to train with',
        'train.pixel_opt',
        'pixel_opt: {type: L1Loss, loss_weight: 1.0, reduction: mean}',
    ),
    _Fault(
        'TypeError: expected str, bytes or os.PathLike object',
        'make_exp_dirs',
        'BasicSR makes a folder of each value in path but those of weights and states, and one of them is no name',
        'path',
        'remove what no code reads',
    ),
    _Fault(
        'ValueError: (Invalid .*)',
        'get_optimizer',
        r'The optimizer refuses its options: \1',
        'train.optim_g',
        'correct the value',
    ),
)


def explained(error: BaseException) -> Optional[BsrPluginsError]:
    """Return the pack's error for a fault that has a meaning for the user; None where it is none that is known.

    A fault in a data-loading worker, whose text is its traceback, is found too.
    """
    frames = list(traceback.walk_tb(error.__traceback__))
    text = f'{type(error).__name__}: {error}'
    functions = {frame.f_code.co_name for frame, _ in frames}
    functions |= {type(frame.f_locals.get('self')).__name__ for frame, _ in frames}
    for fault in _TABLE:
        found = re.search(fault.text, text)
        if found and (not fault.function or fault.function in functions):
            remedy, kind = fault.remedy, DependencyError if 'pip install' in fault.remedy else OptionError
            return kind(found.expand(fault.problem), where=fault.where, remedy=found.expand(remedy))
    for explain in _FURTHER:
        told = explain(error, [frame for frame, _ in frames])
        if told is not None:
            return told
    return None


def _missing_option(error: BaseException, frames: List[Any]) -> Optional[BsrPluginsError]:
    """``opt['key']`` of options that have no such key, where the look-up itself is the last line of the traceback."""
    if not isinstance(error, KeyError):
        return None
    lines = [line.line or '' for line in traceback.extract_tb(error.__traceback__)[-1:]] + str(error).splitlines()
    key = re.findall(r"KeyError: '(\w+)'", f'KeyError: {error}')
    looked_up = key and re.compile(rf"\w*opt\w*((?:\[['\"]\w+['\"]\])*)\[['\"]{key[-1]}['\"]\]")
    found = next((match for line in lines for match in [looked_up and looked_up.search(line)] if match), None)
    if not found:
        return None
    section = '.'.join([*re.findall(r'\w+', found.group(1)), key[-1]])
    return OptionError(
        f"The option '{section}' is missing",
        expected=f'{key[-1]}: a value',
        found=f'read by {frames[-1].f_code.co_filename}' if found.string is lines[0] else 'read by a data set',
        remedy=f'{key[-1]}: ~ where it is to have no effect' if key[-1] in ('suffix',) else None,
    )


def _other_size(error: BaseException, frames: List[Any]) -> Optional[BsrPluginsError]:
    """A loss that is given an output and an HR crop of different sizes."""
    for frame in frames if isinstance(error, (RuntimeError, ValueError)) else ():
        shapes = [tuple(getattr(frame.f_locals.get(name), 'shape', ())) for name in ('pred', 'target')]
        if all(shapes) and shapes[0] != shapes[1]:
            return OptionError(
                "The network's output and the HR crops have different sizes",
                where='network_g.upscale',
                expected=f'an output of {" x ".join(map(str, shapes[1]))}',
                found=f'{" x ".join(map(str, shapes[0]))}',
                remedy='give network_g the scale of the file',
            )
    return None


def _no_crop(error: BaseException, frames: List[Any]) -> Optional[BsrPluginsError]:
    """``gt_size: ~`` where crops are cut."""
    if isinstance(error, TypeError) and 'gt_patch_size // scale' in str(error) + _last_line(error):
        return OptionError(
            'Crops are cut in training, and gt_size has no value',
            where='datasets.train.gt_size',
            expected='a whole number, a multiple of scale',
            remedy='gt_size: 96, for one, and not above the smallest side of the HR images',
        )
    return None


def _wrong_options(error: BaseException, frames: List[Any]) -> Optional[BsrPluginsError]:
    """A constructor that is called with an option too many, or too few."""
    named = re.search(r'(\w+)(?:\.__init__)?\(\) (got an unexpected keyword|missing \d+ required)', str(error))
    if not isinstance(error, TypeError) or not named or frames[-1].f_code.co_name not in _BUILDERS:
        return None
    return OptionError(f'{named.group(1)} does not take the options that it is given', found=error)


def _download(error: BaseException, frames: List[Any]) -> Optional[BsrPluginsError]:
    places = [frame.f_locals for frame in frames if frame.f_code.co_name == 'download_url_to_file']
    if not places or not isinstance(error, OSError):
        return None
    url, target = places[0].get('url'), places[0].get('dst')
    return DataError(
        f'Weights cannot be downloaded: {url}',
        found=error,
        remedy=f'download them where there is a network, and save them as {target}',
    )


def _last_line(error: BaseException) -> str:
    return (traceback.extract_tb(error.__traceback__)[-1].line or '') if error.__traceback__ else ''


_FURTHER: Tuple[Callable[[BaseException, List[Any]], Optional[BsrPluginsError]], ...] = (
    _missing_option,
    _other_size,
    _no_crop,
    _wrong_options,
    _download,
)
