"""The options of BSPAModel: ``train.bspa``, and the inverse-sampled data set ``datasets.train.inverse``."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Optional, Tuple

from bsr_plugins.attribution.attribution_options import (
    GRANULARITY,
    IG_BATCHES,
    IG_REDUCE,
    IG_RULE,
    IG_STEPS,
    MASK_UPDATE,
    SCOPE,
)
from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.option import Option, read_section
from bsr_plugins.common.option_kinds import FLAG, number, whole

INTERVAL_ITER = Option(
    'interval_iter',
    whole(1),
    2500,
    'uniform iterations between inverse stages',
    "the paper's 50 epochs of 800 images at batch 16",
)
INVERSE_ITER = Option(
    'inverse_iter', whole(1), 2500, 'iterations of an inverse stage', 'the run ends with a uniform stage'
)
BETA = Option(
    'beta',
    number(at_least=0, at_most=1),
    0.1,
    'frozen share p = beta * progress (Eq. 11); 0: bi-sampling alone, nothing is attributed',
    'the best of Table 2',
)
FREEZE_IN_INVERSE = Option(
    'freeze_in_inverse',
    FLAG,
    False,
    'frozen weights stay frozen in inverse stages too',
    'the published code freezes in uniform stages only',
)
#: The keys of ``train.bspa``.
BSPA = (
    INTERVAL_ITER,
    INVERSE_ITER,
    BETA,
    IG_RULE,
    IG_STEPS,
    IG_BATCHES,
    IG_REDUCE,
    GRANULARITY,
    SCOPE,
    FREEZE_IN_INVERSE,
    MASK_UPDATE,
)


@dataclasses.dataclass(frozen=True)
class BSPAOptions:
    """``train.bspa`` with its defaults: the published schedule, and the attribution that ranks as the authors' does.

    What each attribute means: the option of its name in :data:`BSPA`.
    """

    interval_iter: int = INTERVAL_ITER.default
    inverse_iter: int = INVERSE_ITER.default
    beta: float = BETA.default
    ig_rule: str = IG_RULE.default
    ig_steps: int = IG_STEPS.default
    ig_batches: int = IG_BATCHES.default
    ig_reduce: str = IG_REDUCE.default
    granularity: str = GRANULARITY.default
    scope: str = SCOPE.default
    freeze_in_inverse: bool = FREEZE_IN_INVERSE.default
    mask_update: str = MASK_UPDATE.default

    @classmethod
    def from_mapping(cls, given: Optional[Mapping[str, Any]], where: str = 'train.bspa') -> BSPAOptions:
        """Check ``given`` (None: all defaults) and return the options.

        Raises:
            OptionError: For an unknown key, a value of a wrong type or out of its range; it names the key.
        """
        if given is None:
            given = {}
        if not isinstance(given, Mapping):
            raise OptionError(
                f"'{where}' is not a block of options", where=where, expected='a mapping', found=repr(given)
            )
        values = read_section(BSPA, given, where, f'{where}.')
        return cls(**{**values, 'beta': float(values['beta'])})

    def check_whole_updates(self, accumulate: int) -> None:
        """Refuse stages that end inside an update of ``accumulate`` batches: it would belong to both.

        Raises:
            OptionError: ``interval_iter`` or ``inverse_iter`` is no multiple of ``accumulate``.
        """
        for key in ('interval_iter', 'inverse_iter'):
            value = getattr(self, key)
            if value % accumulate:
                raise OptionError(
                    'a stage of BSPA ends inside an update',
                    where=f'train.bspa.{key}',
                    expected=f'a multiple of train.accumulate, {accumulate}',
                    found=value,
                    remedy=f'{key}: {max(accumulate, value - value % accumulate)}',
                )


#: Keys of ``datasets.train`` that ``datasets.train.inverse`` takes over unless it sets them.
INHERITED: Tuple[str, ...] = ('phase', 'scale', 'batch_size_per_gpu', 'num_worker_per_gpu', 'use_hflip', 'use_rot')


def inverse_dataset_options(train_options: Mapping[str, Any]) -> dict:
    """Return the options of the inverse-sampled data set: ``datasets.train.inverse`` and what it inherits from train.

    Raises:
        OptionError: Where the block or its ``type`` is missing.
    """
    where = 'datasets.train.inverse'
    inverse = train_options.get('inverse')
    if not isinstance(inverse, Mapping) or not inverse.get('type'):
        raise OptionError(
            f"BSPAModel needs the block '{where}' with a 'type'",
            where=where,
            expected='type: InverseSampledLMDBDataset, dataroot_gt: ..., dataroot_lq: ...',
            found=repr(inverse),
            remedy=f'{command("option")} writes a complete BSPA option file',
        )
    merged = {key: train_options[key] for key in INHERITED if key in train_options}
    merged.update(name=f'{train_options.get("name", "train")}_inverse', io_backend={'type': 'lmdb'})
    merged.update(inverse)
    return merged
