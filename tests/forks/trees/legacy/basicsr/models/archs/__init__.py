import importlib
from os import path as osp

from basicsr.utils import modules_in

_arch_modules = [importlib.import_module(f'basicsr.models.archs.{name}') for name in modules_in(osp.dirname(__file__), '_arch.py')]


def define_network(opt):
    for module in _arch_modules:
        found = getattr(module, opt['type'], None)
        if found is not None:
            return found(**{key: value for key, value in opt.items() if key != 'type'})
    raise ValueError(f'{opt["type"]} is not found.')
