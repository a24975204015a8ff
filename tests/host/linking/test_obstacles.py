"""Where a stub cannot work `basicsr link` writes nothing, says why, and names what works."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Callable, Mapping, Optional

import pytest

from bsr_plugins.common.commands import program
from bsr_plugins.common.errors import LinkError
from bsr_plugins.host.linking import link, obstacles
from bsr_plugins.host.linking.imports import imported_modules

TENSOR = {obstacles.FUNCTIONAL_TENSOR: 'torchvision >= 0.17 no longer has it'}
DISTUTILS = {'distutils': 'Python >= 3.12 no longer has it, and setuptools is not installed'}
IMPORTS_TENSOR = 'from torchvision.transforms.functional_tensor import rgb_to_grayscale\n'
IMPORTS_VERSION = 'from distutils.version import LooseVersion\n'


@pytest.fixture
def attempt(
    tree: Callable[..., Path], content: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Optional[LinkError]]:
    """Return ``attempt(kind, files, missing, installed)``: the refusal, None where the stub was written."""

    def run(
        kind: str,
        files: Mapping[str, str] = {},
        missing: Mapping[str, str] = {},  # noqa: B006
        installed: Optional[str] = None,
    ) -> Optional[LinkError]:
        root = tree(kind, files)
        other = tree(installed, files, name='site') / 'basicsr' if installed else None
        monkeypatch.setattr(obstacles, 'installed_package', lambda *names: other)
        monkeypatch.setattr(obstacles, 'missing_modules', lambda: missing)
        before = content(root)
        try:
            link(root)
        except LinkError as error:
            assert content(root) == before
            return error
        return None

    return run


@pytest.mark.parametrize(
    ('kind', 'files', 'missing', 'importer'),
    [
        (
            'registry',
            {'basicsr/archs/arch_util.py': IMPORTS_VERSION, 'basicsr/archs/net_arch.py': 'from . import arch_util'},
            DISTUTILS,
            'archs/arch_util.py',
        ),
        (
            'registry',
            {
                'basicsr/utils/__init__.py': 'from .misc import *\nfrom basicsr.utils import *',
                'basicsr/utils/misc.py': IMPORTS_TENSOR,
            },
            TENSOR,
            'utils/misc.py',
        ),
        ('registry', {'basicsr/archs/net_arch.py': f'class A:\n    {IMPORTS_TENSOR}'}, TENSOR, 'archs/net_arch.py'),
        ('legacy', {'basicsr/data/a_dataset.py': IMPORTS_TENSOR}, TENSOR, 'data/a_dataset.py'),
        ('dependent', {'basicsr/data/a_dataset.py': IMPORTS_TENSOR}, TENSOR, 'data/a_dataset.py'),
    ],
)
def test_a_stub_that_would_come_too_late(
    kind: str,
    files: Mapping[str, str],
    missing: Mapping[str, str],
    importer: str,
    attempt: Callable[..., Optional[LinkError]],
) -> None:
    refusal = attempt(kind, files, missing, 'registry' if kind == 'dependent' else None)
    assert refusal is not None
    name, why = next(iter(missing.items()))
    assert refusal.problem == f'A stub would come too late: {importer} imports {name} before'
    assert refusal.found == f'none: {why}'
    assert refusal.remedy.startswith(f'run `{program()} train -opt X.yml` in ')


@pytest.mark.parametrize(
    ('kind', 'files', 'missing'),
    [
        # The stub is in archs/, which comes before data/.
        ('registry', {'basicsr/data/a_dataset.py': IMPORTS_TENSOR}, TENSOR),
        # Nothing imports the file; it may fail; it may never run.
        ('registry', {'basicsr/archs/arch_util.py': IMPORTS_VERSION}, DISTUTILS),
        (
            'registry',
            {'basicsr/archs/net_arch.py': f'try:\n    {IMPORTS_TENSOR}except ImportError:\n    pass\n'},
            TENSOR,
        ),
        ('registry', {'basicsr/archs/net_arch.py': f'def f():\n    {IMPORTS_TENSOR}'}, TENSOR),
        # Nothing is missing.
        ('registry', {'basicsr/archs/net_arch.py': IMPORTS_VERSION}, {}),
        ('dependent', {'basicsr/archs/net_arch.py': IMPORTS_VERSION}, TENSOR),
        ('namespace', {}, TENSOR),
    ],
)
def test_a_stub_in_time(
    kind: str, files: Mapping[str, str], missing: Mapping[str, str], attempt: Callable[..., Optional[LinkError]]
) -> None:
    files = dict(files) if kind != 'dependent' else {}
    assert attempt(kind, files, missing, 'registry' if kind == 'dependent' else None) is None


def test_a_namespace_package_that_another_basicsr_hides(attempt: Callable[..., Optional[LinkError]]) -> None:
    refusal = attempt('namespace', installed='registry')
    assert "Another basicsr hides this fork's, which has no __init__.py" in refusal.problem
    assert refusal.found.name == 'basicsr' and f'{program()} train -opt X.yml' in refusal.remedy
    assert attempt('legacy', installed='registry') is None


def test_a_fork_that_scans_nothing(attempt: Callable[..., Optional[LinkError]]) -> None:
    explicit = {f'basicsr/{name}/__init__.py': '' for name in ('archs', 'data', 'models')}
    refusal = attempt('registry', explicit)
    assert refusal.problem.startswith('archs/__init__.py of this fork does not import every file of a folder')
    assert refusal.expected == 'a scan for *_arch.py'


@pytest.mark.parametrize('text', ['', 'class Theirs: pass\n', '# bsr_plugins stub of my own\n'])
def test_another_file_of_the_stubs_name(text: str, attempt: Callable[..., Optional[LinkError]]) -> None:
    refusal = attempt(
        'registry',
        {
            'basicsr/archs/bsr_plugins_arch.py': text,
            'basicsr/data/bsr_plugins_dataset.py': text,
            'basicsr/models/bsr_plugins_model.py': text,
        },
    )
    assert refusal.problem == "Another file has the stub's name"
    assert refusal.where.name == 'bsr_plugins_arch.py'


def test_a_link_of_the_stubs_name(tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obstacles, 'missing_modules', dict)
    root = tree('legacy')
    for name in ('models/bsr_plugins_model.py', 'data/bsr_plugins_dataset.py'):
        (root / 'basicsr' / name).symlink_to(root / 'elsewhere.py')
    with pytest.raises(LinkError, match="Another file has the stub's name"):
        link(root)
    assert not (root / 'elsewhere.py').exists()


def test_what_is_no_checkout(tmp_path: Path, tree: Callable[..., Path]) -> None:
    with pytest.raises(LinkError, match='The folder does not exist'):
        link(tmp_path / 'absent')
    (tmp_path / 'a.py').write_text('')
    with pytest.raises(LinkError, match='This is no checkout of BasicSR or of a fork of it') as caught:
        link(tmp_path)
    assert caught.value.found == 'a.py'
    root = tree('registry')
    with pytest.raises(LinkError) as caught:
        link(root / 'basicsr')
    assert caught.value.remedy == f'give the folder above: {root}'
    root = tree('dependent', name='hat_root')
    with pytest.raises(LinkError) as caught:
        link(root / 'hat')
    assert caught.value.remedy == f'give the folder above: {root}'


def test_what_is_missing_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torchvision = tmp_path / 'torchvision'
    (torchvision / 'transforms').mkdir(parents=True)
    (torchvision / '__init__.py').write_text('')
    monkeypatch.setattr(sys, 'path', [str(tmp_path)])
    monkeypatch.setattr(sys, 'meta_path', [finder for finder in sys.meta_path if hasattr(finder, 'identity')])
    assert set(obstacles.missing_modules()) == {obstacles.FUNCTIONAL_TENSOR, 'distutils'}
    (torchvision / 'transforms' / 'functional_tensor.py').write_text('')
    assert set(obstacles.missing_modules()) == {'distutils'}


def test_the_installed_package_is_not_the_checkouts_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('fork', 'site'):
        (tmp_path / name / 'basicsr').mkdir(parents=True)
        (tmp_path / name / 'basicsr' / '__init__.py').write_text('')
    monkeypatch.setattr(sys, 'path', ['', str(tmp_path / 'fork'), str(tmp_path / 'site')])
    assert obstacles.installed_package('basicsr', tmp_path / 'fork') == tmp_path / 'site' / 'basicsr'
    assert obstacles.installed_package('basicsr') == tmp_path / 'fork' / 'basicsr'
    monkeypatch.chdir(tmp_path / 'fork')
    assert obstacles.installed_package('basicsr') == tmp_path / 'site' / 'basicsr'


def test_imports_are_followed_through_the_package(tmp_path: Path) -> None:
    package = tmp_path / 'fork'
    for name, text in {
        '__init__': 'import top',
        'a': 'from .b import thing\nfrom . import c\nimport os.path as p',
        'b': 'import x.y',
        'c': 'def f():\n  import never',
        'sub/__init__': 'from ..a import *',
        'broken': 'import (',
    }.items():
        (package / f'{name}.py').parent.mkdir(parents=True, exist_ok=True)
        (package / f'{name}.py').write_text(text)
    found = imported_modules([package / 'sub' / '__init__.py', package / 'broken.py'], package)
    assert {name for name in found if not name.startswith('fork')} == {'x.y', 'os.path'}
    assert found['x.y'] == package / 'b.py'
