"""Raw image stores against LMDBs of 480-pixel windows and PNG files: a patch, the disk, the making."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
from benches.training_sets import write_images

SCALE = 4
PATCH = 192


def bench_store(quick: bool) -> List[Dict[str, Any]]:
    """Processor time of one patch pair at a uniform place of 2K images, from all three; disk and making beside it."""
    import bsr_plugins  # noqa: F401
    from bsr_plugins.data.images.data_roots import DataRoot
    from bsr_plugins.data.sampling.crop_source import CropSource
    from bsr_plugins.data.subimages.subimage_lmdb import Created, create_subimage_lmdbs
    from bsr_plugins.data.subimages.windows import WindowGrid

    rounds, patches = (3, 100) if quick else (5, 300)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_images(root, 2 if quick else 6)

        def make(layout: str, grid: WindowGrid, encoding: str, number: int) -> Created:
            out = root / f'{layout}_{encoding}_{grid.crop}_{number}'
            return create_subimage_lmdbs(
                root / 'hr', out, SCALE, root / 'lr', grid, encoding=encoding, progress=False, layout=layout
            )

        large, small = WindowGrid(480, 240, 0), WindowGrid(128, 64, 48)
        cases = {
            'lmdb, 480 bmp': ('lmdb', large, 'bmp'),
            'lmdb, 480 png-fast': ('lmdb', large, 'png-fast'),
            'lmdb, 128 png-fast': ('lmdb', small, 'png-fast'),
            'store': ('images', small, 'png-fast'),
        }
        made: Dict[str, Created] = {}
        making: Dict[str, List[float]] = {name: [] for name in cases}
        for number in range(1 if quick else 3):
            for name, (layout, grid, encoding) in cases.items():
                start = time.process_time()
                made[name] = make(layout, grid, encoding, number)
                making[name].append(time.process_time() - start)
        sources = {
            name: CropSource(DataRoot(str(each.hr), str(each.lr), None, None), SCALE, PATCH, {})
            for name, each in made.items()
        }
        store = sources['store']
        files = {key: (root / 'hr' / f'{key}.png', root / 'lr' / f'{key}x{SCALE}.png') for key in store.keys}
        generator = np.random.default_rng(0)
        # Positions that all of them have.
        counts = np.min([source.counts for source in sources.values()], axis=0)

        def places(count: int) -> List[Any]:
            images = generator.integers(len(store.keys), size=count)
            return [(int(image), *map(int, generator.integers(counts[image]))) for image in images]

        readers: Dict[str, Callable[..., Any]] = {name: source.crop for name, source in sources.items()}
        readers['png of 2K'] = lambda image, top, left: _from_png(*files[store.keys[image]], top, left)
        took: Dict[str, List[float]] = {name: [] for name in readers}
        for number in range(rounds + 1):
            for name, read in readers.items():
                # A PNG takes a thousand times as long as a patch of the store.
                here = places(patches if name != 'png of 2K' else max(2, patches // 60))
                start = time.process_time()
                for image, top, left in here:
                    crop = read(image, top, left)
                    np.ascontiguousarray(crop[0]), np.ascontiguousarray(crop[1])
                if number:
                    took[name].append((time.process_time() - start) / len(here))
        targets = {'lmdb, 480 bmp': '>= 9.4x', 'png of 2K': '>= 1226x'}
        ours = took['store']
        disk = {name: _bytes(each) / len(store.keys) / 1e6 for name, each in made.items()}
        disk['png of 2K'] = sum(path.stat().st_size for pair in files.values() for path in pair) / len(files) / 1e6
        return [
            {
                'bench': 'store',
                'case': f'a patch from {name}',
                'ratio_min': min(theirs) / max(ours),
                'ratio_median': float(np.median([a / b for a, b in zip(theirs, ours)])),
                'ratio_max': max(theirs) / min(ours),
                'target': targets.get(name),
                'us': 1e6 * float(np.median(theirs)),
                'store_us': 1e6 * float(np.median(ours)),
                'MB_an_image': disk[name],
                'store_MB': disk['store'],
                'making_to_store': float(np.median(making[name]) / np.median(making['store']))
                if name in making
                else None,
            }
            for name, theirs in took.items()
            if name != 'store'
        ]


def _from_png(hr: Path, lr: Path, top: int, left: int) -> Any:
    from bsr_plugins.data.images.image_reading import read_image

    whole, low = read_image(hr), read_image(lr)
    side = PATCH // SCALE
    return (
        low[top : top + side, left : left + side],
        whole[top * SCALE : top * SCALE + PATCH, left * SCALE : left * SCALE + PATCH],
    )


def _bytes(made: Any) -> int:
    return sum(path.stat().st_size for folder in (made.hr, made.lr) for path in folder.iterdir())
