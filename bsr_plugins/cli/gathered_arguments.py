"""Arguments that take several values, given more than once: ``--hr A --hr B`` means what ``--hr A B`` means."""

from __future__ import annotations

import argparse
from typing import Any, Optional


class GatheredArgument(argparse.Action):
    """Stores a value; where an option takes any number of them, those of each time that it is given, in their order.

    ``--force_yml`` is refused a second time: BasicSR, which reads it too, would take the last one alone.
    """

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: Optional[str] = None
    ) -> None:
        """Store ``values`` as the attribute of the argument."""
        given = getattr(namespace, self.dest, None)
        if option and self.nargs == '+' and given and given is not self.default:
            if self.dest == 'force_yml':
                parser.error(f'argument {option}: expected once, found twice; give all its KEY:KEY=VALUE behind one')
            values = [*given, *values]
        setattr(namespace, self.dest, values)


def gather(parser: argparse.ArgumentParser) -> None:
    """Let the arguments that are added to ``parser`` from here on be gathered."""
    for name in (None, 'store'):
        parser.register('action', name, GatheredArgument)
