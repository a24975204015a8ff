"""Registration: the table, the lazy factories, taken names, and every order of imports."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from bsr_plugins.common.errors import RegistrationError
from bsr_plugins.host import registration
from bsr_plugins.host.lazy import lazy_call
from bsr_plugins.host.registries import NamedRegistry, qualified_name
from cases import every

REPO = Path(registration.__file__).parents[2]
TABLE = registration.TABLE
ALL_NAMES = sorted((kind, name) for kind, names in registration.TABLE.items() for name in names)

REGISTRY = """
class Registry:
    def __init__(self, name):
        self._name, self._obj_map = name, {{}}
    def _do_register(self, name, obj{suffix}):
        {rename}
        assert name not in self._obj_map, f"An object named '{{name}}' was already registered"
        self._obj_map[name] = obj
    def register(self, obj=None{suffix}):
        if obj is None:
            return lambda obj: (self._do_register(obj.__name__, obj{pass_suffix}), obj)[1]
        self._do_register(obj.__name__, obj{pass_suffix})
    def get(self, name):
        return self._obj_map[name]
    def __contains__(self, name):
        return name in self._obj_map
    def __iter__(self):
        return iter(self._obj_map.items())
DATASET_REGISTRY, ARCH_REGISTRY, MODEL_REGISTRY = Registry('dataset'), Registry('arch'), Registry('model')
LOSS_REGISTRY, METRIC_REGISTRY = Registry('loss'), Registry('metric')
"""
NEW_REGISTRY = REGISTRY.format(
    suffix=', suffix=None', pass_suffix=', suffix', rename="name = f'{name}_{suffix}' if suffix else name"
)
OLD_REGISTRY = REGISTRY.format(suffix='', pass_suffix='', rename='')


def write_fork(root: Path, registry: str = NEW_REGISTRY, archs: str = '', models: str = '') -> Path:
    """Write a package basicsr that imports its parts in the order in which BasicSR does, without torch."""
    parts = {
        '__init__': 'from . import archs, data, losses, metrics, models\nimport basicsr.utils.registry\n',
        'utils/__init__': '',
        'utils/registry': registry,
        'archs/__init__': 'import basicsr.utils.registry\nfrom . import some_arch\n',
        'archs/some_arch': 'from basicsr.utils.registry import ARCH_REGISTRY\n' + archs,
        'data/__init__': '',
        'losses/__init__': '',
        'metrics/__init__': '',
        'models/__init__': 'from . import some_model\n',
        'models/some_model': 'from basicsr.utils.registry import MODEL_REGISTRY\n' + models,
    }
    for name, text in parts.items():
        path = root / 'basicsr' / f'{name}.py'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return root


def run(code: str, root: Path, **environment: str) -> str:
    """Run ``code`` in a fresh interpreter in which ``root`` holds the only basicsr; return what it prints."""
    paths = os.pathsep.join([str(root), str(REPO)])
    done = subprocess.run(
        [sys.executable, '-c', textwrap.dedent(code)],
        cwd=root,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': paths, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


SHOW = """
from bsr_plugins.host.registration import TABLE, registered_names
for kind in sorted(TABLE):
    for name in registered_names(kind):
        print(kind, name)
"""


def expected(names: List[Any] = ALL_NAMES) -> str:
    lines = {f'{kind} {key}' for kind, name in names for key in (name, f'{name}_bsrp')}
    return '\n'.join(sorted(lines))


# ---------------------------------------------------------------------------------------------------------- the table


def test_the_table_has_every_kind_and_only_well_formed_targets() -> None:
    assert set(registration.TABLE) == {'dataset', 'arch', 'model', 'loss', 'metric'}
    for names in registration.TABLE.values():
        for name, target in names.items():
            module, _, attribute = target.partition(':')
            assert module.startswith('bsr_plugins.') and attribute == name


@every('kind, name', ALL_NAMES)
def test_every_target_can_be_imported_and_is_what_basicsr_calls_by_that_name(kind: str, name: str) -> None:
    pytest.importorskip('basicsr')
    module, _, attribute = registration.TABLE[kind][name].partition(':')
    found = getattr(__import__(module, fromlist=[attribute]), attribute)
    # BasicSR's metrics are functions, all else it builds from classes.
    assert isinstance(found, type) == (kind != 'metric') and callable(found)
    assert found.__name__ == name and found.__module__ == module


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Dict[str, Dict[str, str]]:
    copy = {kind: dict(names) for kind, names in registration.TABLE.items()}
    monkeypatch.setattr(registration, 'TABLE', copy)
    return copy


def test_a_name_put_twice_names_both_targets(table: Dict[str, Dict[str, str]]) -> None:
    registration.add('loss', 'NewLoss', 'bsr_plugins.a:NewLoss')
    registration.add('loss', 'NewLoss', 'bsr_plugins.a:NewLoss')
    with pytest.raises(RegistrationError, match='the loss NewLoss is registered twice') as caught:
        registration.add('loss', 'NewLoss', 'bsr_plugins.b:NewLoss')
    assert 'bsr_plugins.a:NewLoss and bsr_plugins.b:NewLoss' in str(caught.value)
    assert table['loss']['NewLoss'] == 'bsr_plugins.a:NewLoss'


@pytest.mark.parametrize('target', ['bsr_plugins.a.NewLoss', ':NewLoss', 'bsr_plugins.a:', 'bsr_plugins.a:New.Loss'])
def test_a_malformed_target_is_refused(table: Dict[str, Dict[str, str]], target: str) -> None:
    with pytest.raises(RegistrationError, match='malformed target'):
        registration.add('loss', 'NewLoss', target)


def test_an_unknown_kind_is_refused(table: Dict[str, Dict[str, str]]) -> None:
    with pytest.raises(RegistrationError, match="'losses' is no kind of registry"):
        registration.add('losses', 'NewLoss', 'bsr_plugins.a:NewLoss')
    with pytest.raises(RegistrationError, match='dataset, arch, model, loss, metric'):
        registration.registered_names('losses')


# ------------------------------------------------------------------------------------------------------- the factories


def test_a_factory_imports_when_called() -> None:
    factory = lazy_call('Fraction', 'fractions:Fraction')
    assert (factory.__name__, factory.__qualname__, factory.target) == ('Fraction', 'Fraction', 'fractions:Fraction')
    assert 'fractions' in factory.__doc__
    assert factory(3, denominator=6) == __import__('fractions').Fraction(1, 2)
    with pytest.raises(ModuleNotFoundError, match='no_such_module'):
        lazy_call('X', 'no_such_module:X')()


# ----------------------------------------------------------------------------------------------- importing is for free


def test_importing_the_pack_is_fast_and_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = ['torch', 'basicsr', 'cv2', 'numpy', 'lmdb', 'yaml', 'torchvision', 'multiprocessing']
    code = f"""
        import sys, time
        before = set(sys.modules)
        start = time.process_time()
        import bsr_plugins
        seconds = time.process_time() - start
        print([name for name in {heavy} if name in sys.modules and name not in before], seconds)
    """
    runs = [run(code, tmp_path).rpartition(' ') for _ in range(5)]
    assert runs[0][0] == '[]'
    assert min(float(seconds) for _, _, seconds in runs) < 0.050


def test_without_any_basicsr_both_remedies_are_named(tmp_path: Path) -> None:
    code = """
        import bsr_plugins, importlib.util
        from bsr_plugins.host import registration
        real = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *rest: None if name == 'basicsr' else real(name, *rest)
        for function in (registration.require_basicsr, registration.register_all):
            try:
                function()
            except registration.DependencyError as error:
                print(error)
        print(registration.taken_names(), registration.registered_names('model'))
    """
    out = run(code, tmp_path)
    assert out.count('bsr-plugins[basicsr]') == out.count('tools/bootstrap.py') == 2
    assert out.count('in the root of the fork') == 2
    assert out.endswith('{} []')


# ------------------------------------------------------------------------------------------------------- import orders


@pytest.mark.parametrize(
    'order',
    [
        'import bsr_plugins, basicsr',
        'import basicsr, bsr_plugins',
        'import bsr_plugins.host.registration as r; r.register_all()',
        'import basicsr.archs, bsr_plugins, basicsr',
        'import bsr_plugins, importlib, basicsr; importlib.reload(bsr_plugins)',
        'import bsr_plugins, importlib, basicsr; from bsr_plugins.host import registration;'
        'importlib.reload(registration).install(); registration.register_all()',
    ],
)
def test_any_import_order_registers_everything_once(order: str, tmp_path: Path) -> None:
    assert run(f'{order}\n{SHOW}', write_fork(tmp_path)) == expected()


@pytest.mark.parametrize('folder', ['archs', 'data', 'losses', 'metrics', 'models', 'utils'])
@pytest.mark.parametrize(
    'line', ['import bsr_plugins', 'from bsr_plugins.host.registration import register_all as r; r()']
)
def test_the_pack_imported_in_the_midst_of_basicsr(folder: str, line: str, tmp_path: Path) -> None:
    init = write_fork(tmp_path) / 'basicsr' / folder / '__init__.py'
    init.write_text(f'{line}\n{init.read_text()}')
    assert run(f'import basicsr\n{SHOW}', tmp_path) == expected()


@pytest.mark.parametrize('folder', ['archs', 'models'])
def test_the_pack_imported_at_the_end_of_a_half_imported_package(folder: str, tmp_path: Path) -> None:
    init = write_fork(tmp_path) / 'basicsr' / folder / '__init__.py'
    init.write_text(f'{init.read_text()}\nimport bsr_plugins\n')
    assert run(f'import basicsr\n{SHOW}', tmp_path) == expected()


def test_registering_imports_none_of_our_classes(tmp_path: Path) -> None:
    code = """
        import sys, basicsr, bsr_plugins
        print([name for name in sys.modules if name.startswith(('bsr_plugins.models', 'bsr_plugins.archs',
                                                                'bsr_plugins.data', 'torch'))])
    """
    assert run(code, write_fork(tmp_path)) == '[]'


def test_register_all_says_what_it_added(tmp_path: Path) -> None:
    code = """
        import bsr_plugins
        from bsr_plugins.host.registration import add, register_all
        first = register_all()
        print(sorted(first) == sorted(set(first)), len(first), register_all())
        add('loss', 'NewLoss', 'fractions:Fraction')
        print(register_all())
        from basicsr.utils.registry import LOSS_REGISTRY
        print(LOSS_REGISTRY.get('NewLoss')(1, 2), LOSS_REGISTRY.get('NewLoss_bsrp').__name__)
    """
    assert run(code, write_fork(tmp_path)).splitlines() == [
        f'True {2 * len(ALL_NAMES)} []',
        "[('loss', 'NewLoss'), ('loss', 'NewLoss_bsrp')]",
        '1/2 NewLoss',
    ]


def test_registries_before_suffixes(tmp_path: Path) -> None:
    code = f"""
        import bsr_plugins, basicsr
        from basicsr.utils.registry import MODEL_REGISTRY
        print(MODEL_REGISTRY.get('BSPAModel_bsrp').__name__, MODEL_REGISTRY.get('BSPAModel').__name__)
        {SHOW.strip().replace(chr(10), chr(10) + '        ')}
    """
    out = run(code, write_fork(tmp_path, OLD_REGISTRY)).split('\n', 1)
    assert out == ['BSPAModel BSPAModel', expected()]


LEGACY = {
    '__init__': '',
    'utils/__init__': '',
    'data/__init__': 'import sys\n_dataset_modules = [sys]',
    'models/__init__': 'from . import archs, losses\n_model_modules = [archs]',
    'models/archs/__init__': 'from . import some_arch\n_arch_modules = [some_arch]',
    'models/archs/some_arch': 'class FSRCNN: pass\n',
    'models/losses/__init__': 'class SigmaLoss: pass\n',
    'metrics/__init__': '',
}


def write_legacy(root: Path) -> Path:
    """Write a basicsr of the releases before 1.3: no registries, with two names that we have too."""
    for name, text in LEGACY.items():
        path = root / 'basicsr' / f'{name}.py'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize('imported', ['basicsr.models', 'basicsr.data, basicsr.models', 'basicsr.metrics'])
@pytest.mark.parametrize('first', [True, False])
def test_without_registries_names_stand_where_they_are_searched(tmp_path: Path, imported: str, first: bool) -> None:
    lines = ['import bsr_plugins', f'import {imported}']
    code = '\n'.join(lines if first else lines[::-1]) + SHOW
    found = run(code, write_legacy(tmp_path)).splitlines()
    kinds = {'basicsr.metrics': {'metric'}, 'basicsr.models': {'arch', 'loss', 'model'}}.get(
        imported, {'arch', 'dataset', 'loss', 'model'}
    )
    taken = {('arch', 'FSRCNN'), ('loss', 'SigmaLoss')}
    assert found == sorted(
        f'{kind} {key}'
        for kind, table in TABLE.items()
        if kind in kinds
        for name in table
        for key in (name, f'{name}_bsrp')
        if (kind, key) not in taken
    )


def test_without_registries_the_forks_names_win_and_all_are_found(tmp_path: Path) -> None:
    code = """
        import bsr_plugins
        from bsr_plugins.host import registration as r
        added = r.register_all()
        import basicsr.data, basicsr.metrics, basicsr.models
        from basicsr.models import archs, losses
        def found(modules, name):
            return next(getattr(module, name) for module in modules if hasattr(module, name))
        print(len(added) == 2 * sum(map(len, r.TABLE.values())) - 2, r.register_all(), r.taken_names())
        print(found(archs._arch_modules, 'FSRCNN').__module__, losses.SigmaLoss.__module__)
        print(found(archs._arch_modules, 'FSRCNN_bsrp').target, losses.SigmaLoss_bsrp.target)
        print(found(basicsr.models._model_modules, 'BSPAModel').target, basicsr.metrics.calculate_pll.target)
        print(found(basicsr.data._dataset_modules, 'InverseSampledLMDBDataset').target)
    """
    assert run(code, write_legacy(tmp_path)).splitlines() == [
        "True [] {'arch:FSRCNN': 'basicsr.models.archs.some_arch.FSRCNN', "
        "'loss:SigmaLoss': 'basicsr.models.losses.SigmaLoss'}",
        'basicsr.models.archs.some_arch basicsr.models.losses',
        f'{TABLE["arch"]["FSRCNN"]} {TABLE["loss"]["SigmaLoss"]}',
        f'{TABLE["model"]["BSPAModel"]} {TABLE["metric"]["calculate_pll"]}',
        TABLE['dataset']['InverseSampledLMDBDataset'],
    ]


# --------------------------------------------------------------------------------------------------------- taken names

THEIR_ARCH = """
@ARCH_REGISTRY.register()
class FSRCNN:
    pass
"""


@pytest.mark.parametrize('order', ['bsr_plugins, basicsr', 'basicsr, bsr_plugins'])
def test_a_taken_name_stays_theirs_and_ours_is_there_with_the_suffix(order: str, tmp_path: Path) -> None:
    code = f"""
        import {order}
        from basicsr.utils.registry import ARCH_REGISTRY
        from bsr_plugins.host.registration import TABLE, registered_names, taken_names
        ours = ARCH_REGISTRY.get('FSRCNN_bsrp')
        print(ARCH_REGISTRY.get('FSRCNN').__module__, ours.target == TABLE['arch']['FSRCNN'])
        print(taken_names())
        print([name for name in registered_names('arch') if name.startswith('FSRCNN')])
    """
    assert run(code, write_fork(tmp_path, archs=THEIR_ARCH)).splitlines() == [
        'basicsr.archs.some_arch True',
        "{'arch:FSRCNN': 'basicsr.archs.some_arch.FSRCNN'}",
        "['FSRCNN_bsrp']",
    ]


def test_a_taken_name_is_said_once_when_basicsr_begins_to_log(tmp_path: Path) -> None:
    code = """
        import bsr_plugins, basicsr, logging, sys
        logger = logging.getLogger('basicsr')
        logger.handlers or logger.addHandler(logging.StreamHandler(sys.stdout))
        logger.setLevel(logging.INFO)
        bsr_plugins.host.registration.register_all()
        for line in ('Version', 'Training'):
            logger.info(line)
    """
    said = (
        'bsr_plugins: the arch name FSRCNN belongs to basicsr.archs.some_arch.FSRCNN and is left alone; '
        'write FSRCNN_bsrp for the one of bsr_plugins.'
    )
    lines = run(code, write_fork(tmp_path, archs=THEIR_ARCH)).splitlines()
    assert [line for line in lines if not line.startswith('bsr_plugins 0')] == [said, 'Version', 'Training']
    assert len(lines) == 4


def test_a_class_registered_after_ours_takes_the_plain_name(tmp_path: Path) -> None:
    code = f"""
        import bsr_plugins, basicsr
        from basicsr.utils.registry import ARCH_REGISTRY
        {THEIR_ARCH.strip().replace(chr(10), chr(10) + '        ')}
        from bsr_plugins.host.registration import registered_names, register_all, taken_names
        print(ARCH_REGISTRY.get('FSRCNN') is FSRCNN, taken_names(), register_all())
        print('FSRCNN_bsrp' in registered_names('arch'), 'FSRCNN' in registered_names('arch'))
        try:
            ARCH_REGISTRY.register(FSRCNN)
        except AssertionError as error:
            print(error)
    """
    assert run(code, write_fork(tmp_path)).splitlines() == [
        "True {'arch:FSRCNN': '__main__.FSRCNN'} []",
        'True False',
        "An object named 'FSRCNN' was already registered",
    ]


def test_all_or_nothing_where_a_certain_name_is_taken(tmp_path: Path) -> None:
    models = """
class BSPAModel_bsrp:
    pass
MODEL_REGISTRY.register(BSPAModel_bsrp)
"""
    code = """
        import bsr_plugins
        from bsr_plugins.common.errors import RegistrationError
        try:
            import basicsr
        except RegistrationError as error:
            print(error)
        import sys
        registry = sys.modules.get('basicsr.utils.registry')
        print([dict(registry) for registry in (registry.DATASET_REGISTRY, registry.ARCH_REGISTRY)])
    """
    out = run(code, write_fork(tmp_path, models=models))
    assert 'the model name BSPAModel_bsrp is taken by another object' in out
    assert 'basicsr.models.some_model.BSPAModel_bsrp' in out
    assert registration.TABLE['model']['BSPAModel'] in out
    assert out.endswith('[{}, {}]')


def test_qualified_names_of_classes_and_other_objects() -> None:
    assert qualified_name(Path) == f'{Path.__module__}.Path'
    assert '7' in qualified_name(7)


def test_a_registry_reads_without_printing(capsys: pytest.CaptureFixture) -> None:
    registry = pytest.importorskip('basicsr.utils.registry').Registry('test')
    assert NamedRegistry(registry).find('Nothing') is None
    assert capsys.readouterr().out == ''


# --------------------------------------------------------------------------------------------------------- real BasicSR


@pytest.fixture(scope='module')
def basicsr() -> Iterator[Any]:
    yield pytest.importorskip('basicsr')


@every('kind, name', ALL_NAMES)
def test_names_in_the_real_basicsr(basicsr: Any, kind: str, name: str) -> None:
    registry = getattr(basicsr.utils.registry, f'{kind.upper()}_REGISTRY')
    assert registry.get(f'{name}_bsrp').target == registration.TABLE[kind][name]
    assert name in registry
    assert registration.register_all() == []


# ------------------------------------------------------------------------------------------------------ spawned workers

WORKERS = """
import sys, multiprocessing
if __name__ == '__main__':
    import bsr_plugins
    import basicsr.probe
    pool = multiprocessing.get_context('{method}').Pool(1)
    print(*pool.apply(basicsr.probe.look), sep='\\n')
    pool.close()
    pool.join()
"""


@pytest.mark.parametrize('method', ['spawn', 'forkserver'])
def test_a_spawned_worker_meets_the_pack_before_basicsr(method: str, tmp_path: Path) -> None:
    """The worker is handed a function of basicsr alone, and its main module does not import the pack."""
    root = write_fork(tmp_path)
    (root / 'basicsr' / 'probe.py').write_text(
        textwrap.dedent("""
        import sys
        pack_came_first = 'bsr_plugins' in sys.modules
        def look():
            from basicsr.utils.registry import MODEL_REGISTRY
            return pack_came_first, 'BSPAModel' in MODEL_REGISTRY
    """)
    )
    script = root / 'main_script.py'
    script.write_text(WORKERS.format(method=method))
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=root,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join([str(root), str(REPO)])},
    )
    assert done.stdout.split() == ['True', 'True'], done.stderr
