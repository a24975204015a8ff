"""HR and LR images into raw image stores: whole images, file by file, each of which is whole or not there."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Sequence, Tuple

from bsr_plugins.common import files
from bsr_plugins.common.errors import DataError
from bsr_plugins.data.images.image_store import StoreHeader, raw_name, write_index
from bsr_plugins.data.images.window_positions import positions
from bsr_plugins.data.subimages.lmdb_manifest import (
    MEASURED,
    META_INFO,
    has_manifest,
    manifest_text,
    read_manifest,
    write_manifest,
)
from bsr_plugins.data.subimages.lmdb_writer import PARTIAL, write_errors
from bsr_plugins.data.subimages.making import image_bar, in_order, source_image
from bsr_plugins.data.subimages.subimage_cutting import SourceImage, Whole, whole_pair
from bsr_plugins.data.subimages.subimage_request import Prefix, Request, refuse_part_of_another
from bsr_plugins.data.subimages.windows import sub_image_name

# A process maps each file that it reads from, and a mapping holds a file descriptor: 1,024 are usual.
_FILES_AT_MOST = 128


class StoreParts:
    """The files of one or two stores: each holds some images, one after the other, and is made by itself.

    What is in which file follows from the images alone, so that any number of processes make the same files, and
    nothing has to be copied when they are all there.

    Args:
        request: What the stores hold.
        out: The folder that they lie in.
        manifests: Those of the stores that are to be made, by name.
        workers: Threads that read images.
        progress: Show a bar on stderr.
    """

    def __init__(
        self, request: Request, out: Path, manifests: Dict[str, Dict[str, Any]], workers: int, progress: bool
    ) -> None:
        self._request, self._workers, self._progress = request, workers, progress
        self._manifests = {out / name: manifest for name, manifest in manifests.items()}
        prefixes = request.prefixes()
        each = -(-len(prefixes) // _FILES_AT_MOST)
        self._blocks: List[List[Prefix]] = [prefixes[at : at + each] for at in range(0, len(prefixes), each)]

    @property
    def total(self) -> int:
        """The number of files of each store."""
        return len(self._blocks)

    def is_done(self, number: int) -> bool:
        """Return whether a file is there in all of the stores."""
        return all(self._written(path, number) is not None for path in self._manifests)

    def prepare(self, start_over: bool) -> None:
        """Make the folders that the stores grow in, or go on with those of an earlier run.

        Args:
            start_over: Delete those of another request; else they are an error, since others may be at them.

        Raises:
            DataError: There are some of another request, or they cannot be made.
        """
        for path, manifest in self._manifests.items():
            partial = _partial(path)
            # Another shard may have made the folder a moment ago, and not written into it yet.
            if has_manifest(partial) and not _is_of(partial, manifest):
                if not start_over:
                    refuse_part_of_another(partial, manifest, delete=partial)
                    raise DataError(
                        f'{partial} is a part of something else',
                        where=partial,
                        expected='nothing, or what an earlier run with the same settings and images left',
                        remedy=f'delete {partial}, unless a run with other settings is making it',
                    )
                shutil.rmtree(partial)
            with write_errors(partial):
                partial.mkdir(parents=True, exist_ok=True)
                if not _is_of(partial, manifest):
                    write_manifest(partial, manifest)

    def make(self, numbers: Iterable[int]) -> int:
        """Make those of the files that are not there yet; return how many images are in them.

        Raises:
            DataError: Images cannot be read or do not pair, the disk is full.
        """
        numbers = list(numbers)
        left = [number for number in numbers if not self.is_done(number)]
        request = self._request
        images = [source_image(request, *self._asked(prefix)) for number in left for prefix in self._blocks[number]]

        def read(source: SourceImage) -> Whole:
            return whole_pair(source, request.grid, request.scale, request.mod)

        total = sum(len(self._blocks[number]) for number in numbers)
        with image_bar(total, len(images), self._progress) as bar, closing(
            in_order(images, read, self._workers)
        ) as pairs:
            for number in left:
                self._write(number, pairs, bar)
        return len(images)

    def finish(self) -> None:
        """Write what says where each image and each window is, and give the stores their names.

        Raises:
            DataError: A file is missing, the stores do not hold the same windows, the disk is full.
        """
        counts = {}
        for path, manifest in self._manifests.items():
            partial = _partial(path)
            with write_errors(partial):
                counts[path] = self._describe(path, partial, manifest)
        if len(set(counts.values())) > 1:
            raise DataError(
                'the HR and LR stores have different numbers of sub-images',
                where=next(iter(counts)).parent,
                found=', '.join(f'{path.name}: {count}' for path, count in counts.items()),
                remedy='images changed while this ran: delete both .partial folders, and run it again',
            )
        for path in self._manifests:
            with write_errors(path):
                os.replace(_partial(path), path)
                files.flush_folder(path.parent)
                remove_notes(path)

    def _asked(self, prefix: Prefix) -> Tuple[str, str, float, bool, bool]:
        kinds = {manifest['kind'] for manifest in self._manifests.values()}
        return (*prefix, 'hr' in kinds, 'lr' in kinds)

    def _write(self, number: int, pairs: Iterator[Whole], bar: Any) -> None:
        with contextlib.ExitStack() as stack:
            streams = {}
            for path in self._manifests:
                stack.enter_context(write_errors(_partial(path)))
                raw = stack.enter_context(files.replacing(_partial(path) / raw_name(number)))
                streams[path] = stack.enter_context(open(raw, 'wb'))
            notes: Dict[Path, List[Tuple[str, int, int]]] = {path: [] for path in streams}
            for _ in self._blocks[number]:
                pair = next(pairs)
                for path, stream in streams.items():
                    image = pair.hr if self._manifests[path]['kind'] == 'hr' else pair.lr
                    stream.write(image.tobytes())
                    notes[path].append((pair.prefix, *image.shape[:2]))
                bar.update()
        for path, images in notes.items():
            with write_errors(_partial(path)):
                files.write_text(_note(_partial(path), number), json.dumps(images))

    def _written(self, path: Path, number: int) -> Any:
        """Return key, height and width of the images of a file; None where it is not there."""
        try:
            images = json.loads(_note(_partial(path), number).read_text(encoding='ascii'))
            size = (_partial(path) / raw_name(number)).stat().st_size
        except (OSError, ValueError):
            return None
        names = [prefix for prefix, _, _ in self._blocks[number]]
        same = [image[0] for image in images] == names
        return images if same and size == sum(3 * height * width for _, height, width in images) else None

    def _describe(self, path: Path, partial: Path, manifest: Dict[str, Any]) -> int:
        entries, file_bytes = [], []
        sizes: Dict[str, Sequence[int]] = {}
        for number in range(self.total):
            place = 0
            images = self._written(path, number)
            if images is None:
                raise DataError(
                    f'{partial / raw_name(number)} is missing or damaged', where=partial, remedy='run it again'
                )
            for key, height, width in images:
                entries.append((key, number, place, height, width))
                sizes[key] = [height, width]
                place += 3 * height * width
            file_bytes.append(place)
        request = self._request
        divisor = 1 if manifest['kind'] == 'hr' else request.scale
        crop, step, threshold = (value // divisor for value in request.grid)
        header = StoreHeader((crop, step, threshold), request.mod // divisor, file_bytes)
        count = _write_keys(partial, header, sizes)
        measured = {'sizes': sizes} if manifest['kind'] == 'hr' else {}
        write_manifest(partial, {**manifest, 'sub_images': count, **measured})
        write_index(partial, header, entries)
        return count


def remove_notes(path: Path) -> None:
    """Remove what a store that is finished needs no more."""
    for note in path.glob(f'{Path(raw_name(0)).stem[:-3]}*.json'):
        with contextlib.suppress(OSError):
            note.unlink()


def _write_keys(partial: Path, header: StoreHeader, sizes: Dict[str, Sequence[int]]) -> int:
    """Write meta_info.txt, the key of each window in their order; return how many there are."""
    count, crop = 0, header.grid[0]
    with files.replacing(partial / META_INFO) as temporary, open(temporary, 'w', encoding='ascii') as text:
        for prefix in sorted(sizes, key='{}_s'.format):
            height, width = (side - side % header.mod for side in sizes[prefix])
            number = len(positions(height, *header.grid)) * len(positions(width, *header.grid))
            keys = sorted(sub_image_name(prefix, each) for each in range(1, number + 1))
            text.writelines(f'{key}.png ({crop},{crop},3) 0\n' for key in keys)
            count += number
    return count


def _is_of(partial: Path, manifest: Dict[str, Any]) -> bool:
    try:
        there = read_manifest(partial)
    except DataError:
        return False
    return manifest_text({name: there[name] for name in there if name not in MEASURED}) == manifest_text(manifest)


def _partial(path: Path) -> Path:
    return path.with_name(path.name + PARTIAL)


def _note(partial: Path, number: int) -> Path:
    return partial / f'{Path(raw_name(number)).stem}.json'
