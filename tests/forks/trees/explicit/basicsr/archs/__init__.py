from copy import deepcopy

from basicsr.utils.registry import ARCH_REGISTRY

from .tree_arch import TreeNet

__all__ = ['TreeNet', 'build_network']


def build_network(opt):
    opt = deepcopy(opt)
    return ARCH_REGISTRY.get(opt.pop('type'))(**opt)
