"""The options under ``train.bspa``, checked: unknown keys, types and ranges are refused with the closest valid name."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Optional, Tuple

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import did_you_mean

#: Options that take one of a few words.
CHOICES = {
    'ig_rule': ('midpoint', 'right', 'left', 'trapezoid'),
    'ig_reduce': ('abs_per_batch', 'abs_after_sum', 'signed'),
    'granularity': ('weight', 'filter'),
    'scope': ('global', 'layer'),
    'mask_update': ('replace', 'union'),
}


@dataclasses.dataclass(frozen=True)
class BSPAOptions:
    """``train.bspa`` with its defaults: the published schedule, and the attribution that ranks as the authors' does.

    Attributes:
        interval_iter: Uniform iterations between inverse stages (50 epochs of 800 images at batch 16).
        inverse_iter: Iterations of an inverse stage.
        beta: Frozen share at the end of the run, p = beta * progress (Eq. 11).
        ig_rule: Riemann rule of Eq. 10; the paper prints ``left``, the authors' code computes ``right``.
        ig_steps: Points on the path between the two models (M); the authors' code takes 100.
        ig_batches: Uniform batches that are attributed, over all processes together.
        ig_reduce: Sum of the absolute attributions of the batches (authors' code), or absolute value of their sum.
        granularity: Rank single weights (WIG) or kernels (FIG).
        scope: Rank over the whole network or inside each layer.
        freeze_in_inverse: Hold frozen entries in inverse stages too (the authors' code does not).
        mask_update: Each round's mask replaces the last one (authors' code), or is added to it.
    """

    interval_iter: int = 2500
    inverse_iter: int = 2500
    beta: float = 0.1
    ig_rule: str = 'midpoint'
    ig_steps: int = 8
    ig_batches: int = 50
    ig_reduce: str = 'abs_per_batch'
    granularity: str = 'weight'
    scope: str = 'global'
    freeze_in_inverse: bool = False
    mask_update: str = 'replace'

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
        fields = {field.name: field for field in dataclasses.fields(cls)}
        unknown = [key for key in given if key not in fields]
        if unknown:
            hints = '; '.join(f"'{key}': {did_you_mean(str(key), fields)}" for key in unknown)
            raise OptionError(
                f"unknown option under '{where}': {', '.join(map(repr, unknown))}",
                where=where,
                expected=', '.join(fields),
                remedy=hints,
            )
        for key, value in given.items():
            _check(f'{where}.{key}', key, value, type(fields[key].default))
        return cls(**{key: float(value) if key == 'beta' else value for key, value in given.items()})

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


def _check(where: str, key: str, value: Any, kind: type) -> None:
    if key in CHOICES:
        if value not in CHOICES[key]:
            raise OptionError(
                f"'{where}' has an unknown value",
                where=where,
                expected=' | '.join(CHOICES[key]),
                found=repr(value),
                remedy=did_you_mean(str(value), CHOICES[key]),
            )
        return
    if kind is bool:
        expected, right = 'true or false', isinstance(value, bool)
    elif kind is int:
        expected, right = 'a whole number of at least 1', type(value) is int and value >= 1
    else:
        expected, right = 'a number from 0 to 1', _is_number(value) and 0 <= value <= 1
    if not right:
        raise OptionError(f"'{where}' has a wrong value", where=where, expected=expected, found=repr(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


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
            remedy='python tools/make_option.py writes a complete BSPA option file',
        )
    merged = {key: train_options[key] for key in INHERITED if key in train_options}
    merged.update(name=f'{train_options.get("name", "train")}_inverse', io_backend={'type': 'lmdb'})
    merged.update(inverse)
    return merged
