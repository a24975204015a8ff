"""Which option file: a combination of network, method and scale, its names, and the combinations that are shipped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Iterable, List, Optional, Tuple

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import did_you_mean
from bsr_plugins.options.templates.methods import METHODS, Method
from bsr_plugins.options.templates.networks import NETWORKS, Network
from bsr_plugins.options.templates.option_lines import with_value
from bsr_plugins.options.templates.protocols import FAST_LR, FAST_NETWORKS, REAL, SCALES
from bsr_plugins.options.templates.schedule import Schedule
from bsr_plugins.options.templates.setting import Setting

#: The method whose weights a test file names that is asked for without one, of networks that have none of their own.
DEFAULT_METHOD = 'bspa'
# A run is short at a quarter of the published length.
_SHORT = 4


def default_test_methods(net: str) -> Tuple[str, ...]:
    """Return the methods whose weights fit the test file of ``net`` made without one: what it names, and its twin.

    The network is the same for both, and so are the patches, which are in SwinIR's weights.
    """
    method = NETWORKS[net].own_method or DEFAULT_METHOD
    twin = METHODS[method].twin
    return (method, twin) if twin else (method,)


def _check(what: str, name: str, valid: Iterable[str]) -> None:
    if name not in valid:
        raise OptionError(
            f"there is no option file for the {what} '{name}'",
            where=what,
            expected=', '.join(valid),
            found=name,
            remedy=did_you_mean(name, valid),
        )


def scales_of(net: str, method: Optional[str]) -> Tuple[int, ...]:
    """Return the scales of a network and a method: 1 is RealSR."""
    has_real = method is not None and METHODS[method].has_real and not NETWORKS[net].adds_image
    return ((REAL,) if has_real else ()) + SCALES


@dataclass(frozen=True)
class Recipe:
    """A training file of ``net`` by ``method`` at ``scale``, or the test file of that.

    Args:
        net: Name of the network's row.
        method: Name of the method's row. None: the test file of networks that were trained by the network's own method,
            or else by BSPA, or by its twin.
        scale: Upscaling factor.
        test: Whether it is the test file; without a method it is.
        setting: Where the file lies and what its experiment is called.

    Raises:
        OptionError: A name or the scale is not in the table; the closest name is offered.
    """

    net: str
    method: Optional[str]
    scale: int
    test: bool = False
    setting: Setting = Setting()

    def __post_init__(self) -> None:
        _check('network', self.net, NETWORKS)
        if self.method is not None:
            _check('method', self.method, METHODS)
        if self.scale not in scales_of(self.net, self.method):
            raise OptionError(
                'there is no option file for this scale',
                where='scale',
                expected=', '.join(map(str, scales_of(self.net, self.method))),
                found=self.scale,
            )
        if self.test and self.method in default_test_methods(self.net) and self.scale != REAL:
            raise OptionError(
                f'{" and ".join(default_test_methods(self.net))}: one test file of {self.net} for all',
                where='method',
                found=self.method,
                remedy='leave --method out',
            )

    @property
    def is_test(self) -> bool:
        """Whether it is a test file."""
        return self.test or self.method is None

    @property
    def method_row(self) -> Method:
        """The method's row of the table."""
        return METHODS[self.method or default_test_methods(self.net)[0]]

    @property
    def network_row(self) -> Network:
        """The network's row of the table, in the size of the method's protocol."""
        return self.method_row.protocol.network(self.net)

    @property
    def learns_residual(self) -> bool:
        """Whether ``network_g`` is a BicubicResidual over the network."""
        return self.method_row.residual and not self.network_row.adds_image

    @property
    def tests_in_windows(self) -> bool:
        """Whether the paper tests the network in overlapping windows: FPL does SwinIR. Stock models cannot."""
        return self.method_row.protocol.rgb and self.network_row.lr_multiple > 1

    @property
    def model_type(self) -> str:
        """The model that trains and tests it."""
        own = self.network_row.model_type
        if self.is_test and self.method_row.has_maps:
            return 'RebalancedSRModel'
        if self.method_row.model_type and not self.is_test:
            return self.method_row.model_type
        # BasicSR's SwinIRModel looks for the attention windows in network_g itself, not in its base.
        return 'RebalancedSRModel' if self.learns_residual and own != 'SRModel' else own

    @property
    def gt_size(self) -> int:
        """Side of the HR patches: no larger than the smallest image."""
        protocol, multiple = self.method_row.protocol, self.network_row.lr_multiple
        published = protocol.gt_size(self.scale, multiple)
        if self.setting.data is None:
            return published
        unit = self.scale * multiple
        return min(published, self.setting.data.smallest // unit * unit)

    @property
    def schedule(self) -> Schedule:
        """Length and learning rate: as published, or fitted to the number of iterations that was asked for."""
        published, iterations = self.method_row.protocol.schedule(self.net), self.setting.iterations
        real = self.method_row.protocol.real
        if self.scale == REAL and real is not None:
            published = replace(published, **real.schedule)
        if iterations is None:
            return published
        fitted = published.fitted(iterations)
        if (
            self.net in FAST_NETWORKS
            and iterations * _SHORT <= published.total_iter
            and FAST_LR not in fitted.optimizer
        ):
            reason = f"the rate of FPL's paper for {' and '.join(FAST_NETWORKS)}, for a run this short"
            return replace(fitted, optimizer=with_value(fitted.optimizer, 'lr', f'!!float {FAST_LR}  # {reason}'))
        return fitted

    @property
    def training(self) -> Recipe:
        """The training file whose weights a test file names."""
        method = self.method or default_test_methods(self.net)[0]
        return replace(self, method=method, test=False, setting=Setting())

    @property
    def twin(self) -> Optional[Recipe]:
        """The training file of the twin."""
        twin = self.method_row.twin
        return replace(self, method=twin, test=False, setting=Setting()) if twin else None

    @property
    def first(self) -> Optional[Recipe]:
        """The training file of the method that has to be trained first."""
        first = self.method_row.first
        return replace(self, method=first, test=False, setting=Setting()) if first else None

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return self.setting.name or self.standard_name

    @property
    def standard_name(self) -> str:
        """Name of the experiment and stem of the file where neither is chosen."""
        kind = 'test' if self.is_test else 'train'
        method = '' if self.method in (None, self.network_row.own_method) else f'_{self.method}'
        return f'{kind}_{self.net}{method}_x{self.scale}'

    @property
    def file_name(self) -> str:
        """Name of the file under ``options/``."""
        return f'{self.standard_name}.yml'

    @property
    def file(self) -> str:
        """The file as commands name it."""
        return self.setting.file_or(f'options/{self.file_name}')

    @property
    def command(self) -> str:
        """The command that writes the file."""
        if self.setting.made_by is not None:
            return self.setting.made_by
        kinds = [f'--method {self.method}'] if self.method else []
        kinds += ['--test'] if self.is_test else []
        return f'basicsr option --net {self.net} {" ".join(kinds)} --scale {self.scale}{self.setting.argument}'


SHIPPED: List[Recipe] = [
    *(Recipe(net, method, 4) for net in ('RCAN', 'EDSR', 'FSRCNN', 'SwinIR') for method in ('bspa', 'baseline')),
    *(Recipe(net, None, 4) for net in ('RCAN', 'EDSR', 'FSRCNN', 'SwinIR')),
    *(Recipe(net, method, 4) for net in ('FSRCNN', 'CARN', 'SwinIR') for method in ('fpl', 'l1_bicubic')),
    *(Recipe(net, 'fpl', 4, test=True) for net in ('FSRCNN', 'CARN', 'SwinIR')),
    *(Recipe(net, method, 2) for net in ('EDSR', 'RCAN') for method in ('le_sigma', 'l1')),
    Recipe('EDSR', 'le_sigma', 2, test=True),
    *(Recipe('EDSR', method, REAL) for method in ('le_sigma', 'l1')),
    Recipe('EDSR', 'le_sigma', REAL, test=True),
    *(Recipe('BSR', method, scale) for scale in (2, 4) for method in ('bsr', 'l1_bsr', None)),
    *(Recipe('EDSR', method, 4) for method in ('hybrid_lp', 'rfs', 'l1_bsr')),
    Recipe('EDSR', 'samplingaug', 4),
    *(Recipe('EDSR', method, 4) for method in ('udn', 'udl')),
    *(Recipe('EDSR', method, 4) for method in ('cutblur', 'moa', 'add', 'add_plus', 'add_cam')),
    *(Recipe('EDSR', method, REAL) for method in ('cutblur', 'moa', 'baseline')),
    Recipe('EDSR', 'fpl_bspa_sigma', 4),
    Recipe('EDSR', 'fpl_bspa_sigma', 4, test=True),
    Recipe('MSRResNet', 'scorer', 4),
]
