"""Bench `engine`: a training step of RebalancedSRModel against one of BasicSR's SRModel in fp32, option by option."""

from __future__ import annotations

import contextlib
import logging
from typing import Any, Callable, Dict, Iterator, List, Tuple

EDSR = {
    'type': 'EDSR',
    'num_in_ch': 3,
    'num_out_ch': 3,
    'num_feat': 64,
    'num_block': 16,
    'upscale': 4,
    'res_scale': 1,
    'img_range': 255.0,
    'rgb_mean': [0.4488, 0.4371, 0.4040],
}
RCAN = {
    'type': 'RCAN',
    'num_in_ch': 3,
    'num_out_ch': 3,
    'num_feat': 64,
    'num_group': 10,
    'num_block': 20,
    'squeeze_factor': 16,
    'upscale': 4,
    'res_scale': 1,
    'img_range': 255.0,
    'rgb_mean': [0.4488, 0.4371, 0.4040],
}
FAST = {'amp': 'bf16', 'channels_last': True, 'compile': True}


def bench_engine(quick: bool = False) -> List[Dict[str, Any]]:
    """Return a row for each case: time of ours by time of stock, steps taken in turn, and steps a second.

    On a GPU: EDSR-baseline and RCAN, batch 16 of 192 x 192 HR, where the fast case states how often stock's time it
    fits into (a ratio >= 2.5 is to be reached). On a CPU smaller batches: there it states what the options cost.
    """
    import torch

    import bsr_plugins  # noqa: F401  isort: skip  (mends basicsr's imports)

    on_gpu = torch.cuda.is_available()
    torch.backends.cudnn.benchmark = True
    rows: List[Dict[str, Any]] = []
    for name, network in (('EDSR-baseline', EDSR), ('RCAN', RCAN)) if on_gpu else (('EDSR-baseline', EDSR),):
        batch = (16, 48) if on_gpu else (2, 16 if quick else 24)
        rounds = (10 if quick else 40) if on_gpu else (5 if quick else 15)
        off = _compare(network, {}, batch, rounds)
        rows.append(_row(f'{name}, all off', off, '<= 1.01', inverse=False))
        for options, target in _cases(on_gpu, quick):
            case = f'{name}, ' + ' + '.join(
                key if value is True else f'{key} {value}' for key, value in options.items()
            )
            rows.append(_row(f'{case}, times faster', _compare(network, options, batch, rounds), target, True))
    return rows


def _cases(on_gpu: bool, quick: bool) -> List[Tuple[Dict[str, Any], str]]:
    if on_gpu:
        return [
            ({'amp': 'bf16'}, 'reported'),
            ({'amp': 'bf16', 'channels_last': True}, 'reported'),
            ({'amp': 'fp16', 'channels_last': True}, 'reported'),
            (FAST, '>= 2.5'),
        ]
    cases = [({'channels_last': True}, 'reported'), ({'grad_clip': 1.0}, 'reported'), ({'amp': 'bf16'}, 'reported')]
    return cases[:2] if quick else cases


def _row(case: str, rounds: List[Tuple[float, float]], target: str, inverse: bool) -> Dict[str, Any]:
    ratios = sorted(stock / ours if inverse else ours / stock for stock, ours in rounds)
    return {
        'bench': 'engine',
        'case': case,
        'ratio_min': ratios[0],
        'ratio_median': ratios[len(ratios) // 2],
        'ratio_max': ratios[-1],
        'target': target,
        'stock_ms': 1e3 * min(stock for stock, _ in rounds),
        'ours_ms': 1e3 * min(ours for _, ours in rounds),
    }


def _compare(
    network: Dict[str, Any], options: Dict[str, Any], batch: Tuple[int, int], rounds: int
) -> List[Tuple[float, float]]:
    """Return (stock, ours) seconds of a step for each round; a round is the faster of two steps of each, in turn."""
    import torch
    from basicsr.models.sr_model import SRModel

    from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel

    with _silent():
        stock, ours = SRModel(_options(network, {})), RebalancedSRModel(_options(network, options))
    generator = torch.Generator().manual_seed(0)
    count, size = batch
    data = {
        'lq': torch.rand(count, 3, size, size, generator=generator),
        'gt': torch.rand(count, 3, 4 * size, 4 * size, generator=generator),
    }
    for model in (stock, ours):
        model.feed_data(data)
    steps = [_timed(stock), _timed(ours)]
    for step in steps * 3:
        step()
    measured = []
    for index in range(rounds):
        first, second = steps if index % 2 == 0 else steps[::-1]
        pairs = [(first(), second()) for _ in range(2)]
        fastest = min(one for one, _ in pairs), min(two for _, two in pairs)
        measured.append(fastest if index % 2 == 0 else fastest[::-1])
    return measured


def _timed(model: Any) -> Callable[[], float]:
    from time import perf_counter

    done = [0]

    def step() -> float:
        import torch

        if model.device.type == 'cuda':
            torch.cuda.synchronize()
        start = perf_counter()
        done[0] += 1
        model.optimize_parameters(done[0])
        if model.device.type == 'cuda':
            torch.cuda.synchronize()
        return perf_counter() - start

    return step


def _options(network: Dict[str, Any], train: Dict[str, Any]) -> Dict[str, Any]:
    import torch

    return {
        'is_train': True,
        'dist': False,
        'rank': 0,
        'world_size': 1,
        'num_gpu': int(torch.cuda.is_available()),
        'manual_seed': 0,
        'scale': 4,
        'network_g': dict(network),
        'path': {},
        'datasets': {'train': {'batch_size_per_gpu': 1, 'num_worker_per_gpu': 0}},
        'train': {
            'ema_decay': 0.999,
            'optim_g': {'type': 'Adam', 'lr': 1e-4, 'betas': [0.9, 0.99]},
            'scheduler': {'type': 'MultiStepLR', 'milestones': [10**6], 'gamma': 0.5},
            'total_iter': 10**6,
            'pixel_opt': {'type': 'L1Loss'},
            **train,
        },
    }


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep BasicSR from printing both networks."""
    from basicsr.utils import get_root_logger

    get_root_logger()
    logger = logging.getLogger('basicsr')
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
