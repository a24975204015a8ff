"""Results while they are computed: kept in parts, taken up after a kill, made in shards; the same bytes in the end."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.locks import hold
from bsr_plugins.common.shard import Shard
from bsr_plugins.data.images import result_cache, result_parts
from bsr_plugins.data.images.result_cache import ImageResults
from bsr_plugins.data.images.result_work import in_threads
from bsr_plugins.data.images.stored_images import StoredImage

NUMBER = 7


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The cache folder; a part is written after each result."""
    monkeypatch.setenv(result_cache.FOLDER_VARIABLE, str(tmp_path / 'cache'))
    monkeypatch.setattr(result_parts, 'PART_SECONDS', -1.0)
    monkeypatch.setattr(result_cache, 'worker_threads', lambda: 1)
    monkeypatch.setattr(logging.getLogger('basicsr'), 'propagate', True)
    return tmp_path / 'cache'


@pytest.fixture
def images(tmp_path):
    """Seven images."""
    (tmp_path / 'images').mkdir()
    paths = [tmp_path / 'images' / f'{index}.png' for index in range(NUMBER)]
    for index, path in enumerate(paths):
        path.write_bytes(bytes(range(index + 1)))
    return [[StoredImage(str(path))] for path in paths]


class Computed(ImageResults):
    """The bytes of each image; ``calls`` are those that were computed, and ``hook`` is called before each."""

    def __init__(self, images, hook=lambda index: None):
        self.calls = []

        def compute(index):
            hook(index)
            self.calls.append(index)
            return np.frombuffer(Path(images[index][0].path).read_bytes(), np.uint8).astype(np.int32)

        super().__init__('bytes', {'version': 1}, images, compute)


def whole_file(folder):
    (path,) = folder.iterdir()
    return path.read_bytes()


@pytest.fixture
def expected(images, folder):
    """The bytes of the file that an uninterrupted call makes; it is gone again."""
    Computed(images).get()
    content = whole_file(folder)
    next(folder.iterdir()).unlink()
    return content


def parts(folder):
    return sorted(folder.glob('*.parts/*.npz'))


def stop_at_5(index):
    if index == 5:
        raise KeyboardInterrupt


def interrupt(images):
    with pytest.raises(KeyboardInterrupt):
        Computed(images, stop_at_5).get()


def test_a_killed_process_loses_only_what_it_was_at(images, folder, expected):
    pid = os.fork()
    if pid == 0:
        try:
            Computed(images, lambda index: index == 6 and os.kill(os.getpid(), signal.SIGKILL)).get()
        finally:
            os._exit(0)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
    assert not list(folder.glob('*.npz')) and 1 <= len(parts(folder)) < NUMBER
    results = Computed(images)
    assert [len(array) for array in results.get()] == [1, 2, 3, 4, 5, 6, 7]
    assert results.calls == list(range(NUMBER))[-len(results.calls) :] and len(results.calls) < NUMBER
    assert whole_file(folder) == expected


def test_killed_while_all_is_put_together_nothing_looks_finished(images, folder, expected, monkeypatch):
    interrupt(images)
    pid = os.fork()
    if pid == 0:
        try:
            monkeypatch.setattr(os, 'replace', lambda source, target: os.kill(os.getpid(), signal.SIGKILL))
            monkeypatch.setattr(result_parts, 'PART_SECONDS', 60.0)
            Computed(images).get()
        finally:
            os._exit(0)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
    assert not [path for path in folder.glob('*.npz') if not path.name.startswith('.')]
    assert [path for path in folder.iterdir() if '.partial' in path.name]
    Computed(images).get()
    assert whole_file(folder) == expected


def test_an_interrupted_computation_goes_on(images, folder, expected, caplog):
    interrupt(images)
    results = Computed(images)
    with caplog.at_level(logging.INFO, 'basicsr'):
        results.get()
    assert results.calls == [5, 6] or results.calls == [4, 5, 6]
    assert whole_file(folder) == expected
    assert any('of 7 images are there already' in record.getMessage() for record in caplog.records)


def test_what_changes_between_two_starts_is_computed_again(images, folder):
    interrupt(images)
    Path(images[1][0].path).write_bytes(b'new')
    os.utime(images[2][0].path, ns=(1, 1))
    results = Computed(images)
    assert results.get()[1].tolist() == list(b'new')
    assert 1 in results.calls and 2 not in results.calls and 6 in results.calls
    assert Computed(images).load() is not None


@pytest.mark.parametrize('damage', ['cut', 'empty', 'flipped', 'foreign', 'mark'])
def test_a_damaged_or_forged_part_is_computed_anew_with_one_line(images, folder, expected, caplog, damage):
    interrupt(images)
    path = parts(folder)[1]
    content = path.read_bytes()
    if damage == 'cut':
        path.write_bytes(content[:-20])
    elif damage == 'empty':
        path.write_bytes(b'')
    elif damage == 'flipped':
        place = content.rindex(np.arange(2, dtype=np.int32).tobytes())
        path.write_bytes(content[:place] + b'\xff' + content[place + 1 :])
    elif damage == 'foreign':
        path.write_bytes(content.replace(b'"version": 1', b'"version": 2'))
    else:
        first = content.index(b'"identity"')
        path.write_bytes(content[:first] + b'"identitx"' + content[first + 10 :])
    results = Computed(images)
    assert [array.tolist() for array in results.get()] == [list(range(index + 1)) for index in range(NUMBER)]
    assert len(results.calls) in (3, 4)
    assert whole_file(folder) == expected
    lines = [record.getMessage() for record in caplog.records if 'cannot be used' in record.getMessage()]
    assert len(lines) == 1 and str(path) in lines[0]


def test_a_half_written_part_is_no_part(images, folder, expected):
    interrupt(images)
    (folder / next(folder.glob('*.parts')).name / '.0123.deadbeef-1-01234567.partial.npz').write_bytes(b'PK\3\4')
    Computed(images).get()
    assert whole_file(folder) == expected


@pytest.mark.parametrize('order', [(1, 2, 3), (3, 1, 2)])
def test_shards_in_any_order_make_the_file_of_one_call(images, folder, expected, order):
    left = {1, 2, 3}
    for number in order:
        results = Computed(images)
        made = results.prepare(Shard(number, 3), progress=False)
        left.remove(number)
        assert sorted(results.calls) == Shard(number, 3).of(range(NUMBER))
        assert (made.made, made.total, made.missing) == (len(results.calls), NUMBER, sorted(left))
        assert bool(list(folder.glob('*.npz'))) == (not left)
    assert whole_file(folder) == expected
    again = Computed(images)
    assert again.prepare(Shard(2, 3)).made == again.prepare().made == 0 and again.calls == []


def test_what_shards_made_is_taken_up_by_a_start_and_by_other_shards(images, folder, expected):
    assert Computed(images).prepare(Shard(1, 2), progress=False).missing == [2]
    other = Computed(images)
    assert other.prepare(Shard(1, 3), progress=False).missing == [2, 3]
    assert other.calls == [3]
    rest = Computed(images)
    rest.get()
    assert sorted(rest.calls) == [1, 5] and whole_file(folder) == expected
    late = Computed(images).prepare(Shard(2, 2))
    assert (late.made, late.missing) == (0, [])


def test_a_shard_whose_image_changed_is_missing_again(images):
    Computed(images).prepare(Shard(1, 2), progress=False)
    Path(images[0][0].path).write_bytes(b'new')
    assert Computed(images).prepare(Shard(2, 2), progress=False).missing == [1]
    last = Computed(images)
    assert last.prepare(Shard(1, 2), progress=False).missing == [] and last.calls == [0]
    assert last.load()[0].tolist() == list(b'new')


def test_a_shard_that_another_process_makes_is_an_error(images, folder):
    path = folder / f'{Computed(images)._files.path.name}.shard_1_of_2.lock'
    folder.mkdir()
    pid = os.fork()
    if pid == 0:
        try:
            hold(path)
            (folder.parent / 'held').touch()
            signal.pause()
        finally:
            os._exit(0)
    while not (folder.parent / 'held').exists():
        pass
    try:
        with pytest.raises(DataError, match='Another run is making'):
            Computed(images).prepare(Shard(1, 2))
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_what_cannot_be_kept_is_no_preparation(images, tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv(result_cache.FOLDER_VARIABLE, str(tmp_path / 'file'))
    for shard in (None, Shard(1, 2)):
        with pytest.raises(OSError, match='file'):
            Computed(images).prepare(shard, progress=False)

    def homeless():
        raise RuntimeError('Could not determine home directory.')

    monkeypatch.setattr(result_cache, 'cache_folder', homeless)
    with pytest.raises(DataError, match='no folder to prepare in(?s:.*)BSR_PLUGINS_CACHE'):
        Computed(images).prepare()


def test_a_full_disk_keeps_the_rest_in_memory(images, folder, monkeypatch, caplog):
    def full(*arguments):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(result_parts, 'write_arrays', full)
    results = Computed(images).get()
    assert [array.tolist() for array in results] == [list(range(index + 1)) for index in range(NUMBER)]
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert 'No space left on device' in warning and result_cache.FOLDER_VARIABLE in warning


def test_parts_that_vanish_while_they_are_read_are_computed_again(images, folder, expected, monkeypatch):
    interrupt(images)
    shapes = result_parts.KeptFiles.shapes
    removed = []

    def remove_first(self, paths):
        if not removed:
            removed.extend(paths)
            for path in paths:
                path.unlink()
        return shapes(self, paths)

    monkeypatch.setattr(result_parts.KeptFiles, 'shapes', remove_first)
    assert [len(array) for array in Computed(images).get()] == [1, 2, 3, 4, 5, 6, 7]
    assert whole_file(folder) == expected and removed


def test_no_more_is_computed_ahead_than_a_few():
    begun = []
    results = in_threads(lambda number: begun.append(number) or -number, range(1000), 2)
    assert next(results) == (0, 0) and len(begun) <= 8
    results.close()
    assert len(begun) <= 8
    assert list(in_threads(lambda number: -number, range(20), 2)) == [(number, -number) for number in range(20)]
