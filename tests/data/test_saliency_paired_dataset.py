"""SaliencyPairedDataset: map and crop at one place over all flips, draws as those of plain training, every backend."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path
from typing import Any, Dict

import cv2
import numpy as np
import pytest
import torch

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.saliency_paired_dataset import SaliencyPairedDataset
from tests.support.saliency_maps import write_maps

SCALE, SIZE, NUMBER = 4, 24, 4


@pytest.fixture(scope='module')
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders HR and LR of images of different sizes, LR named <name>x4, and maps of their red, whole and coarse."""
    root = tmp_path_factory.mktemp('pairs')
    for folder in ('HR', 'LR'):
        (root / folder).mkdir()
    rng = np.random.default_rng(0)
    images = {}
    for index in range(NUMBER):
        lq = rng.integers(0, 256, (7 + index, 9 - index, 3)).astype(np.uint8)
        cv2.imwrite(str(root / 'LR' / f'i.{index}x4.png'), lq)
        cv2.imwrite(str(root / 'HR' / f'i.{index}.png'), lq.repeat(SCALE, 0).repeat(SCALE, 1))
        images[f'i-{index}x4'] = lq
    write_maps(root / 'maps.lmdb', images)
    write_maps(root / 'coarse.lmdb', images, cell=4)
    return root


def options(root: Path, **changes: Any) -> Dict[str, Any]:
    return {
        'name': 'pairs',
        'type': 'SaliencyPairedDataset',
        'phase': 'train',
        'scale': SCALE,
        'dataroot_gt': str(root / 'HR'),
        'dataroot_lq': str(root / 'LR'),
        'filename_tmpl': '{}x4',
        'saliency': str(root / 'maps.lmdb'),
        'io_backend': {'type': 'disk'},
        'gt_size': SIZE,
        **changes,
    }


def build(root: Path, seed: int = 1, **changes: Any) -> SaliencyPairedDataset:
    torch.manual_seed(seed)
    return SaliencyPairedDataset(options(root, **changes))


@pytest.mark.parametrize('use_hflip', [True, False])
@pytest.mark.parametrize('use_rot', [True, False])
def test_the_map_of_a_crop_is_that_of_its_pixels(root: Path, use_hflip: bool, use_rot: bool) -> None:
    dataset = build(root, use_hflip=use_hflip, use_rot=use_rot)
    for number in range(24):
        sample = dataset[number]
        assert sample['saliency'].dtype == torch.float32 and sample['saliency'].shape == (1, 6, 6)
        assert torch.equal(sample['saliency'][0], sample['lq'][0])
        enlarged = sample['lq'].repeat_interleave(SCALE, 1).repeat_interleave(SCALE, 2)
        assert torch.equal(sample['gt'], enlarged)


def test_a_coarse_map_is_read_by_the_pixels_of_the_image(root: Path) -> None:
    """Of a crop that is not flipped, whose place in the image is looked for."""
    dataset = build(root, saliency=str(root / 'coarse.lmdb'), use_hflip=False, use_rot=False)
    places = set()
    for number in range(16):
        sample = dataset[number]
        image = cv2.imread(sample['lq_path'])[..., ::-1]
        crop = (sample['lq'].numpy().transpose(1, 2, 0) * 255).round()
        tops, lefts = image.shape[0] - 5, image.shape[1] - 5
        (place,) = [
            (top, left)
            for top in range(tops)
            for left in range(lefts)
            if np.array_equal(image[top : top + 6, left : left + 6], crop)
        ]
        places.add(place)
        for y in range(6):
            for x in range(6):
                cell = tuple((start + step) // 4 * 4 for start, step in zip(place, (y, x)))
                mean = image[cell[0] : cell[0] + 4, cell[1] : cell[1] + 4, 0].mean()
                assert sample['saliency'][0, y, x] * 255 == pytest.approx(np.rint(mean), abs=1e-3)
    assert len({place[0] for place in places}) > 2 and len({place[1] for place in places}) > 1


def test_each_image_once_a_pass_and_all_places_alike(root: Path) -> None:
    dataset = build(root)
    counts: Counter = Counter()
    for first in range(0, 200 * NUMBER, NUMBER):
        places = [dataset.draw(number) for number in range(first, first + NUMBER)]
        assert sorted(place.image for place in places) == list(range(NUMBER))
        counts.update(place[1:] for place in places if place.image == 0)
    # 7 x 9 pixels hold 2 x 4 crops of 6.
    assert len(counts) == 8 and min(counts.values()) > 10
    assert [dataset.draw(number).image for number in range(4)] == [build(root, seed=9).draw(n).image for n in range(4)]


def test_ranks_share_a_pass(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from basicsr.utils import dist_util

    ranks = []
    for rank in range(2):
        monkeypatch.setattr(dist_util, 'get_dist_info', lambda rank=rank: (rank, 2))
        ranks.append(build(root, seed=1 + rank))
    monkeypatch.undo()
    together = [ranks[place % 2].draw(place // 2).image for place in range(3 * NUMBER)]
    assert together == [build(root).draw(number).image for number in range(3 * NUMBER)]


def test_a_pickled_copy(root: Path) -> None:
    dataset = build(root)
    _ = dataset[0]
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(copy[3]['saliency'], dataset[3]['saliency']) and copy.draw(3) == dataset.draw(3)


def test_mean_std_and_luma_are_not_the_maps(root: Path) -> None:
    for changes in ({'mean': [0.5] * 3, 'std': [0.25] * 3}, {'color': 'y'}):
        plain, changed = build(root)[3], build(root, **changes)[3]
        assert torch.equal(plain['saliency'], changed['saliency'])
        assert not torch.equal(plain['lq'][:1], changed['lq'][:1])


def test_a_list_of_images_may_be_shorter_than_the_maps(root: Path, tmp_path: Path) -> None:
    (tmp_path / 'list.txt').write_text('i.2.png (1,1,3)\n')
    dataset = build(root, meta_info_file=str(tmp_path / 'list.txt'))
    assert len(dataset) == 1
    assert torch.equal(dataset[0]['saliency'][0], dataset[0]['lq'][0])


@pytest.mark.parametrize(
    'changes, message',
    [
        ({'saliency': None}, "option 'saliency' is missing(?s:.*)data set 'pairs': saliency(?s:.*)basicsr saliency"),
        ({'saliency': 3}, "'saliency' has a wrong value"),
        ({'gt_size': 30}, 'gt_size is not a multiple of scale'),
        ({'phase': 'val'}, 'never rebalanced'),
    ],
)
def test_wrong_options(root: Path, changes: Dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        build(root, **changes)


def test_a_crop_larger_than_an_image(root: Path) -> None:
    with pytest.raises(DataError, match='smaller than the crop'):
        _ = [build(root, gt_size=32)[number] for number in range(NUMBER)]
