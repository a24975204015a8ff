from copy import deepcopy

import numpy as np

from basicsr.utils.registry import METRIC_REGISTRY

__all__ = ['calculate_metric', 'calculate_psnr']


@METRIC_REGISTRY.register()
def calculate_psnr(img, img2, crop_border=0, **kwargs):
    return float(-10 * np.log10(np.mean((img / 255. - img2 / 255.)**2) + 1e-10))


def calculate_metric(data, opt):
    opt = deepcopy(opt)
    return METRIC_REGISTRY.get(opt.pop('type'))(**data, **opt)
