"""Bench `gpu`: what the pack costs and gains on one card, part by part, each in a process and a time of its own.

A part that fails or is cut off is a row that says so; the others go on. All of them together end within five minutes.
Images come with scikit-image, so that nothing has to be carried. With ``--cpu`` the CPU stands in, with tiny networks:
that proves that every part runs, and measures nothing.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import numpy as np

STAND_IN = 'BSR_GPU_STAND_IN'
SCALE = 4
SIGMA = {
    'network_sigma': {'type': 'SigmaBranch'},
    'train': {'sigma_opt': {'type': 'SigmaLoss', 'loss_weight': 0.01}, 'pixel_opt': {'type': 'ExpectationLoss'}},
}
Row = Dict[str, Any]


def bench_gpu(quick: bool) -> Iterator[Row]:
    """Yield the rows of every part as they come."""
    import torch

    if not torch.cuda.is_available() and os.environ.get(STAND_IN) != 'cpu':
        yield _row('nothing measured: torch sees no GPU (--cpu lets the CPU stand in)', [], None)
        return
    for part, (_, limit) in PARTS.items():
        yield from _in_process(part, limit, quick)


def _row(case: str, ratios: List[float], target: Any, **more: Any) -> Row:
    if os.environ.get(STAND_IN) == 'cpu':
        case += ' [the CPU stood in]'
    spread = (min(ratios), float(np.median(ratios)), max(ratios)) if ratios else (None, None, None)
    return {
        **{'bench': 'gpu', 'case': case, 'target': target},
        **dict(zip(('ratio_min', 'ratio_median', 'ratio_max'), spread)),
        **more,
    }


# ---------------------------------------------------------------------- parts
def engine_edsr(quick: bool) -> Iterator[Row]:
    """A step of stock SRModel in fp32 by one of the engine; torch lets convolutions of fp32 use TF32, as always."""
    import engine_bench

    yield from _engine('EDSR-baseline', engine_bench.EDSR, quick, rounds=15)


def engine_rcan(quick: bool) -> Iterator[Row]:
    """The same for RCAN, whose compilation may take longer than this part has; it is the last one."""
    import engine_bench

    yield from _engine('RCAN', engine_bench.RCAN, quick, rounds=6)


def _engine(name: str, network: Dict[str, Any], quick: bool, rounds: int) -> Iterator[Row]:
    import engine_bench

    on_cpu = os.environ.get(STAND_IN) == 'cpu'
    network, batch = _cut(network, on_cpu), ((2, 12) if on_cpu else (16, 48))
    fast = engine_bench.FAST
    for options in ({}, {'amp': 'bf16', 'channels_last': True}, fast):
        # A C++ compiler takes minutes where the CPU stands in.
        with _traced_alone() if on_cpu else contextlib.nullcontext():
            measured = engine_bench._compare(network, options, batch, 2 if quick else rounds)
        told = ' + '.join(key if value is True else f'{key} {value}' for key, value in options.items())
        yield _row(
            f'{name}, {told or "all off"}: times as fast as stock in fp32',
            [stock / ours for stock, ours in measured],
            '>= 2.5' if options == fast else 'reported' if options else '>= 0.99',
            stock_ms=1e3 * min(stock for stock, _ in measured),
            ours_ms=1e3 * min(ours for _, ours in measured),
        )


def losses(quick: bool) -> Iterator[Row]:
    """Each loss, and l_E with the sigma branch, over L1: alone and in a step."""
    import loss_bench

    for row in loss_bench.bench_loss(quick or os.environ.get(STAND_IN) == 'cpu'):
        keys = ('bench', 'case', 'target', 'ratio_min', 'ratio_median', 'ratio_max')
        more = {key: value for key, value in row.items() if key not in keys}
        ratios = [row['ratio_min'], row['ratio_median'], row['ratio_max']]
        yield _row(row['case'] + ', over L1', ratios, row['target'], **more)


def waits(quick: bool) -> Iterator[Row]:
    """How often an iteration waits for the device and reads from it, by torch's profiler."""
    import engine_bench
    import torch

    cases: Dict[str, Tuple[str, Dict[str, Any]]] = {
        'stock SRModel': ('SRModel', {}),
        'all off': ('RebalancedSRModel', {}),
        'l_E and sigma': ('RebalancedSRModel', SIGMA),
        'MoA': ('RebalancedSRModel', {'train': {'augment': {'type': 'MoA'}}}),
        'bf16 + channels_last': ('RebalancedSRModel', {'train': {'amp': 'bf16', 'channels_last': True}}),
        'fused Adam': ('RebalancedSRModel', {'train': {'optim_g': {'type': 'Adam', 'lr': 1e-4, 'fused': True}}}),
    }
    on_cpu = os.environ.get(STAND_IN) == 'cpu'
    iterations = 2 if on_cpu else 10
    for name, (kind, more) in cases.items():
        model = _model(kind, _cut(engine_bench.EDSR, True), copy.deepcopy(more))
        data = _random_batch((2, 12) if on_cpu else (16, 48), model.device)
        steps = iter(range(1, 10**6))

        def step(model: Any = model, data: Any = data, steps: Iterator[int] = steps) -> None:
            model.feed_data(data)
            model.optimize_parameters(next(steps))

        for _ in range(3):
            step()
        with torch.profiler.profile() as profile:
            for _ in range(iterations):
                step()
        names = [event.name for event in profile.events()]
        waited = sum(
            name in ('cudaStreamSynchronize', 'cudaDeviceSynchronize', 'cudaEventSynchronize') for name in names
        )
        read = sum(name.startswith('Memcpy DtoH') for name in names)
        if on_cpu:
            yield _row(f'waits an iteration, {name}: not measured on a CPU', [], None)
        else:
            yield _row(f'waits an iteration, {name}', [], '<= 1', waits=waited / iterations, reads=read / iterations)


def quality(quick: bool) -> Iterator[Row]:
    """PSNR on Y of held-out images after equal updates: the engine's fast options less stock in fp32."""
    import engine_bench

    from bsr_plugins.analysis.paired_bootstrap import paired_gain

    on_cpu = os.environ.get(STAND_IN) == 'cpu'
    updates, batch, size = (3, 2, 12) if on_cpu else (60 if quick else 500, 16, 48)
    network = _cut(engine_bench.EDSR, on_cpu)
    differences: List[List[float]] = []
    with tempfile.TemporaryDirectory() as folder:
        train, test = _pairs(Path(folder))
        for seed in range(1 if quick else 2):
            scores = []
            adam = {'type': 'Adam', 'lr': 4e-4}
            for kind, options in (('SRModel', {}), ('RebalancedSRModel', engine_bench.FAST)):
                with _traced_alone() if on_cpu else contextlib.nullcontext():
                    model = _model(kind, network, {'train': {**options, 'optim_g': dict(adam)}}, seed)
                    generator = np.random.default_rng(seed)
                    for iteration in range(1, updates + 1):
                        model.feed_data(_crops(train, generator, batch, size, model.device))
                        model.optimize_parameters(iteration)
                scores.append([_psnr(model, *pair) for pair in test])
            stock, ours = scores
            differences.append([b - a for a, b in zip(stock, ours)])
            gain = paired_gain(differences)
            yield _row(
                f'EDSR-baseline, {updates} updates of {batch}, {len(differences)} seed(s), {len(test)} images: PSNR of '
                f'bf16 + channels_last + compile less stock, dB, 95 %: {gain.mean:+.3f} [{gain.low:+.3f}, '
                f'{gain.high:+.3f}], {gain.verdict}',
                [],
                'not worse',
                stock_db=float(np.mean(stock)),
                ours_db=float(np.mean(ours)),
            )


def bspa(quick: bool) -> Iterator[Row]:
    """A whole BSPA run over its twin at equal updates, attribution included, and what both wait for data."""
    import bspa_bench
    import cv2
    import engine_bench

    from bsr_plugins.analysis.demo_images import write_demo_images
    from bsr_plugins.data.images.image_resizing import shrink

    on_cpu = os.environ.get(STAND_IN) == 'cpu'
    cycle, rounds = (8, 1) if on_cpu else (100, 1) if quick else (300, 2)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        images = write_demo_images(root / 'demo', SCALE)
        for part in ('HR', f'LRbicX{SCALE}'):
            (root / 'train' / part).mkdir(parents=True)
        for path in sorted(images.train_hr.iterdir())[: 3 if on_cpu else None]:
            hr = cv2.imread(str(path))
            hr = hr[:288, :288] if on_cpu else hr
            cv2.imwrite(str(root / 'train' / 'HR' / path.name), hr)
            cv2.imwrite(str(root / 'train' / f'LRbicX{SCALE}' / path.name), shrink(hr, 1 / SCALE))
        bspa_bench._data(root, root)
        measured: Dict[str, List[Tuple[float, float, float]]] = {'SRModel': [], 'BSPAModel': []}
        for number in range(rounds):
            for kind in list(measured)[:: 1 if number % 2 == 0 else -1]:
                options = bspa_bench._options(root, kind, cycle)
                options['network_g'] = _cut(engine_bench.EDSR, on_cpu)
                if not on_cpu:
                    options['num_gpu'] = 1
                    options['datasets']['train'].update(prefetch_mode='cuda', pin_memory=True, num_worker_per_gpu=6)
                else:
                    options['datasets']['train'].update(batch_size_per_gpu=2, gt_size=48, num_worker_per_gpu=0)
                measured[kind].append(bspa_bench._run(options, root))
            ours, stock = measured['BSPAModel'], measured['SRModel']
            yield _row(
                f'EDSR-baseline, BSPA over SRModel at {cycle * 5 // 2} updates, start and attribution included',
                [one[0] / two[0] for one, two in zip(ours, stock)],
                '<= 1.10',
                stock_s=float(np.median([one[0] for one in stock])),
                data_wait_stock_ms=1e3 * float(np.median([one[2] for one in stock])),
                data_wait_bspa_ms=1e3 * float(np.median([one[2] for one in ours])),
            )


#: Part -> what it is and the seconds that it has; the first ones are those that matter most.
PARTS: Dict[str, Tuple[Callable[[bool], Iterator[Row]], float]] = {
    'engine_edsr': (engine_edsr, 60),
    'waits': (waits, 25),
    'losses': (losses, 35),
    'bspa': (bspa, 70),
    'quality': (quality, 55),
    'engine_rcan': (engine_rcan, 55),
}


# ---------------------------------------------------------------------- what the parts share
def _cut(network: Dict[str, Any], small: bool) -> Dict[str, Any]:
    """Return a network, or a tiny one of its kind."""
    sizes = {'num_feat': 8, 'num_block': 1, 'num_group': 1, 'squeeze_factor': 4}
    return {**network, **{key: value for key, value in sizes.items() if key in network}} if small else dict(network)


def _model(kind: str, network: Dict[str, Any], more: Dict[str, Any], seed: int = 0) -> Any:
    import engine_bench
    import torch
    from basicsr.models import build_model

    torch.manual_seed(seed)
    options = engine_bench._options(network, more.get('train', {}))
    if 'network_sigma' in more:
        options['network_sigma'] = dict(more['network_sigma'])
    options['train']['ema_decay'] = 0
    options['logger'] = {'print_freq': 10**6}
    with engine_bench._silent():
        return build_model({**options, 'model_type': kind})


@contextlib.contextmanager
def _traced_alone() -> Iterator[None]:
    """Let torch.compile trace and differentiate without generating code."""
    import functools

    import torch

    original = torch.compile
    torch.compile = functools.partial(original, backend='aot_eager')
    try:
        yield
    finally:
        torch.compile = original


def _random_batch(batch: Tuple[int, int], device: Any) -> Dict[str, Any]:
    import torch

    count, size = batch
    lq, gt = (torch.rand(count, 3, side, side, device=device) for side in (size, SCALE * size))
    return {'lq': lq, 'gt': gt}


def _pairs(folder: Path) -> Tuple[List[Tuple[Any, Any]], List[Tuple[Any, Any]]]:
    """Return (lq, gt) of the training images and of the held-out ones: float32 RGB, (3, H, W)."""
    import cv2
    import torch

    from bsr_plugins.analysis.demo_images import write_demo_images
    from bsr_plugins.data.images.image_resizing import shrink

    images = write_demo_images(folder, SCALE)
    pairs = []
    for names in (images.train_hr, images.test_hr):
        pairs.append([])
        for path in sorted(names.iterdir()):
            hr = cv2.imread(str(path))
            both = (shrink(hr, 1 / SCALE), hr)
            pairs[-1].append(
                tuple(torch.from_numpy(x[..., ::-1].transpose(2, 0, 1).copy()).float() / 255 for x in both)
            )
    return pairs[0], pairs[1]


def _crops(pairs: List[Tuple[Any, Any]], generator: Any, batch: int, size: int, device: Any) -> Dict[str, Any]:
    import torch

    lqs, gts = [], []
    for index in generator.integers(len(pairs), size=batch):
        lq, gt = pairs[index]
        top, left = (int(generator.integers(side - size + 1)) for side in lq.shape[-2:])
        lqs.append(lq[:, top : top + size, left : left + size])
        box = (SCALE * top, SCALE * left, SCALE * size)
        gts.append(gt[:, box[0] : box[0] + box[2], box[1] : box[1] + box[2]])
    return {'lq': torch.stack(lqs).to(device), 'gt': torch.stack(gts).to(device)}


def _psnr(model: Any, lq: Any, gt: Any) -> float:
    from basicsr.metrics import calculate_psnr
    from basicsr.utils import tensor2img

    model.lq = lq[None].to(model.device)
    model.test()
    sr = tensor2img(model.output.float())
    return float(calculate_psnr(sr, tensor2img(gt), crop_border=SCALE, test_y_channel=True))


# ---------------------------------------------------------------------- processes
def _in_process(part: str, limit: float, quick: bool) -> Iterator[Row]:
    """Yield the rows of a part as its process prints them; end it when its time is over."""
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join(filter(None, (str(root), os.environ.get('PYTHONPATH'))))
    command = [sys.executable, __file__, part, *(['--quick'] if quick else [])]
    end = time.monotonic() + (10 * limit if os.environ.get(STAND_IN) == 'cpu' else limit)
    with tempfile.TemporaryFile('w+', errors='replace') as errors:
        process = subprocess.Popen(
            command,
            env={**os.environ, 'PYTHONPATH': path},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        try:
            while select.select([process.stdout], [], [], max(0.0, end - time.monotonic()))[0]:
                line = process.stdout.readline()
                if not line:
                    break
                if line.startswith('{'):
                    yield json.loads(line)
            else:
                yield _row(f'{part}: cut off after {limit:.0f} s', [], None)
                return
            if process.wait(timeout=30):
                errors.seek(0)
                said = [text for text in errors.read().splitlines() if text.strip()]
                yield _row(f'{part}: failed: {said[-1] if said else process.returncode}', [], None, failed=True)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _main(part: str, quick: bool) -> None:
    import bsr_plugins  # noqa: F401  (mends basicsr's imports)

    output = os.fdopen(os.dup(1), 'w', buffering=1)
    os.dup2(2, 1)  # what BasicSR prints is no row
    for row in PARTS[part][0](quick):
        print(json.dumps(row), file=output, flush=True)


if __name__ == '__main__':
    _main(sys.argv[1], '--quick' in sys.argv)
