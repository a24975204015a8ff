"""Crops and tensors of samples: those of BasicSR to the bit, as floats and as bytes that become floats later."""

from __future__ import annotations

import itertools
from typing import Any, Dict, Tuple

import numpy as np
import pytest
import torch

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.keyed_random import HashedNumbers
from bsr_plugins.data.dataset_options import UNIFORM_WINDOWS
from bsr_plugins.data.images.byte_batches import float_batch
from bsr_plugins.data.images.sample_tensors import SampleTensors, Turn, crop_pair, drawn_corner
from bsr_plugins.data.images.shared_options import read_dataset_options
from cases import every

NORMALISED = {'mean': [0.4, 0.45, 0.5], 'std': [0.3, 0.27, 0.21]}


def pair(height: int = 20, width: int = 30, scale: int = 4) -> Tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return (
        rng.integers(0, 256, (height * scale, width * scale, 3)).astype(np.uint8),
        rng.integers(0, 256, (height, width, 3)).astype(np.uint8),
    )


def basicsrs(image: np.ndarray, turn: Turn, options: Dict[str, Any]) -> torch.Tensor:
    """What PairedImageDataset makes of a crop (float images, BasicSR's functions) with these flips."""
    import cv2
    from basicsr.utils import bgr2ycbcr, img2tensor
    from torchvision.transforms.functional import normalize

    image = image.astype(np.float32) / 255.0
    if turn.hflip:
        cv2.flip(image, 1, image)
    if turn.vflip:
        cv2.flip(image, 0, image)
    if turn.transposed:
        image = image.transpose(1, 0, 2)
    if options.get('color') == 'y':
        image = bgr2ycbcr(image, y_only=True)[..., None]
    tensor = img2tensor(image, bgr2rgb=True, float32=True)
    if options.get('mean') is not None:
        normalize(tensor, options['mean'], options['std'], inplace=True)
    return tensor


@every('options', [{}, NORMALISED, {'color': 'y'}, {'color': 'y', 'mean': [0.5], 'std': [0.25]}])
def test_values_are_those_of_basicsr_to_the_bit(options: Dict[str, Any]) -> None:
    gt, lq = pair()
    tensors = SampleTensors(options)
    for turn in map(Turn._make, itertools.product([False, True], repeat=3)):
        # Views of a larger image, which may not be written to.
        gt_crop, lq_crop = crop_pair(gt, lq, (3, 5), 48, 4)
        for crop in (gt_crop, lq_crop):
            crop.setflags(write=False)
        found = tensors(gt_crop, lq_crop, turn=turn)
        for name, crop in (('gt', gt_crop), ('lq', lq_crop)):
            assert found[name].is_contiguous() and found[name].dtype == torch.float32
            assert torch.equal(found[name], basicsrs(crop, turn, options))


@every('options', [{}, NORMALISED, {'mean': [0.5], 'std': [0.25]}])
def test_bytes_become_the_same_floats(options: Dict[str, Any]) -> None:
    gt, lq = pair(8, 8)
    saliency = np.arange(64, dtype=np.uint8).reshape(8, 8, 1) * 4
    turn = Turn(hflip=True, transposed=True)
    floats = SampleTensors(options)(gt, lq, saliency, turn)
    sample = SampleTensors({**options, 'uint8': True})(gt, lq, saliency, turn)
    assert {sample[name].dtype for name in ('gt', 'lq', 'saliency')} == {torch.uint8}
    batch = torch.utils.data.default_collate([sample, sample])
    found = float_batch({**batch, 'lq_path': ['a', 'b']}, torch.device('cpu'))
    assert found.keys() == {*floats, 'lq_path'}
    for name, value in floats.items():
        assert torch.equal(found[name], torch.stack([value, value])) and found[name].dtype == torch.float32


def test_a_batch_of_floats_stays_as_it_is() -> None:
    batch = {'lq': torch.rand(2, 3, 4, 4), 'mean': torch.zeros(2, 3), 'class_index': torch.zeros(2, dtype=torch.uint8)}
    found = float_batch(batch, torch.device('cpu'))
    assert found == batch and found is not batch


def test_bytes_are_turned_as_floats_are() -> None:
    """The turns drawn do not depend on the form."""
    for options in ({}, {'uint8': True}):
        tensors = SampleTensors(options)
        turns = [tensors.turn(HashedNumbers(1, number)) for number in range(200)]
        assert len(set(turns)) == 8 and turns[0] == SampleTensors({}).turn(HashedNumbers(1, 0))
    only = SampleTensors({'use_hflip': False})
    assert {only.turn(HashedNumbers(1, number)).hflip for number in range(50)} == {False}
    none = SampleTensors({'use_hflip': None, 'use_rot': None})
    assert {none.turn(HashedNumbers(1, number)) for number in range(50)} == {Turn()}


@every('scale', [1, 4])
def test_a_crop_lies_at_any_place_alike(scale: int) -> None:
    gt, lq = pair(7, 9, scale)
    counts = np.zeros((7 - 5 + 1, 9 - 5 + 1))
    for number in range(1500):
        top, left = drawn_corner(lq, 5 * scale, scale, HashedNumbers(3, number))
        counts[top, left] += 1
    assert (abs(counts - 100) < 5 * 10).all()
    gt_crop, lq_crop, nothing = crop_pair(gt, lq, (2, 4), 5 * scale, scale, None)
    np.testing.assert_array_equal(gt_crop, gt[2 * scale : 7 * scale, 4 * scale : 9 * scale])
    np.testing.assert_array_equal(lq_crop, lq[2:7, 4:9])
    assert nothing is None


def test_a_crop_of_the_whole_image() -> None:
    gt, lq = pair(12, 12)
    corner = drawn_corner(lq, 48, 4, HashedNumbers(0))
    found = crop_pair(gt, lq, corner, 48, 4, lq)
    for left, right in zip(found, (gt, lq, lq)):
        np.testing.assert_array_equal(left, right)


def test_luma_where_basicsr_utils_does_not_offer_the_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    import basicsr.utils

    gt, lq = pair()
    expected = basicsr.utils.bgr2ycbcr(gt.astype(np.float32) / 255.0, y_only=True)
    monkeypatch.delattr(basicsr.utils, 'bgr2ycbcr')  # releases before 1.4
    found = SampleTensors({'color': 'y'})(gt, lq)
    assert found['gt'].shape == (1, 80, 120) and found['lq'].shape == (1, 20, 30)
    np.testing.assert_array_equal(found['gt'][0].numpy(), expected)


def test_luma_as_bytes_is_refused() -> None:
    given = {'dataroot_gt': 'a', 'dataroot_lq': 'b', 'scale': 4, 'gt_size': 8, 'uint8': True, 'color': 'y'}
    with pytest.raises(OptionError, match='luma(?s:.*)remedy: +uint8: false'):
        read_dataset_options(given, UNIFORM_WINDOWS)
