"""The one table of the options the pack reads: what the check of an option file and options/README.md are made from."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from bsr_plugins.options.table.basicsr import BASICSR
from bsr_plugins.options.table.datasets import DATASETS
from bsr_plugins.options.table.key import OptionSet
from bsr_plugins.options.table.losses import LOSSES
from bsr_plugins.options.table.metrics import METRICS
from bsr_plugins.options.table.models import MODELS
from bsr_plugins.options.table.networks import NETWORKS

OPTION_SETS: Tuple[OptionSet, ...] = (*BASICSR, *MODELS, *DATASETS, *NETWORKS, *LOSSES, *METRICS)
_BY_NAME: Dict[Tuple[str, str], OptionSet] = {(each.kind, each.name): each for each in OPTION_SETS}


def option_set(kind: str, name: str) -> Optional[OptionSet]:
    """Return the options of a type, of ``NAME`` or ``NAME_bsrp``; None where the table has none of that name."""
    bare = name[: -len('_bsrp')] if name.endswith('_bsrp') else name
    return _BY_NAME.get((kind, bare))
