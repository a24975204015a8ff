"""Bench `augment`: what an augmentation of `train.augment` takes, as a share of the training step that follows it."""

from __future__ import annotations

import contextlib
import functools
import logging
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any, Callable, Dict, Iterator, List, Optional

SCALE = 4
#: Iterations that are timed together, since a mixture draws another augmentation in each.
_IN_A_ROW = 8
NETWORKS: Dict[str, Dict[str, Any]] = {
    'EDSR-baseline': {
        'type': 'EDSR',
        'num_in_ch': 3,
        'num_out_ch': 3,
        'num_feat': 64,
        'num_block': 16,
        'upscale': SCALE,
        'img_range': 255.0,
        'rgb_mean': [0.4488, 0.4371, 0.4040],
    },
    'FSRCNN': {'type': 'FSRCNN', 'upscale': SCALE},
}


def bench_augment(quick: bool = False) -> List[Dict[str, Any]]:
    """Return a row for each network and augmentation: its time by that of a step, measured in turn.

    On a GPU batches of 16 with 192 x 192 HR, on a CPU of 4 with 96 x 96. `saliency: cam` is reported, with no target.
    """
    import torch

    import bsr_plugins  # noqa: F401  isort: skip  (mends basicsr's imports)
    from bsr_plugins.augments.augments import AUGMENTS

    on_gpu = torch.cuda.is_available()
    count, size = (16, 48) if on_gpu else (4, 24)
    generator = torch.Generator().manual_seed(0)
    data = {
        'lq': torch.rand(count, 3, size, size, generator=generator),
        'gt': torch.rand(count, 3, SCALE * size, SCALE * size, generator=generator),
    }
    cases: List[Dict[str, Any]] = [{'type': name} for name in AUGMENTS]
    cases += [{'type': name, 'saliency': 'cam'} for name in AUGMENTS if name == 'ADD']
    rows = []
    for network, options in NETWORKS.items():
        with tempfile.TemporaryDirectory() as folder, _silent():
            plain = _model(options, None, Path(folder))
            torch.save({'params': plain.net_g.state_dict()}, Path(folder) / 'net_g.pth')
            augmented = [_model(options, case, Path(folder)) for case in cases]
        models = [plain, *augmented]
        for model in models:
            model.feed_data(data)
        actions = [functools.partial(_step, plain), *map(functools.partial(_augmentation, data), augmented)]
        for action in actions * 2:
            _seconds(action)
        rounds = [[_seconds(action) for action in actions] for _ in range(3 if quick else 12)]
        for index, case in enumerate(cases, start=1):
            shares = sorted(times[index] / times[0] for times in rounds)
            is_cam = case.get('saliency') == 'cam'
            rows.append(
                {
                    'bench': 'augment',
                    'case': f'{network}, {case["type"]}{" by cam" if is_cam else ""}',
                    'ratio_min': shares[0],
                    'ratio_median': shares[len(shares) // 2],
                    'ratio_max': shares[-1],
                    'target': 'reported' if is_cam else '<= 0.02' if on_gpu else '<= 0.05',
                    'step_ms': 1e3 * min(times[0] for times in rounds),
                    'augment_ms': 1e3 * min(times[index] for times in rounds),
                }
            )
    return rows


def _step(model: Any) -> None:
    model.iteration += 1
    model.optimize_parameters(model.iteration)


def _augmentation(data: Dict[str, Any], model: Any) -> Callable[[], None]:
    # Attribution takes as long as the step.
    repeats = 1 if model.opt['path'].get('pretrain_network_saliency') else _IN_A_ROW
    lq, gt = (data[name].to(model.device) for name in ('lq', 'gt'))

    def augment() -> None:
        for _ in range(repeats):
            model.iteration += 1
            model.lq, model.gt = lq, gt
            model.augmentation.fed({})

    augment.repeats = repeats  # type: ignore[attr-defined]
    return augment


def _seconds(action: Callable[[], None]) -> float:
    import torch

    synchronise = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    synchronise()
    start = perf_counter()
    action()
    synchronise()
    return (perf_counter() - start) / getattr(action, 'repeats', 1)


def _model(network: Dict[str, Any], augment: Optional[Dict[str, Any]], folder: Path) -> Any:
    import torch

    from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel

    path = {'pretrain_network_g': None}
    if (augment or {}).get('saliency') == 'cam':
        path['pretrain_network_saliency'] = str(folder / 'net_g.pth')
    torch.manual_seed(0)
    return RebalancedSRModel(
        {
            'name': 'bench',
            'is_train': True,
            'dist': False,
            'rank': 0,
            'num_gpu': int(torch.cuda.is_available()),
            'scale': SCALE,
            'network_g': network,
            'datasets': {'train': {'type': 'PairedImageDataset', 'batch_size_per_gpu': 4, 'num_worker_per_gpu': 0}},
            'path': path,
            'train': {
                'ema_decay': 0,
                'optim_g': {'type': 'Adam', 'lr': 2e-4},
                'scheduler': {'type': 'MultiStepLR', 'milestones': [10**6]},
                'total_iter': 10**6,
                'pixel_opt': {'type': 'L1Loss'},
                'augment': augment,
            },
        }
    )


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    log = logging.getLogger('basicsr')
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
