"""Mend: a validation set without HR images is compared with the HR crops of the last training batch."""

from __future__ import annotations

import dis
import functools
import inspect
from types import ModuleType
from typing import Any, Set


def mend_stale_batch(module: ModuleType) -> bool:
    """Wrap ``BaseModel.validation``: what ``feed_data`` took of the batch before is forgotten first.

    ``SRModel.feed_data`` sets ``gt`` only where a batch has one, ``get_current_visuals`` takes whatever is there. So
    PSNR against a training crop was logged, and chose the best weights. ``basicsr/models/sr_model.py``.
    """
    base = getattr(module, 'BaseModel', None)
    upstream_validation = vars(base).get('validation') if base is not None else None
    if upstream_validation is None or hasattr(upstream_validation, 'forgets_the_batch'):
        return False

    @functools.wraps(upstream_validation)
    def validation(self: Any, *args: Any, **kwargs: Any) -> Any:
        for name in _kept_of_batches(type(self)) & set(vars(self)):
            delattr(self, name)
        return upstream_validation(self, *args, **kwargs)

    validation.forgets_the_batch = True  # type: ignore[attr-defined]
    base.validation = validation  # type: ignore[union-attr]
    return True


def mend_metric_without_gt(module: ModuleType) -> bool:
    """Wrap ``calculate_metric``: a metric that needs an HR image is NaN where there is none, and a line says so.

    Upstream ends the run with a TypeError, at the first validation. ``basicsr/metrics/__init__.py``.
    """
    upstream_metric = getattr(module, 'calculate_metric', None)
    registry = getattr(module, 'METRIC_REGISTRY', None)
    if upstream_metric is None or registry is None or hasattr(upstream_metric, '__wrapped__'):
        return False

    @functools.wraps(upstream_metric)
    def calculate_metric(data: Any, opt: Any) -> Any:
        if 'img2' not in data and _compares(registry.get(opt['type'])):
            _say_once(opt['type'], 'the set that is tested has no HR images to compare with (dataroot_gt)')
            return float('nan')
        value = upstream_metric(data, opt)
        if value != value:
            height, width = data['img'].shape[:2]
            _say_once(
                opt['type'], f'of an image of {height} x {width} nothing is left (crop_border), or it is not finite'
            )
        return value

    setattr(module, 'calculate_metric', calculate_metric)  # noqa: B010  # a name of upstream
    return True


def _kept_of_batches(model: type) -> Set[str]:
    """Return the attributes that the ``feed_data`` of a model and of its bases set."""
    functions = [inspect.unwrap(vars(owner)['feed_data']) for owner in model.__mro__ if 'feed_data' in vars(owner)]
    codes = [function.__code__ for function in functions if hasattr(function, '__code__')]
    return {step.argval for code in codes for step in dis.get_instructions(code) if step.opname == 'STORE_ATTR'}


def _compares(metric: Any) -> bool:
    parameters = inspect.signature(inspect.unwrap(metric)).parameters
    return 'img2' in parameters and parameters['img2'].default is inspect.Parameter.empty


@functools.lru_cache(maxsize=None)
def _say_once(metric: str, why: str) -> None:
    import logging

    logging.getLogger('basicsr').warning(f'{metric} is NaN: {why}.')
