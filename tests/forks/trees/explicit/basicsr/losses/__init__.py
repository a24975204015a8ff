from copy import deepcopy

from basicsr.utils.registry import LOSS_REGISTRY

from .tree_loss import L1Loss

__all__ = ['L1Loss', 'build_loss']


def build_loss(opt):
    opt = deepcopy(opt)
    return LOSS_REGISTRY.get(opt.pop('type'))(**opt)
