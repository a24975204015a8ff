"""Whether an LR image shows what its HR image shows: the same scene, the same way up, in the same order of colours.

Both are shrunk to 16 x 16 pixels, which blur, noise and compression hardly change, and compared with what turning,
mirroring and exchanging red and blue would make of the HR image. A better match of one of those is no matter of taste.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, NamedTuple, Optional, Tuple

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike
from bsr_plugins.data.images.orientation import TURNS, orientation_of

if TYPE_CHECKING:
    import numpy as np

SIDE = 16
# Below this deviation, in grey levels, an image is too flat to be told from another.
_FLAT = 3.0
# Below this one it shows nothing at all.
_BLANK = 0.5
# Another variant has to leave at most this share of the mismatch, and there has to be one.
_SHARE, _MISMATCH = 0.25, 0.004
#: Correlation above which images are taken for the same, and below which for different ones.
ALIKE, UNLIKE = 0.9, 0.6
EXCHANGED, COLOURLESS = 'with red and blue exchanged', 'without its colours'
OTHER_ORDERS = {
    'with red and green exchanged': (0, 2, 1),
    'with green and blue exchanged': (1, 0, 2),
    'with its colours in the order gbr': (2, 0, 1),
    'with its colours in the order brg': (1, 2, 0),
}


class Resemblance(NamedTuple):
    """How well an LR image matches its HR image: ``correlation`` as they are, and what would match clearly better.

    ``variant`` says what would have to be done to the HR image; None where nothing would be better.
    """

    correlation: float
    variant: Optional[str]


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Return a uint8 BGR image of any size as (16, 16, 3) uint8, the mean of what each pixel covers."""
    import cv2

    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def resemblance(hr: np.ndarray, lr: np.ndarray) -> Optional[Resemblance]:
    """Compare two thumbnails; None where one is nearly of a single colour, unless it is blank and the other is not."""
    first, second = normalised(hr), normalised(lr)
    if (first is None) != (second is None) and min(_deviation(hr), _deviation(lr)) < _BLANK:
        return Resemblance(0.0, None)
    if first is None or second is None:
        return None
    own = _correlation(first, second)
    found = {name: _correlation(turn(first), second) for name, turn in _variants().items()}
    grey = normalised(_grey(hr))
    if grey is not None and not _is_grey(hr) and _is_grey(lr):
        found[COLOURLESS] = _correlation(grey, second)
    best = max(found, key=lambda name: found[name])
    better = found[best] > ALIKE and 1 - own > _MISMATCH and 1 - found[best] < _SHARE * (1 - own)
    return Resemblance(own, best if better else None)


def check_same_way_up(hr: np.ndarray, lr: np.ndarray, hr_path: PathLike, lr_path: PathLike) -> None:
    """Raise where an LR image is its HR image turned, mirrored, or with red and blue exchanged.

    Raises:
        DataError: It is.
    """
    found = resemblance(thumbnail(hr), thumbnail(lr))
    if found is None or found.variant in (None, COLOURLESS):
        return
    tags = [f'{path}: {tag}' for path in (hr_path, lr_path) for tag in [orientation_of(path)] if tag != 1]
    or_else = ', or save the images without the tag, as cv2.imread(path, cv2.IMREAD_UNCHANGED) reads them'
    raise DataError(
        f'The LR image {lr_path} is its HR image {found.variant}',
        where=hr_path,
        expected='LR images made of the HR images as OpenCV reads them',
        found=f'orientation tags: {", ".join(tags)}' if tags else None,
        remedy='omit --lr: the LR images are made here' + (or_else if tags else ''),
    )


def normalised(image: np.ndarray) -> Optional[np.ndarray]:
    """Return an image of mean 0 and deviation 1 over all pixels and channels, float32; None where it is flat."""
    import numpy as np

    values = image.astype(np.float32)
    return (values - values.mean()) / values.std() if _deviation(image) > _FLAT else None


def _deviation(image: np.ndarray) -> float:
    return float(image.mean(axis=2).std())


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float((first * second).mean())


def _variants() -> Dict[str, Callable[[Any], Any]]:
    turns = dict(
        zip(
            TURNS.values(),
            (
                lambda image: image,
                lambda image: image[:, ::-1],
                lambda image: image[::-1, ::-1],
                lambda image: image[::-1],
                lambda image: image.swapaxes(0, 1),
                lambda image: image.swapaxes(0, 1)[:, ::-1],
                lambda image: image.swapaxes(0, 1)[::-1, ::-1],
                lambda image: image.swapaxes(0, 1)[::-1],
            ),
        )
    )
    plain = turns.pop(TURNS[1])
    exchanged = {f'{name}, {EXCHANGED}': _exchange(turn) for name, turn in turns.items()}
    others = {name: _reorder(order) for name, order in OTHER_ORDERS.items()}
    return {**turns, EXCHANGED: _exchange(plain), **exchanged, **others}


def _exchange(turn: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda image: turn(image)[..., ::-1]


def _reorder(order: Tuple[int, int, int]) -> Callable[[Any], Any]:
    return lambda image: image[..., order]


def _grey(image: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.repeat((image @ np.array([0.114, 0.587, 0.299]))[..., None], 3, 2)


def _is_grey(image: np.ndarray) -> bool:
    import numpy as np

    return int(np.ptp(image, axis=2).max()) <= 2
