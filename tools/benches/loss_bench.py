"""Bench `loss`: each loss against L1, alone on a batch of images and in a whole step of EDSR-baseline x4."""

from __future__ import annotations

import statistics
from time import perf_counter
from typing import Any, Callable, Dict, List, Tuple

SCALE = 4
LOSSES = ('FocalPixelLoss', 'ExpectationLoss', 'HybridLpLoss')
BASE_GIVEN, NOISE_GIVEN = 'FocalPixelLoss, its bicubic given', 'ExpectationLoss, its noise given'
#: What is measured alone, and the ratio to L1 to reach.
GIVEN = {BASE_GIVEN: '<= 1.9', NOISE_GIVEN: '<= 2.4', 'HybridLpLoss': '<= 1.4'}
MAX_STEP, MAX_SIGMA_STEP = 1.03, 1.385
Pass = Callable[[], None]


def bench_loss(quick: bool = False) -> List[Dict[str, Any]]:
    """Return a row for each loss alone (forward and backward) and one for it in a step, each over the same with L1.

    In each round everything runs in turns, `repeats` times; a round's ratio is that of the fastest, so that what else
    runs on the machine counts for little. The step is forward, loss, backward and Adam; FPL is given lq, l_E its noise
    by a keyed generator, as RebalancedSRModel does. On a GPU where there is one.
    """
    import torch

    import bsr_plugins  # noqa: F401  isort: skip  (mends basicsr's imports)

    torch.manual_seed(0)
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    batch, size = (2, 24) if quick else (16, 48)
    lq = torch.rand(batch, 3, size, size, device=device)
    gt = torch.rand(batch, 3, SCALE * size, SCALE * size, device=device)
    rounds, repeats = (3, 2) if quick else (7, 20) if device.type == 'cuda' else (5, 1)

    alone = {name: _alone(name, lq, gt) for name in ('L1Loss', *LOSSES, *GIVEN)}
    rows = _rows(f'{tuple(gt.shape)}, forward and backward', alone, rounds, 10 * repeats, GIVEN)
    steps = {name: _step(name, lq, gt, blocks=4 if quick else 16) for name in ('L1Loss', *LOSSES)}
    steps['ExpectationLoss + SigmaLoss'] = _step('ExpectationLoss', lq, gt, blocks=4 if quick else 16, sigma=True)
    targets = dict.fromkeys(steps, f'<= {MAX_STEP} of a step')
    targets['ExpectationLoss + SigmaLoss'] = f'<= {MAX_SIGMA_STEP} of a step, on a GPU'
    case = f'{"cut " if quick else ""}EDSR-baseline step, batch {batch}, LR {size}'
    return rows + _rows(case, steps, rounds, repeats, targets)


def _call(name: str, lq: Any, gt: Any) -> Callable[[Any], Any]:
    """Return loss(pred): built by BasicSR, given what RebalancedSRModel gives it."""
    import torch
    from basicsr.losses import build_loss

    criterion = build_loss({'type': name.split(',')[0]})
    if name == BASE_GIVEN:
        base = torch.rand_like(gt)
        criterion._base = lambda target, lq: base
        return lambda pred: criterion(pred, gt)
    if name == NOISE_GIVEN:
        noise = torch.randn_like(gt)
        return lambda pred: criterion(pred, gt, noise=noise)
    if name == 'FocalPixelLoss':
        return lambda pred: criterion(pred, gt, lq=lq)
    if name == 'ExpectationLoss':
        generator = torch.Generator(device=gt.device)
        return lambda pred: criterion(pred, gt, noise=criterion.draw_noise(pred, generator))
    return lambda pred: criterion(pred, gt)


def _alone(name: str, lq: Any, gt: Any) -> Pass:
    import torch

    loss = _call(name, lq, gt)
    pred = torch.rand_like(gt).requires_grad_()

    def once() -> None:
        pred.grad = None
        loss(pred).backward()

    return once


def _step(name: str, lq: Any, gt: Any, blocks: int, sigma: bool = False) -> Pass:
    import torch
    from basicsr.archs.edsr_arch import EDSR

    torch.manual_seed(0)
    net = EDSR(3, 3, num_feat=64, num_block=blocks, upscale=SCALE).to(gt.device)
    parameters = list(net.parameters())
    loss = _call(name, lq, gt)
    features: List[Any] = []
    if sigma:
        from bsr_plugins.archs.sigma_branch_arch import SigmaBranch
        from bsr_plugins.losses.sigma_loss import SigmaLoss

        branch = SigmaBranch(num_in_ch=64, num_out_ch=3, upscale=SCALE).to(gt.device)
        parameters += list(branch.parameters())
        net.upsample.register_forward_pre_hook(lambda module, inputs: features.append(inputs[0]))
        sigma_loss = SigmaLoss()
    optimizer = torch.optim.Adam(parameters, lr=1e-4)

    def once() -> None:
        optimizer.zero_grad()
        pred = net(lq)
        total = loss(pred)
        if sigma:
            total = total + sigma_loss(branch(features.pop()), pred, gt)
        total.backward()
        optimizer.step()

    return once


def _rows(
    case: str, passes: Dict[str, Pass], rounds: int, repeats: int, targets: Dict[str, str]
) -> List[Dict[str, Any]]:
    """Return a row for each pass but the first, L1, which the others are measured against."""
    measured = _fastest(passes, rounds, repeats)
    first, *others = passes
    rows = []
    for name in others:
        ratios = [seconds[name] / seconds[first] for seconds in measured]
        rows.append(
            {
                'bench': 'loss',
                'case': f'{name}: {case}',
                'ratio_min': min(ratios),
                'ratio_median': statistics.median(ratios),
                'ratio_max': max(ratios),
                'target': targets.get(name, 'reported'),
                'l1_ms': 1e3 * min(seconds[first] for seconds in measured),
                'ours_ms': 1e3 * min(seconds[name] for seconds in measured),
            }
        )
    return rows


def _fastest(passes: Dict[str, Pass], rounds: int, repeats: int) -> List[Dict[str, float]]:
    """Return of each round the fastest seconds of each pass; all passes take turns."""
    from tqdm import tqdm

    for once in passes.values():
        once()
    measured = []
    for _ in tqdm(range(rounds), desc='rounds', mininterval=0.5):
        taken: List[Tuple[str, float]] = [
            (name, _seconds(once)) for _ in range(repeats) for name, once in passes.items()
        ]
        measured.append({name: min(seconds for found, seconds in taken if found == name) for name in passes})
    return measured


def _seconds(once: Pass) -> float:
    import torch

    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.synchronize()
    start = perf_counter()
    once()
    if on_gpu:
        torch.cuda.synchronize()
    return perf_counter() - start
