"""Laplace noise from uniform draws ("Revisiting L1 Loss in Super-Resolution", footnote 1)."""

from __future__ import annotations

import torch
from torch import Tensor


def laplace_noise(uniform: Tensor) -> Tensor:
    """Return draws of the Laplace distribution of mean 0 and scale 1: ``-sgn(z) * ln(1 - 2 |z|)``.

    The footnote to Eq. 4 has ``mu - sigma * sgn(z) * ln(1 - 2 |z|)`` with z from N(0, 1), where the logarithm has no
    value for |z| >= 1/2; with a uniform z it is the Laplace distribution, of variance 2 sigma^2. Here E_z of Eq. 8 is
    (1 + 1/e) * |e| = 1.36788 * |e|.

    Args:
        uniform: z, in [-1/2, 1/2]. At its ends 1 - 2 |z| counts as half an epsilon of the type, not as 0.
    """
    rest = (1 - 2 * uniform.abs()).clamp_min(torch.finfo(uniform.dtype).eps / 2)
    return -uniform.sign() * rest.log()
