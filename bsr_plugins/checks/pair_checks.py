"""Image pairs that are not pairs: without a counterpart, of another scale, smaller than the crop, or no images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

from bsr_plugins.checks.missing_data import INVERSE_TYPES
from bsr_plugins.checks.pair_listing import SAMPLED, PairList, Size, pair_lists
from bsr_plugins.checks.path_checks import datasets_in
from bsr_plugins.checks.resemblance_checks import Decoded, check_resemblance
from bsr_plugins.common.commands import command
from bsr_plugins.common.findings import ERROR, WARNING, Finding
from bsr_plugins.common.naming import plain_name
from bsr_plugins.common.shown import counted
from bsr_plugins.data.dataset_options import PAIRED_TYPES
from bsr_plugins.data.images.image_store import is_keyed, is_store
from bsr_plugins.data.images.shared_options import FILENAME_TMPL, names_images
from bsr_plugins.options.option_file import KeyPath, OptionFile

#: What a finding on LR images of another scale begins with.
MISFIT = 'Image pairs do not fit scale'
_WITH_HEADERS = ('.png', '.jpg', '.jpeg', '.bmp')


def check_pairs(
    option_file: OptionFile, root: Path, upstream: bool, decoded: Optional[Decoded] = None
) -> List[Finding]:
    """Return what is wrong with the image pairs of the data sets that pair images by name.

    Args:
        option_file: The file.
        root: The working directory.
        upstream: Whether PairedImageDataset is BasicSR's own; a fork's may pair in another way, so that what looks
            wrong there is a warning.
        decoded: What all images were found to be; None: the headers of a sample are read.
    """
    findings: List[Finding] = []
    for keys, dataset, _ in paired_sets(option_file):
        severity = ERROR if upstream or plain_name(dataset.get('type')) != 'PairedImageDataset' else WARNING
        findings += _template(option_file, keys, dataset, severity)
        for pairs in pair_lists(dataset, root):
            findings += _unpaired(option_file, keys, dataset, pairs, severity)
            if option_file.get('scale') != 1 and _are_the_same_files(pairs):
                findings.append(_same_files(option_file, keys, pairs, severity))
                continue
            findings += _PairSizes(option_file, keys, dataset, pairs, severity, decoded).findings()
            findings += check_resemblance(option_file, keys, pairs, severity, decoded)
    return findings


def paired_sets(option_file: OptionFile) -> Iterator[Any]:
    """Yield (key path, options, the set around it) of each data set that pairs images by name."""
    for keys, dataset, uniform in datasets_in(option_file):
        if plain_name(dataset.get('type')) in PAIRED_TYPES:
            yield keys, dataset, uniform


def _template(option_file: OptionFile, keys: KeyPath, dataset: Dict[str, Any], severity: str) -> List[Finding]:
    template = dataset.get('filename_tmpl')
    if not isinstance(template, str) or names_images(template) or is_keyed(dataset.get('dataroot_gt')):
        return []
    return [
        Finding(
            severity,
            'filename_tmpl makes no name of an LR image',
            option_file.where(*keys, 'filename_tmpl'),
            expected='{} where the name of the HR image stands',
            found=repr(template),
            remedy=None if '{' in template else f"filename_tmpl: '{{}}{template}'",
        )
    ]


def _unpaired(
    option_file: OptionFile, keys: KeyPath, dataset: Dict[str, Any], pairs: PairList, severity: str
) -> List[Finding]:
    findings = []
    for which, own, other in (('gt', 'HR', 'LR'), ('lq', 'LR', 'HR')):
        count, names = pairs.alone(which)
        # Where nothing pairs, one finding says it.
        if count and not (which == 'lq' and pairs.alone('gt')[0] and not pairs.count):
            template = dataset.get('filename_tmpl') or FILENAME_TMPL.default
            findings.append(
                Finding(
                    severity,
                    f'{counted(count, f"{own} image has", f"{own} images have")} no {other} image',
                    option_file.where(*keys, f'dataroot_{which}'),
                    found=names,
                    expected='the same keys in both LMDBs'
                    if pairs.is_lmdb
                    else f'an LR image named {str(template).format("<name>")} for each HR image <name>, '
                    'of the same ending',
                    remedy=_template_remedy(pairs) or 'add or remove images, or set filename_tmpl',
                )
            )
    return findings


def _are_the_same_files(pairs: PairList) -> bool:
    if os.path.realpath(pairs.folders['gt']) != os.path.realpath(pairs.folders['lq']):
        return False
    return pairs.count > 0 if pairs.is_lmdb else any(gt == lq for gt, lq in pairs.pairs.items())


def _same_files(option_file: OptionFile, keys: KeyPath, pairs: PairList, severity: str) -> Finding:
    return Finding(
        severity,
        'HR and LR images are the same files',
        option_file.where(*keys, 'dataroot_lq'),
        expected=f'LR images, {option_file.get("scale")} times smaller',
        found=' and '.join(dict.fromkeys(pairs.names.values())),
        remedy='dataroot_lq: the folder, or LMDB, of the LR images',
    )


def _template_remedy(pairs: PairList) -> Optional[str]:
    """Return the template by which the first lone HR image would find an LR image."""
    if pairs.is_lmdb or not pairs.alone_gt or not pairs.alone_lq:
        return None
    stem = Path(pairs.alone_gt[0]).stem
    near = next((Path(name).stem for name in pairs.alone_lq if stem in Path(name).stem), None)
    return None if near is None else f"filename_tmpl: '{near.replace(stem, '{}')}'"


class _PairSizes:
    """Compares the sizes of pairs with the scale and the crop."""

    def __init__(
        self,
        option_file: OptionFile,
        keys: KeyPath,
        dataset: Dict[str, Any],
        pairs: PairList,
        severity: str,
        decoded: Optional[Decoded],
    ) -> None:
        self.file, self.keys, self.pairs, self.severity, self.decoded = option_file, keys, pairs, severity, decoded
        self.scale: Any = option_file.get('scale')
        self.is_train = keys[1] == 'train'
        # Of windows as such: those of whole images are put together, or are crops of them.
        kind = plain_name(dataset.get('type'))
        of_whole = is_store(pairs.names['gt']) and kind not in INVERSE_TYPES
        cuts = self.is_train and kind != 'UniformWindowsDataset' and not of_whole
        self.gt_size = dataset.get('gt_size') if cuts else None

    def findings(self) -> List[Finding]:
        found: Dict[str, List[str]] = {}
        self.fails = self.is_train
        for gt_name, lq_name in self.pairs.some(SAMPLED if self.decoded is None else None):
            gt, lq = self._size('gt', gt_name), self._size('lq', lq_name)
            for which, name, size in (('gt', gt_name, gt), ('lq', lq_name, lq)):
                if size is None and self._has_header(name):
                    kind = 'damaged' if os.access(self.pairs.path(which, name), os.R_OK) else 'unreadable'
                    found.setdefault(f'{kind}_{which}', []).append(self.pairs.place(which, name))
            if gt is None or lq is None:
                continue
            if not self._fits(gt, lq):
                self.fails = self.fails or self._fails_in_metrics(gt, lq)
                found.setdefault('scale', []).append(
                    f'{self.pairs.place("gt", gt_name)} {gt[0]} x {gt[1]}, LR {lq[0]} x {lq[1]}'
                )
            elif isinstance(self.gt_size, int) and min(gt) < self.gt_size:
                found.setdefault('small', []).append(f'{self.pairs.place("gt", gt_name)} {gt[0]} x {gt[1]}')
        return [self._finding(kind, places) for kind, places in found.items()]

    def _size(self, which: str, name: str) -> Optional[Size]:
        if self.decoded is None:
            return self.pairs.size(which, name)
        return self.decoded.sizes.get(self.pairs.path(which, name))

    def _has_header(self, name: str) -> bool:
        # What was decoded in vain is named already.
        return self.decoded is None and not self.pairs.is_lmdb and name.lower().endswith(_WITH_HEADERS)

    def _fits(self, gt: Size, lq: Size) -> bool:
        if not isinstance(self.scale, int) or isinstance(self.scale, bool):
            return True
        return self._side_fits(gt[0], lq[0]) and self._side_fits(gt[1], lq[1])

    def _fails_in_metrics(self, gt: Size, lq: Size) -> bool:
        # BasicSR cuts an HR image that is too large; one that is too small has another size than the output.
        is_cut = gt[0] >= self.scale * lq[0] and gt[1] >= self.scale * lq[1]
        return bool(self.file.get('val', 'metrics')) and not is_cut

    def _side_fits(self, gt: int, lq: int) -> bool:
        # In validation BasicSR cuts HR images to the LR ones' size times the scale.
        return gt == lq * self.scale or (not self.is_train and lq * self.scale <= gt < (lq + 1) * self.scale)

    def _finding(self, kind: str, places: List[str]) -> Finding:
        count = f'{len(places)} of those looked at' if len(places) > 1 else 'one'
        shown = '; '.join(places[:3]) + (f' and {len(places) - 3} more' if len(places) > 3 else '')
        if kind == 'scale':
            return Finding(
                self.severity if self.fails else WARNING,
                f'{MISFIT} {self.scale}',
                self.file.where(*self.keys, 'dataroot_lq'),
                found=f'{count}: {shown}',
                expected=f'HR images of {self.scale} times the size of the LR images',
                remedy='give the LR images of this scale',
            )
        if kind == 'small':
            return Finding(
                self.severity,
                'Images are smaller than gt_size',
                self.file.where(*self.keys, 'gt_size'),
                expected=f'at least {self.gt_size} x {self.gt_size}',
                found=f'{count}: {shown}',
                remedy='a smaller gt_size, or remove them',
            )
        if kind.startswith('unreadable'):
            return Finding(
                self.severity,
                'Images cannot be read: permission denied',
                self.file.where(*self.keys, f'dataroot_{kind[-2:]}'),
                found=f'{count}: {shown}',
                remedy='give yourself the right to read them (chmod u+r), or remove them',
            )
        return Finding(
            self.severity,
            'Images are damaged: their content does not match their file extension',
            self.file.where(*self.keys, f'dataroot_{kind[-2:]}'),
            found=f'{count}: {shown}',
            remedy=f'replace or remove them; `{command("check", "--deep")}` decodes all',
        )
