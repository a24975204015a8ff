import importlib
from os import path as osp

from basicsr.utils import modules_in

_model_modules = [importlib.import_module(f'basicsr.models.{name}') for name in modules_in(osp.dirname(__file__), '_model.py')]


def create_model(opt):
    for module in _model_modules:
        found = getattr(module, opt['model_type'], None)
        if found is not None:
            return found(opt)
    raise ValueError(f'{opt["model_type"]} is not found.')
