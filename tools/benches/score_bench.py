"""Scoring: windows in batches and whole images against one forward pass per window, as BasicSR validates."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

SCALE = 4
BATCH = 32
TARGETS = {'batched': '>= 2x', 'whole image': '>= 4x'}


def bench_score(quick: bool = False) -> List[Dict[str, Any]]:
    """Return a row for each scorer and way of scoring: sub-images a second over those of one forward pass per window.

    One 2040x1356 mosaic of real images (``quick``: 1020x680), x4, windows 128/64/48; random weights, which cost
    what trained ones do. The baseline reads with PairedImageDataset and computes calculate_psnr on luma. It and the
    batches run over some of the windows, the whole image over all. `BSR_DATA` names the folder of the images.

    Where convolutions already fill the processor (MSRResNet on few cores) a batch saves only the overhead of a pass,
    and a whole image ``window_area``: the pixels of all windows over those of the image.
    """
    import torch

    import bsr_plugins  # noqa: F401
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
    from bsr_plugins.data.subimages.windows import default_grid

    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    windows = {'MSRResNet': 32 if quick else 96, 'FSRCNN': 64 if quick else 320, 'bicubic': 64 if quick else 320}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        height, width = (680, 1020) if quick else (1356, 2040)
        _write_image(root / 'hr', height, width)
        lmdbs = create_subimage_lmdbs(root / 'hr', root, SCALE, progress=False)
        area = lmdbs.sub_images * default_grid(SCALE).crop ** 2 / (height * width)
        for scorer in _scorers(device):
            kind = scorer.name
            ways = _ways(lmdbs, scorer, windows[kind])
            rates: Dict[str, List[float]] = {name: [] for name in ways}
            for number in range(2 if quick else 6):
                for name, way in ways.items():
                    start = time.perf_counter()
                    count = way()
                    if number:
                        rates[name].append(count / (time.perf_counter() - start))
            for name, target in TARGETS.items():
                ratios = [ours / one for ours, one in zip(rates[name], rates['one pass per window'])]
                rows.append(
                    {
                        'bench': 'score',
                        'case': f'{kind} x{SCALE}, {device}, {name}',
                        'ratio_min': min(ratios),
                        'ratio_median': statistics.median(ratios),
                        'ratio_max': max(ratios),
                        'target': target if kind == 'MSRResNet' else None,
                        'one_per_s': statistics.median(rates['one pass per window']),
                        'ours_per_s': statistics.median(rates[name]),
                        'window_area': area,
                    }
                )
    return rows


def bench_score_window(quick: bool = False) -> List[Dict[str, Any]]:
    """Return a row for bicubic and one for MSRResNet in bfloat16: time of a decoded window over that of the old way.

    Processor time of one thread, windows 128 at x4. The old way of bicubic are phases of filters over whole batches in
    float64, as `_old_bicubic` keeps them, which gives the same scores bit for bit (`same`); that of MSRResNet is
    float32. `decoding` is what reading a pair out of its LMDBs takes.
    """
    import torch

    import bsr_plugins  # noqa: F401
    from bsr_plugins.data.difficulty.network_upscaler import BF16, NetworkUpscaler
    from bsr_plugins.data.difficulty.score_windows import Pair, score_pairs
    from bsr_plugins.data.difficulty.scorers import Scorer, bicubic_scorer
    from bsr_plugins.data.subimages.lmdb_images import LmdbImages
    from bsr_plugins.data.subimages.lmdb_manifest import read_keys
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs

    torch.set_num_threads(1)
    upscaler, half = (NetworkUpscaler(_msrresnet(), *more) for more in ((), (BF16,)))
    scorers = {
        'bicubic': (_old_bicubic, lambda pairs: score_pairs(pairs, bicubic_scorer(SCALE), SCALE, SCALE)),
        'MSRResNet, bf16': (
            lambda pairs: score_pairs(pairs, Scorer('fp32', upscaler), SCALE, SCALE),
            lambda pairs: score_pairs(pairs, Scorer('bf16', half, at_once=4), SCALE, SCALE),
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _write_image(root / 'hr', 680, 1020)
        lmdbs = create_subimage_lmdbs(root / 'hr', root, SCALE, progress=False)
        hr, lr = LmdbImages(lmdbs.hr), LmdbImages(lmdbs.lr)
        keys = sorted(read_keys(lmdbs.hr))[:BATCH]
        start = time.process_time()
        pairs = [Pair(key, hr.rgb(key), lr.rgb(key)) for key in keys]
        decoding = (time.process_time() - start) / len(keys)
    rows = []
    for kind, (old, ours) in scorers.items():
        same = bool((old(pairs) == ours(pairs)).all())
        times: Dict[Callable, List[float]] = {old: [], ours: []}
        for _ in range(2 if quick else (20 if kind == 'bicubic' else 6)):
            for way, taken in times.items():
                start = time.process_time()
                way(pairs)
                taken.append((time.process_time() - start) / len(pairs))
        ratios = [mine / before for before, mine in zip(times[old], times[ours])]
        rows.append(
            {
                'bench': 'score_window',
                'case': f'{kind} x{SCALE}, cpu',
                'ratio_min': min(ratios),
                'ratio_median': statistics.median(ratios),
                'ratio_max': max(ratios),
                'target': '<= 0.31x' if kind == 'bicubic' else '<= 0.34x',
                'old_us': 1e6 * statistics.median(times[old]),
                'ours_us': 1e6 * statistics.median(times[ours]),
                'decoding_us': 1e6 * decoding,
                'same': same,
            }
        )
    return rows


def _old_bicubic(pairs: List[Any]) -> Any:
    """Scores as they were computed before: upscaled phase by phase, all pixels in float64, the border cut off last."""
    import numpy as np
    import torch

    from bsr_plugins.data.images.bicubic_upscaling import _phases, mirrored
    from bsr_plugins.data.images.luma_error import LUMA_WEIGHTS

    def along(images: torch.Tensor, dimension: int) -> torch.Tensor:
        weights, first = _phases(SCALE)
        length = images.shape[dimension]
        before, after = -min(first), max(first) + len(weights[0]) - 1
        padded = images.index_select(dimension, mirrored(torch.arange(-before, length + after), length))
        phases = []
        for taps, offset in zip(weights, first):
            total = torch.zeros_like(images)
            for tap, weight in enumerate(taps):
                if weight:
                    total.add_(padded.narrow(dimension, before + offset + tap, length), alpha=weight)
            phases.append(total)
        position = dimension + images.dim()
        return torch.stack(phases, dim=position + 1).flatten(position, position + 1)

    hr, lr = (
        torch.from_numpy(np.stack([getattr(pair, side) for pair in pairs])).permute(0, 3, 1, 2) for side in ('hr', 'lr')
    )
    sr = along(along(lr.to(torch.float32).div_(255).double(), -2), -1)
    difference = (sr.clamp(0, 1) * 255).round_().to(torch.float32) - hr
    red, green, blue = difference.double().unbind(1)
    w_red, w_green, w_blue = LUMA_WEIGHTS
    error = red.mul_(w_red).add_(green, alpha=w_green).add_(blue, alpha=w_blue).div_(255).square_()
    return error[..., SCALE:-SCALE, SCALE:-SCALE].flatten(-2).mean(-1).numpy()


def _msrresnet() -> Any:
    import torch
    from basicsr.archs.srresnet_arch import MSRResNet

    torch.manual_seed(0)
    return MSRResNet(upscale=SCALE)


def _scorers(device: str) -> Iterator[Any]:
    import torch
    from basicsr.archs.srresnet_arch import MSRResNet

    from bsr_plugins.archs.fsrcnn_arch import FSRCNN
    from bsr_plugins.data.difficulty.network_upscaler import NetworkUpscaler
    from bsr_plugins.data.difficulty.scorers import Scorer, bicubic_scorer

    torch.manual_seed(0)
    for network in (MSRResNet(upscale=SCALE), FSRCNN(upscale=SCALE)):
        yield Scorer(type(network).__name__, NetworkUpscaler(network.to(device)), device)
    yield bicubic_scorer(SCALE, device)


def _ways(lmdbs: Any, scorer: Any, count: int) -> Dict[str, Callable[[], int]]:
    """Return name -> function that scores and returns how many windows it scored."""
    from bsr_plugins.data.difficulty.score_progress import split_units
    from bsr_plugins.data.difficulty.score_whole_images import find_whole_images, score_whole_images
    from bsr_plugins.data.difficulty.score_windows import score_batches
    from bsr_plugins.data.subimages.lmdb_images import LmdbImages
    from bsr_plugins.data.subimages.lmdb_manifest import read_keys, read_manifest
    from bsr_plugins.data.subimages.windows import WindowGrid

    keys = sorted(read_keys(lmdbs.hr))
    manifest = read_manifest(lmdbs.hr)
    images = find_whole_images(manifest, read_manifest(lmdbs.lr), keys)
    grid = WindowGrid(manifest['crop'], manifest['step'], manifest['threshold'])
    some = keys[:: max(1, len(keys) // count)][:count]

    def batched() -> int:
        hr, lr = LmdbImages(lmdbs.hr), LmdbImages(lmdbs.lr)
        return sum(len(mse) for _, mse in score_batches(split_units(some, BATCH), hr, lr, scorer, SCALE, SCALE))

    def whole() -> int:
        return sum(len(mse) for _, mse in score_whole_images(images, scorer, SCALE, SCALE, grid, manifest['mod']))

    return {
        'one pass per window': lambda: _one_a_window(lmdbs, scorer, keys, some),
        'batched': batched,
        'whole image': whole,
    }


def _one_a_window(lmdbs: Any, scorer: Any, keys: List[str], some: List[str]) -> int:
    """What a user of BasicSR would write: the validation loop of SRModel, one sub-image at a time."""
    import torch
    from basicsr.data.paired_image_dataset import PairedImageDataset
    from basicsr.metrics import calculate_psnr
    from basicsr.utils import tensor2img

    dataset = PairedImageDataset(
        {
            'dataroot_gt': str(lmdbs.hr),
            'dataroot_lq': str(lmdbs.lr),
            'phase': 'val',
            'io_backend': {'type': 'lmdb'},
            'scale': SCALE,
        }
    )
    place = {key: index for index, key in enumerate(keys)}
    upscale = _as_in_validation(scorer)
    for key in some:
        sample = dataset[place[key]]
        with torch.no_grad():
            sr = upscale(sample['lq'].unsqueeze(0).to(scorer.device))
        calculate_psnr(tensor2img(sr.float().cpu()), tensor2img(sample['gt']), SCALE, test_y_channel=True)
    dataset.file_client.client._client.clear()
    return len(some)


def _as_in_validation(scorer: Any) -> Callable[[Any], Any]:
    """The same network with its memory in order; for bicubic, BasicSR's own imresize."""
    import copy

    import torch

    if scorer.name == 'bicubic':
        from basicsr.utils.matlab_functions import imresize

        return lambda lr: imresize(lr[0].cpu(), SCALE)[None]
    return copy.deepcopy(scorer.upscale._network).to(memory_format=torch.contiguous_format)


def _write_image(folder: Path, height: int, width: int) -> None:
    """Write one mosaic of real images."""
    import cv2
    import numpy as np

    default = Path(__file__).resolve().parents[3] / 'shared' / 'data'
    data = Path(os.environ.get('BSR_DATA', default)) / 'train' / 'HR'
    tiles = [cv2.imread(str(path)) for path in sorted(data.glob('bsds_*.png'))]
    tiles = [tile[:312, :312] for tile in tiles if min(tile.shape[:2]) >= 312]
    if len(tiles) < 35:
        raise SystemExit(f'too few images in {data}: set BSR_DATA')
    mosaic = np.vstack([np.hstack(tiles[row * 7 : row * 7 + 7]) for row in range(5)])[:height, :width]
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / '0001.png'), mosaic)
