"""LAM step by step as its authors' code computes it, one image and one step at a time, with OpenCV."""

from __future__ import annotations

from typing import Callable, Tuple

import cv2
import numpy as np
import torch
from torch import Tensor


def gaussian_kernel(size: int, sigma: float) -> np.ndarray:
    places = np.arange(-size // 2 + 1.0, size // 2 + 1.0)
    xs, ys = np.meshgrid(places, places)
    kernel = np.exp(-(xs**2 + ys**2) / (2.0 * (sigma + 1e-5) ** 2))
    return kernel / np.sum(kernel)


def published_lam(
    net: Callable[[Tensor], Tensor], lq: Tensor, window: Tuple[int, int, int], sigma: float, steps: int, size: int
) -> np.ndarray:
    """Return the attribution (C, h, w) of an image (C, h, w)."""
    image = np.moveaxis(lq.numpy(), 0, 2)
    kernels = [gaussian_kernel(size, each) for each in np.linspace(sigma, 0, steps + 1)]
    x, y, side = window
    found = []
    for before, kernel in zip(kernels, kernels[1:]):
        blurred = np.moveaxis(cv2.filter2D(image, -1, kernel), 2, 0).astype(np.float32)
        derivative = np.moveaxis(cv2.filter2D(image, -1, (kernel - before) * steps), 2, 0)
        tensor = torch.from_numpy(blurred).requires_grad_(True)
        sr = net(tensor[None])
        down = torch.pow(sr[:, :, :-1, :] - sr[:, :, 1:, :], 2)
        right = torch.pow(sr[:, :, :, :-1] - sr[:, :, :, 1:], 2)
        magnitude = torch.pow(down[:, :, :, :-1] + right[:, :, :-1, :], 1 / 2)
        magnitude[:, :, y : y + side, x : x + side].sum().backward()
        gradient = tensor.grad.numpy()
        gradient[np.isnan(gradient)] = 0.0
        found.append(gradient * derivative)
    return np.mean(found, axis=0)
