"""The table of difficulty classes: the classes and draws of today, made once, noticed when stale or damaged, shared."""

from __future__ import annotations

import logging
import os
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, Iterator, List

import numpy as np
import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.difficulty import difficulty_table, score_arrays
from bsr_plugins.data.difficulty.difficulty_file import DifficultyHeader, difficulty_path, write_difficulty
from bsr_plugins.data.difficulty.difficulty_table import DifficultyTable
from bsr_plugins.data.difficulty.flat_file import FlatFileError, map_flat, write_flat
from bsr_plugins.data.images.data_roots import DataRoot
from bsr_plugins.data.sampling.class_draws import ClassDraws
from bsr_plugins.data.sampling.classes_of_set import classes_of
from bsr_plugins.data.sampling.long_tail import class_counts, rank_into_classes
from bsr_plugins.data.subimages.lmdb_manifest import manifest_sha256

KEYS = [f'{index // 7:04d} b_s{index % 7 + 1:03d}' for index in range(60)]


def lmdb_of(folder: Path, keys: List[str]) -> None:
    """Write what is read of an LMDB here: its list, and a file in the place of its data."""
    folder.mkdir(exist_ok=True)
    (folder / 'meta_info.txt').write_text(''.join(f'{key}.png (32,32,3) 1\n' for key in keys))
    (folder / 'manifest.json').write_text('{"format": 1, "scale": 4, "crop": 32}')
    (folder / 'data.mdb').write_bytes(b'.')


def scored(folder: Path, keys: List[str], seed: int = 0, **header: Any) -> Dict[str, float]:
    # Few values, so that many are equal; their texts are of several lengths.
    mse = dict(zip(keys, np.random.default_rng(seed).integers(0, 9, len(keys)) / 7 * 1e-5))
    made = {'scorer': 'bicubic', 'scale': 4, 'space': 'y', 'border': 4, **header}
    write_difficulty(
        difficulty_path(folder, 4),
        mse,
        DifficultyHeader(**made, sub_images=len(keys), manifest_sha256=manifest_sha256(folder)),
    )
    return mse


def root_in(place: Path, keys: List[str], lq_keys: List[str] = (), **changes: Any) -> DataRoot:  # type: ignore[assignment]
    place.mkdir(exist_ok=True)
    lmdb_of(place / 'gt.lmdb', keys)
    lmdb_of(place / 'lq.lmdb', list(lq_keys) or keys)
    scored(place / 'gt.lmdb', keys, **changes)
    return DataRoot(str(place / 'gt.lmdb'), str(place / 'lq.lmdb'), None, None)


def options(**changes: Any) -> SimpleNamespace:
    return SimpleNamespace(**{'scale': 4, 'gt_size': None, 'num_classes': 4, 'imbalance_factor': 5, **changes})


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[List[DataRoot]]:
    """The roots whose lists were read."""
    found: List[DataRoot] = []
    upstream = score_arrays.read_scored_keys
    monkeypatch.setattr(
        difficulty_table, 'read_scored_keys', lambda root, *rest: found.append(root) or upstream(root, *rest)
    )
    difficulty_table._said.clear()
    yield found


@pytest.mark.parametrize('order', ['as made here', 'lists in another order', 'odd lines'])
def test_classes_and_draws_are_those_of_the_lists(tmp_path: Path, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = root_in(tmp_path, KEYS)
    mse = scored(tmp_path / 'gt.lmdb', KEYS)
    if order == 'lists in another order':
        lmdb_of(tmp_path / 'lq.lmdb', KEYS[::-1])
    elif order == 'odd lines':
        path = tmp_path / 'lq.lmdb/meta_info.txt'
        path.write_bytes(path.read_bytes().replace(b'\n', b'\r\n'))
    monkeypatch.setattr('bsr_plugins.data.images.key_blocks._BLOCK_BYTES', 100)
    table = classes_of([root], options())
    assert [table.key(number) for number in range(len(table))] == KEYS
    counts = class_counts(len(KEYS), 4, 5)
    ranked = rank_into_classes(KEYS, [mse[key] for key in KEYS], counts)
    assert table.class_index.tolist() == ranked.class_index.tolist()
    assert table.thresholds.tolist() == ranked.thresholds.tolist() and table.counts.tolist() == counts.tolist()
    old, new = (
        ClassDraws(ranked.class_index, 'inverse', 3),
        ClassDraws.of_sorted(table.members, table.counts, 'inverse', 3),
    )
    assert [old.draw(number) for number in range(50)] == [new.draw(number) for number in range(50)]


def test_equal_scores_are_ranked_by_key_whatever_their_order_in_the_file(tmp_path: Path) -> None:
    root = root_in(tmp_path, KEYS)
    lines = difficulty_path(tmp_path / 'gt.lmdb', 4).read_text().splitlines()
    expected = classes_of([root], options())
    ranked = {expected.key(number): int(each) for number, each in enumerate(expected.class_index)}
    difficulty_path(tmp_path / 'gt.lmdb', 4).write_text('\n'.join([lines[0], *lines[:0:-1], '']))
    table = classes_of([root], options())
    assert table.key(0) == KEYS[-1]
    assert {table.key(number): int(each) for number, each in enumerate(table.class_index)} == ranked


def test_a_table_is_made_once_and_again_where_something_changed(
    tmp_path: Path, made: List[DataRoot], caplog: pytest.LogCaptureFixture
) -> None:
    root = root_in(tmp_path, KEYS)
    first = classes_of([root], options())
    assert made == [root] and first.path is not None and first.path.parent == tmp_path / 'gt.lmdb'
    assert isinstance(first.members, np.memmap)
    assert classes_of([root], options()).members.tolist() == first.members.tolist() and made == [root]
    # Another choice of classes has a table of its own, and leaves the first.
    assert len(classes_of([root], options(num_classes=3)).counts) == 3 and len(made) == 2
    assert len(classes_of([root], options()).counts) == 4 and len(made) == 2
    scored(tmp_path / 'gt.lmdb', KEYS, seed=1)
    with caplog.at_level(logging.WARNING, 'basicsr'):
        again = classes_of([root], options())
    assert len(made) == 3 and again.members.tolist() != first.members.tolist()
    assert 'have changed since: it is made again' in caplog.text
    os.utime(tmp_path / 'lq.lmdb/meta_info.txt', ns=(1, 1))
    classes_of([root], options())
    assert len(made) == 4
    # As large, and as old.
    path = difficulty_path(tmp_path / 'gt.lmdb', 4)
    status, (head, line, rest) = path.stat(), path.read_text().split('\n', 2)
    path.write_text('\n'.join([head, f'{line[:-1]}{"5" if line[-1] == "6" else "6"}', rest]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    classes_of([root], options())
    assert len(made) == 5


@pytest.mark.parametrize('damage', ['cut short', 'another bit', 'swapped', 'no table', 'header', 'places', 'length'])
def test_a_damaged_table_is_made_again_with_a_line(
    tmp_path: Path, made: List[DataRoot], caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    root = root_in(tmp_path, KEYS)
    path, members = (lambda table: (table.path, table.members.tolist()))(classes_of([root], options()))
    content = bytearray(path.read_bytes())
    if damage == 'cut short':
        del content[-64:]
    elif damage == 'another bit':
        content[-70] ^= 4
    elif damage == 'swapped':
        content[-640:-512], content[-512:-384] = content[-512:-384], content[-640:-512]
    elif damage == 'length':
        content[26:34] = (1 << 62).to_bytes(8, 'little')
    elif damage == 'places':
        # As long, and as well formed: the arrays are others.
        content = content.replace(b'"<u4", 60, 704', b'"<u4", 60, 960')
    elif damage == 'no table':
        content = bytearray(b'hello')
    else:
        content[40:60] = b'\xff' * 20
    path.unlink()
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING, 'basicsr'):
        assert classes_of([root], options()).members.tolist() == members
    assert len(made) == 2 and caplog.text.count('cannot be used') == 1
    classes_of([root], options())
    assert len(made) == 2


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, made: List[DataRoot], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = root_in(tmp_path, KEYS)
    refused = {tmp_path / 'gt.lmdb'}

    def write(path: Path, *rest: Any) -> None:
        if path.parent in refused:
            raise PermissionError(13, 'Permission denied', str(path))
        write_flat(path, *rest)

    monkeypatch.setattr(difficulty_table, 'write_flat', write)
    with caplog.at_level(logging.WARNING, 'basicsr'):
        table = classes_of([root], options())
    assert table.path is not None and table.path.parent == difficulty_table.cache_folder()
    assert caplog.text.count('cannot be written to') == 1
    assert classes_of([root], options()).path == table.path and len(made) == 1
    table.path.unlink()
    refused.add(table.path.parent)
    with caplog.at_level(logging.WARNING, 'basicsr'):
        in_memory = classes_of([root], options())
    assert in_memory.path is None and 'are kept in memory' in caplog.text
    assert pickle.loads(pickle.dumps(in_memory)).members.tolist() == table.members.tolist()


def test_workers_map_the_file_and_notice_another_one(tmp_path: Path) -> None:
    root = root_in(tmp_path, KEYS)
    table = classes_of([root], options())
    content = pickle.dumps(table)
    assert len(content) < 1500 and b'0003 b_s002' not in content
    mapped: DifficultyTable = pickle.loads(content)
    assert isinstance(mapped.members, np.memmap) and mapped.key(59) == KEYS[59]
    scored(tmp_path / 'gt.lmdb', KEYS, seed=1)
    classes_of([root], options())
    with pytest.raises(DataError, match='replaced while the training ran'):
        pickle.loads(content)


def test_several_roots_are_ranked_together(tmp_path: Path) -> None:
    roots = [root_in(tmp_path / 'a', KEYS), root_in(tmp_path / 'b', KEYS[:25], seed=1)]
    scores = [*scored(tmp_path / 'a/gt.lmdb', KEYS).values(), *scored(tmp_path / 'b/gt.lmdb', KEYS[:25], 1).values()]
    table = classes_of(roots, options())
    assert [(table.root(number), table.key(number)) for number in (0, 59, 60, 84)] == [
        (0, KEYS[0]),
        (0, KEYS[59]),
        (1, KEYS[0]),
        (1, KEYS[24]),
    ]
    assert (
        table.class_index.tolist() == rank_into_classes(range(85), scores, class_counts(85, 4, 5)).class_index.tolist()
    )
    root_in(tmp_path / 'b', KEYS[:25], border=8)
    with pytest.raises(DataError, match='not scored alike') as error:
        classes_of(roots, options())
    assert error.value.found == 'border=8'


@pytest.mark.parametrize('longer', ['gt.lmdb', 'lq.lmdb'])
def test_a_list_that_goes_on_behind_the_last_score_is_an_error(tmp_path: Path, longer: str) -> None:
    root = root_in(tmp_path, KEYS)
    with open(tmp_path / longer / 'meta_info.txt', 'a') as stream:
        stream.write('9999_s001.png (32,32,3) 1\n')
    with pytest.raises(DataError, match='9999_s001'):
        classes_of([root], options())


def test_the_maps_of_a_root_are_checked(tmp_path: Path) -> None:
    root = root_in(tmp_path, KEYS)._replace(saliency=str(tmp_path / 'maps.lmdb'))
    lmdb_of(tmp_path / 'maps.lmdb', KEYS)
    with pytest.raises(DataError, match=r'(?s)maps.lmdb.*saliency'):  # no manifest of maps
        classes_of([root], options())


def test_flat_files_hold_empty_arrays_and_refuse_objects(tmp_path: Path) -> None:
    path = tmp_path / 'flat'
    write_flat(path, {}, {'none': np.empty(0, np.int32), 'some': np.arange(5.0)})
    assert {name: array.tolist() for name, array in map_flat(path).items()} == {'none': [], 'some': [0, 1, 2, 3, 4]}
    path.write_bytes(path.read_bytes().replace(b'<f8', b'|O8'))
    with pytest.raises(FlatFileError, match='header'):
        map_flat(path)
