"""Trains fork checkouts for 6 iterations by their own scripts, with parts of the pack named in the option file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence

import yaml

from bsr_plugins.host.linking.forks import find_fork
from bsr_plugins.host.mends.cpu_device import CPU_VARIABLE
from known_forks import Known, known_fork

Options = Dict[str, Any]
Files = Dict[str, bytes]

WAYS = ('train', 'link', 'torchrun')
ITERATIONS = 6
OK, REFUSED, FAILED = 'ok', 'refused', 'failed'

MODEL, DATASET, LOSS = 'RebalancedSRModel', 'InverseSampledLMDBDataset', 'FocalPixelLoss'
_CREATED = (
    re.compile(r'Model \[Rebalanced\w*\] is created'),
    re.compile(rf'Dataset \[?{DATASET}\b.* is (?:created|built)'),
)
_RAISED = re.compile(r'^(?:\[rank\d\]: *)?((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Exit)\b.*)', re.M)
_OURS = re.compile(r'^basicsr \w+: error: (.*)', re.M)
_FOUND = re.compile(r'^(?:\S+: )?error: (.*)', re.M | re.I)
# What the other processes say when one has failed.
_OTHER_PROCESS = ('ChildFailedError', 'gloo/transport')
_LEFT_OUT = shutil.ignore_patterns(
    '.git', '__pycache__', 'experiments', 'results', 'tb_logger', 'logs', '*.png', '*.jpg', '*.gif', '*.pdf'
)


class Outcome(NamedTuple):
    """What became of one fork run one way."""

    fork: str
    way: str
    state: str
    why: str = ''
    seconds: float = 0.0


def make_data(images: Path, out: Path, scale: int, count: int = 6) -> Path:
    """Make HR and LR folders, sub-image LMDBs and a difficulty file from the first ``count`` images; return ``out``.

    ``images`` holds HR and LRbicX4; at scale 1 the LR images are blurred HR images.
    """
    import cv2

    from bsr_plugins.data.difficulty.scorers import bicubic_scorer
    from bsr_plugins.data.difficulty.scoring import score_difficulty
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs

    for part in ('HR', 'LR'):
        (out / part).mkdir(parents=True)
    for path in sorted((images / 'HR').glob('t91_*.png'))[:count]:
        shutil.copy(path, out / 'HR' / path.name)
        if scale == 1:
            cv2.imwrite(str(out / 'LR' / path.name), cv2.GaussianBlur(cv2.imread(str(path)), (5, 5), 1.5))
        else:
            shutil.copy(images / f'LRbicX{scale}' / path.name, out / 'LR' / path.name)
    create_subimage_lmdbs(hr=out / 'HR', lr=out / 'LR', scale=scale, out=out)
    score_difficulty(out / 'HR_sub.lmdb', out / f'LR_sub_x{scale}.lmdb', scale, bicubic_scorer(scale))
    return out


def options_for(known: Known, data: Path, way: str) -> Options:
    """Return the options of a run of 6 iterations with the pack's data set, loss and model, and the fork's network.

    Under torchrun with a worker: BasicSR then spawns it.
    """
    scale = known.scale
    options: Options = {
        'name': f'matrix_{way}',
        'model_type': MODEL,
        'scale': scale,
        'num_gpu': 0,
        'manual_seed': 0,
        'datasets': {
            'train': {
                'name': 'train',
                'type': DATASET,
                'dataroot_gt': str(data / 'HR_sub.lmdb'),
                'dataroot_lq': str(data / f'LR_sub_x{scale}.lmdb'),
                'io_backend': {'type': 'lmdb'},
                'num_classes': 3,
                'imbalance_factor': 3,
                'gt_size': 48,
                'num_worker_per_gpu': int(way == 'torchrun'),
                'batch_size_per_gpu': 2,
                'dataset_enlarge_ratio': 1,
                'prefetch_mode': None,
                **known.dataset,
            },
        },
        'network_g': dict(known.network),
        'path': {'pretrain_network_g': None, 'strict_load_g': True, 'resume_state': None},
        'train': {
            'ema_decay': 0.9,
            'optim_g': {'type': 'Adam', 'lr': 1e-4, 'weight_decay': 0, 'betas': [0.9, 0.99]},
            'scheduler': {'type': 'MultiStepLR', 'milestones': [4], 'gamma': 0.5},
            'total_iter': ITERATIONS,
            'warmup_iter': -1,
            'pixel_opt': {'type': LOSS},
            **known.train,
        },
        'logger': {'print_freq': 1, 'save_checkpoint_freq': 3, 'use_tb_logger': False, 'wandb': None},
        'dist_params': {'backend': 'nccl', 'port': 29500},
        **known.more,
    }
    if known.base_model:
        options['base_model_type'] = known.base_model
    if known.validates:
        options['datasets']['val'] = {
            'name': 'val',
            'type': known.val_dataset,
            'dataroot_gt': str(data / 'HR'),
            'dataroot_lq': str(data / 'LR'),
            'io_backend': {'type': 'disk'},
        }
        options['val'] = {
            'val_freq': ITERATIONS,
            'save_img': False,
            'metrics': {'psnr': {'type': 'calculate_psnr', 'crop_border': 4, 'test_y_channel': False}},
            **known.val,
        }
    return options


def run_fork(
    checkout: Path,
    way: str,
    options: Options,
    folder: Path,
    python: Sequence[str] = (sys.executable,),
    environment: Optional[Mapping[str, str]] = None,
    timeout: float = 300.0,
) -> Outcome:
    """Copy ``checkout`` into ``folder``, train in the copy, and tell what became of it; the output stays in ``folder``.

    Args:
        checkout: The checkout, left as it is.
        way: ``train`` (``basicsr train``), ``link`` (``basicsr link``, the fork's script, ``basicsr unlink``) or
            ``torchrun`` (``basicsr train`` in two processes).
        options: Content of the option file.
        folder: Where the copy goes; emptied first.
        python: The command of the interpreter.
        environment: Variables in place of this process's.
        timeout: Seconds after which the run counts as failed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    root = folder / checkout.name
    shutil.copytree(checkout, root, ignore=_LEFT_OUT)
    if way == 'link' and shutil.which('git'):
        subprocess.run(['git', 'init', '-q', str(root)], check=True)
    before = _files(root)
    (root / 'matrix.yml').write_text(yaml.safe_dump(options, sort_keys=False))
    environment = {**(os.environ if environment is None else environment), 'OMP_NUM_THREADS': '1', CPU_VARIABLE: '1'}
    start = time.monotonic()

    def shell(*arguments: str, paths: Sequence[str] = ()) -> subprocess.CompletedProcess:
        path = os.pathsep.join(filter(None, [*paths, environment.get('PYTHONPATH', '')]))
        done = subprocess.run(
            [*python, *arguments],
            cwd=root,
            env={**environment, 'PYTHONPATH': path},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
        )
        with (folder / 'output.txt').open('a') as file:
            file.write(f'$ {" ".join(arguments)}\n{done.stdout}\n')
        return done

    def outcome(state: str, why: str = '') -> Outcome:
        return Outcome(checkout.name, way, state, why, time.monotonic() - start)

    try:
        if way == 'link':
            linked = shell('-m', 'bsr_plugins', 'link', str(root))
            if linked.returncode:
                return outcome(REFUSED if linked.returncode == 2 else FAILED, reason(linked.stdout))
            script = find_fork(root).script
            done = shell(str(script.relative_to(root)), _spelling_of_opt(root, script), 'matrix.yml', paths=['.'])
        else:
            launcher = ['-m', 'torch.distributed.run', '--nproc_per_node=2', '--master_port=29517']
            command = ['-m', 'bsr_plugins', 'train', '-opt', 'matrix.yml']
            done = shell(*launcher, *command, '--launcher', 'pytorch') if way == 'torchrun' else shell(*command)
    except subprocess.TimeoutExpired:
        return outcome(FAILED, f'not through after {timeout:.0f} s')
    text = done.stdout + ''.join(path.read_text(errors='replace') for path in root.glob('experiments/*/*.log'))
    why = missing_evidence(text, root, options) if done.returncode == 0 else reason(done.stdout)
    if not why and way == 'link':
        shell('-m', 'bsr_plugins', 'unlink', str(root))
        why = _left_behind(before, _files(root))
    return outcome(FAILED if why else OK, why)


def missing_evidence(text: str, root: Path, options: Options) -> str:
    """Return what a run that ended without an error did not do; '' where it did all."""
    for pattern in _CREATED:
        if not pattern.search(text):
            return f'the log does not say: {pattern.pattern}'
    if 'End of training' not in text:
        return 'the log does not say: End of training'
    if not re.search(rf'iter: *{ITERATIONS}\b.*l_pix: [\d.]+e[+-]\d+', text):
        return f'no loss of iteration {ITERATIONS} in the log'
    if 'val' in options and not re.search(r'psnr: *-?\d', text):
        return 'no PSNR of a validation in the log'
    saved = [path.name for path in root.glob('experiments/*/models/net_g_*.pth')]
    return '' if f'net_g_{ITERATIONS}.pth' in saved else f'net_g_{ITERATIONS}.pth is not among {saved}'


def reason(output: str) -> str:
    """Return the error that ended a run, in one line."""
    for pattern in (_OURS, _RAISED, _FOUND):
        found = [line for line in pattern.findall(output) if not any(word in line for word in _OTHER_PROCESS)]
        if found:
            return found[-1].strip()[:200]
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else 'no output'


def as_text(outcomes: Iterable[Outcome]) -> str:
    """Return the matrix for a terminal."""
    rows = [(each.fork, each.way, each.state, f'{each.seconds:.0f} s', each.why) for each in outcomes]
    widths = [max(map(len, column)) for column in list(zip(*rows))[:4]] if rows else []
    return '\n'.join(
        '  '.join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[4]]).rstrip() for row in rows
    )


def as_markdown(outcomes: Sequence[Outcome], notes: Mapping[str, str]) -> str:
    """Return the matrix as a table: a row a fork, a column a way. ``notes``: fork -> its commit."""
    ways = [way for way in WAYS if any(each.way == way for each in outcomes)]
    lines = [' | '.join(['| fork', 'commit', *ways]) + ' |', '|---' * (len(ways) + 2) + '|']
    for fork in dict.fromkeys(each.fork for each in outcomes):
        cells = {each.way: each.state + (f': {each.why}' if each.why else '') for each in outcomes if each.fork == fork}
        row = [fork, notes.get(fork, ''), *(cells.get(way, '').replace('|', '\\|') for way in ways)]
        lines.append('| ' + ' | '.join(row) + ' |')
    return '\n'.join(lines)


def run_matrix(
    checkouts: Iterable[Path],
    ways: Sequence[str],
    images: Path,
    folder: Path,
    python: Sequence[str] = (sys.executable,),
) -> List[Outcome]:
    """Run every checkout every way, print each outcome as it is known, and return them."""
    data: Dict[int, Path] = {}
    outcomes: List[Outcome] = []
    for checkout in checkouts:
        known = known_fork(checkout)
        if known.scale not in data:
            shutil.rmtree(folder / f'data_x{known.scale}', ignore_errors=True)
            data[known.scale] = make_data(images, folder / f'data_x{known.scale}', known.scale)
        for way in ways:
            options = options_for(known, data[known.scale], way)
            outcomes.append(run_fork(checkout.resolve(), way, options, folder / f'{checkout.name}_{way}', python))
            print(as_text(outcomes[-1:]), flush=True)
    return outcomes


def _spelling_of_opt(root: Path, script: Path) -> str:
    from bsr_plugins.host.scripts.fork_scripts import known_arguments, respelled

    package = root / 'basicsr'
    return respelled(['-opt'], known_arguments(script, package if package.is_dir() else None))[0]


def _files(root: Path) -> Files:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob('*'))
        if path.is_file() and '__pycache__' not in path.parts
    }


def _left_behind(before: Files, after: Files) -> str:
    """Return what `basicsr unlink` left that was not there before; what the run itself writes apart."""
    written = ('experiments/', 'results/', 'tb_logger/', 'logs/', 'matrix.yml')
    changed = [name for name in before if after.get(name) != before[name]]
    new = [name for name in after if name not in before and not name.startswith(written)]
    return f'changed: {changed}, left: {new}' if changed or new else ''
