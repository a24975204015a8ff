"""Free space at the experiments' folder, before and after it is there."""

from __future__ import annotations

import shutil

import pytest

from bsr_plugins.doctor import disk
from bsr_plugins.doctor.disk import GIB, examine_disk


def with_free(monkeypatch, gib):
    asked = []

    def usage(place):
        asked.append(place)
        return shutil._ntuple_diskusage(100 * GIB, 100 * GIB - gib * GIB, gib * GIB)

    monkeypatch.setattr(disk.shutil, 'disk_usage', usage)
    return asked


def test_room(tmp_path, monkeypatch):
    asked = with_free(monkeypatch, 72.25)
    assert examine_disk(tmp_path) == ([('experiments', str(tmp_path / 'experiments')), ('free', '72.2 GiB')], [])
    (tmp_path / 'experiments').mkdir()
    examine_disk(tmp_path)
    assert asked == [tmp_path, tmp_path / 'experiments']


@pytest.mark.parametrize('gib, severity', [(4.9, 'warning'), (0.4, 'error')])
def test_little_room(gib, severity, tmp_path, monkeypatch):
    with_free(monkeypatch, gib)
    (finding,) = examine_disk(tmp_path)[1]
    assert (finding.severity, finding.expected, finding.found) == (severity, '5 GiB or more', f'{gib} GiB')
    assert 'path.experiments_root' in finding.remedy


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    with_free(monkeypatch, 50)
    monkeypatch.setattr(disk.os, 'access', lambda place, mode: False)
    (finding,) = examine_disk(tmp_path)[1]
    assert (finding.severity, finding.where) == ('error', str(tmp_path)) and 'cannot be written' in finding.problem
