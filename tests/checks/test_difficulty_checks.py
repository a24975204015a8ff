"""LMDBs and difficulty files that were not made for each other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Callable, List

import lmdb
import pytest

from bsr_plugins.common.findings import ERROR, Finding
from bsr_plugins.data.difficulty.difficulty_file import DifficultyHeader, write_difficulty
from bsr_plugins.data.subimages.lmdb_manifest import manifest_sha256, write_manifest
from option_files import TRAIN, changed

Check = Callable[..., List[Finding]]
KEYS = ['a_s001', 'a_s002', 'b_s001']
TEXT = changed(
    TRAIN.replace('batch_size_per_gpu: 16', 'batch_size_per_gpu: 1'),
    """\
    type: PairedImageDataset
    dataroot_gt: data/HR
    dataroot_lq: data/LR
    io_backend: {type: disk}
    gt_size: 192
""",
    """\
    type: InverseSampledLMDBDataset
    dataroot_gt: sub/HR_sub.lmdb
    dataroot_lq: sub/LR_sub_x4.lmdb
    num_classes: 3
    imbalance_factor: 1
""",
)


@pytest.fixture
def lmdbs(check: Check) -> Path:
    """Two LMDBs without images in the working directory, and their difficulty file; returns the file."""
    for name, side, more in (('HR_sub', 128, {}), ('LR_sub_x4', 32, {'scale': 4})):
        folder = Path('sub', f'{name}.lmdb')
        folder.parent.mkdir(exist_ok=True)
        lmdb.open(str(folder), map_size=1 << 20).close()
        (folder / 'meta_info.txt').write_text(''.join(f'{key}.png ({side},{side},3) 1\n' for key in KEYS))
        write_manifest(folder, {'format': 1, 'sub_images': 3, 'crop': 128, **more})
    hr = Path('sub/HR_sub.lmdb')
    header = DifficultyHeader('bicubic', 4, 'y', 4, 3, manifest_sha256(hr))
    write_difficulty(hr / 'difficulty_x4.txt', dict.fromkeys(KEYS, 0.1), header)
    return hr / 'difficulty_x4.txt'


def errors(check: Check, text: str = TEXT) -> List[Finding]:
    return [finding for finding in check(text) if finding.severity == ERROR]


def test_what_fits(check: Check, lmdbs: Path) -> None:
    assert errors(check) == []


@pytest.mark.parametrize(
    ('old', 'new', 'problem', 'expected', 'found'),
    [
        (
            'manifest_sha256=',
            'manifest_sha256=0',
            'was scored on a different LMDB',
            'manifest_sha256=',
            'manifest_sha256=0',
        ),
        ('scale=4', 'scale=2', 'was scored at a different scale', 'scale=4', 'scale=2'),
        ('sub_images=3', 'sub_images=9', 'does not hold a score for each sub-image', 'sub_images=3', 'sub_images=9'),
        ('\nb_s001 0.1\n', '\n', 'is cut short', '3 scores', '2'),
        ('# scorer=', '# nothing=', None, '', ''),
        ('# scorer=bicubic scale=4', '#', 'was scored at a different scale', 'scale=4', 'scale=None'),
    ],
)
def test_stale_files(check: Check, lmdbs: Path, old: str, new: str, problem: str, expected: str, found: str) -> None:
    lmdbs.write_text(changed(lmdbs.read_text(), old, new))
    findings = errors(check)
    assert len(findings) == (1 if problem else 0)
    for finding in findings:
        assert finding.problem == f'The difficulty file {problem}: {lmdbs}'
        assert expected in finding.expected and found in finding.found
        assert finding.where.endswith('datasets.train.difficulty')
        assert 'score --hr-lmdb sub/HR_sub.lmdb' in finding.remedy


def test_an_lmdb_that_was_made_anew(check: Check, lmdbs: Path) -> None:
    write_manifest('sub/HR_sub.lmdb', {'format': 1, 'sub_images': 3, 'crop': 96})
    assert 'was scored on a different LMDB' in errors(check)[0].problem


def test_an_lr_lmdb_of_another_scale(check: Check, lmdbs: Path) -> None:
    manifest = Path('sub/LR_sub_x4.lmdb/manifest.json')
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), 'scale': 2}))
    findings = errors(check)
    assert [(finding.problem, finding.expected, finding.found) for finding in findings] == [
        ('The LR LMDB was made for another scale', 'scale 4', 'scale 2')
    ]
    manifest.write_text('{')
    assert 'cannot be read as JSON' in errors(check)[0].problem


def test_lmdbs_with_other_keys(check: Check, lmdbs: Path) -> None:
    Path('sub/LR_sub_x4.lmdb/meta_info.txt').write_text('a_s001.png (32,32,3) 1\nz.png (32,32,3) 1\n')
    problems = [finding.problem for finding in errors(check)]
    assert problems == ['2 HR images have no LR image', '1 LR image has no HR image']


def test_a_root_that_is_no_path(check: Check, lmdbs: Path) -> None:
    findings = errors(check, changed(TEXT, 'dataroot_gt: sub/HR_sub.lmdb', 'dataroot_gt: [3]'))
    assert findings[0].expected == 'path, or list of paths'


def test_several_roots(check: Check, lmdbs: Path) -> None:
    shutil.copytree('sub', 'more')
    several = TEXT
    for name in ('HR_sub', 'LR_sub_x4'):
        several = changed(several, f' sub/{name}.lmdb', f' [sub/{name}.lmdb, more/{name}.lmdb]')
    assert errors(check, several) == []
    # Each root is looked at, and the classes are those of all.
    assert errors(check, changed(several, 'num_classes: 3', 'num_classes: 6')) == []
    Path('more/LR_sub_x4.lmdb/meta_info.txt').write_text('a_s001.png (32,32,3) 1\n')
    Path('more/HR_sub.lmdb/difficulty_x4.txt').unlink()
    assert {finding.problem for finding in errors(check, several)} == {
        '2 HR images have no LR image',
        'The difficulty file does not exist: more/HR_sub.lmdb/difficulty_x4.txt',
    }
    (finding,) = errors(check, changed(several, ', more/LR_sub_x4.lmdb', ''))[:1]
    assert finding.problem == 'dataroot_gt and dataroot_lq do not name as many places'
