"""PSNR maps of all patches against one patch at a time, golden numbers, and which positions a portion takes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from bsr_plugins.common.errors import OptionError
from bsr_plugins.data.sampling.patch_sides import inner_side
from bsr_plugins.data.sampling.sampling_aug import informative_positions, patch_psnr_map


def psnr_of_patch(lq, gt, top, left, gt_size, scale):
    """The metric of one patch, as the published code computes it: torch's interpolation, clamp, shave, mean."""
    image = torch.from_numpy(lq).permute(2, 0, 1)[None].double()
    sr = torch.nn.functional.interpolate(image, size=gt.shape[:2], mode='bilinear', align_corners=False)
    difference = (sr[0].clamp(0, 255).permute(1, 2, 0).numpy() - gt) / 255
    patch = difference[top * scale : top * scale + gt_size, left * scale : left * scale + gt_size]
    shave = scale + 6
    return -10 * np.log10((patch[shave:-shave, shave:-shave] ** 2).mean() + 1e-9)


@pytest.mark.parametrize(
    'scale, gt_size, lr_shape', [(4, 48, (15, 21)), (2, 20, (12, 10)), (3, 36, (12, 14)), (4, 24, (6, 6))]
)
def test_every_patch_equals_the_patch_by_itself(scale, gt_size, lr_shape):
    rng = np.random.default_rng(scale)
    lq = rng.integers(0, 256, (*lr_shape, 3)).astype(np.uint8)
    gt = rng.integers(0, 256, (lr_shape[0] * scale, lr_shape[1] * scale, 3)).astype(np.uint8)
    found = patch_psnr_map(lq, gt, gt_size, scale)
    assert found.shape == tuple(side - gt_size // scale + 1 for side in lr_shape)
    for top, left in np.ndindex(*found.shape):
        # OpenCV rounds the weights of odd scales to float32
        assert found[top, left] == pytest.approx(psnr_of_patch(lq, gt, top, left, gt_size, scale), abs=1e-4)


@pytest.mark.parametrize('scale, inner', [(2, 176), (3, 174), (4, 172)])
def test_published_sizes(scale, inner):
    assert inner_side(192, scale) == inner
    height, width = 192 + 5 * scale, 192 + 9 * scale
    image = np.zeros((height // scale, width // scale, 3), np.uint8)
    psnr = patch_psnr_map(image, np.zeros((image.shape[0] * scale, image.shape[1] * scale, 3), np.uint8), 192, scale)
    assert psnr.size == ((height - 192) // scale + 1) * ((width - 192) // scale + 1)


def test_golden_numbers():
    flat = np.full((8, 8, 3), 100, np.uint8)
    assert patch_psnr_map(flat, np.full((32, 32, 3), 100, np.uint8), 28, 4) == pytest.approx(90.0, abs=1e-9)
    # 51 / 255 = 0.2 on one half of an image of constant error 0: half of (2 * 25.5 / 255)^2 is MSE 0.02
    gt = np.full((32, 32, 3), 100, np.uint8)
    gt[:, 16:] = 151
    middle = patch_psnr_map(flat, gt, 32, 4)
    assert middle.shape == (1, 1) and middle[0, 0] == pytest.approx(-10 * np.log10(0.02), abs=1e-6)
    # errors of 25 and 26 on a chequerboard: 20.0 dB but for the spread, (25^2 + 26^2) / 2 = 25.5^2 + 0.25
    board = np.indices((32, 32)).sum(0) % 2
    gt = (125 + board)[..., None].repeat(3, 2).astype(np.uint8)
    assert patch_psnr_map(flat, gt, 32, 4)[0, 0] == pytest.approx(-10 * np.log10((0.1**2) + 0.25 / 255**2), abs=1e-6)
    assert patch_psnr_map(flat, gt, 32, 4)[0, 0] == pytest.approx(20.0, abs=0.002)


def test_the_border_of_a_patch_is_of_no_account():
    lq, gt = np.full((8, 8, 3), 9, np.uint8), np.full((32, 32, 3), 9, np.uint8)
    gt[:10] = gt[-10:] = 200
    gt[:, :10] = gt[:, -10:] = 200
    assert patch_psnr_map(lq, gt, 32, 4)[0, 0] == pytest.approx(90)
    gt[10, 10] = 10
    assert patch_psnr_map(lq, gt, 32, 4)[0, 0] == pytest.approx(-10 * np.log10(1 / (255**2 * 144) + 1e-9))


def test_a_large_image_loses_nothing_to_rounding():
    gt = np.zeros((1024, 1024, 3), np.uint8)
    gt[:, :900] = 255
    lq = np.ascontiguousarray(gt[::4, ::4])
    psnr = patch_psnr_map(lq, gt, 48, 4)
    assert psnr[:, -18:] == pytest.approx(90, abs=1e-4)  # right of a million full errors in the summed-area table


@pytest.mark.parametrize('scale, gt_size', [(4, 20), (2, 16), (3, 18), (4, 4)])
def test_patches_too_small_to_compare(scale, gt_size):
    with pytest.raises(OptionError, match=rf'gt_size leaves nothing(?s:.*)more than {2 * scale + 12}'):
        inner_side(gt_size, scale)


@pytest.mark.parametrize(
    'portion, expected',
    [
        (0, [2]),
        (0.1, [2]),
        (0.34, [0, 2]),
        (0.5, [0, 2, 4]),
        (1, [0, 1, 2, 3, 4, 5]),
        (1.0, [0, 1, 2, 3, 4, 5]),
        (-0.01, [1]),
        (-0.34, [1, 5]),
        (-0.5, [1, 3, 5]),
        (-1, [0, 1, 2, 3, 4, 5]),
        (0.33, [2]),
    ],
)
def test_portions(portion, expected):
    psnr = np.array([[21.0, 40.0, 20.0], [30.0, 25.0, 33.0]])
    assert informative_positions(psnr, portion).tolist() == expected


@pytest.mark.parametrize('portion', [0.05, 0.1, 0.37, 0.9, -0.1, -0.6])
def test_they_are_the_ends_of_the_ascending_list(portion):
    psnr = np.random.default_rng(0).integers(10, 30, (31, 17)).astype(float)  # many are equal
    order = np.argsort(psnr.ravel(), kind='stable')
    count = int(psnr.size * abs(portion))
    expected = order[:count] if portion > 0 else order[-count:]
    assert informative_positions(psnr, portion).tolist() == sorted(expected)


def test_equal_patches_are_taken_in_order():
    assert informative_positions(np.full((4, 5), 90.0), 0.25).tolist() == [0, 1, 2, 3, 4]
    assert informative_positions(np.full((4, 5), 90.0), -0.25).tolist() == [15, 16, 17, 18, 19]


@pytest.mark.parametrize('portion', [1.01, -1.5, float('nan'), '0.1', None, True, [0.1]])
def test_portions_that_are_none(portion):
    with pytest.raises(OptionError, match='(?s)portion.*number >= -1 and <= 1'):
        informative_positions(np.zeros((2, 2)), portion)


def test_real_images(bsr_data):
    name = 'bsds_100075.png'
    if not (bsr_data / 'train' / 'HR' / name).is_file():
        name = sorted(path.name for path in (bsr_data / 'train' / 'HR').glob('bsds_*.png'))[0]
    gt, lq = (cv2.imread(str(bsr_data / 'train' / folder / name)) for folder in ('HR', 'LRbicX4'))
    psnr = patch_psnr_map(lq, gt, 96, 4)
    for position in (*informative_positions(psnr, 0), *informative_positions(psnr, -0.0001)):
        top, left = np.unravel_index(position, psnr.shape)
        assert psnr[top, left] == pytest.approx(psnr_of_patch(lq, gt, top, left, 96, 4), abs=1e-4)
    hard, easy = (gt_detail(gt, informative_positions(psnr, portion), psnr.shape[1]) for portion in (0.1, -0.1))
    assert hard > 2 * easy


def gt_detail(gt, positions, columns):
    """The mean Laplacian of the patches of 96 at ``positions``."""
    laplacian = np.abs(cv2.Laplacian(gt, cv2.CV_32F))
    tops, lefts = (np.array(part) * 4 for part in np.divmod(positions, columns))
    return np.mean([laplacian[top : top + 96, left : left + 96].mean() for top, left in zip(tops, lefts)])
