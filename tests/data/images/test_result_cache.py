"""The cache of results: what is computed again and what is not, damage, folders that cannot be written, processes."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import pickle
import shutil
import threading
import zipfile
from pathlib import Path

import lmdb
import numpy as np
import pytest

import warm_processes
from bsr_plugins.common.errors import DataError
from bsr_plugins.data.images import result_cache, result_files
from bsr_plugins.data.images.result_cache import ImageResults, cache_folder
from bsr_plugins.data.images.stored_images import StoredImage

PARAMETERS = {'version': 1, 'side': 8}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The cache folder of the test."""
    monkeypatch.setenv(result_cache.FOLDER_VARIABLE, str(tmp_path / 'cache'))
    return tmp_path / 'cache'


@pytest.fixture
def log(caplog, monkeypatch):
    """Return what was logged, also where an earlier test has let BasicSR set its logger up."""
    monkeypatch.setattr(logging.getLogger('basicsr'), 'propagate', True)
    return caplog


class Counted:
    """Computes the bytes of each image's first file, each its own length, and notes what it was called for."""

    def __init__(self, images, lmdb_records=None):
        self.images, self.records, self.calls = images, lmdb_records, []

    def __call__(self, index):
        self.calls.append(index)
        source = self.images[index][0]
        content = self.records[source.key] if source.key else Path(source.path).read_bytes()
        return np.frombuffer(content, np.uint8).astype(np.int32)


def cached_per_image(*arguments, **named):
    return ImageResults(*arguments, **named).get()


def results_of(images, name='bytes', parameters=PARAMETERS, records=None):
    compute = Counted(images, records)
    return cached_per_image(name, parameters, images, compute), compute


@pytest.fixture
def images(tmp_path):
    """Five images of two files each."""
    (tmp_path / 'images').mkdir()
    stored = []
    for index in range(5):
        pair = [tmp_path / 'images' / f'{part}{index}.png' for part in ('hr', 'lr')]
        pair[0].write_bytes(bytes(range(index + 1)))
        pair[1].write_bytes(bytes([index]))
        stored.append([StoredImage(str(path)) for path in pair])
    return stored


def set_content(image, content, later=5):
    with open(image.path, 'wb') as stream:
        stream.write(content)
    status = os.stat(image.path)
    os.utime(image.path, ns=(status.st_atime_ns, status.st_mtime_ns + later))


def test_where_it_lies(tmp_path, monkeypatch):
    assert cache_folder() == tmp_path / 'cache'
    monkeypatch.delenv(result_cache.FOLDER_VARIABLE)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
    assert cache_folder() == tmp_path / 'xdg' / 'bsr_plugins'
    monkeypatch.setenv('XDG_CACHE_HOME', 'relative')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert cache_folder() == tmp_path / '.cache' / 'bsr_plugins'


def test_each_is_computed_once_and_nothing_lies_beside_the_images(images, folder):
    before = sorted(os.listdir(os.path.dirname(images[0][0].path)))
    first, compute = results_of(images)
    assert sorted(compute.calls) == [0, 1, 2, 3, 4] and len(first) == 5
    second, compute = results_of(images)
    assert compute.calls == []
    for index, (one, other) in enumerate(zip(first, second)):
        assert one.tolist() == other.tolist() == list(range(index + 1)) and other.dtype == np.int32
    assert isinstance(second.values, np.memmap)
    assert sorted(os.listdir(os.path.dirname(images[0][0].path))) == before
    assert [path.suffix for path in folder.iterdir()] == ['.npz']


@pytest.mark.parametrize('part', [0, 1])
def test_a_changed_image_costs_that_image_alone(images, part):
    results_of(images)
    set_content(images[2][part], b'new')
    again, compute = results_of(images)
    assert compute.calls == [2]
    assert again[2].tolist() == (list(b'new') if part == 0 else [0, 1, 2])
    assert results_of(images)[1].calls == []


def test_a_change_that_keeps_size_is_noticed(images):
    results_of(images)
    set_content(images[4][0], b'other')
    again, compute = results_of(images)
    assert compute.calls == [4] and again[4].tolist() == list(b'other')


def test_a_touched_image_is_hashed_and_its_result_kept(images, monkeypatch):
    results_of(images)
    os.utime(images[1][0].path, ns=(1, 1))
    again, compute = results_of(images)
    assert compute.calls == [] and again[1].tolist() == [0, 1]
    monkeypatch.setattr(result_cache, 'digest_of', None)
    results_of(images)  # the new time was stored: no image is hashed again


def test_an_added_image_costs_that_image_alone_and_a_subset_nothing(images):
    results_of(images[:4])
    assert results_of(images)[1].calls == [4]
    subset, compute = results_of([images[3], images[0]])
    assert compute.calls == [] and [array.tolist() for array in subset] == [[0, 1, 2, 3], [0]]


def test_name_and_parameters_are_part_of_the_key(images, folder):
    results_of(images)
    assert len(results_of(images, parameters={**PARAMETERS, 'side': 9})[1].calls) == 5
    assert len(results_of(images, name='other')[1].calls) == 5
    assert len(list(folder.iterdir())) == 3
    assert results_of(images, parameters=dict(reversed(list(PARAMETERS.items()))))[1].calls == []


def test_duplicates_and_empty_results(images):
    twice = [images[0], images[1], images[0]]
    results, _ = results_of(twice)
    assert [len(array) for array in results] == [1, 2, 1]
    assert results_of(twice)[0][2].tolist() == [0]
    empty = cached_per_image('empty', {}, images, lambda index: np.empty(0, np.float32))
    again = cached_per_image('empty', {}, images, Counted(images))
    assert [len(array) for array in again] == [len(array) for array in empty] == [0] * 5
    assert again.values.dtype == np.float32


@pytest.mark.parametrize('damage', ['cut', 'flipped', 'foreign', 'empty', 'compressed', 'parameters', 'folder'])
def test_a_damaged_or_foreign_file_is_computed_anew_with_one_line(images, folder, log, damage):
    results_of(images)
    path = next(folder.iterdir())
    content = path.read_bytes()
    if damage == 'cut':
        path.write_bytes(content[: len(content) // 2])
    elif damage == 'flipped':
        place = content.index(np.array([0, 1, 2, 3, 4], np.int32).tobytes())
        path.write_bytes(content[:place] + b'\xff' + content[place + 1 :])
    elif damage == 'foreign':
        np.savez(path, header=np.frombuffer(b'{"format": 0}', np.uint8))
    elif damage == 'empty':
        path.write_bytes(b'')
    elif damage == 'compressed':
        with np.load(path) as archive:
            np.savez_compressed(path, **archive)
    elif damage == 'parameters':
        results_of(images, name='other')
        shutil.copy(next(entry for entry in folder.iterdir() if entry != path), path)
    else:
        path.unlink()
        path.mkdir()
    again, compute = results_of(images)
    assert sorted(compute.calls) == [0, 1, 2, 3, 4] and again[4].tolist() == [0, 1, 2, 3, 4]
    lines = [record.getMessage() for record in log.records if 'cannot be used' in record.getMessage()]
    assert len(lines) == 1 and str(path) in lines[0]
    assert (results_of(images)[1].calls == []) == (damage != 'folder')


def test_a_wrong_bit_anywhere_is_damage_or_of_no_account(images, folder, monkeypatch):
    expected = [array.tolist() for array in results_of(images)[0]]
    path = next(folder.iterdir())
    content = path.read_bytes()
    central = content.index(b'PK\x01\x02')
    monkeypatch.setattr(os, 'fsync', lambda descriptor: None)
    for place in (*range(0, 40, 3), *range(central, len(content), 5)):
        for bit in (0, 3):  # bit 0 of a member's flags says that it is encrypted
            path.write_bytes(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
            assert [array.tolist() for array in results_of(images)[0]] == expected


def test_what_another_machine_wrote_meanwhile_is_not_replaced(images, folder):
    def write_before(index):
        if index == 4:
            results_of(images)
            written.append(next(folder.iterdir()).stat().st_ino)
        return Counted(images)(index)

    written = []
    arrays = cached_per_image('bytes', PARAMETERS, images, write_before)
    assert next(folder.iterdir()).stat().st_ino == written[0]
    assert [len(array) for array in arrays] == [1, 2, 3, 4, 5] and isinstance(arrays.values, np.memmap)


def write_with(path, **members):
    """Write the file anew with the .npy bytes of ``members`` in the place of its own; None: without that one."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, 'w') as archive:
        for name, value in {**content, **{f'{key}.npy': value for key, value in members.items()}}.items():
            if value is not None:
                archive.writestr(name, value)


def npy(descr, shape, content=b'', order=False):
    header = f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape!r}, }}".ljust(117) + '\n'
    return b'\x93NUMPY\x01\x00' + len(header).to_bytes(2, 'little') + header.encode() + content


@pytest.mark.parametrize(
    'members',
    [
        {'values': npy('|O', (15,), b'\x41' * 120)},
        {'values': npy([('a', '<i4'), ('b', '|O')], (15,), b'\x41' * 180)},
        {'values': npy('|V4', (15,), bytes(60))},
        {'values': npy('|S4', (15,), bytes(60))},
        {'values': npy('<U1', (15,), bytes(60))},
        {'values': npy('<M8[s]', (15,), bytes(120))},
        {'values': npy('<c8', (15,), bytes(120))},
        {'values': npy('<i4', (10**12,), bytes(60))},
        {'values': npy('<i4', (15,), bytes(59))},
        {'values': npy('<i4', (15,), bytes(64))},
        {'values': npy('<i4', (-1,), bytes(60))},
        {'values': npy('<i4', (15, 1), bytes(60))},
        {'values': npy('<i4', (), bytes(4))},
        {'values': npy('<i4', (15,), bytes(60)).replace(b')', b'(')},
        {'values': npy('<i4', (15,), bytes(60)).replace(b':', b'=', 1)},
        {'values': b''},
        {'values': b'\x93NUMPY\x02\x00' + bytes(60)},
        {'offsets': npy('|O', (6,), b'\x41' * 48)},
        {'offsets': npy('<f8', (6,), bytes(48))},
        {'offsets': npy('<i8', (0,))},
        {'offsets': npy('<i8', (6,), np.array([0, 1, 3, -6, 10, 15], '<i8').tobytes())},
        {'offsets': npy('<i8', (6,), np.array([0, 1, 3, 10**9, 10, 15], '<i8').tobytes())},
        {'offsets': npy('<i8', (2,), np.array([0, 15], '<i8').tobytes())},
        {'mark': npy('|O', (8,), b'\x41' * 64), 'header': npy('|u1', (2,), b'[]')},
        {'mark': None, 'header': npy('|O', (8,), b'\x41' * 64)},
        {'mark': None, 'header': npy('|u1', (2,), b'[]')},
        {'mark': None, 'header': npy('|u1', (9,), b'[' * 9)},
    ],
    ids=lambda members: ' '.join(f'{key} {value and value[10:70]!r}' for key, value in members.items()),
)
def test_forged_arrays_are_computed_anew(members, images, folder, log):
    """A file of the user's own cache that is well-formed but says what cannot be: nothing of it is taken for memory."""
    results_of(images)
    write_with(next(folder.iterdir()), **members)
    again, compute = results_of(images)
    assert sorted(compute.calls) == [0, 1, 2, 3, 4] and again[4].tolist() == [0, 1, 2, 3, 4]
    assert sum('cannot be used' in record.getMessage() for record in log.records) == 1


@pytest.mark.parametrize(
    'change',
    [
        lambda header: header.update(images=None),
        lambda header: header.update(images=[1, 2, 3, 4, 5]),
        lambda header: header.update(images=[[['a'], [], ''] for _ in range(5)]),
        lambda header: header.update(images=[[{}, 3, None]] * 5),
        lambda header: header.pop('images'),
        lambda header: header.pop('identity'),
        lambda header: header.pop('key'),
    ],
    ids=[
        'no images',
        'numbers for images',
        'rows of other lists',
        'a section in a row',
        'without images',
        'without identity',
        'without key',
    ],
)
def test_forged_headers_are_computed_anew(change, images, folder, log):
    results_of(images)
    path = next(folder.iterdir())
    header = result_files.read_header(path)
    change(header)
    text = json.dumps(header).encode()
    # As a file of an earlier release, whose header alone says what it holds.
    write_with(path, mark=None, header=npy('|u1', (len(text),), text))
    again, compute = results_of(images)
    assert sorted(compute.calls) == [0, 1, 2, 3, 4] and again[4].tolist() == [0, 1, 2, 3, 4]


def test_a_file_of_an_earlier_release_is_taken_up(images, folder):
    results_of(images)
    write_with(next(folder.iterdir()), mark=None)
    again, compute = results_of(images)
    assert compute.calls == [] and again[4].tolist() == [0, 1, 2, 3, 4]
    set_content(images[2][0], b'new')
    assert results_of(images)[1].calls == [2]


def test_pickled_objects_are_never_loaded(images, folder):
    results_of(images)
    path = next(folder.iterdir())
    with np.load(path) as archive:
        content = dict(archive)
    np.savez(path, **{**content, 'values': np.array([print], dtype=object)})
    assert sorted(results_of(images)[1].calls) == [0, 1, 2, 3, 4]


def test_a_folder_that_cannot_be_written_is_one_warning(images, tmp_path, monkeypatch, log):
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv(result_cache.FOLDER_VARIABLE, str(tmp_path / 'file' / 'cache'))
    for _ in range(2):
        log.clear()
        results, compute = results_of(images)
        assert sorted(compute.calls) == [0, 1, 2, 3, 4] and results[3].tolist() == [0, 1, 2, 3]
        assert len(log.records) == 1 and result_cache.FOLDER_VARIABLE in log.records[0].getMessage()
    assert pickle.loads(pickle.dumps(results))[3].tolist() == [0, 1, 2, 3]


def test_without_a_home_folder(images, monkeypatch, log):
    def homeless():
        raise RuntimeError('Could not determine home directory.')

    monkeypatch.setattr(result_cache, 'cache_folder', homeless)
    assert results_of(images)[0][1].tolist() == [0, 1]
    assert len(log.records) == 1 and 'home directory' in log.records[0].getMessage()


def test_a_missing_image_is_named(images):
    os.unlink(images[3][1].path)
    with pytest.raises(DataError, match='lr3.png cannot be read'):
        results_of(images)


def test_threads_and_progress_bar(images, capsys, monkeypatch):
    monkeypatch.setattr(result_cache, 'worker_threads', lambda: 2)
    names = set()
    gate = threading.Barrier(2, timeout=20)

    def meet(index):
        names.add(threading.current_thread().name)
        if index < 2:
            gate.wait()  # passes only where two threads are in here at once
        return np.zeros(1)

    cached_per_image('threads', {}, images, meet, label='windows')
    shown = capsys.readouterr().err
    assert len(names) == 2 and 'windows: 100%' in shown and 'image/s' in shown


def test_pickled_it_is_small_and_maps_the_same_file(images):
    arrays = cached_per_image('large', {}, images, lambda index: np.full(10**6, index, np.float32))
    content = pickle.dumps(arrays)
    assert len(content) < 1000
    with warm_processes.context().Pool(1) as pool:
        assert pool.apply(read_entry, (arrays, 3)) == (3.0, True)


def read_entry(arrays, index):
    return float(arrays[index][-1]), isinstance(arrays.values, np.memmap)


def test_replaced_by_another_run_it_still_reads_its_own_and_pickles_it(images):
    arrays, _ = results_of(images)
    sent = pickle.dumps(arrays)
    set_content(images[0][0], b'changed')
    results_of(images)
    assert [array.tolist() for array in arrays] == [list(range(index + 1)) for index in range(5)]
    assert pickle.loads(pickle.dumps(arrays))[0].tolist() == [0]
    with pytest.raises(DataError, match='were replaced') as caught:
        pickle.loads(sent)
    assert 'start the run again' in str(caught.value)


def write_lmdb(path, records):
    with lmdb.open(str(path), map_size=2**24) as environment, environment.begin(write=True) as transaction:
        for key, content in records.items():
            transaction.put(key.encode(), content)


def test_records_of_an_lmdb(tmp_path):
    path = tmp_path / 'HR_sub.lmdb'
    records = {f'k{index}': bytes([index, index]) for index in range(4)}
    write_lmdb(path, records)
    images = [[StoredImage(str(path), key)] for key in records]
    first, compute = results_of(images, records=records)
    assert sorted(compute.calls) == [0, 1, 2, 3]
    assert results_of(images, records=records)[1].calls == []
    records['k2'] = b'new'
    write_lmdb(path, records)
    os.utime(path / 'data.mdb')
    again, compute = results_of(images, records=records)
    assert compute.calls == [2] and again[2].tolist() == list(b'new') and first[2].tolist() == [2, 2]
    with pytest.raises(DataError, match="no record 'absent'"):
        results_of([*images, [StoredImage(str(path), 'absent')]], records=records)


def rank_of_two(images, results):
    arrays, compute = results_of(images)
    results.put((len(compute.calls), [array.tolist() for array in arrays]))

    def fail(index):
        raise DataError(f'image {index} is broken')

    try:
        cached_per_image('fails', {}, images, fail)
    except DataError as error:
        results.put((-1, error.problem))


def test_one_rank_computes_and_the_other_loads(images):
    """Without a collective: no process group is set up here."""
    context = multiprocessing.get_context('fork')
    results = context.Queue()
    processes = [context.Process(target=rank_of_two, args=(images, results)) for _ in range(2)]
    for process in processes:
        process.start()
    found = sorted((results.get(timeout=120) for _ in range(4)), key=lambda each: each[0])
    for process in processes:
        process.join(timeout=60)
    expected = [list(range(index + 1)) for index in range(5)]
    assert found == [(-1, 'image 0 is broken'), (-1, 'image 0 is broken'), (0, expected), (5, expected)]
