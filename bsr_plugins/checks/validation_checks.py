"""What is wrong with a validation or a test, and shows late or never: names, metrics, colours, windows."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

from bsr_plugins.checks.code_in_use import CodeInUse
from bsr_plugins.checks.pair_checks import paired_sets
from bsr_plugins.checks.pair_listing import SAMPLED, PairList, list_pairs
from bsr_plugins.common.builders import window_size
from bsr_plugins.common.findings import ERROR, WARNING, Finding
from bsr_plugins.common.naming import plain_name
from bsr_plugins.common.option import yaml_value
from bsr_plugins.data.dataset_options import PAIRED_TYPES
from bsr_plugins.options.option_file import OptionFile

_PADDING_MODELS = ('SRModel',)
_FIDELITY = re.compile('calculate_(psnr|ssim)')


def check_validation(option_file: OptionFile, code: Optional[CodeInUse], root: Path, is_train: bool) -> List[Finding]:
    """Return what is wrong with the sets that are validated or tested, and with the metrics of the file."""
    if is_train and option_file.get('val') is None:
        return []
    tested = dict(_tested(option_file, is_train))
    findings = [*_names(option_file, tested), *_borders(option_file, tested)]
    if code is not None:
        findings += _without_gt(option_file, code, tested)
    pairs = {
        keys[1]: found
        for keys, dataset, _ in paired_sets(option_file)
        for found in [list_pairs(dataset, root)]
        if keys[1] in tested and found is not None
    }
    if option_file.get('val', 'save_img'):
        findings += _outputs(option_file, tested, pairs, is_train)
    if is_train:
        findings += _colours(option_file, list(tested))
    if code is not None:
        findings += _windows(option_file, code, pairs)
    if code is None or code.pairs_as_upstream():
        findings += _output_channels(option_file)
    return findings


def _tested(option_file: OptionFile, is_train: bool) -> Iterator[Tuple[str, Dict[str, Any]]]:
    for phase, dataset in option_file.section('datasets').items():
        if isinstance(dataset, dict) and not (is_train and phase == 'train'):
            yield phase, dataset


def _names(option_file: OptionFile, tested: Dict[str, Dict[str, Any]]) -> Iterator[Finding]:
    """Sets of one name share their best values, and the folder of their images."""
    seen: Dict[str, str] = {}
    for phase, dataset in tested.items():
        name = str(dataset.get('name')).strip().lower()
        where = option_file.where('datasets', phase, 'name')
        if name in seen:
            same = str(dataset['name']) == str(tested[seen[name]]['name'])
            yield Finding(
                ERROR if same else WARNING,
                f"Two sets are called '{dataset['name']}': their results would be mixed"
                if same
                else f"The names of two sets differ in letter case alone: '{dataset['name']}'",
                where,
                found=f'datasets.{seen[name]}.name and datasets.{phase}.name',
                expected='a name of its own for each set',
                remedy=f'name: {dataset["name"]}_{phase}',
            )
        if dataset.get('name') is not None:
            seen.setdefault(name, phase)


def _without_gt(option_file: OptionFile, code: CodeInUse, tested: Dict[str, Dict[str, Any]]) -> Iterator[Finding]:
    """A metric that compares images is NaN where there is none to compare with."""
    comparing = [
        name
        for name, metric in option_file.section('val', 'metrics').items()
        if isinstance(metric, dict) and code.compares(str(metric.get('type')))
    ]
    nothing_to_measure = 'val.metrics: ~'
    if option_file.get('val', 'per_class'):
        comparing.append('per_class')
        nothing_to_measure += ' and val.per_class: ~'
    without = [phase for phase, dataset in tested.items() if code.gives_gt(str(dataset.get('type'))) is False]
    for phase in without if comparing else ():
        no_other = len(without) == len(tested)
        yield Finding(
            ERROR if no_other else WARNING,
            f'{", ".join(comparing)} cannot be computed: the set has no HR images to compare with',
            option_file.where('datasets', phase, 'type'),
            found=f'type: {tested[phase]["type"]}',
            expected='type: PairedImageDataset with dataroot_gt, or no such metric',
            remedy=nothing_to_measure if no_other else 'nothing, if NaN is right for this set: the others are measured',
        )


def _borders(option_file: OptionFile, tested: Dict[str, Dict[str, Any]]) -> Iterator[Finding]:
    """The papers of single images leave out as many pixels as the scale; those of video have other customs."""
    scale = option_file.get('scale')
    if not any(plain_name(dataset.get('type')) in PAIRED_TYPES for dataset in tested.values()):
        return
    for name, metric in option_file.section('val', 'metrics').items():
        border = metric.get('crop_border') if isinstance(metric, dict) else None
        fidelity = isinstance(metric, dict) and _FIDELITY.match(str(metric.get('type')))
        if fidelity and isinstance(border, int) and isinstance(scale, int) and scale > 1 and border != scale:
            yield Finding(
                WARNING,
                f'{name} leaves out a border of another width than papers do: its values do not compare',
                option_file.where('val', 'metrics', name, 'crop_border'),
                expected=f'crop_border: {scale}, the scale',
                found=f'crop_border: {border}',
            )


def _outputs(
    option_file: OptionFile, tested: Dict[str, Dict[str, Any]], pairs: Dict[str, PairList], is_train: bool
) -> Iterator[Finding]:
    """Outputs are saved by the name of the image alone, in training without the set's name."""
    places = Counter(
        (None if is_train else tested[phase].get('name'), Path(name).stem)
        for phase, found in pairs.items()
        for name in found.pairs.values()
    )
    twice = [name for (_, name), count in places.items() if count > 1]
    if twice:
        yield Finding(
            WARNING,
            f'Images of one name would overwrite each other: {len(twice)} names stand more than once',
            option_file.where('val', 'save_img'),
            found=', '.join(twice[:3]),
            expected='names that differ in more than folder and ending' + (', in all sets' if is_train else ''),
            remedy='save_img: false, or rename the images',
        )


def _colours(option_file: OptionFile, tested: List[str]) -> Iterator[Finding]:
    """A network takes one number of channels, which shows at the first validation."""
    wanted = yaml_value(option_file.get('datasets', 'train', 'color'))
    for keys, _, _ in paired_sets(option_file):
        colour = yaml_value(option_file.get(*keys, 'color'))
        if keys[1] in tested and colour != wanted:
            yield Finding(
                ERROR,
                'Training and validation images have different channels',
                option_file.where(*keys, 'color'),
                expected=f'color: {wanted}, as in datasets.train',
                found=f'color: {colour}',
                remedy=f'color: {wanted}',
            )


def _output_channels(option_file: OptionFile) -> Iterator[Finding]:
    """Losses take an output of one channel for three, and networks add one channel to three."""
    channels = option_file.get('network_g', 'num_out_ch')
    if isinstance(channels, bool) or not isinstance(channels, int):
        return
    for keys, _, _ in paired_sets(option_file):
        wanted = 1 if option_file.get(*keys, 'color') == 'y' else 3
        if channels != wanted:
            yield Finding(
                ERROR,
                f'The network puts out images of {channels} channels, and the HR images have {wanted}',
                option_file.where('network_g', 'num_out_ch'),
                expected=f'num_out_ch: {wanted}, as the images of {".".join(keys)} have',
                found=f'num_out_ch: {channels}',
                remedy=f'num_out_ch: {wanted}'
                + (f', or color: y in {".".join(keys)} and the other data sets' if channels == 1 else ''),
            )
            return


def _windows(option_file: OptionFile, code: CodeInUse, pairs: Dict[str, PairList]) -> Iterator[Finding]:
    """SRModel hands images on as they are; networks with windows take whole ones."""
    size = window_size(option_file.section('network_g'))
    network = str(option_file.get('network_g', 'type'))
    if not isinstance(size, int) or option_file.get('model_type') not in _PADDING_MODELS or code.pads(network):
        return
    for found in pairs.values():
        for _, name in found.some(SAMPLED):
            sides = found.size('lq', name)
            if sides and (sides[0] % size or sides[1] % size):
                yield Finding(
                    ERROR,
                    f'{network} takes whole windows, and SRModel does not pad images to them',
                    option_file.where('model_type'),
                    expected=f'LR images whose sides are multiples of window_size: {size}',
                    found=f'{found.place("lq", name)} {sides[0]} x {sides[1]}',
                    remedy='model_type: SwinIRModel, or RebalancedSRModel',
                )
                return
