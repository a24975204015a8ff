"""How LR images are made of HR ones: bicubic, blurred and downsampled (BD), or as in FPL's Eq. 8. Pure functions."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from bsr_plugins.common.errors import OptionError
from bsr_plugins.data.images.image_resizing import shrink

if TYPE_CHECKING:
    import numpy as np

BICUBIC, BD, FPL = 'bicubic', 'bd', 'fpl'
DEGRADATIONS = (BICUBIC, BD, FPL)

BD_TAPS, BD_SIGMA = 7, 1.6
FPL_TAPS, FPL_SIGMA, FPL_NOISE = 3, 5.0, 5.0
_TIE = 1e-9


def degrade(hr: np.ndarray, scale: int, degradation: str, name: str, seed: int = 0) -> np.ndarray:
    """Return the LR image of ``hr``: (H / scale, W / scale, C), uint8.

    ``bicubic``: MATLAB's antialiased bicubic (``image_resizing.shrink``). ``bd``: :func:`blurred_downsampled`, as the
    tables of RDN and RCAN at x3. ``fpl``: FPL's Eq. 8, bicubic, then a Gaussian of 3 x 3 taps with standard deviation
    5, then Gaussian noise with standard deviation 5 of 255. Borders are replicated. At scale 1 bicubic changes nothing.

    Args:
        hr: (H, W, C), uint8, sides multiples of ``scale``.
        scale: HR side / LR side.
        degradation: One of ``DEGRADATIONS``.
        name: Of the image: with ``seed`` it alone decides on the noise.
        seed: Of the noise.

    Raises:
        OptionError: There is no such degradation.
    """
    from bsr_plugins.common.keyed_random import keyed_generator

    if degradation not in DEGRADATIONS:
        raise OptionError(
            'there is no such degradation',
            where='degradation',
            expected=' or '.join(DEGRADATIONS),
            found=degradation,
        )
    if degradation == BD:
        return blurred_downsampled(hr, scale)
    lr = shrink(hr, 1 / scale) if scale > 1 else hr
    if degradation == BICUBIC:
        return lr
    blurred = _filtered(lr, gaussian(FPL_TAPS, FPL_SIGMA), 0, 1)
    key = int.from_bytes(hashlib.sha256(name.encode('utf-8')).digest()[:8], 'big')
    return _rounded(blurred + keyed_generator(seed, key, 1).normal(0.0, FPL_NOISE, blurred.shape))


def blurred_downsampled(hr: np.ndarray, scale: int) -> np.ndarray:
    """Return ``hr`` blurred by a Gaussian of 7 x 7 taps, sigma 1.6, and then every ``scale``-th pixel of it.

    The pixel in the middle of each block is taken. At even scales that lies between two pixels: the Gaussian then has 8
    x 8 taps, around the middle. So the LR image is not shifted against the HR one.

    Args:
        hr: (H, W, C), uint8, sides multiples of ``scale``.
        scale: HR side / LR side.
    """
    taps = BD_TAPS + (scale + 1) % 2
    return _rounded(_filtered(hr, gaussian(taps, BD_SIGMA), (scale - 1) // 2, scale))


def gaussian(taps: int, sigma: float) -> np.ndarray:
    """Return the weights of a Gaussian at ``taps`` places one apart, symmetric about its middle; their sum is 1."""
    import numpy as np

    weights = np.exp(-(((np.arange(taps) - (taps - 1) / 2) / sigma) ** 2) / 2)
    return weights / weights.sum()


def _filtered(image: np.ndarray, weights: np.ndarray, first: int, step: int) -> np.ndarray:
    """Return every ``step``-th pixel from ``first`` on of ``image`` filtered along both sides, in float64."""
    import numpy as np

    result: Any = image.astype(np.float64)
    before = (len(weights) - 1) // 2
    for axis in (0, 1):
        length = result.shape[axis]
        places = np.arange(first, length, step)
        taps = ((places + tap - before).clip(0, length - 1) for tap in range(len(weights)))
        result = sum(result.take(tap, axis) * weight for tap, weight in zip(taps, weights))
    return result


def _rounded(image: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.floor(image.clip(0.0, 255.0) + (0.5 + _TIE)).astype(np.uint8)
