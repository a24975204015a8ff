"""The table of options says of every registered type exactly what its code takes, with the same defaults."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from typing import Any, Dict

import pytest

from bsr_plugins.data.images.dataset_options import CARRIED_OPTIONS
from bsr_plugins.host.registration import TABLE
from bsr_plugins.models.bspa_options import CHOICES, INHERITED, BSPAOptions
from bsr_plugins.models.engine_options import AMP, NON_FINITE, EngineOptions
from bsr_plugins.options.table import OPTION_SETS, option_set
from bsr_plugins.options.table.key import REQUIRED, InWords, Key
from cases import every

REGISTERED = [(kind, name, target) for kind, names in TABLE.items() for name, target in names.items()]
BUILT = [entry for entry in REGISTERED if entry[0] in ('arch', 'loss', 'metric')]
# Given by BasicSR or by the model, not by the option file.
GIVEN = ('img', 'img1', 'img2', 'sigma')


def keys_of(kind: str, name: str) -> Dict[str, Key]:
    found = option_set(kind, name)
    assert found is not None, f'the {kind} {name} has no row in bsr_plugins/options/table'
    return {key.path: key for key in found.keys}


def built(target: str) -> Any:
    module, _, name = target.partition(':')
    return getattr(importlib.import_module(module), name)


@every('kind, name', [entry[:2] for entry in REGISTERED])
def test_every_registered_type_is_in_the_table(kind: str, name: str) -> None:
    assert keys_of(kind, name)
    assert option_set(kind, f'{name}_bsrp') is option_set(kind, name)


def test_the_table_has_no_type_that_is_not_registered() -> None:
    assert [
        options.name for options in OPTION_SETS if options.kind != 'basicsr' and options.name not in TABLE[options.kind]
    ] == []


@every('kind, name, target', BUILT)
def test_keys_and_defaults_are_those_of_the_constructor(kind: str, name: str, target: str) -> None:
    parameters = {
        each.name: each.default
        for each in inspect.signature(built(target)).parameters.values()
        if each.kind is not each.VAR_KEYWORD and each.name not in GIVEN
    }
    rows = keys_of(kind, name)
    assert sorted(rows) == sorted(parameters)
    for key, default in parameters.items():
        if default is inspect.Parameter.empty:
            assert rows[key].default is REQUIRED, key
        elif not isinstance(rows[key].default, InWords):
            assert rows[key].default == default, key


@pytest.mark.parametrize(('name', 'target'), [entry[1:] for entry in REGISTERED if entry[0] == 'dataset'])
def test_keys_of_data_sets(name: str, target: str) -> None:
    own = importlib.import_module(target.partition(':')[0]).OWN_OPTIONS
    assert sorted(keys_of('dataset', name)) == sorted(own)


def test_keys_of_the_engine() -> None:
    rows = keys_of('model', 'RebalancedSRModel')
    fields = {f'train.{field.name}': field.default for field in dataclasses.fields(EngineOptions)}
    assert {path: rows[path].default for path in fields} == fields
    assert rows['train.amp'].kind.words == AMP and rows['train.non_finite'].kind.words == NON_FINITE


def test_keys_of_bspa() -> None:
    rows = {path: key for path, key in keys_of('model', 'BSPAModel').items() if path.startswith('train.bspa.')}
    assert {path: key.default for path, key in rows.items()} == {
        f'train.bspa.{field.name}': field.default for field in dataclasses.fields(BSPAOptions)
    }
    for name, words in CHOICES.items():
        assert rows[f'train.bspa.{name}'].kind.words == words
    for path, key in rows.items():  # what the table takes, the model takes
        BSPAOptions.from_mapping({path.split('.')[-1]: key.default})
    meaning = keys_of('model', 'BSPAModel')['datasets.train.inverse'].meaning
    assert all(name in meaning for name in INHERITED)


@every('options', OPTION_SETS)
def test_rows_are_whole(options: Any) -> None:
    paths = [key.path for key in options.keys]
    assert len(set(paths)) == len(paths)
    for key in options.keys:
        assert key.meaning and not key.meaning.endswith('.') and key.kind.text, key.path
        if not isinstance(key.default, InWords) and (options.kind != 'basicsr' or key.default is not None):
            assert key.kind.accepts(key.default), key.path


def test_loader_keys_may_stand_in_any_data_set_of_the_pack() -> None:
    loader = [key.path.split('.')[-1] for options in OPTION_SETS if options.name == 'Data sets' for key in options.keys]
    assert set(loader) <= set(CARRIED_OPTIONS)
