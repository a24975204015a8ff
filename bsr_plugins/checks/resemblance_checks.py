"""Pairs whose LR image is not the HR image made smaller: turned, of other colours, or of another scene."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from bsr_plugins.checks.pair_listing import PairList, Size
from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.findings import WARNING, Finding
from bsr_plugins.common.shown import counted
from bsr_plugins.data.images.orientation import orientation_of
from bsr_plugins.options.option_file import KeyPath, OptionFile

#: Pairs with an orientation tag that are decoded where not all are.
DECODED = 4
_NAMED = 3


class Decoded(NamedTuple):
    """What is kept of images that were decoded, by path, or by LMDB and key: their sizes and their thumbnails."""

    sizes: Dict[str, Size]
    thumbnails: Dict[str, Any]

    def add(self, name: str, image: Any) -> None:
        """Keep what is needed of an image, uint8 BGR (H, W, 3)."""
        from bsr_plugins.data.images.resemblance import thumbnail

        self.sizes[name] = image.shape[:2]
        self.thumbnails[name] = thumbnail(image)


def check_resemblance(
    option_file: OptionFile, keys: KeyPath, pairs: PairList, severity: str, decoded: Optional[Decoded]
) -> List[Finding]:
    """Return what the thumbnails of a data set's pairs say; without them, of a few pairs with an orientation tag."""
    if decoded is None:
        decoded = _of_tagged_pairs(pairs)
    if not decoded.thumbnails:
        return []
    from bsr_plugins.data.images.resemblance import COLOURLESS, UNLIKE, resemblance

    turned: Dict[str, List[str]] = {}
    unlike: List[Tuple[str, str]] = []
    for gt, lq in pairs.pairs.items():
        first, second = (decoded.thumbnails.get(pairs.path(*name)) for name in (('gt', gt), ('lq', lq)))
        found = None if first is None or second is None else resemblance(first, second)
        if found is not None and found.variant is not None:
            turned.setdefault(found.variant, []).append(gt)
        elif found is not None and found.correlation < UNLIKE:
            unlike.append((gt, lq))
    where = option_file.where(*keys, 'dataroot_lq')
    findings = [
        Finding(
            WARNING if variant == COLOURLESS else severity,
            f'{counted(len(names), "LR image is its HR image", "LR images are their HR images")} {variant}',
            where,
            expected='LR images made of the HR images as OpenCV reads them',
            found=_shown(pairs, names),
            remedy=_remedy(pairs, names, variant == COLOURLESS),
        )
        for variant, names in turned.items()
    ]
    return findings + list(_of_other_scenes(where, pairs, unlike, decoded, severity))


def _of_tagged_pairs(pairs: PairList) -> Decoded:
    from bsr_plugins.data.images.image_reading import read_image

    decoded = Decoded({}, {})
    if pairs.is_lmdb:
        return decoded
    tagged = 0
    for gt, lq in pairs.pairs.items():
        paths = [pairs.path('gt', gt), pairs.path('lq', lq)]
        if tagged < DECODED and any(orientation_of(path) != 1 for path in paths):
            tagged += 1
            for path in paths:
                try:
                    decoded.add(path, read_image(path))
                except DataError:  # named by the run, or by a check that decodes all
                    continue
    return decoded


def _of_other_scenes(
    where: str, pairs: PairList, unlike: List[Tuple[str, str]], decoded: Decoded, severity: str
) -> Iterator[Finding]:
    mixed = list(_partners(pairs, unlike, decoded))
    if mixed:
        yield Finding(
            severity,
            f'{len(mixed)} LR images belong to other HR images',
            where,
            expected='HR and LR images of one name show the same',
            found='; '.join(mixed[:_NAMED]) + (f' and {len(mixed) - _NAMED} more' if len(mixed) > _NAMED else ''),
            remedy='name the LR images after their HR images',
        )
    elif unlike:
        yield Finding(
            WARNING,
            f'{len(unlike)} LR images do not resemble their HR images',
            where,
            found=_shown(pairs, [gt for gt, _ in unlike]),
            remedy='look at them: they should show the same, the same way up',
        )


def _partners(pairs: PairList, unlike: List[Tuple[str, str]], decoded: Decoded) -> Iterator[str]:
    """Yield which HR image each of these LR images shows, where it is clearly one of the data set's."""
    if not unlike:
        return
    import numpy as np

    from bsr_plugins.data.images.resemblance import ALIKE, normalised

    known = {}
    for gt in pairs.pairs:
        image = decoded.thumbnails.get(pairs.path('gt', gt))
        values = None if image is None else normalised(image)
        if values is not None:
            known[gt] = values.ravel()
    names, table = list(known), np.array(list(known.values()))
    for _, lq in unlike:
        values = normalised(decoded.thumbnails[pairs.path('lq', lq)])
        if values is not None:
            correlations = table @ values.ravel() / values.size
            best = int(correlations.argmax())
            if correlations[best] > ALIKE:
                yield f'{pairs.place("lq", lq)} shows {pairs.place("gt", names[best])}'


def _shown(pairs: PairList, names: List[str]) -> str:
    shown = '; '.join(pairs.place('gt', name) + _tag(pairs, 'gt', name) for name in names[:_NAMED])
    return shown + (f' and {len(names) - _NAMED} more' if len(names) > _NAMED else '')


def _tag(pairs: PairList, which: str, name: str) -> str:
    value = 1 if pairs.is_lmdb else orientation_of(pairs.path(which, name))
    return '' if value == 1 else f' (orientation tag {value})'


def _remedy(pairs: PairList, names: List[str], colourless: bool) -> str:
    if colourless:
        return 'give HR and LR images of the same colours'
    if _tag(pairs, 'gt', names[0]) or _tag(pairs, 'lq', pairs.pairs[names[0]]):
        return (
            'save these images without the tag, as cv2.imread(path, cv2.IMREAD_UNCHANGED) reads them, or make the LR '
            f'images again, which {command("subimages")} does without --lr'
        )
    return 'make the LR images again'
