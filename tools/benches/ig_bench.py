"""Bench `ig`: midpoint with 8 steps against the authors' right rule with 100, cost and chosen weights, on an EDSR."""

from __future__ import annotations

import os
import random
import statistics
from pathlib import Path
from typing import Any, Dict, List, Tuple

SCALE = 4
TOP = 0.05
MIN_COST_RATIO = 12
MIN_SHARED = 0.99


def bench_ig(quick: bool = False) -> List[Dict[str, Any]]:
    """Return two rows: how many times dearer right-100 is, and which share of its top 5 % weights midpoint-8 chooses.

    An EDSR x4 (16 blocks, 64 channels; `quick`: 8 blocks) is trained a little on random patches (theta_us), then on the
    hardest of every four by bicubic error (theta_is). A round is some batches of random patches under each rule, in
    turns; scores add up over the rounds. `BSR_DATA` names the folder of the images.
    """
    import torch

    from bsr_plugins.attribution.integrated_gradients import parameter_attribution
    from bsr_plugins.attribution.ranking import select_frozen

    import bsr_plugins  # noqa: F401  isort: skip  (mends basicsr's imports)
    from basicsr.archs.edsr_arch import EDSR

    torch.manual_seed(0)
    patches = _Patches(_images(40 if quick else 150), size=10 if quick else 24, batch=4)
    net = EDSR(3, 3, num_feat=64, num_block=8 if quick else 16, upscale=SCALE)
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-4)
    baseline = _train(net, optimizer, patches, 150 if quick else 600, hard=False)
    target = _train(net, optimizer, patches, 60 if quick else 300, hard=True)

    rules = {'right': 100, 'midpoint': 8}
    sums: Dict[str, Dict[str, Any]] = {rule: {} for rule in rules}
    gaps: Dict[str, List[float]] = {rule: [] for rule in rules}
    ratios = []
    for _ in range(3):
        batches = [patches.draw(hard=False) for _ in range(4 if quick else 2)]
        seconds = {}
        for rule, steps in rules.items():
            # Processor time: what else runs on the machine does not count as much as in wall time.
            start = _processor_seconds()
            found = parameter_attribution(
                net, baseline, target, batches, rule=rule, steps=steps, description=f'{rule}, {steps} steps'
            )
            seconds[rule] = _processor_seconds() - start
            gaps[rule].append(found.completeness_gap)
            for name, score in found.scores.items():
                sums[rule][name] = sums[rule].get(name, 0) + score
        ratios.append(seconds['right'] / seconds['midpoint'])
    tops = {
        rule: torch.cat([mask.flatten() for mask in select_frozen(scores, TOP).values()])
        for rule, scores in sums.items()
    }
    shared = float((tops['right'] & tops['midpoint']).sum()) / float(tops['right'].sum())
    widest = {f'completeness_gap_{rule}': max(found, key=abs) for rule, found in gaps.items()}
    return [
        _row('cost of right, 100 steps, over midpoint, 8 steps', ratios, f'>= {MIN_COST_RATIO}', **widest),
        _row('share of the same top 5 % weights', [shared], f'>= {MIN_SHARED}'),
    ]


class _Patches:
    """Random aligned patches, RGB float32 in [0, 1], by a generator of its own."""

    def __init__(self, pairs: List[Tuple[Any, Any]], size: int, batch: int) -> None:
        self.pairs, self.size, self.batch = pairs, size, batch
        self.random = random.Random(0)

    def draw(self, hard: bool) -> Tuple[Any, Any]:
        import torch
        from torch.nn import functional as F

        lq, gt = (torch.stack(part) for part in zip(*[self._one() for _ in range(self.batch * (4 if hard else 1))]))
        if hard:
            upscaled = F.interpolate(lq, scale_factor=SCALE, mode='bicubic', align_corners=False)
            chosen = (upscaled - gt).square().mean(dim=(1, 2, 3)).topk(self.batch).indices
            lq, gt = lq[chosen], gt[chosen]
        return lq, gt

    def _one(self) -> Tuple[Any, Any]:
        lq, gt = self.random.choice(self.pairs)
        top, left = (self.random.randrange(side - self.size + 1) for side in lq.shape[1:])

        def cut(image: Any, factor: int) -> Any:
            return image[:, top * factor : (top + self.size) * factor, left * factor : (left + self.size) * factor]

        return cut(lq, 1), cut(gt, SCALE)


def _images(count: int) -> List[Tuple[Any, Any]]:
    import cv2
    import torch

    from bsr_plugins.common.errors import DataError

    root = Path(os.environ.get('BSR_DATA', Path(__file__).resolve().parents[3] / 'shared' / 'data')).expanduser()
    names = sorted(path.name for path in (root / 'train' / f'LRbicX{SCALE}').glob('*.png'))[:count]
    if not names:
        raise DataError(
            'The images of the bench are absent',
            where=root / 'train' / f'LRbicX{SCALE}',
            remedy='set BSR_DATA to a folder that holds train/HR and train/LRbicX4',
        )

    def read(folder: str, name: str) -> Any:
        image = cv2.cvtColor(cv2.imread(str(root / 'train' / folder / name)), cv2.COLOR_BGR2RGB)
        return torch.from_numpy(image).permute(2, 0, 1).float() / 255

    return [(read(f'LRbicX{SCALE}', name), read('HR', name)) for name in names]


def _train(net: Any, optimizer: Any, patches: _Patches, steps: int, hard: bool) -> Dict[str, Any]:
    from torch.nn import functional as F
    from tqdm import tqdm

    for _ in tqdm(range(steps), desc='EDSR on hard patches' if hard else 'EDSR on random patches', mininterval=0.5):
        lq, gt = patches.draw(hard)
        optimizer.zero_grad()
        F.l1_loss(net(lq), gt).backward()
        optimizer.step()
    return {name: value.detach().clone() for name, value in net.state_dict().items()}


def _processor_seconds() -> float:
    import time

    return time.process_time()


def _row(case: str, ratios: List[float], target: str, **extra: Any) -> Dict[str, Any]:
    return {
        'bench': 'ig',
        'case': case,
        'ratio_min': min(ratios),
        'ratio_median': statistics.median(ratios),
        'ratio_max': max(ratios),
        'target': target,
        **extra,
    }
