"""The demo's images: parted, cut, written once."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bsr_plugins.analysis import demo_images
from bsr_plugins.analysis.demo_images import HELD_OUT, TRAINING, cut_for_demo, scikit_image_folder, write_demo_images
from bsr_plugins.common.errors import DataError, DependencyError
from bsr_plugins.data.images.image_resizing import shrink


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / 'source'
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in (*TRAINING[:3], *HELD_OUT[:2]):
        cv2.imwrite(str(folder / name), rng.integers(0, 255, (50, 61, 3), dtype=np.uint8))
    return folder


def test_no_image_is_on_both_sides():
    assert not {name.split('.')[0] for name in TRAINING} & {name.split('.')[0] for name in HELD_OUT}
    sides = [{name.startswith('motorcycle') for name in names} for names in (TRAINING, HELD_OUT)]
    assert sides == [{True, False}, {False}]


def test_what_is_written(source, tmp_path):
    made = write_demo_images(tmp_path / 'out', 4, source)
    assert made.changed
    assert (made.training, made.held_out) == (
        tuple(name.split('.')[0] for name in TRAINING[:3]),
        tuple(name.split('.')[0] for name in HELD_OUT[:2]),
    )
    assert sorted(path.stem for path in made.train_hr.iterdir()) == sorted(made.training)
    for name in made.held_out:
        hr, lr = (cv2.imread(str(folder / f'{name}.png')) for folder in (made.test_hr, made.test_lr))
        original = cv2.imread(str(source / f'{name}.png'))
        assert hr.shape == (48, 60, 3)
        assert np.array_equal(hr, original[:48, :60])
        assert np.array_equal(lr, shrink(hr, 1 / 4))


def test_a_second_run_changes_nothing_and_mends_what_differs(source, tmp_path):
    out = tmp_path / 'out'
    made = write_demo_images(out, 4, source)
    before = {path: path.stat().st_mtime_ns for path in out.rglob('*.png')}
    assert not write_demo_images(out, 4, source).changed
    assert {path: path.stat().st_mtime_ns for path in out.rglob('*.png')} == before
    victim = made.test_lr / f'{made.held_out[0]}.png'
    content = victim.read_bytes()
    victim.write_bytes(content[:100])
    (made.train_hr / 'stranger.png').write_bytes(content)
    assert write_demo_images(out, 4, source).changed
    assert victim.read_bytes() == content
    assert dict.fromkeys(out.rglob('*.png')) == dict.fromkeys(before)


def test_large_images_give_their_middle(tmp_path, monkeypatch):
    monkeypatch.setattr(demo_images, 'LARGEST_SIDE', 36)
    image = np.arange(60 * 30 * 3, dtype=np.uint32).astype(np.uint8).reshape(60, 30, 3)
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    assert np.array_equal(cut_for_demo(tmp_path / 'a.png'), image[12:48, :24])


def test_too_few_images(source, tmp_path):
    for name in HELD_OUT[1:2]:
        (source / name).unlink()
    with pytest.raises(DataError, match='Too few') as error:
        write_demo_images(tmp_path / 'out', 4, source)
    assert HELD_OUT[0] in str(error.value)
    assert not (tmp_path / 'out').exists()


def test_scikit_image_has_them():
    folder = scikit_image_folder()
    there = [name for name in (*TRAINING, *HELD_OUT) if (folder / name).is_file()]
    assert len(there) >= 8


def test_without_scikit_image(monkeypatch):
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(DependencyError, match='scikit-image'):
        scikit_image_folder()
