"""Benches `ig` and `ig_steps`: an attribution round's cost and chosen weights, by rule, steps and batches."""

from __future__ import annotations

import os
import random
import statistics
from pathlib import Path
from typing import Any, Dict, List, Tuple

SCALE = 4
TOP = 0.05
MIN_COST_RATIO = 20
MIN_SHARED = 0.99


def bench_ig(quick: bool = False) -> List[Dict[str, Any]]:
    """Return two rows: how many times dearer right-100 is, and which share of its top 5 % weights the default chooses.

    An EDSR x4 (16 blocks, 64 channels; `quick`: 8 blocks) is trained a little on random patches (theta_us), then on the
    hardest of every four by bicubic error (theta_is). A round is some batches of random patches under each rule, in
    turns; scores add up over the rounds. `BSR_DATA` names the folder of the images.
    """
    import torch

    from bsr_plugins.attribution.integrated_gradients import parameter_attribution
    from bsr_plugins.attribution.ranking import select_frozen
    from bsr_plugins.models.bspa_options import BSPAOptions

    import bsr_plugins  # noqa: F401  isort: skip  (mends basicsr's imports)
    from basicsr.archs.edsr_arch import EDSR

    torch.manual_seed(0)
    patches = _Patches(_images(40 if quick else 150), size=10 if quick else 24, batch=4)
    net = EDSR(3, 3, num_feat=64, num_block=8 if quick else 16, upscale=SCALE)
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-4)
    baseline = _train(net, optimizer, patches, 150 if quick else 600, hard=False)
    target = _train(net, optimizer, patches, 60 if quick else 300, hard=True)

    default = BSPAOptions()
    rules = {'right': 100, default.ig_rule: default.ig_steps}
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
        ratios.append(seconds['right'] / seconds[default.ig_rule])
    tops = {
        rule: torch.cat([mask.flatten() for mask in select_frozen(scores, TOP).values()])
        for rule, scores in sums.items()
    }
    shared = float((tops['right'] & tops[default.ig_rule]).sum()) / float(tops['right'].sum())
    widest = {f'completeness_gap_{rule}': max(found, key=abs) for rule, found in gaps.items()}
    return [
        _row(
            'ig',
            f'cost of right, 100 steps, over {default.ig_rule}, {default.ig_steps} steps',
            ratios,
            f'>= {MIN_COST_RATIO}',
            **widest,
        ),
        _row('ig', 'share of the same top 5 % weights', [shared], f'>= {MIN_SHARED}'),
    ]


def bench_ig_steps(quick: bool = False) -> List[Dict[str, Any]]:
    """Return what share of the chosen weights 4 and 8 midpoints, and half the batches, have with more of them.

    An EDSR-baseline x4 and an RCAN x4 of 4 groups of 5 blocks (`quick`: smaller ones) are trained a little as in
    :func:`bench_ig`. The choices are those of the top 1, 5 and 10 % by the scores summed over all batches; a row's
    ratios are their smallest, their middle and their largest share.
    """
    from bsr_plugins.attribution.integrated_gradients import parameter_attribution

    import bsr_plugins  # noqa: F401  isort: skip  (mends basicsr's imports)
    import torch
    from basicsr.archs.edsr_arch import EDSR
    from basicsr.archs.rcan_arch import RCAN

    torch.manual_seed(0)
    size, batch, batches = (12, 4, 4) if quick else (32, 1, 12)
    many = 16
    images = _images(20 if quick else 150)
    networks = {
        'EDSR': EDSR(3, 3, num_feat=64, num_block=2 if quick else 16, upscale=SCALE),
        'RCAN': RCAN(3, 3, num_feat=64, num_group=2 if quick else 4, num_block=2 if quick else 5, upscale=SCALE),
    }
    rows = []
    for name, net in networks.items():
        patches = _Patches(images, size, batch)
        optimizer = torch.optim.Adam(net.parameters(), lr=2e-4)
        baseline = _train(net, optimizer, patches, 30 if quick else 250, hard=False)
        target = _train(net, optimizer, patches, 15 if quick else 120, hard=True)
        drawn = [patches.draw(hard=False) for _ in range(batches)]

        def scores(steps: int, part: Any, net: Any = net, ends: Any = (baseline, target)) -> Dict[str, Any]:
            label = f'{steps} midpoints, {len(part)} batches'
            return parameter_attribution(net, *ends, part, steps=steps, description=label).scores

        found = {steps: scores(steps, drawn) for steps in (4, 8, many)}
        half = scores(8, drawn[: batches // 2])
        for case, one, other in (
            (f'4 midpoints, of {many}', found[4], found[many]),
            (f'8 midpoints, of {many}', found[8], found[many]),
            ('4 midpoints, of 8', found[4], found[8]),
            (f'8 midpoints, {batches // 2} batches of {batches}', half, found[8]),
        ):
            shares = sorted(_shared(one, other, top) for top in (0.01, TOP, 0.1))
            rows.append(
                _row(
                    'ig_steps',
                    f'{name}: same choice, {case}',
                    shares,
                    f'>= {MIN_SHARED}' if case[0] == '4' else 'reported',
                )
            )
    return rows


def _shared(one: Dict[str, Any], other: Dict[str, Any], top: float) -> float:
    """Return the share of the `top` weights by `other` that `one` chooses too."""
    import torch

    from bsr_plugins.attribution.ranking import select_frozen

    first, second = (
        torch.cat([mask.flatten() for mask in select_frozen(scores, top).values()]) for scores in (one, other)
    )
    return float((first & second).sum()) / float(second.sum())


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

    name = f'{type(net).__name__} on {"hard" if hard else "random"} patches'
    for _ in tqdm(range(steps), desc=name, mininterval=0.5):
        lq, gt = patches.draw(hard)
        optimizer.zero_grad()
        F.l1_loss(net(lq), gt).backward()
        optimizer.step()
    return {name: value.detach().clone() for name, value in net.state_dict().items()}


def _processor_seconds() -> float:
    import time

    return time.process_time()


def _row(bench: str, case: str, ratios: List[float], target: str, **extra: Any) -> Dict[str, Any]:
    return {
        'bench': bench,
        'case': case,
        'ratio_min': min(ratios),
        'ratio_median': statistics.median(ratios),
        'ratio_max': max(ratios),
        'target': target,
        **extra,
    }
