"""The start of RFS: the largest PIC and how much of each image lies in each interval, against brute force."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bsr_plugins.data.sampling import pic_table
from bsr_plugins.data.sampling.pair_reader import PairedImages
from bsr_plugins.data.sampling.pic import patch_information_capacity, window_pic
from bsr_plugins.data.sampling.pic_intervals import interval_edges, interval_of

SIZE = 8


@pytest.fixture
def images(tmp_path):
    for folder in ('HR', 'LR'):
        (tmp_path / folder).mkdir()
    for index in range(5):
        rng = np.random.default_rng(index)
        image = (128 + np.linspace(0, 25 * index, 16)[None, :, None] * rng.uniform(-1, 1, (12, 16, 3))).astype(np.uint8)
        for folder, factor in (('LR', 1), ('HR', 2)):
            cv2.imwrite(str(tmp_path / folder / f'{index}.png'), image.repeat(factor, 0).repeat(factor, 1))
    return PairedImages(
        {
            'type': 'x',
            'dataroot_gt': str(tmp_path / 'HR'),
            'dataroot_lq': str(tmp_path / 'LR'),
            'scale': 2,
            'io_backend': {'type': 'disk'},
            'gt_size': 2 * SIZE,
        }
    )


def test_fractions_are_those_of_brute_force(images):
    edges = interval_edges(40.0, 6)
    fractions = pic_table.image_fractions(images, SIZE, edges)
    assert fractions.dtype == np.float32 and fractions.sum(1) == pytest.approx(np.ones(5))
    for index in range(5):
        image = images.read_lq(index)
        values = [patch_information_capacity(image[y : y + SIZE, x : x + SIZE]) for y in range(5) for x in range(9)]
        counts = np.bincount(interval_of(values, edges), minlength=6)
        assert fractions[index] == pytest.approx(counts / 45)
    assert fractions[0].tolist() == [1, 0, 0, 0, 0, 0] and fractions[4, -1] > 0.2


def test_a_pic_on_an_edge_belongs_to_the_interval_above_as_it_does_when_drawn(images):
    pic = window_pic(images.read_lq(4), SIZE)
    edges = np.array([0.0, np.median(pic), pic.max()])
    assert (pic == edges[1]).any()
    fractions = pic_table.image_fractions(images, SIZE, edges)
    assert fractions[4].tolist() == pytest.approx([(pic < edges[1]).mean(), (pic >= edges[1]).mean()])


def test_one_interval(images):
    assert (pic_table.image_fractions(images, SIZE, interval_edges(1.0, 1)) == 1).all()


def test_largest_pic_is_the_quantile_of_random_patches(images, monkeypatch):
    found = pic_table.auto_pic_max(images, SIZE)
    # A uniform image, then a uniform position: all images are of one size here, so all windows count alike.
    everything = np.concatenate([window_pic(images.read_lq(index), SIZE).ravel() for index in range(5)])
    assert np.quantile(everything, 0.995) <= found <= everything.max()
    monkeypatch.setattr(pic_table, 'AUTO_QUANTILE', 0.5)
    assert pic_table.auto_pic_max(images, SIZE) == pytest.approx(np.median(everything), rel=0.1)


def test_results_are_kept(images, monkeypatch):
    edges = interval_edges(40.0, 6)
    before = pic_table.auto_pic_max(images, SIZE), pic_table.image_fractions(images, SIZE, edges)
    monkeypatch.setattr(images, 'read_lq', None)
    assert pic_table.auto_pic_max(images, SIZE) == before[0]
    assert np.array_equal(pic_table.image_fractions(images, SIZE, edges), before[1])


def test_what_is_kept_is_of_one_size_and_one_set_of_edges(images):
    found = {pic_table.auto_pic_max(images, size) for size in (6, 8, 10)}
    assert len(found) == 3
    shares = {
        pic_table.image_fractions(images, size, interval_edges(top, 6)).tobytes()
        for size in (6, 8)
        for top in (30.0, 40.0)
    }
    assert len(shares) == 4
