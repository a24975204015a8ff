"""A set's maps: what a record holds, killed and continued, in shards, and every way of being asked for another one."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any, Dict, List

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from bsr_plugins.attribution.cam_saliency import cam_saliency
from bsr_plugins.common.errors import CheckpointError, DataError, OptionError
from bsr_plugins.common.shard import Shard
from bsr_plugins.common.shard_files import shard_path
from bsr_plugins.data.images.image_reading import read_image
from bsr_plugins.data.saliency import saliency_lmdb, saliency_shards
from bsr_plugins.data.saliency.saliency_lmdb import Made, create_saliency_lmdb, default_out
from bsr_plugins.data.saliency.saliency_manifest import read_saliency_manifest
from bsr_plugins.data.saliency.saliency_maps import SaliencyMaps
from bsr_plugins.data.saliency.saliency_network import TrainedNetwork, to_rgb
from bsr_plugins.data.saliency.saliency_record import cell_means, decode_cells, to_bytes
from bsr_plugins.data.saliency.source_images import images_of_folder
from bsr_plugins.data.subimages.lmdb_manifest import read_keys
from bsr_plugins.data.subimages.lmdb_writer import records

SIZES = ((8, 9), (7, 6), (8, 9), (8, 9), (7, 6))
CAM = {'cam_steps': 2}
CELL = 4


class Upscaler(nn.Module):
    """Sharpens, and enlarges by two."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        with torch.no_grad():
            self.conv.weight.copy_(torch.linspace(-1, 1, 81).view(3, 3, 3, 3))

    def forward(self, lq: torch.Tensor) -> torch.Tensor:
        return nn.functional.interpolate(self.conv(lq), scale_factor=2, mode='nearest')


def network(**changes: Any) -> TrainedNetwork:
    weights = {'file': 'net_g.pth', 'sha256': 'ab' * 32, 'param_key': None, **changes}
    return TrainedNetwork(Upscaler(), 2, {'type': 'Upscaler'}, weights)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / 'LR').mkdir()
    for seed, (height, width) in enumerate(SIZES):
        image = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / 'LR' / f'{seed}.png'), image)
    return tmp_path / 'LR'


def make(folder: Path, name: str = 'X.lmdb', trained: Any = None, **changes: Any) -> Made:
    options: Dict[str, Any] = {'cam': CAM, 'cell': CELL, 'at_once': 400, 'progress': False, **changes}
    return create_saliency_lmdb(
        images_of_folder(folder), trained or network(), folder.parent / name, options.pop('cam'), **options
    )


def content(path: Path) -> Dict[str, Any]:
    """Everything that an LMDB holds."""
    texts = {name: (path / name).read_text() for name in ('meta_info.txt', 'manifest.json')}
    return {**texts, **{key: bytes(record) for key, record in records(path)}}


def entries(folder: Path) -> List[str]:
    return sorted(path.name for path in folder.parent.iterdir() if path != folder)


@pytest.mark.parametrize('cell', [1, 4])
def test_a_record_is_the_map_of_its_image(folder: Path, cell: int) -> None:
    made = make(folder, cell=cell)
    assert made == Made(folder.parent / 'X.lmdb', 5, 5, [])
    assert read_keys(made.path) == list('01234')
    for key, (height, width) in zip('01234', SIZES):
        image = read_image(folder / f'{key}.png')
        expected = cam_saliency(network().network, to_rgb([image]), CAM)[0].numpy()
        record = content(made.path)[key]
        cells = to_bytes(cell_means(expected, cell))
        assert np.abs(decode_cells(record, '', '', '').astype(int) - cells).max() <= 1 and cells.max() == 255
        assert SaliencyMaps(made.path, folder).read(key, image).shape == (height, width, 1)
    lines = (made.path / 'meta_info.txt').read_text().splitlines()
    assert lines[1] == ('1.png (7,6,1) 9' if cell == 1 else '1.png (2,2,1) 9')


def test_the_manifest_says_how_it_was_made(folder: Path) -> None:
    manifest = read_saliency_manifest(make(folder).path, 'count')
    assert (manifest['cell'], manifest['scale'], manifest['count'], manifest['kind']) == (CELL, 2, 5, 'saliency')
    assert manifest['network'] == {'type': 'Upscaler'} and manifest['weights']['sha256'] == 'ab' * 32
    assert manifest['cam']['cam_steps'] == 2 and manifest['cam']['cam_pf'] == 0.25
    assert manifest['source']['resolved'] == str(folder)


def test_made_again_nothing_is_done(folder: Path) -> None:
    before = content(make(folder).path)
    # Where the weights lie, and how the folder is spelled, is of no account; nor are leftovers of killed runs.
    (folder.parent / 'X.lmdb.partial').mkdir()
    (folder.parent / 'X.lmdb.shard_1_of_2').mkdir()
    assert make(folder / '..' / 'LR', trained=network(file='elsewhere.pth')).made == 0
    assert content(folder.parent / 'X.lmdb') == before
    assert entries(folder) == ['X.lmdb']


class KilledError(Exception):
    """Stands for a kill."""


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every batch is on disk at once; the third is not reached."""
    monkeypatch.setattr(saliency_lmdb, '_SECONDS_BETWEEN_FLUSHES', -1)
    calls = count(1)

    def attributed(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == 3:
            raise KilledError
        return cam_saliency(*args, **kwargs)

    monkeypatch.setattr(saliency_lmdb, 'cam_saliency', attributed)


def test_a_killed_run_is_continued_to_the_same_bytes(folder: Path, killed: None) -> None:
    with pytest.raises(KilledError):
        make(folder)
    assert entries(folder) == ['X.lmdb.partial']
    # Batches of two images each: 8 x 9, 7 x 6, and the last 8 x 9.
    assert make(folder).made == 1
    assert content(folder.parent / 'X.lmdb') == content(make(folder, 'whole.lmdb').path)
    assert entries(folder) == ['X.lmdb', 'whole.lmdb']


@pytest.mark.parametrize('change', [{'cell': 2}, {'cam': {'cam_steps': 3}}, {'trained': network(sha256='cd' * 32)}])
def test_another_request_starts_a_killed_run_over(folder: Path, killed: None, change: Dict[str, Any]) -> None:
    with pytest.raises(KilledError):
        make(folder)
    assert make(folder, **change).made == 5


def test_shards_are_put_together_by_the_last(folder: Path) -> None:
    whole = content(make(folder, 'whole.lmdb').path)
    first = make(folder, shard=Shard(3, 3))
    assert (first.made, first.missing, first.path.exists()) == (1, [1, 2], False)
    assert make(folder, shard=Shard(3, 3)).made == 0
    assert make(folder, shard=Shard(1, 3)).missing == [2]
    last = make(folder, shard=Shard(2, 3))
    assert (last.made, last.total, last.missing) == (2, 5, [])
    assert content(last.path) == whole
    assert entries(folder) == ['X.lmdb', 'whole.lmdb']
    assert make(folder, shard=Shard(1, 3)) == Made(last.path, 0, 5, [])


def test_a_shard_without_images(folder: Path) -> None:
    for number in range(1, 6):
        made = make(folder, shard=Shard(number, 5))
    assert content(made.path) == content(make(folder, 'whole.lmdb').path)


def test_killed_while_it_is_put_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(folder, shard=Shard(1, 2))
    with monkeypatch.context() as patch:
        patch.setattr(saliency_shards, 'records', _killed)
        with pytest.raises(KilledError):
            make(folder, shard=Shard(2, 2))
    assert make(folder, shard=Shard(1, 2)) == Made(folder.parent / 'X.lmdb', 0, 5, [])
    assert content(folder.parent / 'X.lmdb') == content(make(folder, 'whole.lmdb').path)


def _killed(*_: Any) -> Any:
    raise KilledError


def test_a_shard_of_another_request_is_made_anew(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    make(folder, shard=Shard(1, 2), cell=2)
    assert make(folder, shard=Shard(2, 2)).missing == [1]
    assert make(folder, shard=Shard(1, 2)).missing == []
    assert ['X.lmdb.shard_1_of_2 is damaged or was made' in line for line in caplog.messages] == [True]


def test_a_damaged_shard_is_made_anew(folder: Path) -> None:
    make(folder, shard=Shard(1, 2))
    data = shard_path(folder.parent / 'X.lmdb', Shard(1, 2)) / 'data.mdb'
    data.write_bytes(data.read_bytes()[:5000])
    assert make(folder, shard=Shard(2, 2)).missing == [1]
    assert make(folder, shard=Shard(1, 2)).missing == []


def test_a_shard_that_lacks_a_map_is_not_put_together(folder: Path) -> None:
    make(folder, shard=Shard(1, 2))
    path = shard_path(folder.parent / 'X.lmdb', Shard(1, 2)) / 'manifest.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), 'count': 1}))
    with pytest.raises(DataError, match='as many maps as there are images'):
        make(folder, shard=Shard(2, 2))


@pytest.mark.parametrize(
    'change, words',
    [
        ({'cell': 2}, r'--cell 4 there, 2 asked for'),
        ({'cam': {'cam_steps': 3}}, r'cam_steps 2 there, 3 asked for'),
        ({'trained': network(param_key='params_ema')}, r'param_key_g None there, params_ema asked for'),
        ({'trained': network(sha256='cd' * 32)}, r'SHA-256 of the weights abababababab... there, cdcd'),
    ],
)
def test_what_is_there_is_never_replaced(folder: Path, change: Dict[str, Any], words: str) -> None:
    make(folder)
    for shard in (None, Shard(1, 2)):
        with pytest.raises(DataError, match=f'(?s)not what is asked for.*{words}.*give another --out'):
            make(folder, shard=shard, **change)


@pytest.mark.parametrize('spoil', ['data.mdb', 'manifest.json', 'is the folder of images', 'is a file'])
def test_what_is_there_and_is_none_is_never_to_be_deleted(folder: Path, spoil: str) -> None:
    path = folder.parent / 'X.lmdb'
    if spoil == 'is a file':
        path.write_text('mine')
    elif spoil == 'is the folder of images':
        path = folder
    else:
        make(folder)
        (path / spoil).write_bytes(b'{')
    with pytest.raises(DataError, match='(?s)no whole LMDB of saliency maps.*another --out, or move it away') as caught:
        make(folder, path.name)
    assert 'subimages' not in str(caught.value) and 'delete' not in str(caught.value)


def test_images_that_have_changed(folder: Path) -> None:
    make(folder)
    cv2.imwrite(str(folder / '5.png'), np.zeros((5, 5, 3), np.uint8))
    with pytest.raises(DataError, match=f'(?s)other images: {folder} there'):
        make(folder)


@pytest.mark.parametrize('change', [{'cell': 0}, {'at_once': 0}, {'cam': {'cam_steps': 0}}])
def test_values_out_of_range(folder: Path, change: Dict[str, Any]) -> None:
    with pytest.raises(OptionError, match='--cell|--batch|cam_steps'):
        make(folder, **change)
    assert entries(folder) == []


def test_networks_that_cannot_be_run(folder: Path) -> None:
    trained = network()
    nn.init.constant_(trained.network.conv.bias, float('nan'))
    with pytest.raises(CheckpointError, match="(?s)map of '0' is not finite.*other weights"):
        make(folder, trained=trained)
    trained.network.conv = nn.Conv2d(1, 3, 3)
    with pytest.raises(CheckpointError, match="(?s)cannot be run on the image '0' of 9 x 8 RGB pixels"):
        make(folder, trained=trained)
    # What was made by then is kept for the next call.
    assert entries(folder) == ['X.lmdb.partial']


def test_where_it_goes_by_default() -> None:
    assert default_out('data/X4') == Path('data/X4_saliency.lmdb')
    assert default_out('data/LR_sub_x4.lmdb/') == Path('data/LR_sub_x4_saliency.lmdb')
    assert default_out('.').parent == Path.cwd().parent
