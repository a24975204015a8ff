"""The whole report: of a checkout, with findings, without basicsr, with a broken one; as text and as JSON."""

from __future__ import annotations

import json

import pytest

import bsr_plugins
from bsr_plugins.common.findings import ERROR, WARNING, Finding
from bsr_plugins.doctor import packages, report
from bsr_plugins.doctor.probing import Probed
from bsr_plugins.doctor.report import Report, examine


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Only what the tests write: no other basicsr, no driver, room on the disk."""
    monkeypatch.setattr(packages, '_folder', lambda name: None if name == 'basicsr' else packages.Path('/packages'))
    monkeypatch.setattr(report, 'driver_version', lambda: None)
    monkeypatch.setattr(report, 'examine_disk', lambda root: ([('free', '9.0 GiB')], []))


def alone(path):
    """Leave the import path's own basicsr out, but not the pack."""
    return [entry for entry in path if not packages._is_basicsr(packages.Path(entry) / 'basicsr')]


def test_a_checkout(write_packages, write_checkout):
    root = write_checkout()
    found = examine(root, alone(write_packages()), import_checkout=True)
    assert found.findings == [] and found.is_sound
    assert list(found.sections) == ['packages', 'basicsr', 'devices', 'registered', 'mends', 'additions', 'disk']
    rows = dict(found.sections['packages'])
    assert rows['bsr_plugins'].startswith(bsr_plugins.__version__) and rows['basicsr'] == f'1.3.4  {root / "basicsr"}'
    assert found.sections['basicsr'] == [
        ('that runs here', 'the checkout in the working directory'),
        ('train script', str(root / 'basicsr' / 'train.py')),
        ('test script', 'none'),
    ]
    arch = dict(found.sections['registered'])['arch']
    assert arch.startswith('bsr_plugins: BSRNet, BicubicResidual, CARN') and '_bsrp' not in arch
    assert found.sections['mends'][0] == ('active', 'none')
    text = found.text()
    assert text.startswith('packages\n  python ') and text.endswith('findings\n  none')
    assert '\n\ndevices\n  GPU              none: runs are on the CPU\n' in text


def test_names_that_others_have(write_packages, write_checkout):
    register = 'from basicsr.utils.registry import ARCH_REGISTRY\n@ARCH_REGISTRY.register()\nclass {}: pass\n'
    root = write_checkout({'archs/__init__.py': register.format('CARN')})
    (root / 'hat' / 'archs').mkdir(parents=True)
    (root / 'hat' / 'archs' / 'some_arch.py').write_text(register.format('FSRCNN'))
    found = examine(root, alone(write_packages()), import_checkout=True)
    assert found.is_sound
    assert sorted((finding.problem, finding.remedy) for finding in found.findings) == [
        (
            f"The arch name {name} is not the pack's: another object has it",
            f'write {name}_bsrp for the one of bsr_plugins',
        )
        for name in ('CARN', 'FSRCNN')
    ]
    assert {finding.found for finding in found.findings} == {
        'basicsr.archs.CARN',
        str(root / 'hat' / 'archs' / 'some_arch.py'),
    }
    arch = dict(found.sections['registered'])['arch']
    assert 'CARN_bsrp' in arch and arch.endswith('; 1 of basicsr')


def test_two_basicsrs_and_a_second_fault(write_packages, write_checkout):
    root, other = write_checkout(), write_checkout(name='site')
    path = alone(write_packages({'lmdb.py': 'raise ImportError("broken")'}))
    found = examine(root, [*path, str(other)])
    assert [(finding.severity, finding.problem) for finding in found.findings] == [
        ('error', 'lmdb cannot be imported'),
        ('warning', 'There are several packages named basicsr'),
    ]
    assert not found.is_sound and ('also there', str(other / 'basicsr')) in found.sections['basicsr']
    text = found.text()
    assert '\n\nfindings\nerror: lmdb cannot be imported\n  where:    lmdb\n  found:    ImportError: broken\n' in text
    shown = json.loads(found.json())
    assert shown['findings'][0]['severity'] == 'error' and shown['sections']['disk'] == [['free', '9.0 GiB']]


def test_several_scripts(write_packages, tmp_path, monkeypatch):
    monkeypatch.setattr(packages, 'basicsr_folder', lambda root: packages.Path('/site/basicsr'))
    root = tmp_path / 'project'
    for name in ('one', 'two'):
        (root / name).mkdir(parents=True)
        (root / name / 'test.py').write_text('from basicsr.utils.options import parse_options\n')
    (root / 'one' / 'train.py').write_text('from basicsr.utils.options import parse_options\n')
    monkeypatch.setattr(report, 'probe', lambda stages, root, path: Probed())
    found = examine(root, alone(write_packages()))
    assert ('train script', str(root / 'one' / 'train.py')) in found.sections['basicsr']
    finding = next(finding for finding in found.findings if 'scripts' in finding.problem)
    assert finding.severity == 'warning' and ' run one/test.py -opt' in finding.remedy


def test_without_basicsr(write_packages, tmp_path, monkeypatch):
    monkeypatch.setattr(packages, 'basicsr_folder', lambda root: None)
    found = examine(tmp_path, alone(write_packages()))
    assert [finding.problem for finding in found.findings] == [
        'There is no basicsr, neither installed nor in the working directory'
    ]
    assert list(found.sections) == ['packages', 'devices', 'disk']
    assert ('basicsr', 'not installed') in found.sections['packages']


def test_a_broken_basicsr(write_packages, write_checkout):
    found = examine(
        write_checkout({'__init__.py': 'raise ImportError("cannot import name X")'}), alone(write_packages()), True
    )
    (finding,) = found.findings
    assert finding.found == 'ImportError: cannot import name X' and not found.is_sound
    assert 'devices' in found.sections and 'registered' not in found.sections


def test_what_is_absent_is_not_probed(write_packages, write_checkout, monkeypatch):
    find = report.find_packages
    monkeypatch.setattr(
        report,
        'find_packages',
        lambda: [
            package._replace(version=None, folder=None) if package.name == 'lmdb' else package for package in find()
        ],
    )
    found = examine(write_checkout(), alone(write_packages({'lmdb.py': 'raise ImportError("probed")'})), True)
    assert [finding.problem for finding in found.findings] == ['lmdb is not installed']
    assert 'devices' in found.sections and 'registered' not in found.sections


def test_errors_come_first_and_each_has_a_remedy():
    found = Report(
        {'disk': [('free', '1 GiB')]},
        [Finding(ERROR, 'A', 'x', remedy='do a'), Finding(WARNING, 'B', 'y', remedy='do b')],
    )
    assert found.text() == (
        'disk\n  free  1 GiB\n\nfindings\nerror: A\n  where:    x\n  remedy:   do a\n'
        'warning: B\n  where:    y\n  remedy:   do b'
    )
