"""Two stock data sets on one LMDB in one process: an error upstream, mended here."""

from __future__ import annotations

import importlib.util
import multiprocessing

import lmdb
import pytest

from bsr_plugins.data.images.lmdb_reader import open_reader
from bsr_plugins.host.mends.lmdb_backend import mend_lmdb_backend


@pytest.fixture
def file_client():
    """A copy of ``basicsr.utils.file_client`` of its own, as upstream has it."""
    spec = importlib.util.find_spec('basicsr.utils.file_client')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folders(tmp_path):
    paths = [tmp_path / 'lq.lmdb', tmp_path / 'gt.lmdb']
    for path in paths:
        with lmdb.open(str(path), map_size=2**20) as environment, environment.begin(write=True) as transaction:
            transaction.put(b'key', path.name.encode())
    return [str(path) for path in paths]


def opened(module, folders):
    return module.FileClient('lmdb', db_paths=folders, client_keys=['lq', 'gt'])


def test_two_clients_and_one_of_ours(file_client, folders):
    assert mend_lmdb_backend(file_client)
    clients = [opened(file_client, folders) for _ in range(2)]
    assert [client.get('key', 'gt') for client in clients] == [b'gt.lmdb'] * 2
    assert clients[0].get('key', 'lq') == b'lq.lmdb'
    assert open_reader(folders[1]).get('key') == b'gt.lmdb'
    assert clients[0].get('absent', 'gt') is None


def test_upstream_refuses_the_second(file_client, folders):
    first = opened(file_client, folders)
    try:
        second = opened(file_client, folders)
    except lmdb.Error as error:
        assert 'already open' in str(error)
    else:
        pytest.skip(f'this lmdb, {lmdb.__version__}, opens a database twice: {first is not second}')


def test_in_a_forked_worker(file_client, folders):
    mend_lmdb_backend(file_client)
    client = opened(file_client, folders)
    receiver, sender = multiprocessing.Pipe()
    process = multiprocessing.get_context('fork').Process(
        target=lambda: sender.send((client.get('key', 'gt'), opened(file_client, folders).get('key', 'lq')))
    )
    process.start()
    assert receiver.poll(20)
    assert receiver.recv() == (b'gt.lmdb', b'lq.lmdb')
    process.join(20)


def test_twice_and_with_settings_of_its_own(file_client, folders):
    assert mend_lmdb_backend(file_client)
    assert not mend_lmdb_backend(file_client)
    backend = file_client.LmdbBackend(folders[0], readahead=True)
    assert isinstance(backend._client['default'], lmdb.Environment)
    with pytest.raises(AssertionError):
        file_client.LmdbBackend(folders, 'default')
    assert file_client.LmdbBackend(folders[1]).get('key', 'default') == b'gt.lmdb'
