import importlib
from copy import deepcopy
from os import path as osp

from basicsr.utils import modules_in
from basicsr.utils.registry import ARCH_REGISTRY

__all__ = ['build_network']
_modules = [importlib.import_module(f'basicsr.archs.{name}') for name in modules_in(osp.dirname(__file__), '_arch.py')]


def build_network(opt):
    opt = deepcopy(opt)
    return ARCH_REGISTRY.get(opt.pop('type'))(**opt)
