import logging
import os
import sys

import cv2
import numpy as np
import torch

from .misc import set_random_seed

__all__ = ['get_root_logger', 'imfrombytes', 'img2tensor', 'modules_in', 'set_random_seed', 'tensor2img']


def get_root_logger(**kwargs):
    logger = logging.getLogger('basicsr')
    if not logger.handlers:
        logger.addHandler(logging.StreamHandler(sys.stdout))
        logger.setLevel(logging.INFO)
        logger.propagate = False
    return logger


def modules_in(folder, ending):
    return sorted(name[:-3] for name in os.listdir(folder) if name.endswith(ending))


def imfrombytes(content, flag='color', float32=False):
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return image.astype(np.float32) / 255. if float32 else image


def img2tensor(imgs, bgr2rgb=True, float32=True):
    return [torch.from_numpy(np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1))).float() for image in imgs]


def tensor2img(tensor):
    return (tensor[0].clamp(0, 1).numpy().transpose(1, 2, 0)[..., ::-1] * 255).round().astype(np.uint8)
