"""Bench `cam`: attribution maps batched over images and steps against one image and one step at a time, on the CPU."""

from __future__ import annotations

import statistics
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

SCALE = 4
STEPS = 20
SIDE = 32
LARGEST_DIFFERENCE = 1e-4


def bench_cam(quick: bool = False) -> List[Dict[str, Any]]:
    """Return how many times longer CAM and LAM take one image and one step at a time, in processor time.

    ``CAM``: the same code with ``chunk=1``, what batching alone is worth. ``LAM``: the loop of the published code,
    whose backward pass computes the gradients of the weights too. Both give the same map, or the bench fails. LR images
    of 32 x 32 pixels, an FSRCNN and an EDSR (8 blocks of 64 channels; `quick`: 2) x4.
    """
    import torch

    from bsr_plugins.archs.fsrcnn_arch import FSRCNN
    from bsr_plugins.attribution.image_attribution import calibrated_attribution_map, local_attribution_map

    import bsr_plugins  # noqa: F401  isort: skip  (mends basicsr's imports)
    from basicsr.archs.edsr_arch import EDSR

    torch.manual_seed(0)
    networks = {
        'FSRCNN': (FSRCNN(3, 3, upscale=SCALE, init='torch'), 2 if quick else 8),
        'EDSR': (EDSR(3, 3, num_feat=64, num_block=2 if quick else 8, upscale=SCALE), 1),
    }
    window = (SIDE, SIDE, 16)
    rows = []
    for name, (net, count) in networks.items():
        lq = torch.rand(count, 3, SIDE, SIDE)
        cam = (
            lambda net=net, lq=lq: calibrated_attribution_map(net, lq, steps=STEPS),
            lambda net=net, lq=lq: calibrated_attribution_map(net, lq, steps=STEPS, chunk=1),
        )
        lam = (
            lambda net=net, lq=lq: local_attribution_map(net, lq, window, steps=STEPS),
            lambda net=net, lq=lq: torch.stack([_one_by_one(net, image, window) for image in lq]),
        )
        for case, both, target in (('CAM, against itself', cam, None), ('LAM, against the loop', lam, '>= 2x')):
            found = _measured(both, 1 if quick else 3)
            rows.append(_row(f'{case}: {count} x {STEPS} steps, {name}', *found, target))
    return rows


def _measured(both: Tuple[Callable[[], Any], Callable[[], Any]], rounds: int) -> Tuple[List[float], float]:
    """Return the ratios of ``rounds`` interleaved rounds, and the difference of the results, less than allowed."""
    from bsr_plugins.common.errors import DataError

    ratios, difference = [], 0.0
    for _ in range(rounds):
        seconds, found = [], []
        for call in both:
            # Processor time: what else runs on the machine does not count as much as in wall time.
            start = time.process_time()
            found.append(call())
            seconds.append(time.process_time() - start)
        ratios.append(seconds[1] / seconds[0])
        difference = float((found[0] - found[1]).abs().max() / found[1].abs().max())
    if difference > LARGEST_DIFFERENCE:
        raise DataError('Both ways give different maps', expected=f'<= {LARGEST_DIFFERENCE}', found=difference)
    return ratios, difference


def _one_by_one(net: Any, image: Any, window: Tuple[int, int, int]) -> Any:
    import torch

    from bsr_plugins.attribution.blur_path import BlurPath

    path = BlurPath(image[None], 1.2, 9)
    total = torch.zeros_like(image)
    x, y, size = window
    for step in range(1, STEPS + 1):
        end = torch.tensor([step / STEPS], dtype=torch.float64)
        blurred = path.images(end)[0].clone().requires_grad_(True)
        sr = net(blurred)
        down = (sr[:, :, :-1, :] - sr[:, :, 1:, :]) ** 2
        right = (sr[:, :, :, :-1] - sr[:, :, :, 1:]) ** 2
        magnitude = (down[:, :, :, :-1] + right[:, :, :-1, :]) ** 0.5
        magnitude[:, :, y : y + size, x : x + size].sum().backward()
        total += (blurred.grad.nan_to_num(0) * path.differences(end - 1 / STEPS, end)[0])[0]
    return total


def _row(case: str, ratios: List[float], difference: float, target: Optional[str]) -> Dict[str, Any]:
    return {
        'bench': 'cam',
        'case': case,
        'ratio_min': min(ratios),
        'ratio_median': statistics.median(ratios),
        'ratio_max': max(ratios),
        'target': target,
        'largest_relative_difference': difference,
    }
