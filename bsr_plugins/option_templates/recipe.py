"""Which option file: a combination of network, method and scale, its names, and the combinations that are shipped."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, List, Optional

from bsr_plugins.errors import OptionError
from bsr_plugins.naming import did_you_mean
from bsr_plugins.option_templates.methods import METHODS, Method
from bsr_plugins.option_templates.networks import NETWORKS, Network
from bsr_plugins.option_templates.protocols import SCALES


def _check(what: str, name: str, valid: Iterable[str]) -> None:
    if name not in valid:
        raise OptionError(f"there is no option file for the {what} '{name}'", where=what,
                          expected=', '.join(valid), found=name, remedy=did_you_mean(name, valid))


@dataclass(frozen=True)
class Recipe:
    """A training file of ``net`` by ``method`` at ``scale``, or, without a method, the test file of ``net``.

    Raises:
        OptionError: A name or the scale is not in the table; the closest name is offered.
    """

    net: str
    method: Optional[str]
    scale: int

    def __post_init__(self) -> None:
        _check('network', self.net, NETWORKS)
        if self.method is not None:
            _check('method', self.method, METHODS)
        if self.scale not in SCALES:
            raise OptionError('there is no option file for this scale', where='scale',
                              expected=', '.join(map(str, SCALES)), found=self.scale)

    @property
    def network_row(self) -> Network:
        """The network's row of the table."""
        return NETWORKS[self.net]

    @property
    def method_row(self) -> Method:
        """The method's row of the table; a test file's is that of plain training."""
        return METHODS[self.method or 'baseline']

    @property
    def name(self) -> str:
        """Name of the experiment and stem of the file."""
        if self.method is None:
            return f'test_{self.net}_x{self.scale}'
        method = f'_{self.method}' if self.method_row.named else ''
        return f'train_{self.net}{method}_x{self.scale}'

    @property
    def file_name(self) -> str:
        """Name of the file under ``options/``."""
        return f'{self.name}.yml'

    @property
    def command(self) -> str:
        """The command that writes the file."""
        kind = '--test' if self.method is None else f'--method {self.method}'
        return f'tools/make_option.py --net {self.net} {kind} --scale {self.scale}'


SHIPPED: List[Recipe] = [
    *(Recipe(net, method, 4) for net in ('RCAN', 'EDSR', 'FSRCNN', 'SwinIR') for method in ('bspa', 'baseline')),
    *(Recipe(net, None, 4) for net in ('RCAN', 'EDSR', 'FSRCNN', 'SwinIR')),
    Recipe('MSRResNet', 'scorer', 4),
]
