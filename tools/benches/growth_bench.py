"""How starts grow with the data: the check, the difficulty classes, pairing, an epoch; on made-up lists and no images.

``BSR_BENCH_KEYS=500000,2000000,10000000 python tools/bench.py growth`` names the numbers of sub-images.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import numpy as np
from benches.training_sets import row, workplace

SIZES = (500_000, 2_000_000, 10_000_000)
IMAGES = 85_000
#: Images at which BasicSR's pairing is measured too: its time grows with their square.
IMAGES_OF_STOCK = 10_000

_LINES = 1 << 18
_MEMORY = """
import json, sys, time

def kilobytes(path, word):
    with open(path) as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith(word))
"""
_CHECK = """
from bsr_plugins.cli.main import main
main(['check', 'x.yml'])
print(json.dumps([time.process_time(), kilobytes('/proc/self/status', 'VmHWM') / 1024]))
"""
_TABLE = """
from types import SimpleNamespace
from bsr_plugins.data.images.data_roots import DataRoot
from bsr_plugins.data.sampling.class_draws import ClassDraws
from bsr_plugins.data.sampling.classes_of_set import classes_of

rollup = '/proc/self/smaps_rollup', 'Private_Dirty'
before, start = kilobytes(*rollup), time.process_time()
options = SimpleNamespace(scale=4, gt_size=None, num_classes=10, imbalance_factor=100)
table = classes_of([DataRoot(*sys.argv[1:3], None, None)], options)
draws = ClassDraws.of_sorted(table.members, table.counts, 'inverse', 0)
seconds = time.process_time() - start
for number in range(1000):
    table.key(draws.draw(number).member)
private = kilobytes(*rollup) - before
print(json.dumps([seconds, kilobytes('/proc/self/status', 'VmHWM') / 1024, private / 1024]))
"""
_OPTIONS = """
name: growth
model_type: BSPAModel
scale: 4
num_gpu: 0
datasets:
  train:
    name: uniform
    type: PairedImageDataset
    dataroot_gt: gt.lmdb
    dataroot_lq: lq.lmdb
    io_backend: {type: lmdb}
    gt_size: 128
    use_hflip: true
    use_rot: true
    num_worker_per_gpu: 0
    batch_size_per_gpu: 16
    inverse: {type: InverseSampledLMDBDataset, dataroot_gt: gt.lmdb, dataroot_lq: lq.lmdb, gt_size: 128}
network_g: {type: MSRResNet, num_in_ch: 3, num_out_ch: 3, num_feat: 8, num_block: 1, upscale: 4}
path: {}
train:
  optim_g: {type: Adam, lr: 0.0002}
  scheduler: {type: MultiStepLR, milestones: [1000]}
  total_iter: 97500
  pixel_opt: {type: L1Loss}
logger: {print_freq: 10, save_checkpoint_freq: 100}
"""


def bench_growth(quick: bool) -> List[Dict[str, Any]]:
    """Processor seconds and memory of each start, at each number of sub-images; pairing at LSDIR's 85,000 images."""
    sizes = _sizes((5_000,) if quick else SIZES)
    rows = _pairing(1_000 if quick else IMAGES, 500 if quick else IMAGES_OF_STOCK)
    for size in sizes:
        with workplace() as root:
            make_lists(root, size)
            rows += [*_check(root, size), *_classes(root, size), _epoch(size)]
    return rows


def make_lists(root: Path, count: int) -> None:
    """Write the lists of a pair of LMDBs without images, and their difficulty: 500 windows of each image."""
    import lmdb

    from bsr_plugins.data.difficulty.difficulty_file import DifficultyHeader
    from bsr_plugins.data.subimages.lmdb_manifest import manifest_sha256

    entries = {'gt': (480, {'kind': 'hr', 'crop': 480}), 'lq': (120, {'kind': 'lr', 'scale': 4})}
    for name, (side, entry) in entries.items():
        folder = root / f'{name}.lmdb'
        lmdb.open(str(folder), map_size=1 << 20).close()
        (folder / 'manifest.json').write_text(json.dumps({'format': 1, **entry}))
        with open(folder / 'meta_info.txt', 'wb') as stream:
            stream.writelines(_lines(count, f'.png ({side},{side},3) 1'))
    header = DifficultyHeader('bicubic', 4, 'y', 4, count, manifest_sha256(root / 'gt.lmdb'))
    with open(root / 'gt.lmdb' / 'difficulty_x4.txt', 'wb') as stream:
        stream.write(f'{header.line()}\n'.encode())
        stream.writelines(_lines(count, ' 0.00', digits=17))


def _lines(count: int, end: str, digits: int = 0) -> Iterator[bytes]:
    random = np.random.default_rng(0)
    for first in range(0, count, _LINES):
        numbers = np.arange(first, min(first + _LINES, count))
        key = [_digits(numbers // 500 + 1, 6), _text('_s', numbers), _digits(numbers % 500 + 1, 3)]
        rest = [_text(end, numbers)]
        if digits:
            rest.append(_digits(random.integers(10**digits, size=len(numbers)), digits))
        yield np.concatenate([*key, *rest, _text('\n', numbers)], 1).tobytes()


def _digits(numbers: np.ndarray, width: int) -> np.ndarray:
    return (numbers[:, None] // 10 ** np.arange(width - 1, -1, -1) % 10 + 48).astype(np.uint8)


def _text(text: str, numbers: np.ndarray) -> np.ndarray:
    return np.tile(np.frombuffer(text.encode(), np.uint8), (len(numbers), 1))


def _check(root: Path, size: int) -> List[Dict[str, Any]]:
    (root / 'x.yml').write_text(_OPTIONS)
    first, again = (_measured(_CHECK, root) for _ in range(2))
    goal = {500_000: '<= 2, 250 MB', 10_000_000: '<= 30'}.get(size)
    return [
        row('growth', f'basicsr check, {size:,} keys, seconds', [first[0]], goal, MB=first[1]),
        row('growth', f'the same in the other ranks, {size:,} keys', [again[0]], None, MB=again[1]),
    ]


def _classes(root: Path, size: int) -> List[Dict[str, Any]]:
    rows = []
    for case, goal in (('made', '<= 2.5' if size == 2_000_000 else None), ('mapped', '<= 0.3')):
        seconds, peak, private = _measured(_TABLE, root, 'gt.lmdb', 'lq.lmdb')
        case = f'difficulty classes {case}, {size:,} keys, seconds'
        rows.append(row('growth', case, [seconds], goal, peak_MB=peak, private_MB=private))
    return rows


def _epoch(size: int) -> Dict[str, Any]:
    """The beginning of an epoch of which every second 100 batches are dropped, against marking all samples first."""
    from bsr_plugins.data.sampling.dropped_batches import DroppedIndex, marked_where_dropped

    def is_dropped(batch: int) -> bool:
        return batch // 100 % 2 == 1

    def first_batch(indices: Any) -> Tuple[float, List[int]]:
        start = time.process_time()
        batch = [index for index, _ in zip(indices(), range(16))]
        return time.process_time() - start, batch

    before, expected = first_batch(
        lambda: [DroppedIndex(each) if is_dropped(place // 16) else each for place, each in enumerate(range(size))]
    )
    seconds, found = first_batch(lambda: marked_where_dropped(range(size), 16, is_dropped))
    if found != expected:
        raise ValueError('the batches differ')
    case = f'epoch start with dropped batches, {size:,} samples, against a call a sample'
    return row('growth', case, [seconds / before], '<= 0.2 s at 10,000,000', seconds=seconds)


def _pairing(count: int, count_of_stock: int) -> List[Dict[str, Any]]:
    import inspect

    import bsr_plugins  # noqa: F401
    from basicsr.data import data_util  # isort: skip

    from bsr_plugins.host.mends.pairing_of_folders import mend_pairing_of_folders

    mend_pairing_of_folders(data_util)
    mended = data_util.paired_paths_from_folder
    found: Dict[Tuple[Any, int], float] = {}
    for size in (count, count_of_stock):
        with workplace() as root:
            for name in ('gt', 'lq'):
                (root / name).mkdir()
                for number in range(size):
                    os.close(os.open(root / name / f'{number:07d}.png', os.O_CREAT))
            results = []
            for pair in (mended, inspect.unwrap(mended)):
                if pair is mended or size == count_of_stock:
                    start = time.process_time()
                    results.append(pair([str(root / 'lq'), str(root / 'gt')], ['lq', 'gt'], '{}'))
                    found[pair, size] = time.process_time() - start
            if results[0] != results[-1]:
                raise ValueError('the pairs differ')
    ratio = found[mended, count_of_stock] / found[inspect.unwrap(mended), count_of_stock]
    return [
        row('growth', f'pairing of {count:,} images, seconds', [found[mended, count]], '<= 0.5'),
        row('growth', f'pairing of {count_of_stock:,} images against BasicSR', [ratio], '< 1'),
    ]


def _measured(script: str, root: Path, *arguments: str) -> List[float]:
    """Return what a script prints in a process of its own: processor seconds, peak of memory in MB, what else it says.

    Raises:
        RuntimeError: It failed.
    """
    environment = {**os.environ, 'BSR_PLUGINS_CACHE': str(root / 'cache'), 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(
        [sys.executable, '-c', _MEMORY + script, *arguments],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stdout)
    return json.loads(done.stdout.splitlines()[-1])


def _sizes(default: Tuple[int, ...]) -> Tuple[int, ...]:
    asked = os.environ.get('BSR_BENCH_KEYS')
    return tuple(map(int, asked.split(','))) if asked else default
