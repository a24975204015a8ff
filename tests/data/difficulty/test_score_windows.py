"""Scoring by windows: batches change nothing, misfits are named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List

import numpy as np
import pytest
import torch

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.difficulty.score_windows import Pair, error_maps, score_batches, score_pairs
from bsr_plugins.data.difficulty.scorers import Scorer, bicubic_scorer
from bsr_plugins.data.images.luma_error import window_mse
from bsr_plugins.data.subimages.lmdb_images import LmdbImages
from bsr_plugins.data.subimages.lmdb_manifest import read_keys


def read_pairs(sub_images: Any) -> List[Pair]:
    hr, lr = LmdbImages(sub_images.hr_lmdb), LmdbImages(sub_images.lr_lmdb)
    return [Pair(key, hr.rgb(key), lr.rgb(key)) for key in read_keys(sub_images.hr_lmdb)]


def network_scorer() -> Scorer:
    from basicsr.archs.srresnet_arch import MSRResNet

    torch.manual_seed(0)
    network = MSRResNet(num_feat=8, num_block=2, upscale=4).double().eval()
    return Scorer('net', lambda lr: network(lr.double()))


@pytest.mark.parametrize('make', [lambda: bicubic_scorer(4), network_scorer], ids=['bicubic', 'network'])
def test_batched_equals_one_at_a_time(sub_images: Any, make: Any) -> None:
    pairs, scorer = read_pairs(sub_images), make()
    single = np.concatenate([score_pairs([pair], scorer, 4, 4) for pair in pairs])
    assert single.shape == (len(pairs),)
    assert score_pairs(pairs, scorer, 4, 4) == pytest.approx(single, rel=1e-12)
    assert single.max() > 2 * np.median(single) > 0


def test_equals_basicsr_imresize_and_psnr(sub_images: Any) -> None:
    from basicsr.metrics import calculate_psnr
    from basicsr.utils.matlab_functions import imresize

    pairs = read_pairs(sub_images)[::7]
    expected = []
    for pair in pairs:
        sr = (imresize(pair.lr / 255.0, 4).clip(0, 1) * 255).round()
        psnr = calculate_psnr(sr[..., ::-1], pair.hr[..., ::-1].astype(np.float32), 4, test_y_channel=True)
        expected.append(10 ** (-psnr / 10))
    # Where a value lies between two 8-bit levels, float32 and float64 may round it differently.
    assert score_pairs(pairs, bicubic_scorer(4), 4, 4) == pytest.approx(np.array(expected), rel=5e-3)


def test_red_is_red(sub_images: Any) -> None:
    """A scorer that is wrong by one level of red alone: swapped channels would show as blue's weight."""
    pair = read_pairs(sub_images)[0]
    pair = pair._replace(hr=np.full_like(pair.hr, 100))
    red = torch.tensor([1 / 255, 0, 0]).reshape(1, 3, 1, 1)
    scorer = Scorer('red', lambda lr: torch.full((len(lr), 3, 32, 32), 100 / 255) + red)
    assert score_pairs([pair], scorer, 4, 4) == pytest.approx([(65.738 / 256 / 255) ** 2], rel=1e-12)


def test_the_lmdb_holds_red_first(sub_images: Any) -> None:
    import cv2

    key = '0001_s001'
    images = LmdbImages(sub_images.hr_lmdb)
    image = cv2.imread(str(sub_images.hr / '0001.png'))
    assert np.array_equal(images.rgb(key), image[:32, :32, ::-1])


def test_windows_of_several_sizes_share_a_batch(sub_images: Any) -> None:
    pairs = read_pairs(sub_images)[:4]
    pairs[1] = pairs[1]._replace(hr=pairs[1].hr[:24], lr=pairs[1].lr[:6])
    scorer = bicubic_scorer(4)
    single = np.concatenate([score_pairs([pair], scorer, 4, 4) for pair in pairs])
    assert score_pairs(pairs, scorer, 4, 4) == pytest.approx(single, rel=1e-12)


def test_batches_come_in_order(sub_images: Any) -> None:
    keys = read_keys(sub_images.hr_lmdb)
    batches = [keys[:5], keys[5:6], keys[6:]]
    hr, lr = LmdbImages(sub_images.hr_lmdb, reads_per_mapping=3), LmdbImages(sub_images.lr_lmdb)
    found = list(score_batches(batches, hr, lr, bicubic_scorer(4), 4, 4))
    assert [unit for unit, _ in found] == batches
    expected = score_pairs(read_pairs(sub_images), bicubic_scorer(4), 4, 4)
    assert np.concatenate([mse for _, mse in found]) == pytest.approx(expected, rel=1e-12)


def test_misfits(sub_images: Any) -> None:
    pair = read_pairs(sub_images)[0]
    with pytest.raises(DataError, match='do not fit scale 2') as caught:
        score_pairs([pair], bicubic_scorer(2), 2, 2)
    assert pair.key in str(caught.value)
    assert 'HR 32 x 32, LR 8 x 8' in caught.value.found
    with pytest.raises(DataError, match='inside the border'):
        score_pairs([pair], bicubic_scorer(4), 4, 16)
    with pytest.raises(OptionError, match='scorer bicubic does not upscale by 4') as caught:
        score_pairs([pair], bicubic_scorer(2), 4, 4)
    assert caught.value.found == (1, 3, 16, 16)


@pytest.mark.parametrize('record', [b'', b'no image', b'\x89PNG\r\n\x1a\n' + b'0' * 50])
def test_a_corrupt_record_is_named(sub_images: Any, record: bytes) -> None:
    import lmdb

    environment = lmdb.open(str(sub_images.lr_lmdb), map_size=1 << 24)
    with environment.begin(write=True) as transaction:
        transaction.put(b'0001_s003', record)
    environment.close()
    batches = [read_keys(sub_images.hr_lmdb)]
    with pytest.raises(DataError, match="'0001_s003' of the LMDB is damaged or not an image") as caught:
        list(
            score_batches(
                batches, LmdbImages(sub_images.hr_lmdb), LmdbImages(sub_images.lr_lmdb), bicubic_scorer(4), 4, 4
            )
        )
    assert str(sub_images.lr_lmdb) in str(caught.value.where)


def test_a_missing_record_is_named(sub_images: Any) -> None:
    with pytest.raises(DataError, match="no record '9999_s001'"):
        LmdbImages(sub_images.hr_lmdb).pixels('9999_s001')


def test_what_is_scored_at_once_changes_nothing(sub_images: Any) -> None:
    pairs, scorer = read_pairs(sub_images)[:11], bicubic_scorer(4)
    assert scorer.at_once == 4
    assert np.array_equal(score_pairs(pairs, scorer, 4, 4), score_pairs(pairs, replace(scorer, at_once=None), 4, 4))


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_scores_are_those_of_whole_error_maps_bit_for_bit(sub_images: Any, dtype: torch.dtype) -> None:
    """What lies in the border takes no part, and is not computed."""
    pairs = read_pairs(sub_images)[:5]
    layout = torch.contiguous_format if dtype == torch.float64 else torch.channels_last
    scorer = Scorer('net', lambda lr: bicubic_scorer(4).upscale(lr).to(dtype).contiguous(memory_format=layout))
    maps = error_maps(np.stack([pair.hr for pair in pairs]), np.stack([pair.lr for pair in pairs]), scorer, 4)
    assert np.array_equal(score_pairs(pairs, scorer, 4, 4), window_mse(maps, 4).numpy())
