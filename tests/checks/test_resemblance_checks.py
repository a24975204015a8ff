"""Pairs whose LR image is not the HR image made smaller, found by ``--deep``, and by their tags without it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Callable, List

import cv2
import numpy as np
import pytest

from bsr_plugins.checks.image_checks import check_images
from bsr_plugins.checks.pair_checks import check_pairs
from bsr_plugins.common.findings import ERROR, WARNING, Finding
from bsr_plugins.data.images.image_resizing import shrink
from bsr_plugins.options.option_file import read_option_file
from option_files import TRAIN
from tagged_images import ENDINGS, write_tagged

Check = Callable[..., List[Finding]]
HR, LR = Path('data/HR'), Path('data/LR')
TEXT = TRAIN.replace('gt_size: 192', 'gt_size: 64')


def scene(seed: int, height: int = 96, width: int = 144) -> Any:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 9, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that writes four pairs, LR images changed by a function, into an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def write(change: Callable[[Any], Any] = lambda lr: lr, order: Any = range(4)) -> None:
        for folder in (HR, LR):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        for number, seed in enumerate(order):
            cv2.imwrite(str(HR / f'{number}.png'), scene(number))
            cv2.imwrite(str(LR / f'{number}.png'), np.ascontiguousarray(change(shrink(scene(seed), 1 / 4))))

    return write


def found(deep: bool = True) -> List[Finding]:
    """Return what is said of the training pairs, by the part of the check that looks at pairs and images alone."""
    Path('x.yml').write_text(TEXT)
    option_file = read_option_file('x.yml')
    damaged, decoded = check_images(option_file, Path.cwd()) if deep else ([], None)
    findings = damaged + check_pairs(option_file, Path.cwd(), True, decoded)
    return [each for each in findings if ': datasets.train.dataroot' in each.where and 'batch' not in each.problem]


@pytest.mark.parametrize('deep', [True, False])
def test_the_whole_check_says_the_same_and_nothing_of_right_pairs(
    check: Check, pairs: Callable[..., None], deep: bool
) -> None:
    pairs()
    in_train = [each for each in check(TEXT, deep=deep) if ': datasets.train.dataroot' in each.where]
    assert found(deep) == [each for each in in_train if 'batch' not in each.problem] == []
    cv2.imwrite(str(LR / '0.png'), np.ascontiguousarray(shrink(scene(0), 1 / 4)[:, ::-1]))
    in_train = [each for each in check(TEXT, deep=deep) if ': datasets.train.dataroot' in each.where]
    assert found(deep) == [each for each in in_train if 'batch' not in each.problem]
    assert len(found(deep)) == int(deep)


@pytest.mark.parametrize(
    ('change', 'severity', 'words'),
    [
        (lambda lr: lr[:, ::-1], ERROR, '4 LR images are their HR images mirrored left to right'),
        (lambda lr: lr[::-1, ::-1], ERROR, '4 LR images are their HR images turned by 180 degrees'),
        (lambda lr: lr[..., ::-1], ERROR, '4 LR images are their HR images with red and blue exchanged'),
        (lambda lr: cv2.cvtColor(lr, cv2.COLOR_BGR2GRAY), WARNING, '4 LR images are their HR images without'),
        (lambda lr: 255 - lr, WARNING, '4 LR images do not resemble their HR images'),
    ],
)
def test_changed_pairs(pairs: Callable[..., None], change: Any, severity: str, words: str) -> None:
    pairs(change)
    findings = found()
    assert [each.severity for each in findings] == [severity]
    assert any(word in findings[0].problem for word in words.split('|'))
    assert 'data/HR/0.png' in findings[0].found and findings[0].remedy
    assert found(deep=False) == []  # nothing is decoded


def test_pairs_in_another_order(pairs: Callable[..., None]) -> None:
    pairs(order=[1, 2, 3, 0])
    findings = found()
    assert [(each.severity, each.problem) for each in findings] == [(ERROR, '4 LR images belong to other HR images')]
    assert findings[0].found.startswith('data/LR/0.png shows data/HR/1.png')


def test_sizes_of_formats_whose_headers_are_not_read(pairs: Callable[..., None]) -> None:
    pairs()
    for folder in (HR, LR):
        for path in folder.iterdir():
            path.rename(folder / f'{path.stem}.tif')
            cv2.imwrite(
                str(folder / f'{path.stem}.tif'), scene(int(path.stem), *((96, 144) if folder == HR else (20, 30)))
            )
    assert [each.problem for each in found()] == ['Image pairs do not fit scale 4']


@pytest.mark.parametrize('ending', ENDINGS)
@pytest.mark.parametrize('tag', [2, 3, 4, 6])
def test_a_tag_that_the_maker_of_the_lr_images_did_not_heed(pairs: Callable[..., None], ending: str, tag: int) -> None:
    pairs()
    for number in range(4):
        for folder in (HR, LR):
            (folder / f'{number}.png').unlink()
        image = scene(number, 96, 96)
        write_tagged(HR / f'{number}{ending}', image, tag)
        cv2.imwrite(str(LR / f'{number}{ending}'), shrink(image, 1 / 4), [cv2.IMWRITE_JPEG_QUALITY, 100])
    for deep in (False, True):
        findings = found(deep)
        assert [(each.severity, each.problem.partition(' ')[2][:27]) for each in findings] == [
            (ERROR, 'LR images are their HR imag')
        ]
        assert f'orientation tag {tag}' in findings[0].found
    # The remedy: images as IMREAD_UNCHANGED reads them (which turns TIFF files all the same), without the tag.
    for path in HR.iterdir():
        stored = scene(int(path.stem), 96, 96) if ending == '.tif' else cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), stored)
    assert found(False) == found(True) == []


def test_a_tag_that_the_maker_of_the_lr_images_did_heed(pairs: Callable[..., None]) -> None:
    pairs()
    for number in range(4):
        for folder in (HR, LR):
            (folder / f'{number}.png').unlink()
        write_tagged(HR / f'{number}.jpg', scene(number), 6)
        cv2.imwrite(str(LR / f'{number}.jpg'), shrink(cv2.imread(str(HR / f'{number}.jpg')), 1 / 4))
    assert found(False) == found(True) == []


def test_lmdbs_are_compared_too(check: Check) -> None:
    lmdb = pytest.importorskip('lmdb')
    for name, side, change in (('HR', 96, lambda image: image), ('LR', 24, lambda image: image[::-1])):
        with lmdb.open(f'{name}.lmdb', map_size=1 << 22) as environment, environment.begin(write=True) as transaction:
            for number in range(3):
                image = np.ascontiguousarray(change(cv2.resize(scene(number), (side, side), interpolation=3)))
                transaction.put(f'k{number}'.encode(), cv2.imencode('.png', image)[1].tobytes())
        lines = ''.join(f'k{number}.png ({side},{side},3) 1\n' for number in range(3))
        Path(f'{name}.lmdb', 'meta_info.txt').write_text(lines)
    text = TEXT.replace('data/HR', 'HR.lmdb').replace('data/LR', 'LR.lmdb').replace('type: disk', 'type: lmdb')
    problems = [each.problem for each in check(text, deep=True) if 'datasets.train.dataroot_lq' in each.where]
    assert problems == ['3 LR images are their HR images mirrored upside down']
