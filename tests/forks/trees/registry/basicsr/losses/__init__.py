import importlib
from copy import deepcopy
from os import path as osp

from basicsr.utils import modules_in
from basicsr.utils.registry import LOSS_REGISTRY

__all__ = ['build_loss']
_modules = [importlib.import_module(f'basicsr.losses.{name}') for name in modules_in(osp.dirname(__file__), '_loss.py')]


def build_loss(opt):
    opt = deepcopy(opt)
    return LOSS_REGISTRY.get(opt.pop('type'))(**opt)
