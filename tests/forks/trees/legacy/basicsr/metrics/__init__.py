import numpy as np

__all__ = ['calculate_psnr']


def calculate_psnr(img1, img2, crop_border):
    return float(-10 * np.log10(np.mean((img1 / 255. - img2 / 255.)**2) + 1e-10))
