"""The images of the demo: those that lie inside the installed scikit-image, split into training and held-out."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence, Tuple

from bsr_plugins.common.errors import DataError, DependencyError
from bsr_plugins.common.files import PathLike, replacing

#: None is in both, and the two views of the motorcycle, one scene, stand on the same side.
TRAINING = (
    'astronaut.png',
    'brick.png',
    'coins.png',
    'gravel.png',
    'hubble_deep_field.jpg',
    'ihc.png',
    'moon.png',
    'motorcycle_left.png',
    'motorcycle_right.png',
    'retina.jpg',
)
#: From easy (rocket) to hard (grass): windows of every difficulty class are among them.
HELD_OUT = ('camera.png', 'chelsea.png', 'coffee.png', 'grass.png', 'rocket.jpg')
#: Sides that x2, x3 and x4 divide.
MULTIPLE = 12
#: The middle of larger images is taken, so that none of them makes up most of the sub-images.
LARGEST_SIDE = 720
_FEWEST = 2


class DemoImages(NamedTuple):
    """Folders of PNGs, the names in them (without suffix), and whether this call changed any file.

    LR images have the names of their HR ones. There is no LR folder for training: the sub-image LMDBs make theirs.
    """

    train_hr: Path
    test_hr: Path
    test_lr: Path
    training: Tuple[str, ...]
    held_out: Tuple[str, ...]
    changed: bool


def write_demo_images(out: PathLike, scale: int = 4, source: Optional[PathLike] = None) -> DemoImages:
    """Write ``train_HR``, ``test_HR`` and ``test_LR`` into ``out``; files that are right already are left as they are.

    HR is the image cut to multiples of ``MULTIPLE`` (at most ``LARGEST_SIDE``, its middle); LR is BasicSR's
    MATLAB-like bicubic of it, rounded to 8 bit.

    Args:
        out: Folder to write to; images in the three folders that do not belong there are removed.
        scale: HR side / LR side.
        source: Folder of the images; None: that of scikit-image.

    Raises:
        DataError: Too few of the images are there, or one cannot be read.
        DependencyError: scikit-image is not installed.
    """
    from bsr_plugins.data.images.image_resizing import shrink

    folder = scikit_image_folder() if source is None else Path(source)
    out = Path(out)
    training, held_out = (_present(folder, names) for names in (TRAINING, HELD_OUT))
    changed = False
    for name, paths in (('train_HR', training), ('test_HR', held_out)):
        images = {path.stem: cut_for_demo(path) for path in paths}
        changed |= _write_folder(out / name, images)
        if name == 'test_HR':
            changed |= _write_folder(out / 'test_LR', {key: shrink(image, 1 / scale) for key, image in images.items()})
    stems = [tuple(path.stem for path in paths) for paths in (training, held_out)]
    return DemoImages(out / 'train_HR', out / 'test_HR', out / 'test_LR', stems[0], stems[1], changed)


def cut_for_demo(path: PathLike):  # noqa: ANN201  numpy is imported late
    """Return an image as the demo uses it: (H, W, 3), uint8, BGR, sides multiples of ``MULTIPLE``."""
    from bsr_plugins.data.images.image_reading import read_image
    from bsr_plugins.data.images.image_resizing import crop_to_multiple

    image = read_image(path)
    top, left = (max(0, side - LARGEST_SIDE) // 2 for side in image.shape[:2])
    return crop_to_multiple(image[top : top + LARGEST_SIDE, left : left + LARGEST_SIDE], MULTIPLE)


def scikit_image_folder() -> Path:
    """Return the folder of images inside the installed scikit-image, without importing it (it would download others).

    Raises:
        DependencyError: scikit-image is not installed.
    """
    spec = importlib.util.find_spec('skimage')
    if spec is None or not spec.submodule_search_locations:
        raise DependencyError(
            "scikit-image is needed for the demo's images and is not installed",
            remedy='pip install scikit-image',
        )
    return Path(next(iter(spec.submodule_search_locations))) / 'data'


def _present(folder: Path, names: Sequence[str]) -> List[Path]:
    """Releases of scikit-image differ in what they carry: take what is there, of a fixed list."""
    paths = [folder / name for name in names if (folder / name).is_file()]
    if len(paths) < _FEWEST:
        raise DataError(
            'Too few of the images for the demo are in scikit-image',
            where=folder,
            expected=f'at least {_FEWEST} of {", ".join(names)}',
            found=len(paths),
            remedy='pip install --force-reinstall scikit-image',
        )
    return paths


def _write_folder(folder: Path, images) -> bool:  # noqa: ANN001  key -> image
    import cv2
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    changed = False
    for path in folder.iterdir():
        if path.name not in {f'{key}.png' for key in images}:
            path.unlink()
            changed = True
    for key, image in images.items():
        path = folder / f'{key}.png'
        there = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
        if there is None or not np.array_equal(there, image):
            with replacing(path) as temporary:
                cv2.imwrite(str(temporary), image)
            changed = True
    return changed
