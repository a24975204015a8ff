"""SamplingAug against stock's random crops through BasicSR's loader, its PSNR maps computed before."""

from __future__ import annotations

from typing import Any, Dict, List

from benches.first_starts import first_start_rows
from benches.training_sets import rate_rows

KIND = 'SamplingAugDataset'
GT_SIZE = 192


def bench_samplingaug(quick: bool) -> List[Dict[str, Any]]:
    """Samples a second over PairedImageDataset's, once the informative positions are cached; first and later starts."""
    return [
        *rate_rows('samplingaug', KIND, GT_SIZE, '>= 0.9x', quick),
        *first_start_rows('samplingaug', KIND, GT_SIZE, quick),
    ]
