"""LMDB handles: shared in a process, opened anew after fork, typed errors."""

from __future__ import annotations

import multiprocessing
import pickle
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import cv2
import lmdb
import numpy as np
import pytest

from bsr_plugins.common.commands import program
from bsr_plugins.common.errors import DataError
from bsr_plugins.data.images import lmdb_reader
from bsr_plugins.data.images.lmdb_reader import open_reader


@pytest.fixture
def folder(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (6, 5, 3)).astype(np.uint8)
    path = tmp_path / 'HR_sub.lmdb'
    with lmdb.open(str(path), map_size=2**22) as environment, environment.begin(write=True) as transaction:
        transaction.put(b'0001_s001', cv2.imencode('.png', image)[1].tobytes())
        transaction.put(b'garbage', b'no image at all')
        transaction.put(b'empty', b'')
    return path, image


def test_image_as_basicsr_reads_it(folder):
    path, image = folder
    read = open_reader(path).image('0001_s001')
    assert read.dtype == np.float32
    assert (read == image.astype(np.float32) / 255.0).all()


def test_one_handle_a_database(folder, tmp_path):
    path, _ = folder
    reader = open_reader(path)
    (tmp_path / 'link.lmdb').symlink_to(path)
    assert open_reader(str(path)) is reader
    assert open_reader(tmp_path / 'link.lmdb') is reader


def test_handle_is_closed_with_its_last_user(folder):
    path, _ = folder
    reader = open_reader(path)
    assert open_reader(path) is reader
    closed = weakref.ref(reader)
    del reader
    assert closed() is None
    lmdb.open(str(path), readonly=True, lock=False).close()  # newer lmdb packages refuse where it is open still


def test_after_fork(folder):
    path, image = folder
    reader = open_reader(path)

    def child(connection):
        inherited = reader.image('0001_s001')  # first read through the inherited handle, then by name
        connection.send((open_reader(path) is reader, float(inherited.sum())))
        connection.close()

    receiver, sender = multiprocessing.Pipe()
    process = multiprocessing.get_context('fork').Process(target=child, args=(sender,))
    process.start()
    assert receiver.poll(20)
    same, total = receiver.recv()
    process.join(20)
    assert same and process.exitcode == 0
    assert total == pytest.approx(float((image / 255.0).sum()), rel=1e-5)
    assert reader.image('0001_s001') is not None


def test_pickle_opens_the_same_lmdb(folder):
    reader = open_reader(folder[0])
    assert pickle.loads(pickle.dumps(reader)) is reader


@pytest.mark.parametrize(
    'key, message',
    [
        ('absent', "no record 'absent', though its meta_info.txt lists it"),
        ('garbage', "record 'garbage' of the LMDB is damaged or not an image"),
        ('empty', "record 'empty' of the LMDB is damaged or not an image"),
    ],
)
def test_a_record_that_is_no_image(folder, key, message):
    with pytest.raises(DataError, match=message) as caught:
        open_reader(folder[0]).image(key)
    assert str(folder[0]) in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_no_such_lmdb(tmp_path):
    with pytest.raises(DataError, match='cannot be opened') as caught:
        open_reader(tmp_path / 'none.lmdb')
    assert f'{program()} subimages' in caught.value.remedy


def test_a_damaged_database(tmp_path):
    (tmp_path / 'bad.lmdb').mkdir()
    (tmp_path / 'bad.lmdb' / 'data.mdb').write_bytes(b'\0' * 8192)
    with pytest.raises(DataError, match='The LMDB is damaged'):
        open_reader(tmp_path / 'bad.lmdb')


def test_threads_that_open_and_let_go(folder):
    # Closing is not done at once with the last reference: another thread may open the same LMDB in between.
    path, _ = folder
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            records = set(pool.map(lambda _: open_reader(path).get('garbage'), range(3000)))
    finally:
        sys.setswitchinterval(interval)
    assert records == {b'no image at all'}


def test_a_database_that_others_hold_open_is_said(folder, monkeypatch):
    def refuse(path, **options):  # as newer lmdb packages do; older ones open it twice
        raise lmdb.Error(f'The environment {path!r} is already open in this process.')

    monkeypatch.setattr(lmdb_reader, '_CLOSING_SECONDS', 0.05)
    monkeypatch.setattr(lmdb, 'open', refuse)
    with pytest.raises(DataError, match='already open'):
        open_reader(folder[0])
