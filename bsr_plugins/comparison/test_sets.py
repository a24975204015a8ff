"""The images that all runs of a grid are tested on: folders that the grid names, or the base's validation sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from bsr_plugins.analysis.compared_runs import TestSet
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.files import replacing
from bsr_plugins.common.findings import ERROR, Finding
from bsr_plugins.common.naming import plain_name
from bsr_plugins.comparison.grid_file import Grid, found_beside
from bsr_plugins.data.images.image_folders import by_key, list_images, pair_images, some_of
from bsr_plugins.data.images.shared_options import FILENAME_TMPL

_REMEDY = 'name folders in the grid: test: {Set5: {gt: DIR, lq: DIR}}'
HR, LR = 'HR', 'LR'


class PlannedSet(NamedTuple):
    """A test set; ``made_from`` is the folder of HR images that HR and LR are still to be made from, or None."""

    test_set: TestSet
    made_from: Optional[Path] = None


def planned_sets(grid: Grid, base: Mapping[str, Any], data: Path, root: Path) -> Tuple[List[PlannedSet], List[Finding]]:
    """Return the test sets of a grid, and what is wrong with them.

    Args:
        grid: The grid. A set without ``lq`` gets LR images made by bicubic.
        base: The base's options; its scale.
        data: Folder for what is made.
        root: The working directory.
    """
    sets: List[PlannedSet] = []
    findings: List[Finding] = []
    scale = base.get('scale')
    if not grid.test and 'test' not in grid.file.options:
        return _validation_sets(grid, base, root)
    for name, entry in grid.test.items():
        folders = {key: _folder(grid, name, key, entry.get(key), root, findings) for key in ('gt', 'lq')}
        gt, lq = folders['gt'], folders['lq']
        if gt is None or (lq is None and entry.get('lq') is not None):
            continue
        try:
            if lq is None:
                list_images(gt)
                made = data / 'test' / name
                sets.append(PlannedSet(TestSet(name, made / HR, made / LR), gt))
            elif isinstance(scale, int):  # else the check of the base says it
                sets.append(PlannedSet(TestSet(name, gt, lq, _template(gt, lq, scale, entry.get('lq_template')))))
        except (DataError, OptionError) as error:
            findings.append(_finding(grid, ('test', name), error))
    return sets, findings


def make_test_set(planned: PlannedSet, scale: int) -> None:
    """Make HR images cropped to whole LR pixels and their LR images, by bicubic; those that are there are kept.

    Raises:
        DataError: An image is damaged.
    """
    import cv2
    import numpy as np

    from bsr_plugins.data.images.image_reading import read_image
    from bsr_plugins.data.images.image_resizing import crop_to_multiple, shrink

    if planned.made_from is None:
        return
    for path in list_images(planned.made_from):
        targets = [Path(folder) / f'{path.stem}.png' for folder in (planned.test_set.gt, planned.test_set.lq)]
        newest = path.stat().st_mtime
        if all(target.is_file() and target.stat().st_mtime >= newest for target in targets):
            continue
        hr = crop_to_multiple(read_image(path, reduce_depth=True), scale)
        for target, image in zip(targets, (hr, shrink(hr, 1 / scale))):
            with replacing(target) as temporary:
                temporary.write_bytes(cv2.imencode('.png', np.ascontiguousarray(image))[1].tobytes())


def _folder(grid: Grid, name: str, key: str, value: Any, root: Path, findings: List[Finding]) -> Optional[Path]:
    if value is None:
        return None
    found = found_beside(grid.file, root, value) if isinstance(value, str) and value else None
    if found is not None and found.is_dir():
        return found.absolute()
    places = f'{Path(grid.file.path).parent.absolute()} or {root}'
    findings.append(
        Finding(
            ERROR,
            f'The folder does not exist: {value}',
            grid.file.where('test', name, key),
            expected=f'a folder of images; relative paths start from {places}',
        )
    )
    return None


def _template(gt: Path, lq: Path, scale: int, given: Optional[str]) -> str:
    """Return how the name of an LR image follows from that of its HR image.

    Raises:
        DataError: They do not pair, or not as BasicSR pairs them: one template, and the same ending.
    """
    hr = by_key(list_images(gt))
    pairs = pair_images(hr, list_images(lq), scale, given)
    templates = [given] if given else ['{}', f'{{}}x{scale}']
    for template in templates:
        odd = [path for key, path in pairs.items() if path.name != template.format(hr[key].stem) + hr[key].suffix]
        if not odd:
            return template
    raise DataError(
        'BasicSR would not find the LR images',
        where=lq,
        expected=f'{" or all ".join(templates)}, with the ending of the HR image',
        found=some_of(path.name for path in odd),
        remedy='name them alike, or leave lq out: LR images are then made from the HR images by bicubic',
    )


def _validation_sets(grid: Grid, base: Mapping[str, Any], root: Path) -> Tuple[List[PlannedSet], List[Finding]]:
    sets: List[PlannedSet] = []
    findings: List[Finding] = []
    where = grid.file.where('base')
    if not base:
        return [], []
    phases = base.get('datasets') if isinstance(base.get('datasets'), dict) else {}
    for phase, entry in (phases or {}).items():
        if phase.split('_')[0] != 'val' or not isinstance(entry, dict):
            continue
        folders = [root / Path(str(entry.get(key))).expanduser() for key in ('dataroot_gt', 'dataroot_lq')]
        is_plain = plain_name(entry.get('type')) == 'PairedImageDataset' and not entry.get('meta_info_file')
        if is_plain and all(folder.is_dir() and folder.suffix != '.lmdb' for folder in folders):
            template = entry.get('filename_tmpl') or FILENAME_TMPL.default
            sets.append(PlannedSet(TestSet(str(entry.get('name', phase)), folders[0], folders[1], template)))
        else:
            findings.append(
                Finding(
                    ERROR,
                    f"The base's validation set '{phase}' is no pair of folders that could be tested on",
                    where,
                    remedy=_REMEDY,
                )
            )
    if not sets and not findings:
        findings.append(Finding(ERROR, 'There are no images to test on', where, remedy=_REMEDY))
    return sets, findings


def _finding(grid: Grid, place: Tuple[str, ...], error: Any) -> Finding:
    texts: Dict[str, Optional[str]] = {
        name: None if getattr(error, name) is None else str(getattr(error, name))
        for name in ('expected', 'found', 'remedy')
    }
    if '--lr-template' in (texts['remedy'] or ''):
        texts['remedy'] = "give lq_template, such as '{}x4', or leave lq out: LR images are then made by bicubic"
    return Finding(ERROR, error.problem, grid.file.where(*place), **texts)
