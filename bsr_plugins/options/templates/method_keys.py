"""What a method adds to an option file of one's own: the keys that differ, as ``key:path`` -> value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional

from bsr_plugins.options.templates.setting import OwnData


@dataclass(frozen=True)
class MethodKeys:
    """A method put onto a base option file.

    Attributes:
        keys: ``key:path`` -> value, in the words of ``--force_yml``; a value None takes the key away.
        twin: The method that it is compared with on this base; None for a twin itself. Where the base learns a bicubic
            residual already, or the method does not, that is ``baseline``.
        needs_classes: Whether sub-images and their difficulty have to be made first (``classes`` of OwnData).
        first: The method whose run with the same seed has to end first (``udn`` before ``udl``); its weights stand in
            ``keys`` as ``{first}``, the folder of its experiment.
        as_published: The twin's number of updates where the paper compares at unequal ones, as a share of the
            method's (BSPA: 20,000 beside 37,500); None where it compares at equal ones.
    """

    keys: Dict[str, Any] = field(default_factory=dict)
    twin: Optional[str] = None
    needs_classes: bool = False
    first: Optional[str] = None
    as_published: Optional[float] = None


def method_keys(method: str, base: Mapping[str, Any], iterations: int, data: Optional[OwnData] = None) -> MethodKeys:
    """Return what ``method`` adds to the option file ``base`` in a run of ``iterations`` updates.

    Args:
        method: A row of the table of methods.
        base: The option file as read.
        iterations: Updates of the run: stages are fitted to it.
        data: The sub-images and their classes; None: not made yet, their paths are left open.

    Raises:
        OptionError: There is no such method, or it does not go with the base.
    """
    raise NotImplementedError
