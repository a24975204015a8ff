"""Predictive log-likelihood of the ground truth under mu and sigma ("Revisiting L1 loss", Eq. 11 and Table 7)."""

from __future__ import annotations

import math
from typing import Any, Optional

import numpy as np

from bsr_plugins.metrics.metric_options import PLL
from bsr_plugins.metrics.sigma_inputs import sigma_inputs

_DEFAULTS = PLL.defaults


def pll(mu: np.ndarray, y: np.ndarray, sigma: np.ndarray, sigma_min: float = _DEFAULTS.pll_sigma_min) -> float:
    """Return the mean over all elements of ``log N(y; mu, sigma^2)``, in nats (Eq. 11).

    ``-(y - mu)^2 / (2 sigma^2) - log(sigma) - log(2 pi) / 2`` with sigma at least ``sigma_min``; computed in float64.
    Higher is better. The best constant sigma is the root of the mean squared error.

    Args:
        mu: Output in [0, 1], any shape.
        y: Ground truth in [0, 1], of the same shape.
        sigma: Standard deviation in the same unit, of a shape that broadcasts to theirs.
        sigma_min: Floor of sigma.
    """
    spread = np.maximum(np.asarray(sigma, dtype=np.float64), sigma_min)
    error = np.asarray(y, dtype=np.float64) - np.asarray(mu, dtype=np.float64)
    return float(np.mean(-0.5 * (error / spread) ** 2 - np.log(spread)) - 0.5 * math.log(2 * math.pi))


def calculate_pll(
    img: Optional[np.ndarray] = None,
    img2: Optional[np.ndarray] = None,
    crop_border: int = _DEFAULTS.crop_border,
    input_order: str = _DEFAULTS.input_order,
    sigma: Optional[np.ndarray] = None,
    pll_sigma_min: float = _DEFAULTS.pll_sigma_min,
    constant_sigma: Optional[float] = _DEFAULTS.constant_sigma,
    better: Optional[str] = _DEFAULTS.better,
    img1: Optional[np.ndarray] = None,
    **unknown: Any,
) -> float:
    """Return :func:`pll` of an image, over all channels, for BasicSR's validation.

    The paper does not say on which channels it is; here on all of RGB. mu is the image as BasicSR hands it to every
    metric, rounded to 8 bit.

    Args:
        img: Output, uint8, in the order of ``input_order``; given by position in releases of BasicSR before 1.3.
        img2: Ground truth, likewise.
        crop_border: Pixels left out at each edge.
        input_order: ``HWC`` or ``CHW``.
        sigma: The sigma map in [0, 1], channels as in ``img`` or one; given by the model where ``network_sigma`` and
            ``val.sigma`` are set.
        pll_sigma_min: Floor of sigma.
        constant_sigma: A number to evaluate instead of the map: Table 7's baseline row, the mean of |y - mu|
            over the training set.
        better: Read by BasicSR; has no effect here.
        img1: ``img`` under the name that releases before 1.4 (CodeFormer) give it.

    Raises:
        OptionError: No sigma map and no constant, or an unknown or wrong option.
        DataError: Images or a map that do not fit.
    """
    PLL.check(pll_sigma_min=pll_sigma_min)
    mu, y, spread = sigma_inputs(
        PLL, img if img1 is None else img1, img2, sigma, crop_border, input_order, constant_sigma, unknown
    )
    return pll(mu, y, spread, pll_sigma_min)
