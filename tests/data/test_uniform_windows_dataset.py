"""UniformWindowsDataset: each position of each image as likely as from the whole image, pure draws, every refusal."""

from __future__ import annotations

import itertools
import json
import pickle
from pathlib import Path
from typing import Any, List, Optional

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import warm_processes
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.sampling.numbered_draws import Place
from bsr_plugins.data.subimages.subimage_lmdb import Created, create_subimage_lmdbs
from bsr_plugins.data.subimages.windows import WindowGrid
from bsr_plugins.data.uniform_windows_dataset import UniformWindowsDataset

SCALE = 4
#: Height and width of the images in their order: windows of 32 leave a rest along some of these sides.
SIZES = ((56, 76), (32, 44), (60, 32))
GRIDS = {
    'overlapping': WindowGrid(32, 16, 0),
    'with a rest': WindowGrid(32, 16, 12),
    'side by side': WindowGrid(32, 32, 0),
    'nearly side by side': WindowGrid(32, 28, 0),
}


def pixels(index: int) -> np.ndarray:
    """A picture in which each pixel tells its place."""
    height, width = SIZES[index]
    rows, columns = np.mgrid[:height, :width]
    return np.dstack([rows, columns, np.full((height, width), index)]).astype(np.uint8)


@pytest.fixture(scope='module')
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('images')
    for folder, step in (('HR', 1), ('LR', SCALE)):
        (root / folder).mkdir()
        for index in range(len(SIZES)):
            cv2.imwrite(str(root / folder / f'{index}.png'), pixels(index)[::step, ::step])
    return root


@pytest.fixture(scope='module')
def lmdbs(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """LMDBs of a grid, made once."""
    made = {}

    def make(grid: str) -> Created:
        if grid not in made:
            out = tmp_path_factory.mktemp('lmdb')
            made[grid] = create_subimage_lmdbs(
                folders / 'HR', out, SCALE, folders / 'LR', GRIDS[grid], encoding='bmp', progress=False
            )
        return made[grid]

    return make


def build(made: Created, seed: int = 1, **changes: Any) -> UniformWindowsDataset:
    torch.manual_seed(seed)
    options = {
        'name': 'windows',
        'type': 'UniformWindowsDataset',
        'phase': 'train',
        'scale': SCALE,
        'dataroot_gt': str(made.hr),
        'dataroot_lq': str(made.lr),
        'io_backend': {'type': 'lmdb'},
        'gt_size': 16,
        'use_hflip': False,
        'use_rot': False,
    }
    return UniformWindowsDataset({**options, **changes})


def place_of(sample: Any, which: str) -> List[int]:
    """Return image, row and column of the first pixel of a sample, once its other pixels follow from it."""
    shown = (sample[which] * 255).round().long()
    step = 1 if which == 'gt' else SCALE
    index, column, row = (int(channel[0, 0]) for channel in shown)
    size = shown.shape[-1]
    assert torch.equal(shown[1], (column + step * torch.arange(size)).expand(size, size))
    assert torch.equal(shown[2], (row + step * torch.arange(size))[:, None].expand(size, size))
    assert (shown[0] == index).all()
    return [index, row, column]


def sample_at(dataset: UniformWindowsDataset, place: Place, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(dataset, 'draw', lambda number: place)
    return dataset[0]


@pytest.mark.parametrize('gt_size', [8, 12, 16, 20, 32])
@pytest.mark.parametrize('grid', GRIDS)
def test_every_position_of_every_image_as_often_as_from_the_whole_image(
    lmdbs: Any, monkeypatch: pytest.MonkeyPatch, grid: str, gt_size: int
) -> None:
    dataset = build(lmdbs(grid), gt_size=gt_size)
    found = []
    for index, (rows, columns) in enumerate(dataset._counts):
        # The draw is uniform over these counts: all of them are what a whole image has, each exactly once.
        for top, left in itertools.product(range(rows), range(columns)):
            sample = sample_at(dataset, Place(index, top, left), monkeypatch)
            found.append(place_of(sample, 'gt'))
            assert place_of(sample, 'lq') == found[-1]
    last = [[side - (side % 16 if grid == 'with a rest' and side % 16 <= 12 else 0) for side in size] for size in SIZES]
    expected = [
        [index, top, left]
        for index, (height, width) in enumerate(last)
        for top in range(0, height - gt_size + 1, SCALE)
        for left in range(0, width - gt_size + 1, SCALE)
    ]
    assert sorted(found) == sorted(expected)
    assert (dataset.missing_share_ > 0).all() == (grid == 'with a rest')


def test_draws_are_uniform_over_images_and_positions(lmdbs: Any) -> None:
    dataset = build(lmdbs('nearly side by side'))
    drawn = [dataset.draw(number) for number in range(len(SIZES) * 3000)]
    for index, (rows, columns) in enumerate(dataset._counts):
        counts = np.zeros((rows, columns))
        for place in drawn:
            if place.image == index:
                counts[place.top, place.left] += 1
        assert counts.sum() == 3000  # each image once a pass
        expected = 3000 / counts.size
        spread = ((counts - expected) ** 2 / expected).sum()
        assert spread <= counts.size + 5 * (2 * counts.size) ** 0.5  # chi-squared, five sigma


def test_a_crop_may_be_larger_than_the_windows(lmdbs: Any, folders: Path, tmp_path: Path) -> None:
    made = create_subimage_lmdbs(
        folders / 'HR', tmp_path, SCALE, folders / 'LR', WindowGrid(16, 8, 0), encoding='bmp', progress=False
    )
    dataset = build(made, gt_size=32)
    assert all(place_of(dataset[number], 'gt')[0] in range(3) for number in range(12))
    with pytest.raises(DataError, match='smaller than the crop(?s:.*)at most 32'):
        build(made, gt_size=36)


def test_what_no_window_holds_is_said_once(lmdbs: Any, caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> None:
    from basicsr.utils import get_root_logger

    # Its first call sets it.
    monkeypatch.setattr(get_root_logger(), 'propagate', True)
    share = build(lmdbs('with a rest')).missing_share_[0]
    # 56 x 76 is cut to 48 x 64, 32 x 44 to 32 x 32, 60 x 32 to 48 x 32
    expected = np.mean([1 - 9 * 13 / (11 * 16), 1 - 5 * 5 / (5 * 8), 1 - 9 * 5 / (12 * 5)])
    assert share == pytest.approx(expected)
    assert 'at the edges of 3 of 3 images' in caplog.text and '--thresh 0' in caplog.text
    caplog.clear()
    build(lmdbs('overlapping'))
    assert caplog.text == ''


def test_draws_depend_on_seed_and_number_alone(lmdbs: Any) -> None:
    made = lmdbs('overlapping')
    dataset, other = build(made), build(made, seed=2)
    numbers = list(range(60))
    drawn = [dataset.draw(number) for number in numbers]
    torch.manual_seed(9)
    assert [dataset.draw(number) for number in reversed(numbers)] == drawn[::-1]
    assert [build(made).draw(number) for number in numbers] == drawn
    assert [place.image for place in map(other.draw, numbers)] == [place.image for place in drawn]
    assert [other.draw(number) for number in numbers] != drawn
    assert dataset.draw(2**62).image in range(3)
    with pytest.raises(IndexError, match='numbered from 0'):
        dataset.draw(-1)
    with pytest.raises(TypeError):
        dataset[0.5]
    assert sum(1 for _ in dataset) == len(dataset) == 3


def test_ranks_share_a_pass(lmdbs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from basicsr.utils import dist_util

    made, ranks = lmdbs('overlapping'), []
    for rank in range(2):
        monkeypatch.setattr(dist_util, 'get_dist_info', lambda rank=rank: (rank, 2))
        ranks.append(build(made, seed=1 + rank))
    monkeypatch.undo()
    together = [ranks[place % 2].draw(place // 2).image for place in range(9)]
    assert together == [build(made).draw(place).image for place in range(9)]
    assert sorted(together[:3]) == [0, 1, 2]


@pytest.mark.parametrize('workers, method', [(2, 'fork'), (1, 'forkserver')])
def test_workers_bring_the_same_batches(lmdbs: Any, workers: int, method: str) -> None:
    dataset = build(lmdbs('overlapping'), use_hflip=True, use_rot=True)
    numbers = list(range(3, 15))
    expected = torch.stack([dataset[number]['gt'] for number in numbers])
    context = warm_processes.context() if method == 'forkserver' else method
    loader = DataLoader(dataset, batch_size=3, sampler=numbers, num_workers=workers, multiprocessing_context=context)
    assert torch.equal(torch.cat([batch['gt'] for batch in loader]), expected)
    assert len(pickle.dumps(dataset)) < 4000


def test_flips_turn_both_images_alike(lmdbs: Any) -> None:
    flipped, plain = build(lmdbs('overlapping'), use_hflip=True, use_rot=True), build(lmdbs('overlapping'))
    forms = set()
    for number in range(100):
        turned = [
            torch.rot90(form, turns, (1, 2))
            for form in (plain[number]['lq'], plain[number]['lq'].flip(2))
            for turns in range(4)
        ]
        forms.add([torch.equal(flipped[number]['lq'], form) for form in turned].index(True))
    assert forms == set(range(8))


# ---------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    'changes, message',
    [
        ({'gt_size': None}, "option 'gt_size' is missing"),
        ({'gt_size': 18}, 'gt_size is not a multiple of scale'),
        ({'gt_size': 36}, 'image 1 is smaller than the crop(?s:.*)gt_size(?s:.*)at most 32'),
        ({'phase': 'val'}, 'validation data is never rebalanced'),
        ({'io_backend': {'type': 'disk'}}, 'reads LMDBs and raw image stores only'),
        ({'portion': 0.1}, "has no option 'portion'"),
        ({'dataroot_gt': 'nowhere.lmdb'}, 'no LMDB folder nowhere.lmdb'),
        ({'scale': 2}, 'made for another scale'),
    ],
)
def test_wrong_options(lmdbs: Any, changes: Any, message: str) -> None:
    with pytest.raises((OptionError, DataError), match=message):
        build(lmdbs('overlapping'), **changes)


@pytest.mark.parametrize(
    'which, key, value, message',
    [
        ('hr', 'sizes', None, 'does not say how large the images are(?s:.*)earlier release(?s:.*)PairedImageDataset'),
        ('hr', 'sizes', {'0': [56, 76]}, 'do not go with the number of their windows'),
        ('hr', 'sizes', {'0': [56]}, "wrong entry 'sizes'"),
        ('lr', 'step', 8, 'not of the same images and windows(?s:.*)step'),
        ('lr', 'hr', 'another', 'these differ: the HR images'),
        ('hr', 'step', 40, None),
    ],
)
def test_wrong_manifests(
    folders: Path, tmp_path: Path, which: str, key: str, value: Any, message: Optional[str]
) -> None:
    grid = WindowGrid(32, 40, 0) if message is None else GRIDS['overlapping']
    made = create_subimage_lmdbs(folders / 'HR', tmp_path, SCALE, folders / 'LR', grid, progress=False)
    path = getattr(made, which) / 'manifest.json'
    manifest = {**json.loads(path.read_text()), key: value}
    path.write_text(json.dumps({name: each for name, each in manifest.items() if each is not None}))
    with pytest.raises(DataError, match=message or 'leave gaps between them(?s:.*)--step 32 or less'):
        build(made)


@pytest.fixture(scope='module')
def stores(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Created:
    """Raw image stores, of windows that leave gaps and a rest."""
    out = tmp_path_factory.mktemp('store')
    return create_subimage_lmdbs(
        folders / 'HR', out, SCALE, folders / 'LR', WindowGrid(16, 32, 12), progress=False, layout='images'
    )


def test_a_raw_image_store_has_every_position(stores: Created, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = build(stores, gt_size=20)
    assert dataset.missing_share_ == 0
    for index, (height, width) in enumerate(SIZES):
        assert list(dataset._counts[index]) == [(height - 20) // SCALE + 1, (width - 20) // SCALE + 1]
        for top, left in ((0, 0), (3, 2), dataset._counts[index] - 1):
            sample = sample_at(dataset, Place(index, top, left), monkeypatch)
            assert place_of(sample, 'gt') == place_of(sample, 'lq') == [index, SCALE * top, SCALE * left]
            assert sample['gt_path'] == sample['lq_path'] == str(index)


def test_both_layouts_draw_the_same(lmdbs: Any, stores: Created) -> None:
    ours, theirs = build(stores, use_rot=True), build(lmdbs('overlapping'), use_rot=True)
    for number in range(5):
        assert all(torch.equal(ours[number][which], theirs[number][which]) for which in ('lq', 'gt'))


def test_several_roots_are_drawn_from_as_one(lmdbs: Any, stores: Created) -> None:
    made = lmdbs('overlapping')
    both = build(made, dataroot_gt=[str(stores.hr), str(made.hr)], dataroot_lq=[str(stores.lr), str(made.lr)])
    assert len(both) == 2 * len(SIZES) and both.keys == ['0', '1', '2'] * 2
    drawn = [(both.draw(number).image, place_of(both[number], 'gt')[0]) for number in range(6)]
    assert sorted(drawn) == [(image, image % 3) for image in range(6)]
    assert {both[number]['lq_path'] for number in range(6)} > {'0', '1', '2'}
    with pytest.raises(OptionError, match='do not name as many places'):
        build(made, dataroot_gt=[str(stores.hr), str(made.hr)])
