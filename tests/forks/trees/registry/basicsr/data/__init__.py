import importlib
from copy import deepcopy
from os import path as osp

from basicsr.utils import modules_in
from basicsr.utils.registry import DATASET_REGISTRY

__all__ = ['build_dataset']
_modules = [importlib.import_module(f'basicsr.data.{name}') for name in modules_in(osp.dirname(__file__), '_dataset.py')]


def build_dataset(opt):
    opt = deepcopy(opt)
    return DATASET_REGISTRY.get(opt['type'])(opt)
