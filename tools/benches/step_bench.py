"""Bench `step`: host time of EMA, frozen entries put back and norm on RCAN's 1,630 tensors, against a call for each."""

from __future__ import annotations

import copy
import statistics
import time
from typing import Any, Callable, Dict, List

SHARE = 0.1


def bench_step(quick: bool = False) -> List[Dict[str, Any]]:
    """Return a row for each part: processor time of ours over that of one call for each tensor, in turns.

    RCAN of 4 channels has the tensors of the real one and next to no arithmetic: its time is what the host takes to ask
    for the work, all that counts beside a GPU. RCAN of 64 channels: the same with the work done by the CPU.
    """
    import torch

    from bsr_plugins.attribution.ranking import select_frozen
    from bsr_plugins.models.training_step import _norm_of_rows, flat_norm
    from bsr_plugins.models.weight_average import WeightAverage
    from bsr_plugins.optim.frozen_entries import FrozenEntries

    import bsr_plugins  # noqa: F401  isort: skip  (mends basicsr's imports)
    from basicsr.archs.rcan_arch import RCAN
    from basicsr.models.base_model import BaseModel

    torch.manual_seed(0)
    rows: List[Dict[str, Any]] = []
    for channels in (4,) if quick else (4, 64):
        net = RCAN(3, 3, num_feat=channels, num_group=10, num_block=20, squeeze_factor=min(16, channels), upscale=4)
        gradients = [torch.randn_like(parameter) for parameter in net.parameters()]
        stock = BaseModel.__new__(BaseModel)
        stock.net_g, stock.net_g_ema = net, copy.deepcopy(net)
        average = WeightAverage(net, copy.deepcopy(net))
        frozen = FrozenEntries(torch.optim.SGD(net.parameters(), lr=1e-6), dict(net.named_parameters()))
        frozen.freeze(select_frozen({name: torch.rand_like(p) for name, p in net.named_parameters()}, SHARE, 'layer'))
        held = [
            (p.detach().view(-1), frozen._frozen[name]) for name, p in net.named_parameters() if name in frozen._frozen
        ]

        def restore_each(held: Any = held) -> None:
            for flat, entries in held:
                if entries.parameter.data_ptr() != entries.address or entries.parameter.stride() != entries.strides:
                    raise RuntimeError('a parameter has moved')
                flat.scatter_(0, entries.index, entries.values)

        def norm_each(gradients: Any = gradients) -> Any:
            return torch.norm(torch.stack([torch.norm(gradient) for gradient in gradients]))

        def ema_each(stock: Any = stock) -> None:
            BaseModel.model_ema(stock, 0.999)

        parts: Dict[str, Any] = {
            'EMA': (ema_each, lambda average=average: average.update(0.999), '<= 0.25'),
            f'{len(held)} tensors with frozen entries put back': (restore_each, frozen.restore, '<= 0.14'),
            'norm, as on a CPU': (
                norm_each,
                lambda gradients=gradients: flat_norm(gradients, torch.device('cpu')),
                'reported',
            ),
        }
        if channels == 4:
            parts['norm, as on a GPU'] = (norm_each, lambda gradients=gradients: _norm_of_rows(gradients), '<= 0.21')
        for part, (each, ours, target) in parts.items():
            pairs = [(_milliseconds(each), _milliseconds(ours)) for _ in range(5 if quick else 25)]
            ratios = [our / other for other, our in pairs]
            rows.append(
                {
                    'bench': 'step',
                    'case': f'{part}, RCAN of {channels} channels',
                    'ratio_min': min(ratios),
                    'ratio_median': statistics.median(ratios),
                    'ratio_max': max(ratios),
                    'target': target if channels == 4 else 'reported',
                    'each_ms': statistics.median(other for other, _ in pairs),
                    'ours_ms': statistics.median(our for _, our in pairs),
                }
            )
    return rows


def _milliseconds(once: Callable[[], Any]) -> float:
    import torch

    with torch.no_grad():
        once()  # what was thrown out of the caches in between comes back
        start = time.thread_time()
        once()
        return 1e3 * (time.thread_time() - start)
