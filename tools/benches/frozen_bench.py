"""Bench `frozen`: an Adam step on RCAN (15.6 M parameters) with frozen entries against a plain one."""

from __future__ import annotations

from typing import Any, Dict, List

# (share of frozen entries, how much longer a step may take)
CASES = ((0.1, 1.15), (0.0125, 1.08))
MAX_INDEX_BYTES = 1.0


def bench_frozen(quick: bool = False) -> List[Dict[str, Any]]:
    """Return a row for each share (ratio of step times, frozen / plain) and one for its index memory.

    In each round both optimizers step alternately on the same parameters and gradients; a round's ratio is that of its
    fastest steps, so that what else runs on the machine counts for little.
    """
    import torch

    from bsr_plugins.attribution.ranking import select_frozen
    from bsr_plugins.optim.frozen_entries import FrozenEntries

    import bsr_plugins  # noqa: F401  isort: skip  (mends basicsr's imports)
    from basicsr.archs.rcan_arch import RCAN

    torch.manual_seed(0)
    net = RCAN(num_in_ch=3, num_out_ch=3, num_feat=64, num_group=10, num_block=20, squeeze_factor=16, upscale=4)
    for parameter in net.parameters():
        parameter.grad = torch.randn_like(parameter)
    ranked = {name: torch.rand_like(p) for name, p in net.named_parameters() if p.dim() == 4}
    total = sum(score.numel() for score in ranked.values())

    rows = []
    for share, target in CASES:
        plain = torch.optim.Adam(net.parameters(), lr=1e-6, foreach=True)
        held = torch.optim.Adam(net.parameters(), lr=1e-6, foreach=True)
        frozen = FrozenEntries(held, dict(net.named_parameters()))
        frozen.freeze(select_frozen(ranked, share))
        rounds = _rounds(plain.step, held.step, rounds=7 if quick else 25, repeats=4)
        ratios = sorted(on / off for off, on in rounds)
        rows.append(
            {
                'bench': 'frozen',
                'case': f'Adam step on RCAN, p = {share}',
                'ratio_min': ratios[0],
                'ratio_median': ratios[len(ratios) // 2],
                'ratio_max': ratios[-1],
                'target': f'<= {target}',
                'plain_ms': 1e3 * min(off for off, _ in rounds),
                'frozen_ms': 1e3 * min(on for _, on in rounds),
            }
        )
        memory = frozen.index_bytes / total
        rows.append(
            {
                'bench': 'frozen',
                'case': f'index bytes a parameter, p = {share}',
                'ratio_min': memory,
                'ratio_median': memory,
                'ratio_max': memory,
                'target': f'<= {MAX_INDEX_BYTES:g}',
            }
        )
    return rows


def _rounds(first: Any, second: Any, rounds: int, repeats: int) -> List[tuple]:
    from time import perf_counter

    def seconds(step: Any) -> float:
        start = perf_counter()
        step()
        return perf_counter() - start

    seconds(first), seconds(second)
    measured = []
    for _ in range(rounds):
        pairs = [(seconds(first), seconds(second)) for _ in range(repeats)]
        measured.append((min(off for off, _ in pairs), min(on for _, on in pairs)))
    return measured
