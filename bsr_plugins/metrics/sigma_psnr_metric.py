"""PSNR between the sigma map and the error that it predicts ("Revisiting L1 loss", Table 7, second number)."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from bsr_plugins.metrics.metric_options import SIGMA_PSNR
from bsr_plugins.metrics.sigma_inputs import sigma_inputs

_DEFAULTS = SIGMA_PSNR.defaults


def sigma_psnr(sigma: np.ndarray, abs_error: np.ndarray) -> float:
    """Return ``-10 log10(mean((sigma - |y - mu|)^2))`` in dB, for values in [0, 1]; infinite where they are equal.

    Args:
        sigma: Predicted error, of a shape that broadcasts to that of ``abs_error``.
        abs_error: ``|y - mu|``.
    """
    gap = np.asarray(sigma, dtype=np.float64) - np.asarray(abs_error, dtype=np.float64)
    squared = float(np.mean(gap**2))
    return float('inf') if squared == 0 else float(-10 * np.log10(squared))


def calculate_sigma_psnr(
    img: Optional[np.ndarray] = None,
    img2: Optional[np.ndarray] = None,
    crop_border: int = _DEFAULTS.crop_border,
    input_order: str = _DEFAULTS.input_order,
    sigma: Optional[np.ndarray] = None,
    constant_sigma: Optional[float] = _DEFAULTS.constant_sigma,
    better: Optional[str] = _DEFAULTS.better,
    img1: Optional[np.ndarray] = None,
    **unknown: Any,
) -> float:
    """Return :func:`sigma_psnr` of an image, over all channels, for BasicSR's validation.

    Args:
        img: Output, uint8, in the order of ``input_order``; given by position in releases of BasicSR before 1.3.
        img2: Ground truth, likewise.
        crop_border: Pixels left out at each edge.
        input_order: ``HWC`` or ``CHW``.
        sigma: The sigma map in [0, 1], channels as in ``img`` or one; given by the model where ``network_sigma`` and
            ``val.sigma`` are set.
        constant_sigma: A number to evaluate instead of the map: Table 7's baseline row.
        better: Read by BasicSR; has no effect here.
        img1: ``img`` under the name that releases before 1.4 (CodeFormer) give it.

    Raises:
        OptionError: No sigma map and no constant, or an unknown or wrong option.
        DataError: Images or a map that do not fit.
    """
    mu, y, spread = sigma_inputs(
        SIGMA_PSNR, img if img1 is None else img1, img2, sigma, crop_border, input_order, constant_sigma, unknown
    )
    return sigma_psnr(spread, np.abs(y - mu))
