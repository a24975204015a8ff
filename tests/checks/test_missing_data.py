"""The commands that make missing LMDBs and difficulty files carry the option file's own paths."""

from __future__ import annotations

import json
from pathlib import Path

from bsr_plugins.checks.missing_data import difficulty_command, difficulty_path, lmdb_command
from bsr_plugins.common.commands import program

INVERSE = {'type': 'InverseSampledLMDBDataset', 'dataroot_gt': 'sub/HR_sub.lmdb', 'dataroot_lq': 'sub/LR_sub_x4.lmdb'}
UNIFORM = {'type': 'PairedImageDataset', 'dataroot_gt': 'DIV2K/HR', 'dataroot_lq': 'DIV2K/LR/X4'}


def test_lmdbs_of_the_inverse_set_are_cut_from_the_uniform_sets_images(tmp_path: Path) -> None:
    assert lmdb_command(INVERSE, UNIFORM, 4, tmp_path) == (
        f'{program()} subimages --hr DIV2K/HR --lr DIV2K/LR/X4 --scale 4 --out sub'
    )


def test_names_other_than_the_tools_are_said(tmp_path: Path) -> None:
    named = {**INVERSE, 'dataroot_gt': 'sub/hr.lmdb', 'dataroot_lq': 'x/LR_sub_x4.lmdb'}
    command = lmdb_command(named, UNIFORM, 4, tmp_path)
    assert command.splitlines()[1:] == [
        '            it writes sub/HR_sub.lmdb: set `dataroot_gt` to that',
        '            it writes sub/LR_sub_x4.lmdb: set `dataroot_lq` to that',
    ]


def test_a_uniform_lmdb_is_made_with_large_windows(tmp_path: Path) -> None:
    uniform = {**UNIFORM, 'dataroot_gt': 'big/HR_sub.lmdb', 'dataroot_lq': 'big/LR_sub_x2.lmdb'}
    assert lmdb_command(uniform, None, 2, tmp_path).splitlines() == [
        f'{program()} subimages --hr HR_FOLDER --lr LR_FOLDER --scale 2 --out big --crop 480 --step 240 '
        '--thresh 0 --encoding bmp',
        '            HR_FOLDER and LR_FOLDER stand for the folders of whole images',
    ]


def test_the_inverse_set_beside_a_uniform_lmdb_is_cut_from_what_that_was_made_of(tmp_path: Path) -> None:
    uniform = {**UNIFORM, 'dataroot_gt': 'big/HR_sub.lmdb', 'dataroot_lq': 'big/LR_sub_x4.lmdb'}
    for name, folder in (('HR_sub', 'photos/my HR'), ('LR_sub_x4', 'photos/LR')):
        (tmp_path / 'big' / f'{name}.lmdb').mkdir(parents=True)
        (tmp_path / 'big' / f'{name}.lmdb' / 'manifest.json').write_text(
            json.dumps({'format': 1, 'source': {'folder': folder}})
        )
    assert lmdb_command(INVERSE, uniform, 4, tmp_path) == (
        f"{program()} subimages --hr 'photos/my HR' --lr photos/LR --scale 4 --out sub"
    )
    (tmp_path / 'big' / 'LR_sub_x4.lmdb' / 'manifest.json').write_text(json.dumps({'format': 1, 'source': None}))
    assert lmdb_command(INVERSE, uniform, 4, tmp_path) == (
        f"{program()} subimages --hr 'photos/my HR' --scale 4 --out sub"
    )
    (tmp_path / 'big' / 'HR_sub.lmdb' / 'manifest.json').write_text('{')
    assert '--hr HR_FOLDER' in lmdb_command(INVERSE, uniform, 4, tmp_path)


def test_difficulty_command_and_default_path(tmp_path: Path) -> None:
    wanted = f'{program()} score --hr-lmdb sub/HR_sub.lmdb --lr-lmdb sub/LR_sub_x4.lmdb --scale 4'
    assert difficulty_path(INVERSE, 4) == 'sub/HR_sub.lmdb/difficulty_x4.txt'
    assert difficulty_path({'difficulty': 'd.txt'}, 4) == 'd.txt'
    assert difficulty_path({}, 4) is None and difficulty_path(INVERSE, None) is None
    assert difficulty_command(INVERSE, 4) == wanted
    assert difficulty_command({**INVERSE, 'difficulty': 'sub/HR_sub.lmdb/difficulty_x4.txt'}, 4) == wanted
    assert difficulty_command({**INVERSE, 'difficulty': 'd.txt'}, 4) == f'{wanted} --out d.txt'
