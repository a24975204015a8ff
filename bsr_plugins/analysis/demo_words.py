"""What the results of a comparison say, in plain words: who is ahead, by how much, and how little that means."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

#: Differences below this are called level (dB).
LEVEL = 0.005


def verdict(results: Mapping[str, Any]) -> List[str]:
    """Return sentences on the PSNRs, the classes and what may be concluded."""
    bicubic, baseline, bspa = (results[f'psnr_{method}'] for method in ('bicubic', 'baseline', 'bspa'))
    sentences = [
        f'Against bicubic upscaling ({bicubic:.2f} dB) plain L1 training is {_apart(baseline - bicubic)}, '
        f'BSPA {_apart(bspa - bicubic)}.',
        f'BSPA against plain training at equal updates: {_apart(bspa - baseline)}.',
    ]
    differences = [
        _difference(ours, theirs)
        for ours, theirs in zip(results['per_class']['bspa'], results['per_class']['baseline'])
    ]
    known = [(k, value) for k, value in enumerate(differences) if value is not None]
    if known:
        ahead = sum(value >= LEVEL for _, value in known)
        behind = sum(value <= -LEVEL for _, value in known)
        hardest, value = known[-1]
        sentences.append(
            f'By difficulty class BSPA is ahead in {ahead} and behind in {behind} of {len(known)}; in the '
            f'hardest one with held-out windows (class {hardest}) it is {_apart(value)}.'
        )
    sentences.append(
        f'One seed, {_updates(results):,} updates, {len(results["held_out_images"])} images: an '
        'example of the method at work, not a benchmark. The published comparison takes 37,500 updates on '
        'DIV2K.'
    )
    return sentences


def _apart(decibel: float) -> str:
    if abs(decibel) < LEVEL:
        return 'level'
    return f'{abs(decibel):.2f} dB {"above" if decibel > 0 else "below"}'


def _difference(ours: Optional[float], theirs: Optional[float]) -> Optional[float]:
    if ours is None or theirs is None:
        return None
    # Two exact restorations (infinity less infinity) are level.
    return 0.0 if ours == theirs else ours - theirs


def _updates(results: Mapping[str, Any]) -> int:
    return max(results['updates'].values())
