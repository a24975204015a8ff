"""What a sigma branch predicts, in two numbers for the log: its mean, and how much of it has gone to zero.

"Revisiting L1 loss", Fig. 2: trained by Eq. 6, sigma falls to zero and with it the randomness of the loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict

if TYPE_CHECKING:
    from torch import Tensor

#: Names in the log.
MEAN, NEAR_ZERO = 'sigma_mean', 'sigma_near_zero'
#: Below one grey level of 255, sigma counts as gone.
GREY_LEVEL = 1 / 255


def sigma_statistics(sigma: Tensor) -> Dict[str, float]:
    """Return the mean of sigma (images in [0, 1]) and the share of its elements below one grey level, by log name."""
    return {MEAN: float(sigma.float().mean()), NEAR_ZERO: float((sigma < GREY_LEVEL).float().mean())}
