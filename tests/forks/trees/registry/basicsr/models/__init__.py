import importlib
from copy import deepcopy
from os import path as osp

from basicsr.utils import modules_in
from basicsr.utils.registry import MODEL_REGISTRY

__all__ = ['build_model']
_modules = [importlib.import_module(f'basicsr.models.{name}') for name in modules_in(osp.dirname(__file__), '_model.py')]


def build_model(opt):
    opt = deepcopy(opt)
    return MODEL_REGISTRY.get(opt['model_type'])(opt)
