import importlib
from os import path as osp

from basicsr.utils import modules_in

_dataset_modules = [importlib.import_module(f'basicsr.data.{name}') for name in modules_in(osp.dirname(__file__), '_dataset.py')]


def create_dataset(opt):
    for module in _dataset_modules:
        found = getattr(module, opt['type'], None)
        if found is not None:
            return found(opt)
    raise ValueError(f'{opt["type"]} is not found.')
