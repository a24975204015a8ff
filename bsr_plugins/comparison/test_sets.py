"""The images that all runs of a grid are tested on: folders that the grid names, or the base's validation sets."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from bsr_plugins.analysis.compared_runs import TestSet
from bsr_plugins.checks.pair_checks import MISFIT, check_pairs
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.files import replacing, write_text
from bsr_plugins.common.findings import ERROR, Finding
from bsr_plugins.common.naming import plain_name, wrong_with_run_name
from bsr_plugins.comparison.composed_file import ComposedFile
from bsr_plugins.comparison.grid_file import Grid, found_beside
from bsr_plugins.data.images.image_folders import by_key, fingerprint, list_images, pair_images, some_of
from bsr_plugins.data.images.image_store import is_keyed
from bsr_plugins.data.images.shared_options import FILENAME_TMPL
from bsr_plugins.options.option_file import KeyPath

_REMEDY = 'name folders in the grid: test: {Set5: {gt: DIR, lq: DIR}}'
HR, LR = 'HR', 'LR'
_MADE_OF = 'made_of.txt'


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
                _refuse_twins(list_images(gt))
                made = data / 'test' / name
                sets.append(PlannedSet(TestSet(name, made / HR, made / LR), gt))
            elif isinstance(scale, int):  # else the check of the base says it
                sets.append(PlannedSet(TestSet(name, gt, lq, _template(gt, lq, scale, entry.get('lq_template')))))
        except (DataError, OptionError) as error:
            findings.append(_finding(grid, ('test', name), error))
    return sets, [*findings, *_check_pairs(grid, sets, scale, root)]


def make_test_set(planned: PlannedSet, scale: int) -> None:
    """Make HR images cropped to whole LR pixels and their LR images, by bicubic; those that are there are kept.

    Those of other images, or of another scale, are made anew.

    Raises:
        DataError: An image is damaged.
    """
    import cv2
    import numpy as np

    from bsr_plugins.data.images.image_reading import read_image
    from bsr_plugins.data.images.image_resizing import crop_to_multiple, shrink

    if planned.made_from is None:
        return
    paths = list_images(planned.made_from)
    folder = Path(planned.test_set.gt).parent
    made_of = f'x{scale} {fingerprint({path.name: path for path in paths})}'
    record = folder / _MADE_OF
    if not record.is_file() or record.read_text(encoding='utf-8') != made_of:
        shutil.rmtree(folder, ignore_errors=True)
        write_text(record, made_of)
    for path in paths:
        targets = [Path(folder) / f'{path.stem}.png' for folder in (planned.test_set.gt, planned.test_set.lq)]
        if all(target.is_file() for target in targets):
            continue
        image = read_image(path, reduce_depth=True)
        if min(image.shape[:2]) < scale:
            raise DataError('A test image is smaller than one LR pixel', where=path, remedy='remove it')
        hr = crop_to_multiple(image, scale)
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
    hr_images, lr_images = list_images(gt), list_images(lq)
    _refuse_twins(hr_images)
    templates = [given] if given else ['{}', f'{{}}x{scale}']
    for template in templates:
        if {path.name for path in lr_images} == {template.format(path.stem) + path.suffix for path in hr_images}:
            return template
    hr = by_key(hr_images)
    pairs = pair_images(hr, lr_images, scale, given)
    for template in templates:
        odd = [path for key, path in pairs.items() if path.name != template.format(hr[key].stem) + hr[key].suffix]
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
        if is_plain and all(folder.is_dir() and not is_keyed(folder) for folder in folders):
            template, name = entry.get('filename_tmpl') or FILENAME_TMPL.default, entry.get('name', phase)
            wrong = wrong_with_run_name(name)
            if wrong is None and name in (each.test_set.name for each in sets):
                wrong = 'another one than that of the set before it'
            if wrong is not None:
                problem = f"The name of the base's validation set '{phase}' is none for a folder of test images"
                findings.append(Finding(ERROR, problem, where, wrong, str(name), _REMEDY))
                continue
            sets.append(PlannedSet(TestSet(name, folders[0], folders[1], template)))
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


def _refuse_twins(paths: Sequence[Path]) -> None:
    """Raise where two images would have one name in the results.

    Raises:
        DataError: They would.
    """
    seen: Dict[str, Path] = {}
    for path in paths:
        if path.stem in seen:
            raise DataError(
                f'Two images have the name {path.stem}',
                where=path.parent,
                found=f'{seen[path.stem].name}, {path.name}',
                remedy='rename or remove one of them',
            )
        seen[path.stem] = path


def _check_pairs(grid: Grid, sets: Sequence[PlannedSet], scale: Any, root: Path) -> List[Finding]:
    there = [each.test_set for each in sets if each.made_from is None]
    return check_test_sets(there, scale, root, lambda test_set, key: grid.file.where('test', test_set.name, key))


def check_test_sets(
    test_sets: Sequence[TestSet], scale: Any, root: Path, where: Callable[[TestSet, str], str]
) -> List[Finding]:
    """Return what is wrong with the sizes and contents of the pairs: what they are tested on means nothing then.

    Args:
        test_sets: The test sets.
        scale: The factor.
        root: The working directory.
        where: Takes a test set and ``gt`` or ``lq``, and says where that folder is named.
    """
    named = {f'val_{number}': test_set for number, test_set in enumerate(test_sets)}
    datasets = {
        phase: {
            'type': 'PairedImageDataset',
            'dataroot_gt': str(test_set.gt),
            'dataroot_lq': str(test_set.lq),
            'filename_tmpl': test_set.lq_template,
            'io_backend': {'type': 'disk'},
        }
        for phase, test_set in named.items()
    }
    places: Dict[KeyPath, str] = {
        ('datasets', phase, f'dataroot_{key}'): where(test_set, key)
        for phase, test_set in named.items()
        for key in ('gt', 'lq')
    }
    options = {'scale': scale, 'datasets': datasets}
    file = ComposedFile('', options, {}, set(), set(), {}, places)
    return [
        replace(finding, severity=ERROR) if says_misfit(finding) else finding
        for finding in check_pairs(file, root, upstream=True)
    ]


def says_misfit(finding: Finding) -> bool:
    """Return whether a finding says that LR images are not those of the HR images."""
    return finding.problem.startswith(MISFIT)


def _finding(grid: Grid, place: Tuple[str, ...], error: Any) -> Finding:
    texts: Dict[str, Optional[str]] = {
        name: None if getattr(error, name) is None else str(getattr(error, name))
        for name in ('expected', 'found', 'remedy')
    }
    if '--lr-template' in (texts['remedy'] or ''):
        texts['remedy'] = "give lq_template, such as '{}x4', or leave lq out: LR images are then made by bicubic"
    return Finding(ERROR, error.problem, grid.file.where(*place), **texts)
