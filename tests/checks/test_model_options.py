"""What a model refuses among its own options, and what the check of an option file says of the same values."""

from __future__ import annotations

import copy
import datetime
import math
import re
from typing import Any, Callable, Dict, List

import pytest
import yaml

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.findings import ERROR, Finding
from bsr_plugins.models.model_options import REBALANCED_SR_MODEL, check_model_options
from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel
from option_files import TRAIN

VALUES = (None, True, 0, 3, 2.5, math.nan, '1', '', [], [1], {}, {'a': 1}, 2**70, datetime.date(2020, 1, 1))


def with_values(values: Dict[str, Any]) -> Dict[str, Any]:
    options = {**yaml.safe_load(TRAIN), 'model_type': 'RebalancedSRModel'}
    for path, value in values.items():
        *sections, name = path.split('.')
        section = options
        for key in sections:
            section = section.setdefault(key, {})
        section[name] = value
    return options


@pytest.mark.parametrize('is_train', [True, False])
@pytest.mark.parametrize('order', [1, -1])
def test_model_and_check_refuse_the_same_values(
    order: int, is_train: bool, check: Callable[..., List[Finding]]
) -> None:
    paths = [option.path for option in REBALANCED_SR_MODEL.options]
    wrong = {
        option.path: next(value for value in VALUES[::order] if not option.kind.accepts(value))
        for option in REBALANCED_SR_MODEL.options
        if not any(path.startswith(f'{option.path}.') for path in paths)  # a section holds other options
    }
    findings = check(yaml.safe_dump(with_values(wrong)), is_train)
    found = {each.where.rpartition(': ')[2] for each in findings if each.severity == ERROR}
    for path, value in wrong.items():
        options = {**with_values({path: value}), 'is_train': is_train}
        before = copy.deepcopy(options)
        is_read = is_train or not path.startswith('train.')
        assert (path in found) == is_read, path
        if is_read:
            with pytest.raises(OptionError, match=re.escape(path)):
                check_model_options(options)
        else:
            check_model_options(options)
        assert repr(options) == repr(before)


def test_a_model_asks_before_it_looks_for_a_base() -> None:
    options = {'is_train': False, 'num_gpu': 0, 'dist': False, 'path': {}, 'base_model_type': 0}
    with pytest.raises(OptionError, match='base_model_type'):
        RebalancedSRModel(options)
