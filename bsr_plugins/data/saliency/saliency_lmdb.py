"""CAM maps of a whole set of LR images into an LMDB: bounded memory, safe against being killed, in shards."""

from __future__ import annotations

import logging
import shutil
import struct
import time
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional

import numpy as np
from tqdm import tqdm

from bsr_plugins import __version__
from bsr_plugins.attribution.cam_options import CHUNK, cam_keywords
from bsr_plugins.attribution.cam_saliency import cam_saliency
from bsr_plugins.common.errors import CheckpointError, DataError, OptionError
from bsr_plugins.common.files import PathLike
from bsr_plugins.common.shard import Shard
from bsr_plugins.common.shard_files import ShardedWork, held, make_shard, remove_shards
from bsr_plugins.common.shown import shown
from bsr_plugins.data.images.lmdb_file import check_lmdb
from bsr_plugins.data.saliency.saliency_manifest import (
    CELL,
    COUNT,
    differences,
    is_same_request,
    read_saliency_manifest,
)
from bsr_plugins.data.saliency.saliency_network import TrainedNetwork, to_rgb
from bsr_plugins.data.saliency.saliency_record import cell_means, encode_map, source_of, to_bytes
from bsr_plugins.data.saliency.saliency_shards import is_finished, put_together
from bsr_plugins.data.saliency.saliency_units import units
from bsr_plugins.data.saliency.source_images import SourceImages, manifest_entry, survey
from bsr_plugins.data.subimages.lmdb_manifest import FORMAT
from bsr_plugins.data.subimages.lmdb_writer import LMDBWriter, remove_leftovers

_log = logging.getLogger(__name__)

# What a killed run loses at the most, beside the batch that it was at.
_SECONDS_BETWEEN_FLUSHES = 2.0
_PNG_LEVEL = 9


class Made(NamedTuple):
    """What a call has done.

    Attributes:
        path: The LMDB.
        made: How many maps this call has made.
        total: How many the LMDB has, or will have.
        missing: The shards that are not finished; [] where the LMDB is there.
    """

    path: Path
    made: int
    total: int
    missing: List[int]


def default_out(lq: PathLike) -> Path:
    """Return ``<lq>_saliency.lmdb`` beside the folder or LMDB of LR images."""
    path = Path(lq)
    path = path if path.name not in ('', '.', '..') else path.resolve()
    return path.with_name((path.stem if path.suffix == '.lmdb' else path.name) + '_saliency.lmdb')


def create_saliency_lmdb(
    images: SourceImages,
    network: TrainedNetwork,
    out: PathLike,
    cam: Mapping[str, Any],
    cell: int = CELL,
    shard: Optional[Shard] = None,
    at_once: int = CHUNK,
    device: str = 'cpu',
    progress: bool = True,
) -> Made:
    """Make the LMDB ``out``: a record of 8-bit grey PNG by the key of each LR image, ``meta_info.txt``, a manifest.

    A map is :func:`~bsr_plugins.attribution.cam_saliency.cam_saliency` of the whole image, its means over cells of
    ``cell`` x ``cell`` LR pixels, divided by the largest of them. CAM is reconstructed, see there.

    It grows as ``<out>.partial`` and gets its name when all of it is on disk. A killed run loses some seconds; the
    same call goes on from there, and ends with the same keys, records, meta_info.txt and manifest. So it does for
    shards, whose LMDBs lie beside ``out`` until the last one to finish puts them together.

    Args:
        images: The LR images.
        network: What they are attributed through.
        out: The LMDB to make.
        cam: ``cam_*`` options.
        cell: Side of a cell in LR pixels; 1: a value for each pixel.
        shard: Make this part alone.
        at_once: LR pixels that go through the network at once.
        device: Where the network runs.
        progress: Show a bar on stderr.

    Raises:
        OptionError: A value out of range.
        DataError: Images cannot be read, ``out`` exists and is something else, another process is making it.
        CheckpointError: The network does not take these images, or its maps are not finite.
    """
    for name, value in (('--cell', cell), ('--batch', at_once)):
        if value < 1:
            raise OptionError(f'{name} must be at least 1', where=name, found=value)
    keywords = cam_keywords(cam)
    out = Path(out)
    found = _surveyed(images, progress)
    manifest = {
        'format': FORMAT,
        'kind': 'saliency',
        'tool_version': __version__,
        'cell': cell,
        'scale': network.scale,
        'source': manifest_entry(images, found),
        'network': network.options,
        'weights': network.weights,
        'cam': {f'cam_{name}': value for name, value in keywords.items()},
    }
    every = units(images.keys, found.sizes, max(1, at_once // keywords['steps']))
    work = _Work(images, network, manifest, at_once, device, progress)
    if shard is None:
        with held(out):
            made = 0 if _is_complete(out, manifest) else _make(out, every, work)
            remove_leftovers(out)
            remove_shards(out)
        return Made(out, made, len(images.keys), [])
    return _make_shard(out, every, work, shard)


class _Work(NamedTuple):
    images: SourceImages
    network: TrainedNetwork
    manifest: Dict[str, Any]
    at_once: int
    device: str
    progress: bool

    def writer(self, path: Path) -> LMDBWriter:
        return LMDBWriter(path, self.manifest, lambda partial: is_same_request(partial, self.manifest), COUNT)


def _make_shard(out: Path, every: List[List[str]], work: _Work, shard: Shard) -> Made:
    total = len(work.images.keys)

    def make(path: Path, part: Shard) -> int:
        if path.exists():
            _log.warning('%s is damaged or was made with other settings, and will be replaced', shown(path))
            shutil.rmtree(path, ignore_errors=True)
        return _make(path, part.of(every), work)

    def merge(paths: List[Path]) -> None:
        writer = work.writer(out)
        try:
            _finish(writer, put_together(writer, paths), total)
        finally:
            writer.close()

    done = make_shard(
        out,
        shard,
        ShardedWork(
            lambda: _is_complete(out, work.manifest), lambda path: is_finished(path, work.manifest), make, merge
        ),
    )
    if not done.missing:
        remove_leftovers(out)
    return Made(out, done.made, total, done.missing)


def _make(path: Path, some: List[List[str]], work: _Work) -> int:
    """Make an LMDB of the images of ``some`` units; return how many maps were not there yet."""
    writer = work.writer(path)
    try:
        left = [unit for unit in some if not all(map(writer.has, unit))]
        total, made = sum(map(len, some)), sum(map(len, left))
        network = work.network.network.to(work.device)
        flushed = time.monotonic()
        with tqdm(
            total=total,
            initial=total - made,
            unit='image',
            desc='saliency maps',
            mininterval=0.5,
            disable=not work.progress,
        ) as bar:
            for unit in left:
                writer.put(list(zip(unit, _records(unit, network, work))))
                if time.monotonic() - flushed > _SECONDS_BETWEEN_FLUSHES:
                    writer.flush()
                    flushed = time.monotonic()
                bar.update(len(unit))
        writer.flush()
        _finish(writer, writer.count(), total)
    finally:
        writer.close()
    return made


def _finish(writer: LMDBWriter, count: int, expected: int) -> None:
    if not count == writer.count() == expected:
        raise DataError(
            'The LMDB does not have as many maps as there are images',
            where=writer.partial,
            expected=expected,
            found=writer.count(),
            remedy=f'delete {writer.partial} and run the same command again',
        )
    writer.complete(_size_of)
    writer.move_into_place()


def _records(unit: List[str], network: Any, work: _Work) -> Iterable[bytes]:
    images = [work.images.read(key) for key in unit]
    cell = work.manifest['cell']
    try:
        maps = (
            cam_saliency(network, to_rgb(images).to(work.device), work.manifest['cam'], chunk=work.at_once)
            .cpu()
            .numpy()
        )
    except RuntimeError as error:
        raise _unusable(error, unit[0], images[0].shape, work) from error
    if not np.isfinite(maps).all():
        raise CheckpointError(
            f'The map of {unit[0]!r} is not finite',
            where=work.network.weights['file'],
            remedy='the weights are damaged, or their training diverged: use other weights',
        )
    for image, saliency in zip(images, maps):
        yield encode_map(to_bytes(cell_means(saliency, cell)), source_of(image, cell))


def _unusable(error: RuntimeError, key: str, shape: Any, work: _Work) -> Exception:
    if 'out of memory' in str(error):
        return OptionError(
            'The memory of the GPU does not hold a batch',
            where='--batch',
            found=f'{work.at_once} LR pixels at once',
            remedy=f'--batch {max(1, work.at_once // 4)}; the maps that are made are kept',
        )
    return CheckpointError(
        f'The network cannot be run on the image {key!r} of {shape[1]} x {shape[0]} RGB pixels',
        where=work.network.weights['file'],
        found=str(error).split('\n')[0],
    )


def _surveyed(images: SourceImages, progress: bool) -> Any:
    with tqdm(
        total=len(images.keys), unit='image', desc='reading images', mininterval=0.5, leave=False, disable=not progress
    ) as bar:
        return survey(images, bar.update)


def _is_complete(path: Path, asked: Dict[str, Any]) -> bool:
    """Return whether the LMDB is there, whole and as ``asked`` for.

    Raises:
        DataError: What is there is something else.
    """
    if not path.exists():
        return False
    try:
        there = read_saliency_manifest(path, COUNT)
        check_lmdb(path)
    except DataError as error:
        raise DataError(
            f'{path} exists and is no whole LMDB of saliency maps',
            where=path,
            found=error.problem,
            remedy='give another --out, or move it away',
        ) from error
    found = differences(there, asked)
    if found:
        raise DataError(
            f'{path} exists and is not what is asked for',
            where=path,
            found='; '.join(found),
            remedy=f'give another --out, delete {path} to make it again, or ask for the same settings',
        )
    return True


def _size_of(record: memoryview) -> str:
    width, height = struct.unpack('>II', record[16:24])
    return f'({height},{width},1) {_PNG_LEVEL}'
