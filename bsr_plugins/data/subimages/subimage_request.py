"""What a pair of sub-image LMDBs is asked to be: images and parameters, compared with what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from bsr_plugins import __version__
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.data.images.degradations import BICUBIC, DEGRADATIONS, FPL
from bsr_plugins.data.images.image_encoding import encoder
from bsr_plugins.data.images.image_folders import pyramid_prefix, some_of
from bsr_plugins.data.images.image_store import check_database, data_files
from bsr_plugins.data.subimages.image_sources import Folders, find_sources, manifest_source
from bsr_plugins.data.subimages.layouts import LAYOUTS, LMDB
from bsr_plugins.data.subimages.lmdb_manifest import FORMAT, MANIFEST, read_manifest
from bsr_plugins.data.subimages.windows import WindowGrid, check_grid, default_grid, modulus

# What an LMDB was made with, in the words of the command line; the rest of a manifest follows from it.
_COMPARED = {
    'scale': '--scale',
    'crop': '--crop',
    'step': '--step',
    'threshold': '--thresh',
    'mod': 'sides cropped to multiples of',
    'factors': '--factors',
    'layout': '--layout',
    'encoding': '--encoding',
    'degradation': '--degradation',
    'noise_seed': '--noise-seed',
}
RAW = 'raw'
#: Start of the keys, key of the image, factor.
Prefix = Tuple[str, str, float]
_DEFAULTS = {'degradation': BICUBIC, 'layout': LMDB}


class Request(NamedTuple):
    """Parameters checked against each other, images found and paired; nothing decoded yet."""

    scale: int
    grid: WindowGrid
    mod: int
    factors: Tuple[float, ...]
    encoding: str
    hr_images: Dict[str, Path]
    lr_images: Optional[Dict[str, Path]]
    hr_manifest: Dict[str, Any]
    lr_manifest: Dict[str, Any]
    degradation: str = BICUBIC
    noise_seed: int = 0
    layout: str = LMDB

    def prefixes(self) -> List[Prefix]:
        """Return (start of the keys, key of the image, factor), in the order of writing."""
        return [(pyramid_prefix(key, factor), key, factor) for factor in self.factors for key in self.hr_images]


def make_request(
    hr: Folders,
    lr: Optional[Folders],
    scale: int,
    grid: Optional[WindowGrid] = None,
    factors: Sequence[float] = (1.0,),
    encoding: str = 'png-fast',
    hr_template: str = '{}',
    lr_template: Optional[str] = None,
    degradation: str = BICUBIC,
    noise_seed: int = 0,
    layout: str = LMDB,
) -> Request:
    """Find and pair the images and check the parameters.

    Raises:
        OptionError: a parameter is wrong or they contradict each other.
        DataError: a folder is missing or empty, images do not pair, names cannot be keys.
        DependencyError: the encoding needs a package that is not installed.
    """
    grid = default_grid(scale) if grid is None else grid
    check_grid(grid, scale)
    encoder(encoding)
    factors = _checked_factors(factors, lr)
    _check_degradation(degradation, noise_seed, lr)
    if layout not in LAYOUTS:
        raise OptionError('there is no such layout', where='layout', expected=' or '.join(LAYOUTS), found=layout)
    hr_images, lr_images = find_sources(hr, lr, scale, hr_template, lr_template)
    _check_prefixes(hr_images, factors)
    mod = modulus(grid, scale)
    common = {
        'format': FORMAT,
        'tool_version': __version__,
        'crop': grid.crop,
        'step': grid.step,
        'threshold': grid.threshold,
        'mod': mod,
        'factors': list(factors),
        'encoding': encoding if layout == LMDB else RAW,
        **({} if layout == LMDB else {'layout': layout}),
    }
    hr_source = manifest_source(hr, hr_images)
    hr_manifest = {**common, 'kind': 'hr', 'source': hr_source}
    lr_manifest = {
        **common,
        'kind': 'lr',
        'scale': scale,
        'hr': hr_source['fingerprint'],
        'source': None if lr is None or lr_images is None else manifest_source(lr, lr_images),
        **_degradation_entries(degradation, noise_seed),
    }
    return Request(
        scale,
        grid,
        mod,
        factors,
        encoding,
        hr_images,
        lr_images,
        hr_manifest,
        lr_manifest,
        degradation,
        noise_seed,
        layout,
    )


def is_complete(path: Path, asked: Dict[str, Any]) -> bool:
    """Return whether ``path`` is already there, whole and as ``asked`` for; False where there is nothing.

    Source folders may have moved, as long as the images are the same ones.

    Raises:
        DataError: what is there is something else; the text names every difference and how to go on.
    """
    if not path.exists():
        return False
    remedy = f'give another --out, or delete {path} to make it again'
    needed = (*data_files(path), MANIFEST)
    if not all((path / name).is_file() for name in needed):
        raise DataError(
            f'{path} exists and was not made by this tool',
            where=path,
            expected=f'nothing, or a folder with {", ".join(needed[:-1])} and {needed[-1]}',
            remedy=remedy,
        )
    check_database(path)
    differences = _differences(read_manifest(path, 'source'), asked)
    if differences:
        raise DataError(
            f'{path} exists and is not what is asked for',
            where=path,
            found='; '.join(differences),
            remedy=remedy + ', or ask for the same settings',
        )
    return True


def refuse_part_of_another(path: Path, asked: Dict[str, Any], delete: Path) -> None:
    """Raise where an unfinished folder was begun with other settings or images, since others may be at it.

    Args:
        path: The folder; nothing is said of one that is damaged or not there.
        asked: The manifest of what is asked for.
        delete: What to delete for it to be made anew.

    Raises:
        DataError: It is a part of something else; the text names every difference.
    """
    try:
        differences = _differences(read_manifest(path, 'source'), asked)
    except DataError:
        return
    if differences:
        raise DataError(
            f'{path} is a part of something else',
            where=path,
            expected='nothing, or what an earlier run with the same settings and images left',
            found='; '.join(differences),
            remedy=f'delete {delete}, unless a run with other settings is making it; or ask for the same settings',
        )


def _differences(there: Dict[str, Any], asked: Dict[str, Any]) -> List[str]:
    differences = [
        f'{words} {_value(there, name)} there, {_value(asked, name)} asked for'
        for name, words in _COMPARED.items()
        if _value(there, name) != _value(asked, name)
    ]
    return differences + _source_differences(there, asked)


def _value(manifest: Dict[str, Any], name: str) -> Any:
    return manifest.get(name, _DEFAULTS.get(name))


def _degradation_entries(degradation: str, noise_seed: int) -> Dict[str, Any]:
    """Return the entries of the LR manifest: none for bicubic, as in those of earlier releases."""
    if degradation == BICUBIC:
        return {}
    return {'degradation': degradation, **({'noise_seed': noise_seed} if degradation == FPL else {})}


def _source_differences(there: Dict[str, Any], asked: Dict[str, Any]) -> List[str]:
    differences = [] if there.get('hr') == asked.get('hr') else ['the HR images are others']
    mine, theirs = asked['source'], there.get('source')
    if (mine is None) != (theirs is None):
        return [
            *differences,
            'its LR images were made from HR, but --lr is given'
            if mine
            else 'it was made with --lr, which is absent now',
        ]
    if mine is None or theirs is None or mine['fingerprint'] == theirs['fingerprint']:
        return differences
    gone = sorted(set(theirs['images'].values()) - set(mine['images'].values()))
    new = sorted(set(mine['images'].values()) - set(theirs['images'].values()))
    text = f'other images: {theirs["resolved"]} there, {mine["resolved"]} asked for'
    text += f', gone: {some_of(gone)}' if gone else ''
    text += f', new: {some_of(new)}' if new else ''
    return [*differences, text if gone or new else text + ', files with the same names but different content']


def _check_degradation(degradation: str, noise_seed: int, lr: Optional[Folders]) -> None:
    if degradation not in DEGRADATIONS:
        expected = ' or '.join(DEGRADATIONS)
        raise OptionError('there is no such degradation', where='degradation', expected=expected, found=degradation)
    if noise_seed < 0:
        raise OptionError('--noise-seed must be at least 0', where='noise_seed', found=noise_seed)
    if lr is not None and degradation != BICUBIC:
        raise OptionError(
            '--lr gives the LR images, and a degradation would make others',
            where='degradation',
            found=degradation,
            remedy='omit --lr, or the degradation',
        )


def _checked_factors(factors: Sequence[float], lr: Optional[Folders]) -> Tuple[float, ...]:
    wrong = [factor for factor in factors if not 0 < factor <= 1]
    if wrong or not factors or len(set(factors)) != len(factors):
        raise OptionError(
            '--factors must be different numbers in (0, 1]',
            where='factors',
            found=list(factors),
            expected='such as 1 0.9 0.8 0.7 0.6',
        )
    if lr is not None and 1 not in factors:
        raise OptionError(
            '--lr is given, and --factors has no 1 that would use it',
            where='factors',
            found=list(factors),
            remedy='add 1 to --factors, or omit --lr',
        )
    return tuple(float(factor) for factor in sorted(factors, reverse=True))


def _check_prefixes(images: Dict[str, Path], factors: Sequence[float]) -> None:
    owner: Dict[str, Path] = {}
    for factor in factors:
        for key, path in images.items():
            prefix = pyramid_prefix(key, factor)
            if prefix in owner:
                raise DataError(
                    f'{owner[prefix]} and {path} at factor {factor:g} would have the same key {prefix}',
                    where=path,
                    remedy='rename one of them',
                )
            owner[prefix] = path
