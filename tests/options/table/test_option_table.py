"""Every registered type declares its options once; its code takes exactly those, and checks them by the declaration."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from typing import Any, Dict

import pytest

from bsr_plugins.augments.augments import AUGMENTS
from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.option import REQUIRED, DescribedDefault, Option
from bsr_plugins.data.images.shared_options import CARRIED_OPTIONS, read_dataset_options
from bsr_plugins.host.registration import TABLE
from bsr_plugins.models.bspa_options import BSPA, INHERITED, BSPAOptions
from bsr_plugins.models.engine_options import ENGINE, EngineOptions
from bsr_plugins.options.table import OPTION_SETS, option_set
from cases import every

TYPES = {**TABLE, 'augment': AUGMENTS}
REGISTERED = [(kind, name, target) for kind, names in TYPES.items() for name, target in names.items()]
BUILT = [entry for entry in REGISTERED if entry[0] in ('arch', 'loss', 'metric', 'augment')]
DATASETS = [entry[1] for entry in REGISTERED if entry[0] == 'dataset']
# Given by BasicSR or by the model, not by the option file.
GIVEN = ('img', 'img1', 'img2', 'sigma')
#: No option takes all of these.
STRANGE = (None, True, 'nonsense', -7, 10**400, 0.3, float('nan'), [], {}, object())


def rows_of(kind: str, name: str) -> Dict[str, Option]:
    found = option_set(kind, name)
    assert found is not None, f'the {kind} {name} declares no options'
    return {option.path: option for option in found.options}


def built(target: str) -> Any:
    module, _, name = target.partition(':')
    return getattr(importlib.import_module(module), name)


@every('kind, name', [entry[:2] for entry in REGISTERED])
def test_every_registered_type_is_in_the_table(kind: str, name: str) -> None:
    assert rows_of(kind, name)
    assert option_set(kind, f'{name}_bsrp') is option_set(kind, name)


def test_the_table_has_no_type_that_is_not_registered() -> None:
    assert [
        options.name for options in OPTION_SETS if options.kind != 'basicsr' and options.name not in TYPES[options.kind]
    ] == []


@every('kind, name, target', BUILT)
def test_keys_and_defaults_are_those_of_the_constructor(kind: str, name: str, target: str) -> None:
    parameters = {
        each.name: each.default
        for each in inspect.signature(built(target)).parameters.values()
        if each.kind is not each.VAR_KEYWORD and each.name not in (*GIVEN, *(['scale'] if kind == 'augment' else []))
    }
    # ADD checks the options of attribution, by which the model that feeds it computes the maps; it reads none of them.
    rows = {key: row for key, row in rows_of(kind, name).items() if kind != 'augment' or not key.startswith('cam_')}
    assert sorted(rows) == sorted(parameters)
    for key, default in parameters.items():
        wanted = inspect.Parameter.empty if rows[key].default is REQUIRED else rows[key].default
        assert default is wanted, key


@pytest.mark.parametrize(('kind', 'name', 'target'), BUILT, ids=[entry[1] for entry in BUILT])
def test_the_constructor_refuses_what_the_declaration_does(kind: str, name: str, target: str) -> None:
    """It asks the declaration: no value that its kind refuses gets through, and the error has its words."""
    given: Dict[str, Any] = {}
    if kind == 'metric':
        import numpy as np

        given = {'img': np.zeros((8, 8, 3), np.uint8), 'img2': np.zeros((8, 8, 3), np.uint8)}
        if 'constant_sigma' in rows_of(kind, name):
            given['constant_sigma'] = 0.1
    if kind == 'augment':
        given = {'scale': 2}
    if name == 'BicubicResidual':
        given = {'base': {'type': 'FSRCNN', 'upscale': 2}, 'upscale': 2}
    built(target)(**given)
    for key, option in rows_of(kind, name).items():
        if key == 'better':  # read by BasicSR alone
            continue
        refused = [value for value in STRANGE if not option.kind.accepts(value)]
        assert refused, key
        for value in refused:
            with pytest.raises(OptionError) as caught:
                built(target)(**{**given, key: value})
            assert (caught.value.where, caught.value.expected) == (f'{name}.{key}', option.kind.text)


@pytest.mark.parametrize('name', DATASETS)
def test_a_data_set_refuses_what_the_declaration_does(name: str) -> None:
    rows = rows_of('dataset', name)
    opt: Dict[str, Any] = {'type': name, 'scale': 2, 'dataroot_gt': 'a', 'dataroot_lq': 'b', 'gt_size': 48}
    opt.update(io_backend={'type': 'lmdb'}, saliency='c')
    options = option_set('dataset', name)
    assert options is not None
    values = read_dataset_options(opt, options)
    for key, option in rows.items():
        if key not in opt:
            assert getattr(values, key) is (None if isinstance(option.default, DescribedDefault) else option.default)
        for value in STRANGE:
            if not option.kind.accepts(value):
                with pytest.raises(OptionError) as caught:
                    built(TABLE['dataset'][name])({**opt, key: value})
                assert caught.value.where == f"data set '{name}': {key}"
                assert str(caught.value.expected).startswith(option.kind.text)


@pytest.mark.parametrize('section', [(BSPA, BSPAOptions, 'BSPAModel'), (ENGINE, EngineOptions, 'RebalancedSRModel')])
def test_sections_of_the_models(section: Any) -> None:
    options, fields, model = section
    prefix = 'train.bspa' if options is BSPA else 'train'
    read = BSPAOptions.from_mapping if options is BSPA else EngineOptions.from_train
    assert {option.name: option.default for option in options} == dataclasses.asdict(fields())
    assert read({option.name: option.default for option in options}) == fields()
    rows = rows_of('model', model)
    for option in options:
        assert rows[f'{prefix}.{option.name}'] == dataclasses.replace(option, path=f'{prefix}.{option.name}')
        for value in STRANGE:
            if not option.kind.accepts(value):
                with pytest.raises(OptionError) as caught:
                    read({option.name: value})
                assert (caught.value.where, caught.value.expected) == (f'{prefix}.{option.name}', option.kind.text)


def test_what_the_inverse_set_takes_over_is_told() -> None:
    meaning = rows_of('model', 'BSPAModel')['datasets.train.inverse'].meaning
    assert all(name in meaning for name in INHERITED)


@every('options', OPTION_SETS)
def test_rows_are_whole(options: Any) -> None:
    paths = [option.path for option in options.options]
    assert len(set(paths)) == len(paths)
    for option in options.options:
        assert option.meaning and option.kind.text, option.path
        assert not option.meaning.endswith('.') and not option.reason.endswith('.'), option.path
        if not isinstance(option.default, DescribedDefault) and (
            options.kind != 'basicsr' or option.default is not None
        ):
            assert option.kind.accepts(option.default), option.path


def test_loader_keys_may_stand_in_any_data_set_of_the_pack() -> None:
    loader = [option.name for options in OPTION_SETS if options.name == 'Data sets' for option in options.options]
    assert set(loader) <= set(CARRIED_OPTIONS)
