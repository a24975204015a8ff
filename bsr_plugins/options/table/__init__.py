"""All options the pack reads, collected from beside the classes that take them.

The check of an option file, options/README.md and the option files' templates read them here. Neither torch nor basicsr
is imported.
"""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from bsr_plugins.archs.network_options import NETWORKS
from bsr_plugins.augments.augment_options import AUGMENTS
from bsr_plugins.common.naming import plain_name
from bsr_plugins.common.option import OptionSet
from bsr_plugins.data.dataset_options import DATASETS
from bsr_plugins.losses.loss_options import LOSSES
from bsr_plugins.metrics.metric_options import METRICS
from bsr_plugins.models.model_options import MODELS
from bsr_plugins.options.table.basicsr import BASICSR

OPTION_SETS: Tuple[OptionSet, ...] = (*BASICSR, *MODELS, *DATASETS, *NETWORKS, *LOSSES, *AUGMENTS, *METRICS)
_BY_NAME: Dict[Tuple[str, str], OptionSet] = {(each.kind, each.name): each for each in OPTION_SETS}


def option_set(kind: str, name: str) -> Optional[OptionSet]:
    """Return the options of a type, of ``NAME`` or ``NAME_bsrp``; None where the table has none of that name."""
    return _BY_NAME.get((kind, plain_name(name)))
