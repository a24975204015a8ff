"""SamplingAug against stock's random crops through BasicSR's loader, its PSNR maps computed before."""

from __future__ import annotations

from typing import Any, Dict, List

from benches.training_sets import rate_rows


def bench_samplingaug(quick: bool) -> List[Dict[str, Any]]:
    """Samples a second over PairedImageDataset's, once the informative positions are cached."""
    return rate_rows('samplingaug', 'SamplingAugDataset', 192, '>= 0.9x', quick)
