"""What ``train.augment`` cannot be combined with, told from the options alone, without torch and basicsr."""

from __future__ import annotations

from typing import Any, Collection, List, Mapping, Tuple

from bsr_plugins.augments.augment_options import ADD, CUTOUT, MOA, NEEDS_PLAIN_VALUES, NEEDS_RGB
from bsr_plugins.common.errors import OptionError
from bsr_plugins.models.sigma_options import is_second_step, places_of_sigma


def methods_of(augment: Any) -> Tuple[str, ...]:
    """Return the types that ``train.augment`` applies: its own, or those that MoA chooses from; none where unclear."""
    if not isinstance(augment, Mapping) or not isinstance(augment.get('type'), str):
        return ()
    if augment['type'] != MOA.name:
        return (augment['type'],)
    ops = augment.get('ops', MOA.defaults.ops)
    return tuple(op for op in ops if isinstance(op, str)) if isinstance(ops, (list, tuple)) else ()


def check_combinations(train: Mapping[str, Any], dataset: Any) -> None:
    """Refuse an augmentation that the data or the losses make wrong.

    Args:
        train: The options ``train``.
        dataset: Those of ``datasets.train``.

    Raises:
        OptionError: Names the option to change.
    """
    augment = train.get('augment')
    methods = methods_of(augment)
    _check_source(augment)
    dataset = dataset if isinstance(dataset, Mapping) else {}
    if dataset.get('color') == 'y':
        _refuse(
            augment,
            [method for method in methods if method in NEEDS_RGB],
            'permutes three channels, and datasets.train.color: y leaves one',
            'an augmentation of luma images',
        )
    if dataset.get('mean') is not None or dataset.get('std') is not None:
        _refuse(
            augment,
            [method for method in methods if method in NEEDS_PLAIN_VALUES],
            'needs colours as they are, and datasets.train.mean and std have them normalised',
            'mean: ~ and std: ~, which a network subtracts itself, or an augmentation that knows no colours',
        )
    if places_of_sigma(train) and not is_second_step(train):
        _refuse(
            augment,
            [method for method in methods if method == CUTOUT.name],
            f'takes pixels out of the losses, which would teach the branch of {places_of_sigma(train)[0]} that their '
            'error is 0',
            'an augmentation that leaves all pixels in the losses',
        )


def _check_source(augment: Any) -> None:
    source = augment.get('saliency', ADD.defaults.saliency) if isinstance(augment, Mapping) else None
    idle = [key for key in augment if str(key).startswith('cam_')] if source in ('proxy', 'map') else []
    if idle:
        raise OptionError(
            f'{idle[0]} is an option of saliency: cam, and nothing else reads it',
            where=f'train.augment.{idle[0]}',
            expected='saliency: cam beside it',
            found=f'saliency: {source}',
            remedy=f'leave out {", ".join(idle)}',
        )


def _refuse(augment: Any, methods: List[str], reason: str, expected: str) -> None:
    if methods:
        raise combination_error(augment, methods, reason, expected)


def combination_error(augment: Mapping[str, Any], methods: Collection[str], reason: str, expected: str) -> OptionError:
    """Return the error of the first of ``methods``, of those that ``train.augment`` applies, that cannot be."""
    method = next(iter(methods))
    is_mixture = augment['type'] == MOA.name
    left = [name for name in methods_of(augment) if name not in methods]
    return OptionError(
        f'{method} {reason}',
        where=f'train.augment.{"ops" if is_mixture else "type"}',
        expected=expected,
        found=method,
        remedy=f'ops: [{", ".join(left)}]' if is_mixture and left else 'type: CutBlur, for one',
    )
