"""Training steps of FSRCNN on balanced batches against stock's random crops: how long they wait for data."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Tuple

import numpy as np
from benches.training_sets import SCALE, STOCK, WORKERS, TimedLoader, make_sets, row, train_options, workplace

KIND = 'RFSBalancedBatchDataset'
GT_SIZE = 128


def bench_rfs_train(quick: bool) -> List[Dict[str, Any]]:
    """Wait for data, and the whole iteration, of balanced batches over stock; both loaders have two workers."""
    steps, rounds = (5, 1) if quick else (60, 5)
    rows = []
    with workplace() as root:
        sets = make_sets(root, quick)
        for case in [case for case in sets if case.startswith('LMDB')]:
            needed = (rounds + 1) * (steps + 2 * WORKERS)
            loaders = {name: TimedLoader(train_options(sets[case], name, GT_SIZE), needed) for name in (STOCK, KIND)}
            model = _model()
            measured: Dict[str, List[Tuple[float, float]]] = {name: [] for name in loaders}
            for number in range(rounds):
                for name in list(loaders)[:: 1 if number % 2 else -1]:
                    measured[name].append(_train(model, loaders[name], steps))
            stock, ours = np.array(measured[STOCK]), np.array(measured[KIND])
            for column, (what, target) in enumerate((('wait for data', '<= 1'), ('iteration', '<= 1'))):
                rows.append(
                    row(
                        'rfs_train',
                        f'FSRCNN x{SCALE}, {case}, {WORKERS} workers, {what}',
                        (ours[:, column] / stock[:, column]).tolist(),
                        target,
                        stock_ms=1e3 * float(np.median(stock[:, column])),
                        ours_ms=1e3 * float(np.median(ours[:, column])),
                    )
                )
    return rows


def _train(model: Any, loader: TimedLoader, steps: int) -> Tuple[float, float]:
    """Return the seconds of an iteration that are spent waiting for data, and those of all of it."""
    import torch

    loader.drain()
    waited, start = 0.0, time.perf_counter()
    for step in range(1, steps + 1):
        before = time.perf_counter()
        batch = loader.next()
        waited += time.perf_counter() - before
        model.feed_data(batch)
        model.optimize_parameters(step)
        if model.device.type == 'cuda':
            torch.cuda.synchronize()
    return waited / steps, (time.perf_counter() - start) / steps


def _model() -> Any:
    import torch
    from basicsr.models import build_model

    from bsr_plugins.host.registration import register_all

    register_all()
    return build_model(
        {
            'model_type': 'SRModel',
            'is_train': True,
            'dist': False,
            'rank': 0,
            'world_size': 1,
            'num_gpu': int(torch.cuda.is_available()),
            'manual_seed': 0,
            'scale': SCALE,
            'path': {},
            'network_g': {'type': 'FSRCNN', 'num_in_ch': 3, 'num_out_ch': 3, 'upscale': SCALE},
            'datasets': {'train': {'batch_size_per_gpu': 16}},
            'train': {
                'ema_decay': 0,
                'optim_g': {'type': 'Adam', 'lr': 2e-4},
                'total_iter': 10**6,
                'scheduler': {'type': 'MultiStepLR', 'milestones': [10**6], 'gamma': 0.5},
                'pixel_opt': {'type': 'L1Loss', 'loss_weight': 1.0, 'reduction': 'mean'},
            },
        }
    )
