"""An LMDB that is cut short is refused before it is mapped; a whole one never is."""

from __future__ import annotations

import shutil
import struct

import lmdb
import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.images import lmdb_file
from bsr_plugins.data.images.lmdb_file import check_lmdb
from bsr_plugins.data.images.lmdb_reader import open_reader

COUNT = 60


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp('lmdb') / 'HR.lmdb'
    with lmdb.open(str(folder), map_size=1 << 24) as environment:
        for start in (0, 30):
            with environment.begin(write=True) as transaction:
                for number in range(start, start + 30):
                    transaction.put(f'k{number:03d}'.encode(), bytes([number]) * (20 if number % 3 else 9000))
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    shutil.copytree(whole, tmp_path / 'HR.lmdb')
    return tmp_path / 'HR.lmdb'


def resize(folder, size):
    with open(folder / 'data.mdb', 'r+b') as stream:
        stream.truncate(size)


def test_a_whole_file(whole):
    size = (whole / 'data.mdb').stat().st_size
    assert check_lmdb(whole) == size
    assert all(open_reader(whole).get(f'k{number:03d}') for number in range(COUNT))


@pytest.mark.parametrize('share', [0.0, 0.01, 0.3, 0.6, 0.95, 0.999])
def test_a_file_cut_short_is_refused(folder, share):
    size = (folder / 'data.mdb').stat().st_size
    resize(folder, int(share * size))
    with pytest.raises(DataError, match=r'HR\.lmdb/data\.mdb') as caught:
        open_reader(folder)
    assert 'copy the whole folder again' in caught.value.remedy
    if share > 0.1:
        assert f'{size:,} bytes' in str(caught.value) and 'is cut short' in str(caught.value)


def test_pages_at_the_end_that_were_free_and_never_written_are_not_missed(folder):
    size = (folder / 'data.mdb').stat().st_size
    with open(folder / 'data.mdb', 'r+b') as stream:
        for place in (0, 4096):
            stream.seek(place + 16 + 24 + 2 * 48)
            last = struct.unpack('<Q', stream.read(8))[0]
            stream.seek(-8, 1)
            stream.write(struct.pack('<Q', last + 3))
    assert check_lmdb(folder) == size
    resize(folder, size - 4096)
    with pytest.raises(DataError, match='is cut short'):
        check_lmdb(folder)


def test_leaf_pages_are_missed_too(folder):
    # The root of the tree is the newest page that is no value's own.
    with open(folder / 'data.mdb', 'rb') as stream:
        header = lmdb_file._read_header(stream, folder / 'data.mdb', 1 << 20)
    resize(folder, header.roots[1] * 4096)
    with pytest.raises(DataError, match='is cut short'):
        check_lmdb(folder)


@pytest.mark.parametrize(('place', 'content'), [(16, b'abcd'), (20, b'\x09'), (40, b'\0\0\0\0'), (4096 + 16, b'abcd')])
def test_a_file_that_is_none_of_lmdb(folder, place, content):
    with open(folder / 'data.mdb', 'r+b') as stream:
        stream.seek(place)
        stream.write(content)
    with pytest.raises(DataError, match='The LMDB is damaged'):
        check_lmdb(folder)


def test_places_where_no_lmdb_is(folder, tmp_path):
    (folder / 'data.mdb').unlink()
    with pytest.raises(DataError, match='cannot be opened') as caught:
        check_lmdb(folder)
    assert 'data.mdb' in str(caught.value)
    (tmp_path / 'file.lmdb').write_text('')
    with pytest.raises(DataError, match='cannot be opened') as caught:
        check_lmdb(tmp_path / 'file.lmdb')
    assert 'give the folder' in caught.value.remedy


def test_a_file_cut_short_while_it_is_read(folder):
    reader = open_reader(folder)
    assert reader.get('k000')
    resize(folder, 8192)
    with pytest.raises(DataError, match='cut short while it was read'):
        reader.get('k059')


def test_keys_of_other_letters_have_no_record(folder):
    assert open_reader(folder).get('k\u00e4') is None
