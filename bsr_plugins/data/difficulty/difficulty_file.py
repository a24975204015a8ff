"""The difficulty file: the MSE of each sub-image under a reference super-resolution (BSPA, section 3.1).

Format (UTF-8 text), the line numbers counted from 1::

    # scorer=bicubic scale=4 space=y border=4 sub_images=3 manifest_sha256=5f70bf18...
    0001_s001 0.0012345678901234567
    0001_s002 3.4e-05
    0002_s001 0.0071

One line a sub-image, in key order; a key may hold blanks, the number is what follows the last one and round-trips a
float64. Classes are not in the file: they follow from it by rank, for any number of classes and any imbalance factor.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike, write_text
from bsr_plugins.data.images.image_store import is_store

_LONGEST_HEADER = 4096

Scores = Union[Mapping[str, float], Iterable[Tuple[str, float]]]


@dataclass(frozen=True)
class DifficultyHeader:
    """What a difficulty file was made from; it stands in the file's first line.

    Attributes:
        scorer: Name of the reference super-resolution, without blanks (``bicubic``, ``MSRResNet-1f2e3d4c``).
        scale: Upscaling factor.
        space: Colour space of the error: ``y``, the luma of BT.601.
        border: Pixels (HR) left out along each side of a sub-image.
        sub_images: Number of scored sub-images.
        manifest_sha256: SHA-256 of the HR LMDB's manifest; another one means that the LMDB was made anew.
    """

    scorer: str
    scale: int
    space: str
    border: int
    sub_images: int
    manifest_sha256: str

    def line(self) -> str:
        """Return the header line, without its line feed."""
        return '# ' + ' '.join(f'{field.name}={getattr(self, field.name)}' for field in fields(self))


def difficulty_path(hr_lmdb: PathLike, scale: int) -> Path:
    """Return where the difficulty of ``hr_lmdb`` at ``scale`` is kept by default: inside the LMDB folder."""
    return Path(hr_lmdb) / f'difficulty_x{scale}.txt'


def scoring_command(
    hr_lmdb: PathLike, lr_lmdb: Optional[PathLike] = None, scale: Optional[int] = None, out: Optional[PathLike] = None
) -> str:
    """Return the command that makes the difficulty file of an LMDB pair.

    Args:
        hr_lmdb: LMDB of the HR sub-images.
        lr_lmdb: LMDB of the LR ones; None: ``LR_sub_x<scale>.lmdb`` beside it.
        scale: Upscaling factor; None: the word SCALE stands in its place.
        out: Destination, where it is not the default one.
    """
    factor = 'SCALE' if scale is None else str(scale)
    beside = f'LR_images_x{factor}.store' if is_store(hr_lmdb) else f'LR_sub_x{factor}.lmdb'
    lr = Path(hr_lmdb).parent / beside if lr_lmdb is None else lr_lmdb
    destination = [] if out is None else ['--out', out]
    return command('score', '--hr-lmdb', hr_lmdb, '--lr-lmdb', lr, '--scale', factor, *destination)


def write_difficulty(path: PathLike, scores: Scores, header: DifficultyHeader) -> None:
    """Write a difficulty file, all of it or nothing, in key order.

    Args:
        path: Destination.
        scores: MSE of each sub-image, by key.
        header: Its ``sub_images`` must be the number of scores.

    Raises:
        DataError: A key stands twice or cannot be written, an MSE is negative or not finite, the number of scores is
            not ``header.sub_images``.
    """
    pairs = sorted(scores.items() if isinstance(scores, Mapping) else scores)
    keys = [key for key, _ in pairs]
    values = np.array([value for _, value in pairs], dtype=np.float64)
    _check_unique(keys, Path(path))
    _check_values(keys, values, Path(path), first_line=2, remedy=None)
    for key in keys:
        if not key or key != key.strip() or len(key.splitlines()) != 1:
            raise DataError(
                f'A sub-image key cannot be written to a difficulty file: {key!r}',
                where=path,
                expected='one line of text without spaces at either end',
            )
    if re.search(r'\s', header.scorer) or not header.scorer:
        raise DataError(f'A scorer name must be one word: {header.scorer!r}', where=path)
    if header.sub_images != len(pairs):
        raise DataError(
            'The number of scores is not the number of sub-images',
            where=path,
            expected=header.sub_images,
            found=len(pairs),
        )
    lines = [header.line(), *(f'{key} {value!r}' for key, value in zip(keys, values.tolist())), '']
    write_text(path, '\n'.join(lines))


def read_difficulty(path: PathLike, *, remedy: Optional[str] = None) -> Tuple[DifficultyHeader, List[str], np.ndarray]:
    """Read and validate a difficulty file.

    Args:
        path: The file.
        remedy: The command that makes it, for the error's text; None: made from ``path`` alone.

    Returns:
        The header, the keys in the file's order, and the MSE of each, float64 (N,).

    Raises:
        DataError: The file is missing, a line is malformed (named as ``file:line``), a key stands twice, a value is
            negative or not finite, or the number of lines is not the header's.
    """
    path = Path(path)
    remedy = remedy or _default_remedy(path)
    try:
        text = path.read_text(encoding='utf-8')
    except FileNotFoundError:
        raise DataError('The difficulty file is missing', where=path, remedy=remedy) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError('The difficulty file cannot be read', where=path, found=error, remedy=remedy) from error
    first, _, body = text.partition('\n')
    header = _parse_header(first, path, remedy)
    lines = body.split('\n')
    if lines[-1] == '':
        lines.pop()
    elif lines:
        raise DataError(
            'The last line of the difficulty file is cut off',
            where=f'{path}:{len(lines) + 1}',
            found=repr(lines[-1]),
            remedy=remedy,
        )
    pairs = [line.rpartition(' ') for line in lines]
    keys = [key for key, _, _ in pairs]
    try:
        values = np.fromiter((float(number) for _, _, number in pairs), np.float64, len(pairs))
    except ValueError:
        raise _malformed(lines, path, remedy) from None
    if not all(keys):
        raise _malformed(lines, path, remedy)
    if header.sub_images != len(keys):
        raise DataError(
            'The difficulty file does not hold the number of sub-images that its header states',
            where=path,
            expected=header.sub_images,
            found=len(keys),
            remedy=remedy,
        )
    _check_values(keys, values, path, first_line=2, remedy=remedy)
    _check_unique(keys, path, remedy)
    return header, keys, values


def read_header(path: PathLike, *, remedy: Optional[str] = None) -> DifficultyHeader:
    """Read the first line of a difficulty file alone.

    Raises:
        DataError: The file is missing, or its header is malformed.
    """
    path = Path(path)
    remedy = remedy or _default_remedy(path)
    try:
        with open(path, encoding='utf-8') as stream:
            return _parse_header(stream.readline(_LONGEST_HEADER).rstrip('\n'), path, remedy)
    except FileNotFoundError:
        raise DataError('The difficulty file is missing', where=path, remedy=remedy) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError('The difficulty file cannot be read', where=path, found=error, remedy=remedy) from error


def check_fresh(
    header: DifficultyHeader, lmdb_path: PathLike, *, path: Optional[PathLike] = None, remedy: Optional[str] = None
) -> None:
    """Raise DataError where the difficulty was scored on a different HR LMDB.

    Args:
        header: Header of the difficulty file.
        lmdb_path: The HR LMDB.
        path: The difficulty file, for the error's text; None: the default one inside the LMDB.
        remedy: The command to type; None: the default one.
    """
    from bsr_plugins.data.subimages.lmdb_manifest import manifest_sha256

    found = manifest_sha256(lmdb_path)
    if header.manifest_sha256 != found:
        raise DataError(
            'The difficulty file is stale: it was scored on a different LMDB',
            where=path or difficulty_path(lmdb_path, header.scale),
            expected=f'manifest_sha256={found} ({lmdb_path})',
            found=f'manifest_sha256={header.manifest_sha256}',
            remedy=remedy or scoring_command(lmdb_path, scale=header.scale),
        )


def check_scale(header: DifficultyHeader, scale: int, path: PathLike, *, remedy: Optional[str] = None) -> None:
    """Raise DataError where the difficulty was scored at another upscaling factor than ``scale``."""
    if header.scale != scale:
        raise DataError(
            'The difficulty file was scored at a different scale',
            where=path,
            expected=f'scale={scale}',
            found=f'scale={header.scale}',
            remedy=remedy or f'{scoring_command(Path(path).parent, scale=scale)}, or set `difficulty` to another file',
        )


def check_keys(
    keys: Sequence[str], lmdb_keys: Sequence[str], path: PathLike, lmdb_path: PathLike, *, remedy: Optional[str] = None
) -> None:
    """Raise DataError where the scored keys are not the LMDB's, in any order; both counts and an example are named."""
    scored, stored = set(keys), set(lmdb_keys)
    if scored == stored:
        return
    unscored, unknown = sorted(stored - scored), sorted(scored - stored)
    parts = [
        f'{len(extra)} {what} (first: {extra[0]!r})'
        for extra, what in (
            (unscored, 'sub-images of the LMDB without a score'),
            (unknown, 'scores without a sub-image'),
        )
        if extra
    ]
    raise DataError(
        'The keys of the difficulty file are not those of the LMDB',
        where=path,
        expected=f'the {len(stored)} keys of {lmdb_path}',
        found='; '.join(parts),
        remedy=remedy or scoring_command(lmdb_path),
    )


def _parse_header(line: str, path: Path, remedy: str) -> DifficultyHeader:
    words: Dict[str, str] = dict(word.partition('=')[::2] for word in line.lstrip('#').split())
    try:
        if not line.startswith('# '):
            raise ValueError(line)
        return DifficultyHeader(
            scorer=words['scorer'],
            scale=int(words['scale']),
            space=words['space'],
            border=int(words['border']),
            sub_images=int(words['sub_images']),
            manifest_sha256=words['manifest_sha256'],
        )
    except (KeyError, ValueError):
        names = ' '.join(f'{field.name}=...' for field in fields(DifficultyHeader))
        raise DataError(
            'The header of the difficulty file is malformed',
            where=f'{path}:1',
            expected=f'# {names}',
            found=repr(line[:200]),
            remedy=remedy,
        ) from None


def _malformed(lines: Sequence[str], path: Path, remedy: str) -> DataError:
    number, line = next((number, line) for number, line in enumerate(lines, 2) if not _is_well_formed(line))
    return DataError(
        'A line of the difficulty file is malformed',
        where=f'{path}:{number}',
        expected='`key mse`',
        found=repr(line[:200]),
        remedy=remedy,
    )


def _is_well_formed(line: str) -> bool:
    key, _, value = line.rpartition(' ')
    try:
        float(value)
    except ValueError:
        return False
    return bool(key)


def _check_unique(keys: Sequence[str], path: Path, remedy: Optional[str] = None) -> None:
    if len(set(keys)) == len(keys):
        return
    seen: Dict[str, int] = {}
    for number, key in enumerate(keys, 2):
        if key in seen:
            raise DataError(
                f'A key appears twice in the difficulty file: {key!r}',
                where=f'{path}:{number}',
                found=f'lines {seen[key]} and {number}',
                remedy=remedy,
            )
        seen[key] = number


def _check_values(keys: Sequence[str], values: np.ndarray, path: Path, first_line: int, remedy: Optional[str]) -> None:
    wrong = ~(np.isfinite(values) & (values >= 0))
    if wrong.any():
        index = int(wrong.argmax())
        what = 'negative' if math.isfinite(values[index]) else 'not finite'
        raise DataError(
            f'A score of the difficulty file is {what}: {keys[index]!r}',
            where=f'{path}:{index + first_line}',
            expected='a finite number >= 0',
            found=values[index],
            remedy=remedy,
        )


def _default_remedy(path: Path) -> str:
    scale = re.fullmatch(r'difficulty_x(\d+)', path.stem)
    return scoring_command(path.parent, scale=int(scale.group(1)) if scale else None)
