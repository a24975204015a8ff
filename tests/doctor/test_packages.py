"""Versions and places of packages without importing them; several of one name; the basicsr of a run."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from bsr_plugins.doctor import packages
from bsr_plugins.doctor.packages import (
    UNKNOWN,
    Package,
    basicsr_copies,
    basicsr_findings,
    find_basicsr,
    find_package,
    package_findings,
)


def test_an_installed_package():
    found = find_package('pytest', ['pytest'])
    assert found.version == pytest.__version__ == metadata.version('pytest')
    assert found.folder == Path(pytest.__file__).parent
    assert found.row() == ('pytest', f'{pytest.__version__}  {found.folder}')


def test_a_package_of_another_name_and_one_without_metadata(tmp_path, monkeypatch):
    (tmp_path / 'loose_module.py').write_text('raise AssertionError("imported")')
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_package('loose_module', ['loose']) == Package('loose_module', UNKNOWN, tmp_path)
    assert Package('cv2', '4.9', Path('/x'), ('opencv-python',)).row() == ('cv2', '4.9 (opencv-python)  /x')


def test_an_absent_package():
    absent = find_package('no_such_module', ['no-such-module'])
    assert absent == Package('no_such_module', None, None)
    assert absent.row() == ('no_such_module', 'not installed')
    (finding,) = package_findings([Package('cv2', None, None)])
    assert (finding.severity, finding.problem, finding.remedy) == (
        'error',
        'cv2 is not installed',
        'pip install opencv-python',
    )


def test_two_builds_of_opencv(monkeypatch):
    monkeypatch.setattr(packages, '_installed_version', {'opencv-python': '4.9', 'opencv-contrib-python': '4.8'}.get)
    found = find_package('cv2', dict(packages.PACKAGES)['cv2'])
    assert found.version == '4.9' and found.distributions == ('opencv-python', 'opencv-contrib-python')
    (finding,) = package_findings([found])
    assert finding.severity == 'warning' and 'overwrite each other' in finding.problem
    assert finding.found == 'opencv-python, opencv-contrib-python'
    assert finding.remedy == 'pip uninstall opencv-python opencv-contrib-python; pip install opencv-python'


def test_the_basicsr_of_a_checkout_comes_first(write_checkout, tmp_path):
    root, installed = write_checkout(), write_checkout(name='site')
    assert find_basicsr(root) == Package('basicsr', '1.3.4', root / 'basicsr')
    (root / 'VERSION').write_text('1.9\n')
    assert find_basicsr(root).version == '1.9'
    copies = basicsr_copies(root, [str(tmp_path / 'nothing'), str(installed), str(root), str(installed)])
    assert copies[:2] == [root / 'basicsr', installed / 'basicsr'] and copies.count(installed / 'basicsr') == 1
    (finding,) = basicsr_findings(root, copies[:2])
    assert finding.severity == 'warning' and finding.problem == 'There are several packages named basicsr'
    assert finding.where == str(root / 'basicsr') and finding.found == f'also {installed / "basicsr"}'
    assert '`basicsr train`, `test` and `run` take the first' in finding.remedy


def test_several_installed(write_checkout, tmp_path):
    first, second = write_checkout(name='one'), write_checkout(name='two')
    root = tmp_path / 'elsewhere'
    root.mkdir()
    copies = [path for path in basicsr_copies(root, [str(first), str(second)]) if tmp_path in path.parents]
    assert copies == [first / 'basicsr', second / 'basicsr']
    (finding,) = basicsr_findings(root, copies)
    assert finding.remedy.startswith('pip uninstall basicsr, or keep one')
    assert basicsr_findings(root, copies[:1]) == []


def test_a_namespace_package_counts(write_checkout, tmp_path):
    root = write_checkout()
    (root / 'basicsr' / '__init__.py').unlink()
    assert basicsr_copies(root, [])[0] == root / 'basicsr'
    (tmp_path / 'data' / 'basicsr').mkdir(parents=True)  # a folder of that name without code
    assert tmp_path / 'data' / 'basicsr' not in basicsr_copies(root, [str(tmp_path / 'data')])


def test_the_installed_one(tmp_path):
    found = find_basicsr(tmp_path)
    assert found.version == metadata.version('basicsr')
    assert basicsr_copies(tmp_path, sys.path)[0] == found.folder.resolve()


def test_without_any(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, 'basicsr_folder', lambda root: None)
    assert find_basicsr(tmp_path).row() == ('basicsr', 'not installed')
    (finding,) = basicsr_findings(tmp_path, [])
    assert finding.severity == 'error' and finding.where == str(tmp_path)
    assert 'bsr-plugins[basicsr]' in finding.remedy and 'root of the fork' in finding.remedy
