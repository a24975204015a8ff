"""The probe in processes of its own: what it finds, imports that fail, crash and hang, and the remedy for each."""

from __future__ import annotations

import sys

import pytest

from bsr_plugins.doctor import probing
from bsr_plugins.doctor.probing import probe, remedy_for

OTHERS = ['numpy', 'cv2', 'lmdb', 'torch', 'torchvision']


def test_facts_of_what_imports(write_packages, tmp_path):
    path = write_packages(cuda='12.4', gpus=2, nccl=True)
    before = set(sys.modules)
    probed = probe(OTHERS, tmp_path, path)
    assert probed.findings == []
    assert list(probed.facts) == OTHERS and probed.facts['numpy'] == {'version': '1.2'}
    card = {'name': 'Card', 'gib': 16.0, 'capability': '9.0'}
    assert probed.facts['torch'] == {
        'version': '9.9',
        'cuda_build': '12.4',
        'hip_build': None,
        'gpus': [card, card],
        'nccl': '2.20.5',
        'gloo': True,
        'threads': 3,
    }
    assert {*sys.modules} - before <= {'bsr_plugins.doctor.stages'}


@pytest.mark.parametrize(
    'text, found, remedy',
    [
        (
            'raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")',
            'ImportError: libGL.so.1: cannot open shared object file: No such file or directory',
            'opencv-python-headless',
        ),
        ('import no_such_thing', "ModuleNotFoundError: No module named 'no_such_thing'", 'pip install no_such_thing'),
        ('import os; os.kill(os.getpid(), 11)', 'the process was killed by SIGSEGV', 'then reinstall opencv-python'),
        ('raise SystemExit(3)', 'exit code 3', 'python -c "import bsr_plugins, cv2"'),
        ('raise ValueError("first line\\n  second line")', 'ValueError: first line', 'reinstall'),
        ('raise SystemExit', 'the import ended the process', 'reinstall'),
        (
            'import sys; print("noise"); print("more", file=sys.stderr); 1 / 0',
            'ZeroDivisionError: division by zero',
            '',
        ),
    ],
)
def test_what_fails_is_found_and_the_rest_is_tried(write_packages, tmp_path, text, found, remedy):
    probed = probe(OTHERS, tmp_path, write_packages({'cv2.py': text}))
    assert list(probed.facts) == ['numpy', 'lmdb', 'torch', 'torchvision']
    (finding,) = probed.findings
    assert (finding.severity, finding.problem, finding.where, finding.found) == (
        'error',
        'cv2 cannot be imported',
        'cv2',
        found,
    )
    assert remedy in finding.remedy


def test_what_needs_a_broken_torch_is_not_tried(write_packages, write_checkout):
    probed = probe(
        [*OTHERS, 'basicsr', 'patches'],
        write_checkout(),
        write_packages({'torch/__init__.py': 'raise OSError("libcudart.so.12: cannot open")'}),
    )
    assert list(probed.facts) == ['numpy', 'cv2', 'lmdb']
    assert [finding.problem for finding in probed.findings] == ['torch cannot be imported']
    assert 'reinstall torch' in probed.findings[0].remedy


def test_two_that_fail_are_two_findings(write_packages, tmp_path):
    path = write_packages({'numpy.py': 'raise ImportError("a")', 'lmdb.py': 'raise ImportError("b")'})
    probed = probe(OTHERS, tmp_path, path)
    assert [(finding.where, finding.found) for finding in probed.findings] == [
        ('numpy', 'ImportError: a'),
        ('lmdb', 'ImportError: b'),
    ]
    assert list(probed.facts) == ['cv2', 'torch', 'torchvision']


def test_what_hangs_is_found(write_packages, tmp_path, monkeypatch):
    monkeypatch.setattr(probing, 'SECONDS', 2)
    probed = probe(['numpy', 'lmdb'], tmp_path, write_packages({'lmdb.py': 'import time; time.sleep(60)'}))
    assert list(probed.facts) == ['numpy']
    assert probed.findings[0].found == 'not done after 2 seconds' and probed.findings[0].where == 'lmdb'


def test_a_warning_of_torch_is_found(write_packages, tmp_path):
    text = 'import warnings\nwarnings.warn("CUDA initialization: The NVIDIA driver on your system is too old")\n'
    path = write_packages()
    torch = tmp_path / 'packages' / 'torch' / '__init__.py'
    torch.write_text(text + 'warnings.warn("gone", FutureWarning)\n' + torch.read_text())
    (finding,) = probe(['torch'], tmp_path, path).findings
    assert finding.severity == 'warning' and finding.found.endswith('driver on your system is too old')


def test_names_in_the_registries(write_packages, write_checkout):
    """The fork's own CARN keeps its name; the pack's is CARN_bsrp."""
    root = write_checkout(
        {
            'archs/__init__.py': """
        from basicsr.utils.registry import ARCH_REGISTRY
        @ARCH_REGISTRY.register()
        class CARN: pass
        @ARCH_REGISTRY.register()
        class Other: pass
    """
        }
    )
    probed = probe(['basicsr', 'patches'], root, write_packages())
    assert probed.findings == []
    found = probed.facts['basicsr']
    assert found['taken'] == {'arch:CARN': 'basicsr.archs.CARN'}
    arch = found['kinds']['arch']
    assert arch['others'] == {'basicsr': 2}
    assert 'CARN' not in arch['ours'] and {'CARN_bsrp', 'BSRNet', 'BSRNet_bsrp'} <= {*arch['ours']}
    assert {'active', 'idle', 'off'} == {*found['mends']} == {*found['additions']}
    assert 'functional tensor' in probed.facts['patches']['mends']['idle']


def test_mends_that_are_met(write_packages, write_checkout):
    files = {'__init__.py': 'import torchvision.transforms.functional_tensor, basicsr.models', 'archs/__init__.py': ''}
    path = write_packages(
        {
            'torchvision/__init__.py': '',
            'torchvision/transforms/__init__.py': '',
            'torchvision/transforms/functional.py': 'rgb_to_grayscale = None',
        }
    )
    probed = probe(['basicsr'], write_checkout(files), path)
    assert probed.findings == []
    (mend,) = probed.facts['basicsr']['mends']['active']
    assert mend['name'] == 'functional tensor' and 'torchvision >= 0.17' in mend['reason']
    assert mend['link'].endswith('issues/533')


@pytest.mark.parametrize(
    'files, found, remedy',
    [
        ({'__init__.py': 'raise ImportError("half a fork")'}, 'ImportError: half a fork', 'then reinstall basicsr'),
        (
            {'__init__.py': 'import timm_of_nobody'},
            "ModuleNotFoundError: No module named 'timm_of_nobody'",
            'pip install timm_of_nobody',
        ),
        (
            {'models/__init__.py': 'import basicsr.no_such'},
            "ModuleNotFoundError: No module named 'basicsr.no_such'",
            'python -c "import bsr_plugins, basicsr"',
        ),
    ],
)
def test_a_basicsr_that_does_not_import(write_packages, write_checkout, files, found, remedy):
    (finding,) = probe(['basicsr', 'patches'], write_checkout(files), write_packages()).findings
    assert (finding.severity, finding.problem, finding.found) == (
        'error',
        'basicsr cannot be imported with the pack',
        found,
    )
    assert remedy in finding.remedy


def test_a_module_that_a_mend_waits_for_does_not_import(write_packages, write_checkout):
    root = write_checkout({'utils/options.py': 'raise RuntimeError("odd")'})
    probed = probe(['basicsr', 'patches'], root, write_packages())
    assert 'basicsr' in probed.facts and 'patches' not in probed.facts
    assert [finding.problem for finding in probed.findings] == ['A module of basicsr cannot be imported']


@pytest.mark.parametrize(
    'problem, remedy',
    [
        ("No module named 'yaml'", 'pip install pyyaml'),
        ("No module named 'timm.layers'", 'pip install timm'),
        (
            'numpy.dtype size changed, may indicate binary incompatibility',
            'pip install "numpy<2", or a cv2 that was built',
        ),
        ('operator torchvision::nms does not exist', 'torch and torchvision do not fit together'),
        ("No module named 'basicsr.version'", 'shows all of it'),
        ('undefined symbol: _ZN3c10', 'reinstall torch'),
    ],
)
def test_remedies(problem, remedy):
    assert remedy in remedy_for('cv2', problem)
