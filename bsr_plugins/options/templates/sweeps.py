"""The ablations of the papers as methods of a grid: rows of the table of methods, or keys that differ from a base."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, Mapping, Optional

import yaml

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import did_you_mean
from bsr_plugins.options.templates.blocks import L1
from bsr_plugins.options.templates.method_keys import method_keys, value_at
from bsr_plugins.options.templates.networks import MEAN, NETWORKS
from bsr_plugins.options.templates.setting import OwnData

Keys = Dict[str, Any]


@dataclass(frozen=True)
class Sweep:
    """One ablation.

    Attributes:
        about: What it asks, and the table of the paper.
        net: The paper's network.
        scale: The paper's scale.
        base: The method whose option file is the base.
        methods: Name in the grid -> keys and their values; None: the row of that name in the table of methods.
        twin: What the others are compared with.
        without: Names in the grid -> the row of the table that the base becomes there, as keys.
        bare: Name in the grid of the bare network, trained by L1; '' where there is none.
    """

    about: str
    net: str
    scale: int
    base: str
    methods: Mapping[str, Optional[Keys]]
    twin: str
    without: Optional[Mapping[str, str]] = None
    bare: str = ''

    def keys(self, base: Mapping[str, Any], data: Optional[OwnData] = None) -> Dict[str, Optional[Keys]]:
        """Return the methods of the grid with the keys in which they differ from a base; None takes a key away.

        A method with a key that the base has not (BSR's skips in another network) is left out.
        """
        result: Dict[str, Optional[Keys]] = {self.bare: _bare(base)} if self.bare else {}
        for name, keys in self.methods.items():
            if keys is None:
                result[name] = None
            elif all(value_at(base, key) is not None for key in keys):
                result[name] = {key: value for key, value in keys.items() if value != value_at(base, key)}
        for name, row in (self.without or {}).items():
            result[name] = method_keys(row, base, base['train']['total_iter'], data).keys
        return result


def sweep_named(name: str) -> Sweep:
    """Return the sweep ``name``.

    Raises:
        OptionError: There is none.
    """
    if name not in SWEEPS:
        raise OptionError(
            f"There is no sweep '{name}'", expected=', '.join(SWEEPS), found=name, remedy=did_you_mean(name, SWEEPS)
        )
    return SWEEPS[name]


def _rows(*names: str) -> Dict[str, Optional[Keys]]:
    return dict.fromkeys(names)


def _values(prefix: str, key: str, values: Iterable[float]) -> Dict[str, Optional[Keys]]:
    """Return a method for each value of a key."""
    return {f'{prefix}_{value}': {key: value} for value in values}


def _focal(option: str, values: Iterable[float]) -> Dict[str, Optional[Keys]]:
    return {f'{option}_{value}': {f'train:pixel_opt:{option}': value} for value in values}


def _bare(base: Mapping[str, Any]) -> Keys:
    """Return the keys that take the bicubic image from under a network, and its loss with it."""
    network = dict(base['network_g'])
    inner = dict(network.get('base', network))
    if 'rgb_mean' in inner:
        inner['rgb_mean'] = yaml.safe_load(MEAN)
    model = next((row.model_type for row in NETWORKS.values() if row.arch == inner['type']), 'SRModel')
    return {'model_type': model, 'network_g': inner, **{f'train:{k}': v for k, v in yaml.safe_load(L1).items()}}


SWEEPS: Dict[str, Sweep] = {
    'bspa-sampling': Sweep(
        about="What BSPA's parts do: sampling, no attribution, attribution of filters or weights (BSPA, Table 1)",
        net='EDSR',
        scale=4,
        base='baseline',
        methods=_rows('baseline', 'inverse', 'bi_sampling', 'bspa_filter', 'bspa'),
        twin='baseline',
    ),
    'bspa-beta': Sweep(
        about='How many weights BSPA freezes: beta of Eq. 11 (BSPA, Table 2)',
        net='EDSR',
        scale=4,
        base='bspa',
        methods=_values('beta', 'train:bspa:beta', (0.1, 0.5, 0.8, 1.0)),
        twin='beta_0.1',
    ),
    'bspa-imbalance': Sweep(
        about="How uneven BSPA's classes are: the imbalance factor of Eq. 2 (BSPA, Table 3)",
        net='EDSR',
        scale=4,
        base='bspa',
        methods=_values('imbalance', 'datasets:train:inverse:imbalance_factor', (10, 50, 100, 200)),
        twin='imbalance_10',
    ),
    'bspa-classes': Sweep(
        about='The number of difficulty classes, K of Eq. 2 (BSPA, Table 5)',
        net='EDSR',
        scale=4,
        base='bspa',
        methods=_values('classes', 'datasets:train:inverse:num_classes', (5, 10, 20)),
        twin='classes_10',
    ),
    'bspa-others': Sweep(
        about='BSPA beside the methods that its paper compares it with (BSPA, Table 4)',
        net='EDSR',
        scale=4,
        base='baseline',
        methods=_rows('baseline', 'samplingaug', 'udl', 'bspa'),
        twin='baseline',
    ),
    'add-parts': Sweep(
        about='ADD and ADD+, by a proxy and by attribution maps, beside CutBlur and its mixture (ADD; experimental)',
        net='EDSR',
        scale=4,
        base='baseline',
        methods=_rows('baseline', 'cutblur', 'moa', 'add', 'add_plus', 'add_cam', 'add_plus_cam'),
        twin='baseline',
    ),
    'add-grid': Sweep(
        about='What the paper leaves open here: how fine the grid is, and whose surroundings stay (ADD; experimental)',
        net='EDSR',
        scale=4,
        base='add',
        methods={
            'add': {},
            'grid_4': {'train:augment:grid': 4},
            'canvas_self': {'train:augment:canvas': 'self'},
        },
        twin='add',
    ),
    'fpl-alpha-gamma': Sweep(
        about="FPL's weights: gamma (0 removes a prior) and alpha of Eq. 5, one changed at a time (FPL, Fig. 4)",
        net='FSRCNN',
        scale=4,
        base='fpl',
        methods={
            'fpl': {},
            **_focal('gamma_sp', (0, 2)),
            **_focal('gamma_lp', (0, 2)),
            'gammas_0': {'train:pixel_opt:gamma_sp': 0, 'train:pixel_opt:gamma_lp': 0},
            **_focal('alpha_sp', (0.1, 1, 2)),
            **_focal('alpha_lp', (0.1, 0.5, 2)),
        },
        twin='fpl',
        bare='plain',
    ),
    'le-parts': Sweep(
        about='l_E and the sigma branch, alone and together ("Revisiting L1 loss", Table 1)',
        net='EDSR',
        scale=2,
        base='l1',
        methods=_rows('baseline', 'le', 'eq10', 'sigma', 'le_sigma'),
        twin='baseline',
    ),
    'sigma-weight': Sweep(
        about='The weight of the sigma branch, beta of Eq. 10 ("Revisiting L1 loss", Table 2)',
        net='EDSR',
        scale=2,
        base='le_sigma',
        methods=_values('beta', 'train:sigma_opt:loss_weight', (0.001, 0.005, 0.01, 0.05, 0.1)),
        twin='beta_0.01',
    ),
    'bsr-parts': Sweep(
        about='BSR without its sampling, its skips, two of its three norms or one (BSR, Table 4)',
        net='BSR',
        scale=4,
        base='bsr',
        methods={
            'bsr': {},
            'without_sc': {'network_g:use_fmg_skips': False},
            'l2': {'train:pixel_opt:l1_weight': 0.0, 'train:pixel_opt:lp_weight': 0.0},
            'l2_l1': {'train:pixel_opt:lp_weight': 0.0},
        },
        twin='bsr',
        without={'without_rfs': 'hybrid_lp'},
    ),
    'bsr-norms': Sweep(
        about='L1 + L2 beside L1 + Lp, which BSR trains a network on with (BSR, Fig. 9)',
        net='BSR',
        scale=4,
        base='bsr',
        methods={
            'l1_l2': {'train:pixel_opt:lp_weight': 0.0},
            'l1_lp': {'train:pixel_opt:l2_weight': 0.0},
        },
        twin='l1_l2',
    ),
}
