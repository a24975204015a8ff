import importlib
from os import path as osp

from basicsr.utils import scandir

_modules = [importlib.import_module(f'own.archs.{name[:-3]}') for name in scandir(osp.dirname(osp.abspath(__file__)))
            if name.endswith('_arch.py')]
