"""The writer: growth, continuation, order, and folders that nobody takes for finished."""

from __future__ import annotations

from types import SimpleNamespace

import lmdb
import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.subimages import lmdb_writer
from bsr_plugins.data.subimages.lmdb_manifest import read_keys, read_manifest
from bsr_plugins.data.subimages.lmdb_writer import LMDBWriter

MANIFEST = {'format': 1, 'crop': 128}


def finish(writer):
    writer.complete('(1,1,3) 1')
    writer.move_into_place()


def content(path):
    with lmdb.open(str(path), readonly=True, lock=False) as env, env.begin() as transaction:
        return {bytes(key).decode(): bytes(value) for key, value in transaction.cursor()}


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'out' / 'X.lmdb'


def test_format_and_key_order(path):
    writer = LMDBWriter(path, MANIFEST)
    writer.put([('b_s001', b'3'), ('b_s002', b'4')])
    writer.put([('a_s001', b'1')])
    assert not path.exists()
    finish(writer)
    assert content(path) == {'a_s001': b'1', 'b_s001': b'3', 'b_s002': b'4'}
    lines = ['a_s001.png (1,1,3) 1', 'b_s001.png (1,1,3) 1', 'b_s002.png (1,1,3) 1']
    assert (path / 'meta_info.txt').read_text().splitlines() == lines
    assert read_manifest(path) == {**MANIFEST, 'sub_images': 3}
    assert {entry.name for entry in path.iterdir()} == {'data.mdb', 'meta_info.txt', 'manifest.json'}
    assert not writer.partial.exists()


def test_the_map_grows_by_itself(path, monkeypatch):
    monkeypatch.setattr(lmdb_writer, '_FIRST_MAP_BYTES', 1 << 16)
    writer = LMDBWriter(path, MANIFEST)
    items = {f'k{number:04d}': bytes([number % 256]) * 5000 for number in range(400)}
    for key, value in items.items():
        writer.put([(key, value)])
    finish(writer)
    assert content(path) == items


def test_keys_are_listed_whole_across_mappings(path, monkeypatch):
    monkeypatch.setattr(lmdb_writer, '_KEYS_PER_MAPPING', 7)
    writer = LMDBWriter(path, MANIFEST)
    keys = [f'k{number:03d}' for number in range(50)]
    writer.put([(key, b'x') for key in keys])
    finish(writer)
    assert read_keys(path) == keys


def test_what_was_flushed_is_there_and_nothing_else(path):
    writer = LMDBWriter(path, MANIFEST)
    writer.put([('a_s001', b'12345'), ('a_s002', b'67890')])
    assert writer.pending_bytes == 10
    writer.flush()
    assert writer.pending_bytes == 0
    writer.put([('b_s001', b'1')])
    writer.close()
    again = LMDBWriter(path, MANIFEST)
    assert again.has('a_s001')
    assert again.has('a_s002')
    assert not again.has('b_s001')
    assert again.count() == 2


@pytest.mark.parametrize('complete', [False, True])
def test_the_same_manifest_goes_on_another_starts_over(path, complete):
    writer = LMDBWriter(path, MANIFEST)
    writer.put([('a_s001', b'1')])
    writer.flush()
    writer.complete('(1,1,3) 1') if complete else writer.close()
    same = LMDBWriter(path, MANIFEST)
    assert same.count() == 1
    same.close()
    other = LMDBWriter(path, {**MANIFEST, 'crop': 64})
    assert other.count() == 0
    other.close()


@pytest.mark.parametrize('damage', ['no manifest', 'broken manifest', 'no lmdb', 'not an lmdb'])
def test_a_partial_that_cannot_be_trusted_starts_over(path, damage):
    writer = LMDBWriter(path, MANIFEST)
    writer.put([('a_s001', b'1')])
    writer.flush()
    writer.close()
    if damage == 'no manifest':
        (writer.partial / 'manifest.json').unlink()
    elif damage == 'broken manifest':
        (writer.partial / 'manifest.json').write_text('{')
    elif damage == 'no lmdb':
        (writer.partial / 'data.mdb').unlink()
    else:
        (writer.partial / 'data.mdb').write_bytes(b'not an LMDB' * 1000)
    again = LMDBWriter(path, MANIFEST)
    assert again.count() == 0
    again.put([('a_s001', b'1')])
    finish(again)
    assert content(path) == {'a_s001': b'1'}


class FullDisk:
    """Stands before an environment whose next write transaction finds no room."""

    def __init__(self, env):
        self.env = env

    def __getattr__(self, name):
        return getattr(self.env, name)

    def begin(self, write=False):
        if write:
            raise lmdb.DiskError('mdb_txn_commit: No space left on device')
        return self.env.begin()


def test_a_full_disk_names_the_folder_and_how_to_go_on(path, monkeypatch):
    monkeypatch.setattr(lmdb_writer.shutil, 'disk_usage', lambda folder: SimpleNamespace(free=3 << 20))
    writer = LMDBWriter(path, MANIFEST)
    writer._env = FullDisk(writer._env)
    writer.put([('a_s001', b'1')])
    with pytest.raises(DataError, match=r'X\.lmdb\.partial cannot be written: the disk is full') as caught:
        writer.flush()
    text = str(caught.value)
    assert 'No space left on device' in text
    assert '(3 MiB free)' in text
    assert 'run the same command again' in text
    assert not path.exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(DataError, match='cannot be written'):
        LMDBWriter(tmp_path / 'file' / 'X.lmdb', MANIFEST)
