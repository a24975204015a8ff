"""What the pack's own arithmetic would refuse in a run, asked beforehand by the functions that the run asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

from bsr_plugins.checks.code_in_use import CodeInUse
from bsr_plugins.checks.missing_data import INVERSE_TYPES
from bsr_plugins.checks.pair_listing import key_count
from bsr_plugins.checks.path_checks import datasets_in
from bsr_plugins.checks.refusals import refused
from bsr_plugins.checks.type_checks import typed_keys
from bsr_plugins.common.findings import Finding
from bsr_plugins.common.option import REQUIRED, OptionSet
from bsr_plugins.data.images.data_roots import each_root
from bsr_plugins.data.images.shared_options import SCALE
from bsr_plugins.data.sampling.sampling_options import IMBALANCE_FACTOR, NUM_CLASSES
from bsr_plugins.metrics.metric_options import check_has_sigma
from bsr_plugins.models.augment_combinations import check_combinations
from bsr_plugins.models.named_losses import check_loss_names
from bsr_plugins.models.overlapping_windows import check_step
from bsr_plugins.models.saliency_options import check_maps_given, check_saliency_network
from bsr_plugins.models.sigma_options import check_first_step, check_maps, check_pair, check_weights
from bsr_plugins.options.option_file import KeyPath, OptionFile
from bsr_plugins.options.table import option_set


def check_arithmetic(option_file: OptionFile, code: CodeInUse, root: Path, is_train: bool) -> List[Finding]:
    """Return an error for each type of the pack whose options do not fit each other, the file, or the data."""
    findings = _of_model(option_file, code, is_train)
    for kind, keys in typed_keys(option_file, is_train):
        name, section = option_file.get(*keys), keys[:-1]
        if kind == 'model' or not isinstance(name, str) or not code.names.resolves_to_ours(kind, name):
            continue
        options, given = option_set(kind, name), _given(option_file, kind, section)
        if options is None or not _right_one_by_one(options, given):
            continue  # said by the check of keys and values
        findings += refused(option_file, section, options.check_relation, given, '')
        if kind == 'metric' and 'constant_sigma' in options.names:
            computed = option_file.get('network_sigma') and option_file.get('val', 'sigma')
            has_sigma = bool(computed) or given.get('constant_sigma') is not None
            findings += refused(option_file, section, check_has_sigma, name, has_sigma)
    return findings + _classes(option_file, root)


def _of_model(option_file: OptionFile, code: CodeInUse, is_train: bool) -> List[Finding]:
    model, train = option_file.get('model_type'), option_file.section('train')
    if not isinstance(model, str) or not code.names.resolves_to_ours('model', model):
        return []
    network = option_file.get('network_sigma')
    maps = refused(option_file, (), check_maps, option_file.get('val', 'sigma'), network)
    maps += refused(option_file, (), check_step, option_file.get('val', 'windows'))
    if is_train:
        losses = train.get('losses')
        return [
            *maps,
            *refused(option_file, (), check_pair, train, network),
            *refused(option_file, (), check_combinations, train, option_file.section('datasets', 'train')),
            *refused(option_file, (), check_first_step, train, option_file.get('path', 'pretrain_network_udn')),
            *refused(
                option_file,
                (),
                check_saliency_network,
                train,
                option_file.get('network_saliency'),
                option_file.get('path', 'pretrain_network_saliency'),
            ),
            *_maps_given(option_file, train),
            *([] if losses is None else refused(option_file, (), check_loss_names, losses)),
        ]
    if network and option_file.get('val', 'sigma') and not option_file.get('path', 'pretrain_network_sigma'):
        return [*maps, *refused(option_file, (), check_weights, None, is_train)]
    return maps


def _maps_given(option_file: OptionFile, train: Dict[str, Any]) -> List[Finding]:
    return [
        finding
        for keys, dataset, _ in datasets_in(option_file)
        if keys[1] == 'train'
        for finding in refused(option_file, (), check_maps_given, train, dataset, '.'.join(keys))
    ]


def _given(option_file: OptionFile, kind: str, section: KeyPath) -> Dict[str, Any]:
    """Return the options of a section with what BasicSR and the models put in."""
    given = {key: value for key, value in option_file.section(*section).items() if key != 'type'}
    scale = option_file.get('scale')
    if kind == 'dataset':
        return {**given, 'scale': scale, 'phase': section[1].split('_')[0]}
    return {'upscale': scale, **given} if section == ('network_sigma',) else given


def _right_one_by_one(options: OptionSet, given: Dict[str, Any]) -> bool:
    return ('scale' not in given or SCALE.kind.accepts(given['scale'])) and all(
        option.kind.accepts(given[option.name]) if option.name in given else option.default is not REQUIRED
        for option in options.options
    )


def _classes(option_file: OptionFile, root: Path) -> List[Finding]:
    """Ask for the sizes of the difficulty classes, by the number of sub-images that the LMDB lists."""
    findings: List[Finding] = []
    for keys, dataset, _ in datasets_in(option_file):
        policy = [dataset.get(option.name, option.default) for option in (NUM_CLASSES, IMBALANCE_FACTOR)]
        known = NUM_CLASSES.kind.accepts(policy[0]) and IMBALANCE_FACTOR.kind.accepts(policy[1])
        if dataset.get('type') not in INVERSE_TYPES or not known:
            continue
        counts = [key_count(each, root) for each in each_root(dataset)]
        if all(counts):
            from bsr_plugins.data.sampling.long_tail import class_counts  # numpy is read where it is needed alone

            findings += refused(option_file, keys, class_counts, sum(filter(None, counts)), *policy)
    return findings
