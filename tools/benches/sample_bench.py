"""A sample of each data set of the pack beside one of stock on the same files: in one process, and with workers."""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import numpy as np
from benches.training_sets import BATCH, SCALE, STOCK, WORKERS, TimedLoader, row, train_options, workplace, write_images

INVERSE = 'InverseSampledLMDBDataset'
#: Side of the HR windows, which the inverse set takes whole, and of the crops of the other data sets.
WINDOW, CROP = 128, 96
#: Of the inverse set, floats and bytes: its time over stock's.
TARGETS = {'bmp': ('<= 0.67', '<= 0.37'), 'png-fast': ('<= 0.90', '<= 0.76')}


def bench_sample(quick: bool) -> List[Dict[str, Any]]:
    """Time of a sample over that of PairedImageDataset: processor time in one process, wall time a sample with workers.

    LMDBs of windows of 128, as bmp and as png-fast. A round takes a batch of each data set in turns, so that all of
    them meet the same machine; ``bytes`` is ``uint8: true``. The stock set is the one with the same crops.
    """
    rows: List[Dict[str, Any]] = []
    with workplace() as root:
        write_images(root, 1)
        for encoding in TARGETS:
            images = _make(root, encoding)
            rows += _one_process(images, encoding, 3 if quick else 60)
            rows += _with_workers(images, encoding, quick)
    return rows


def _cases(images: Dict[str, Any]) -> Dict[str, Tuple[Dict[str, Any], str]]:
    """Return name -> options of a data set, and the name of the stock set with the same crops."""
    cases: Dict[str, Tuple[Dict[str, Any], str]] = {}
    lmdbs = {key: value for key, value in images.items() if key != 'saliency'}
    for side in (WINDOW, CROP):
        stock = f'{STOCK} {side}'
        cases[stock] = (train_options(lmdbs, STOCK, side), stock)
        for kind in _KINDS[side]:
            more = {'saliency': images['saliency']} if kind == 'SaliencyPairedDataset' else {}
            options = train_options(lmdbs, kind, None if kind == INVERSE else side, **more)
            cases[f'{kind}, floats'] = (options, stock)
            cases[f'{kind}, bytes'] = ({**options, 'uint8': True}, stock)
    return cases


_KINDS = {
    WINDOW: (INVERSE,),
    CROP: ('UniformWindowsDataset', 'RFSBalancedBatchDataset', 'SamplingAugDataset', 'SaliencyPairedDataset'),
}


def _one_process(images: Dict[str, Any], encoding: str, rounds: int) -> List[Dict[str, Any]]:
    batches = {name: _batches(options) for name, (options, _) in _cases(images).items()}
    times: Dict[str, List[float]] = {name: [] for name in batches}
    # The first two rounds open the LMDBs and read their pages.
    for number in range(rounds + 2):
        for name, samples in batches.items():
            start = time.process_time()
            next(samples)
            if number >= 2:
                times[name].append((time.process_time() - start) / BATCH)
    return _rows(images, times, f'{encoding}, one process', encoding)


def _batches(options: Dict[str, Any]) -> Iterator[List[Any]]:
    """Yield lists of 16 samples, of stock in a random order."""
    import torch
    from basicsr.data import build_dataset

    from bsr_plugins.host.registration import register_all

    register_all()
    torch.manual_seed(0)
    dataset: Any = build_dataset({**options})
    by_number = getattr(dataset, 'draws_by_number', False)
    order = np.random.default_rng(0).permutation(len(dataset)).tolist()
    fetch = getattr(dataset, '__getitems__', lambda numbers: [dataset[number] for number in numbers])
    numbers = itertools.count() if by_number else itertools.cycle(order)
    while True:
        yield fetch(list(itertools.islice(numbers, BATCH)))


def _with_workers(images: Dict[str, Any], encoding: str, quick: bool) -> List[Dict[str, Any]]:
    """Only the inverse set: of the others too the workers do what one process does."""
    rounds, batches = (1, 4) if quick else (7, 25)
    cases = {name: options for name, (options, stock) in _cases(images).items() if stock == f'{STOCK} {WINDOW}'}
    needed = (rounds + 1) * (batches + 2 * WORKERS)
    loaders = {name: TimedLoader(options, needed) for name, options in cases.items()}
    times: Dict[str, List[float]] = {name: [] for name in loaders}
    for _ in range(rounds):
        for name, loader in loaders.items():
            times[name].append(1 / loader.rate(batches))
    return _rows(images, times, f'{encoding}, {WORKERS} workers', encoding)


def _rows(images: Dict[str, Any], times: Dict[str, List[float]], place: str, encoding: str) -> List[Dict[str, Any]]:
    rows = []
    for name, (_, stock) in _cases(images).items():
        if name in times and name != stock:
            kind, _, form = name.partition(', ')
            target = TARGETS[encoding][form == 'bytes'] if kind == INVERSE and 'one' in place else None
            rows.append(
                row(
                    'sample',
                    f'{name}, {place}',
                    [ours / theirs for ours, theirs in zip(times[name], times[stock])],
                    target,
                    stock_us=1e6 * float(np.median(times[stock])),
                    ours_us=1e6 * float(np.median(times[name])),
                )
            )
    return rows


def _make(root: Path, encoding: str) -> Dict[str, Any]:
    """Return the options of LMDBs of the windows, scored, with saliency maps (the red of each LR window)."""
    from bsr_plugins.data.difficulty.scorers import bicubic_scorer
    from bsr_plugins.data.difficulty.scoring import score_difficulty
    from bsr_plugins.data.images.lmdb_reader import open_reader
    from bsr_plugins.data.subimages.lmdb_manifest import read_keys
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
    from bsr_plugins.data.subimages.windows import WindowGrid

    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from tests.support.saliency_maps import write_maps

    made = create_subimage_lmdbs(
        root / 'hr',
        root / encoding,
        SCALE,
        lr=root / 'lr',
        encoding=encoding,
        progress=False,
        grid=WindowGrid(WINDOW, WINDOW // 2, 0),
    )
    score_difficulty(made.hr, made.lr, SCALE, bicubic_scorer(SCALE), progress=False)
    reader = open_reader(made.lr)
    maps = write_maps(root / encoding / 'maps.lmdb', {key: reader.pixels(key) for key in read_keys(made.lr)})
    return {
        'dataroot_gt': str(made.hr),
        'dataroot_lq': str(made.lr),
        'io_backend': {'type': 'lmdb'},
        'saliency': str(maps),
    }
