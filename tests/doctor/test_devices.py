"""GPUs and their driver in the report; a GPU that torch does not see; no way for processes to talk."""

from __future__ import annotations

import pytest

from bsr_plugins.doctor import devices
from bsr_plugins.doctor.devices import device_findings, device_rows, driver_version

CPU = {'cuda_build': None, 'hip_build': None, 'gpus': [], 'nccl': None, 'gloo': True, 'threads': 4}
CARD = {'name': 'NVIDIA H200', 'gib': 139.8, 'capability': '9.0'}
GPU = {**CPU, 'cuda_build': '12.4', 'gpus': [CARD], 'nccl': '2.21.5'}


@pytest.fixture(autouse=True)
def all_visible(monkeypatch):
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)


def test_rows():
    assert dict(device_rows(GPU, '550.54.15')) == {
        'GPU': 'NVIDIA H200, 139.8 GiB, compute capability 9.0',
        'driver': '550.54.15',
        'torch built for': 'CUDA 12.4',
        'NCCL': '2.21.5',
        'gloo': 'yes',
        'CPU threads': '4',
    }
    assert dict(device_rows(CPU, None)) == {
        'GPU': 'none: runs are on the CPU',
        'driver': 'no NVIDIA driver',
        'torch built for': 'the CPU alone',
        'NCCL': 'none',
        'gloo': 'yes',
        'CPU threads': '4',
    }
    assert dict(device_rows({**CPU, 'hip_build': '6.1'}, None))['torch built for'] == 'ROCm 6.1'
    assert [row[0] for row in device_rows({**GPU, 'gpus': [CARD, CARD]}, '1')][:3] == ['GPU', 'GPU', 'driver']


def test_the_visible_devices_are_shown(monkeypatch):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '1')
    assert ('CUDA_VISIBLE_DEVICES', "'1'") in device_rows(GPU, '1')


def test_nothing_is_wrong_with_one_gpu_or_none():
    assert device_findings(GPU, '550') == [] and device_findings(CPU, None) == []


@pytest.mark.parametrize(
    'visible, remedy',
    [
        (None, 'install a torch built for CUDA'),
        ('', "unset CUDA_VISIBLE_DEVICES, which is ''"),
        ('-1', "unset CUDA_VISIBLE_DEVICES, which is '-1'"),
        ('0', 'install a torch built for CUDA'),
    ],
)
def test_a_gpu_that_torch_does_not_see(visible, remedy, monkeypatch):
    if visible is not None:
        monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)
    (finding,) = device_findings(CPU, '550.54.15')
    assert finding.severity == 'warning' and finding.expected == 'a GPU of driver 550.54.15'
    assert finding.found == 'built for the CPU alone' and finding.remedy.startswith(remedy)


def test_several_gpus_without_nccl_and_no_backend_at_all():
    (finding,) = device_findings({**GPU, 'gpus': [CARD, CARD], 'nccl': None}, '550')
    assert 'no NCCL' in finding.problem
    (finding,) = device_findings({**CPU, 'gloo': False}, None)
    assert 'neither NCCL nor gloo' in finding.problem


def test_the_driver_is_read_from_the_kernel_module(tmp_path, monkeypatch):
    file = tmp_path / 'version'
    file.write_text('NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19\nGCC version: 12\n')
    monkeypatch.setattr(devices, '_KERNEL_MODULE', file)
    assert driver_version() == '535.104.05'
    file.write_text('NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.10  Release Build\n')
    assert driver_version() == '570.86.10'


@pytest.mark.parametrize('script, version', [('echo 470.1\necho 470.1', '470.1'), ('echo broken; exit 9', None)])
def test_the_driver_is_asked_of_nvidia_smi(script, version, tmp_path, monkeypatch):
    command = tmp_path / 'nvidia-smi'
    command.write_text(f'#!/bin/sh\n{script}\n')
    command.chmod(0o755)
    monkeypatch.setattr(devices, '_KERNEL_MODULE', tmp_path / 'absent')
    monkeypatch.setattr(devices.shutil, 'which', lambda name: str(command))
    assert driver_version() == version
    monkeypatch.setattr(devices.shutil, 'which', lambda name: None)
    assert driver_version() is None
