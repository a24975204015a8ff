"""manifest.json and meta_info.txt of a sub-image LMDB."""

from __future__ import annotations

import hashlib

import pytest

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DataError
from bsr_plugins.data.subimages.lmdb_manifest import manifest_sha256, read_keys, read_manifest, write_manifest


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / 'HR_sub.lmdb'
    path.mkdir()
    return path


def test_round_trip_and_hash_of_the_bytes(folder):
    write_manifest(folder, {'format': 1, 'kind': 'hr', 'sub_images': 3})
    assert read_manifest(folder) == {'format': 1, 'kind': 'hr', 'sub_images': 3}
    assert manifest_sha256(folder) == hashlib.sha256((folder / 'manifest.json').read_bytes()).hexdigest()


def test_the_same_content_has_the_same_hash_in_any_order_of_writing(folder):
    write_manifest(folder, {'format': 1, 'crop': 128, 'step': 64})
    first = manifest_sha256(folder)
    write_manifest(folder, {'step': 64, 'crop': 128, 'format': 1})
    assert manifest_sha256(folder) == first
    write_manifest(folder, {'step': 32, 'crop': 128, 'format': 1})
    assert manifest_sha256(folder) != first


def test_keys_end_at_the_first_dot(folder):
    (folder / 'meta_info.txt').write_text('a_s001.png (128,128,3) 1\nb c_s002.png (128,128,3) 1\n\n')
    assert read_keys(folder) == ['a_s001', 'b c_s002']


@pytest.mark.parametrize('read', [read_manifest, manifest_sha256, read_keys])
def test_missing_folder_and_missing_file_are_named(read, folder):
    with pytest.raises(DataError, match=r'no LMDB folder .*none\.lmdb'):
        read(folder.with_name('none.lmdb'))
    with pytest.raises(DataError, match=r'HR_sub\.lmdb has no (manifest\.json|meta_info\.txt)'):
        read(folder)


WHOLE = {
    'format': 1,
    'kind': 'lr',
    'tool_version': '1',
    'sub_images': 3,
    'crop': 32,
    'step': 16,
    'threshold': 12,
    'mod': 4,
    'factors': [1.0, 0.9],
    'encoding': 'png',
    'scale': 4,
    'hr': 'ab',
    'source': {'folder': 'LR', 'resolved': '/LR', 'images': {'a': 'a.png'}, 'fingerprint': 'cd'},
}
NEEDED = [name for name in WHOLE if name not in ('format', 'tool_version')]
WRONG_VALUES = [None, True, 'text', '', -1, 0, 1.5, 10**30, [], {}, [[1]], {'a': 1}, [None], ['a', 'b']]
# Those of them that are right.
RIGHT = {'threshold': [0], 'encoding': ['text', ''], 'hr': ['text', ''], 'source': [None]}


@pytest.mark.parametrize('name', NEEDED)
def test_each_entry_is_of_its_kind(folder, name):
    write_manifest(folder, WHOLE)
    assert read_manifest(folder, *NEEDED) == WHOLE
    write_manifest(folder, {key: value for key, value in WHOLE.items() if key != name})
    assert name not in read_manifest(folder)
    if name != 'source':  # that of LR images made from the HR ones is None
        with pytest.raises(DataError, match=f'wrong entry {name!r}'):
            read_manifest(folder, *NEEDED)
    for value in WRONG_VALUES:
        write_manifest(folder, {**WHOLE, name: value})
        if value in RIGHT.get(name, []):
            assert read_manifest(folder, *NEEDED)[name] == value
            continue
        with pytest.raises(DataError, match='The manifest has a wrong entry') as caught:
            read_manifest(folder, *NEEDED)
        assert name in caught.value.where and 'manifest.json' in caught.value.where


@pytest.mark.parametrize('name', ['folder', 'resolved', 'images', 'fingerprint'])
@pytest.mark.parametrize('value', [None, 1, [], {}, {'a': None}, {'a': ['a.png']}, 'absent'])
def test_each_entry_of_the_source_is_of_its_kind(folder, name, value):
    source = {**WHOLE['source'], name: value}
    if value == 'absent':
        del source[name]
    write_manifest(folder, {**WHOLE, 'source': source})
    with pytest.raises(DataError, match=f'wrong entry {name!r}'):
        read_manifest(folder, 'source')


def test_the_source_of_hr_images_is_never_none(folder):
    write_manifest(folder, {**WHOLE, 'kind': 'hr', 'source': None})
    with pytest.raises(DataError, match="wrong entry 'source'"):
        read_manifest(folder, *NEEDED)


def test_an_lmdb_of_another_tool_is_known_by_its_list_and_size(folder):
    lmdb = pytest.importorskip('lmdb')
    with lmdb.open(str(folder), map_size=1 << 20) as environment, environment.begin(write=True) as transaction:
        transaction.put(b'a', b'content')
    (folder / 'meta_info.txt').write_text('a.png (1,1,3) 1\n')
    first = manifest_sha256(folder)
    assert len(first) == 64 and manifest_sha256(folder) == first
    (folder / 'meta_info.txt').write_text('b.png (1,1,3) 1\n')
    assert manifest_sha256(folder) != first


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('', 'cannot be read as JSON'),
        ('\ufeff{"format": 1}', 'cannot be read as JSON'),
        ('[' * 100_000, 'cannot be read as JSON'),
        ('{"format": 1, "crop": NaN}', 'cannot be read as JSON'),
        ('{"format": 1, "crop": -Infinity}', 'cannot be read as JSON'),
        ('{"format": 1, "crop": 32, "crop": 64}', 'cannot be read as JSON'),
        ('{"format": 1, "crop": 1e400}', "wrong entry 'crop'"),
        ('{"format": 1, "crop": ' + '9' * 5000 + '}', "cannot be read as JSON|wrong entry 'crop'"),
        ('null', 'not the manifest'),
        ('{"format": true}', 'not the manifest'),
        ('{"format": [1]}', 'not the manifest'),
        ('{', 'cannot be read as JSON'),
        ('[]', 'not the manifest'),
        ('{"format": 99}', 'not the manifest'),
    ],
)
def test_foreign_manifests_are_refused(folder, text, words):
    (folder / 'manifest.json').write_text(text)
    with pytest.raises(DataError, match=words) as caught:
        read_manifest(folder)
    assert 'make it with ' + command('subimages') in str(caught.value)


def test_an_empty_list_of_keys_is_refused(folder):
    (folder / 'meta_info.txt').write_text('\n')
    with pytest.raises(DataError, match='lists no key'):
        read_keys(folder)


@pytest.mark.parametrize('name', ['../a_s001', '/etc/a', 'b/../../c', '..\\a', 'C:/a', '\\\\host\\a'])
def test_names_that_lead_out_of_the_folder_are_refused(folder, name):
    (folder / 'meta_info.txt').write_text(f'a_s001.png (128,128,3) 1\n{name}.png (128,128,3) 1\n')
    with pytest.raises(DataError, match='A name leads out of its folder') as caught:
        read_keys(folder)
    assert str(caught.value.where).endswith('meta_info.txt:2')
    write_manifest(folder, {'format': 1, 'source': {'images': {'a': f'{name}.png'}}})
    with pytest.raises(DataError, match='A name leads out of its folder'):
        read_manifest(folder)


def test_keys_of_sub_folders_are_keys(folder):
    (folder / 'meta_info.txt').write_text('000/00000001.png (720,1280,3) 1\na..b (1,1,3) 1\n')
    assert read_keys(folder) == ['000/00000001', 'a']


def test_keys_that_are_not_text_are_refused(folder):
    (folder / 'meta_info.txt').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(DataError, match='is not plain UTF-8 text'):
        read_keys(folder)


@pytest.mark.parametrize('part', ['HR.store.partial', 'HR.store.shard_1_of_3'])
def test_what_is_not_finished_is_said_to_be(tmp_path, part):
    (tmp_path / part).mkdir()
    with pytest.raises(DataError, match=f'(?s)HR.store is not finished.*{part}.*they go on'):
        read_keys(tmp_path / 'HR.store')


def test_a_folder_around_an_lmdb_names_it(tmp_path):
    (tmp_path / 'HR_sub.lmdb').mkdir()
    with pytest.raises(DataError, match='(?s)has no meta_info.*found: *HR_sub.lmdb.*name one of these'):
        read_keys(tmp_path)
