"""Folders are paired as upstream pairs them, and in time that grows with the number of images alone."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bsr_plugins.common.errors import DataError
from bsr_plugins.host.mends.pairing_of_folders import mend_pairing_of_folders

data_util = pytest.importorskip('basicsr.data.data_util')
KEYS = ['lq', 'gt']


def outcome(pair: Any, *arguments: Any) -> Any:
    try:
        return pair(*arguments)
    except AssertionError as error:
        return str(error)


@pytest.mark.parametrize(
    ('gt', 'lq', 'template'),
    [
        (['a.png', 'b c.png', '.hidden', 'd.e.jpg'], ['a.png', 'b c.png', 'd.e.jpg'], '{}'),
        (['a.png', 'b.png'], ['ax4.png', 'bx4.png'], '{}x4'),
        (['a.png', 'b.png'], ['a.png'], '{}'),
        (['a.png', 'b.png'], ['a.png', 'c.png'], '{}'),
        ([], [], '{}'),
    ],
)
def test_pairs_and_errors_are_upstreams(tmp_path: Path, gt: list, lq: list, template: str) -> None:
    for name, files in (('gt', gt), ('lq', lq)):
        (tmp_path / name / 'folder').mkdir(parents=True)
        for file in files:
            (tmp_path / name / file).touch()
    folders = [str(tmp_path / 'lq'), str(tmp_path / 'gt')]
    upstream = inspect.unwrap(data_util.paired_paths_from_folder)
    module = SimpleNamespace(paired_paths_from_folder=upstream)
    assert mend_pairing_of_folders(module) and not mend_pairing_of_folders(module)
    assert outcome(module.paired_paths_from_folder, folders, KEYS, template) == outcome(
        upstream, folders, KEYS, template
    )
    assert outcome(module.paired_paths_from_folder, folders[:1], KEYS, template) == outcome(
        upstream, folders[:1], KEYS, template
    )


def test_it_is_in_place() -> None:
    assert hasattr(data_util.paired_paths_from_folder, 'mended_by_bsr_plugins')
    from basicsr.data import paired_image_dataset

    assert paired_image_dataset.paired_paths_from_folder is data_util.paired_paths_from_folder


def test_another_way_of_pairing_is_left_alone() -> None:
    def paired_paths_from_folder(folders: list, keys: list, filename_tmpl: str) -> list:
        return list(zip(*folders))

    module = SimpleNamespace(paired_paths_from_folder=paired_paths_from_folder)
    assert not mend_pairing_of_folders(module) and not mend_pairing_of_folders(SimpleNamespace())


def test_several_roots_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='A data root is a list'):
        data_util.paired_paths_from_folder([['a', 'b'], ['c', 'd']], KEYS, '{}')
