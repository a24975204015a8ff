"""The whole check of an option file before anything heavy is imported: every fault at once, with file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, List, Optional, Set, Tuple

from bsr_plugins.checks.arithmetic_checks import check_arithmetic
from bsr_plugins.checks.byte_checks import check_bytes
from bsr_plugins.checks.code_in_use import CodeInUse
from bsr_plugins.checks.difficulty_checks import check_difficulties, check_per_class
from bsr_plugins.checks.image_checks import check_images
from bsr_plugins.checks.listing_checks import check_listing
from bsr_plugins.checks.other_checkout import check_working_directory
from bsr_plugins.checks.overlap_checks import check_overlap
from bsr_plugins.checks.pair_checks import check_pairs
from bsr_plugins.checks.pair_listing import listing_once
from bsr_plugins.checks.path_checks import check_paths, datasets_in, resumes
from bsr_plugins.checks.refusals import refused
from bsr_plugins.checks.saliency_checks import check_saliency
from bsr_plugins.checks.schedule_checks import check_schedule
from bsr_plugins.checks.type_checks import check_types, choice_for, known_names
from bsr_plugins.checks.unknown_keys import check_keys
from bsr_plugins.checks.validation_checks import check_validation
from bsr_plugins.checks.value_checks import check_values
from bsr_plugins.checks.weight_checks import check_weights
from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import DependencyError
from bsr_plugins.common.findings import ERROR, WARNING, Finding, shortened
from bsr_plugins.common.naming import plain_name, wrong_with_run_name
from bsr_plugins.common.option import NUMBER_AS_TEXT
from bsr_plugins.data.dataset_options import PAIRED_TYPES
from bsr_plugins.data.images.image_store import STORE_REMEDY, is_keyed, is_store
from bsr_plugins.data.images.shared_options import check_gt_size
from bsr_plugins.host.script_choice import check_registries
from bsr_plugins.host.source_names import basicsr_folder
from bsr_plugins.options.option_file import KeyPath, OptionFile

_MAPPING, _TEXT, _NUMBER, _ANY = 'keys and values', 'text', 'a whole number', 'a value'

# Key path, what has to stand there, in training, in a test: the keys that train_pipeline and test_pipeline read without
# a default.
_REQUIRED: Tuple[Tuple[str, str, bool, bool], ...] = (
    ('name', _TEXT, True, True),
    ('model_type', _TEXT, True, True),
    ('num_gpu', _ANY, True, True),
    ('datasets', _MAPPING, True, True),
    ('network_g', _MAPPING, True, True),
    ('path', _MAPPING, True, True),
    ('datasets.train', _MAPPING, True, False),
    ('datasets.train.batch_size_per_gpu', _NUMBER, True, False),
    ('datasets.train.num_worker_per_gpu', _NUMBER, True, False),
    ('train', _MAPPING, True, False),
    ('train.total_iter', _ANY, True, False),
    ('logger', _MAPPING, True, False),
    ('logger.print_freq', _ANY, True, False),
    ('logger.save_checkpoint_freq', _ANY, True, False),
    ('val', _MAPPING, False, True),
    ('val.save_img', _ANY, False, True),
)
_REQUIRED_OF_VALIDATION = (('val', _MAPPING), ('val.val_freq', _ANY), ('val.save_img', _ANY))
# Read nothing else, so that io_backend may be left out.
_LMDB_TYPES = ('InverseSampledLMDBDataset', 'UniformWindowsDataset')


def check_options(
    option_file: OptionFile,
    root: Path,
    is_train: bool,
    auto_resume: bool = False,
    deep: bool = False,
    script: Optional[Path] = None,
) -> List[Finding]:
    """Return what is wrong with an option file, errors first, in the order of the file's parts.

    Checked: the keys BasicSR reads without a default; the names of models, data sets, networks, losses, metrics,
    optimizers and schedulers against those of the basicsr that will run (read from its source), of the working
    directory's packages and of this pack; every key against what the scripts, the model and the constructors read;
    values against their declarations, one by one and together, and against the data; every data path, weight file and
    training state; image pairs; the difficulty files; the length of the run; whether the working directory is the
    checkout that the file lies in. Neither torch nor basicsr is imported.

    Errors are what cannot run, keys of the pack's own types that these do not have, and slips of the hand; what a run
    gets through all the same is a warning.

    Args:
        option_file: The file, with ``--force_yml`` applied.
        root: The working directory: the root of relative paths, and perhaps a checkout of BasicSR or a fork of it.
        is_train: Whether the file is to be trained with, or tested.
        auto_resume: Whether ``--auto_resume`` is given; a run that resumes needs no pretrained weights.
        deep: Decode every image too, which takes as long as that takes.
        script: The script that is to run; None: the one that a run would choose.
    """
    with listing_once():
        return _findings(option_file, root, is_train, auto_resume, deep, script)


def _findings(
    option_file: OptionFile, root: Path, is_train: bool, auto_resume: bool, deep: bool, script: Optional[Path]
) -> List[Finding]:
    choice = choice_for(option_file, root, 'train' if is_train else 'test', script)
    try:
        check_registries(choice)
    except DependencyError as error:
        # Nothing is known of what such a script reads.
        return [Finding(ERROR, error.problem, str(error.where), error.expected, remedy=error.remedy)]
    if is_train and _is_test_file(option_file):
        return [
            Finding(
                ERROR,
                'This is a test file: nothing in it can be trained',
                option_file.where('datasets'),
                expected='a section train, and a training set datasets.train',
                found=f'the sets {", ".join(option_file.section("datasets"))}',
                remedy=command('test', '-opt', option_file.path),
            )
        ]
    names, folder = known_names(root, choice), basicsr_folder(root)
    findings = _check_required(option_file, is_train)
    if names is None or not names.legacy:  # before 1.3, forks name phases as their scripts like
        findings += _check_phases(option_file, is_train)
    code: Optional[CodeInUse] = None
    if names is not None and folder is not None:
        code = CodeInUse(option_file, names, folder, root)
        findings = [finding for finding in findings if not _is_of_another_model(finding, option_file, code)]
        findings += check_types(option_file, names, is_train, code.builds)
        findings += _check_training_sections(option_file, code, is_train)
        findings += check_keys(option_file, code, is_train)
        findings += check_values(option_file, code, is_train)
        findings += check_arithmetic(option_file, code, root, is_train)
        findings += check_per_class(option_file, code, root)
        findings += check_saliency(option_file, code, root, is_train)
        findings += check_bytes(option_file, code) if is_train else []
        findings += check_weights(option_file, code, root, is_train, resumes(option_file, root, auto_resume))
    findings += check_validation(option_file, code, root, is_train)
    findings += _check_paired_sets(option_file, is_train)
    findings += _numbers_as_text(option_file)
    findings += _repeated_keys(option_file)
    findings = check_working_directory(option_file, root) + _first_error_of_each_key(findings)
    unread = set(_unread_paths(option_file, code)) if code is not None else set()
    findings += [each for each in check_paths(option_file, root, is_train, auto_resume) if each.where not in unread]
    upstream = code is None or code.pairs_as_upstream()
    findings += check_listing(option_file, root, upstream)
    decoded = None
    if deep:
        damaged, decoded = check_images(option_file, root)
        findings += damaged
    findings += check_pairs(option_file, root, upstream, decoded)
    findings += check_difficulties(option_file, root)
    if is_train:
        findings += check_overlap(option_file, root)
        findings += check_schedule(option_file, code, root, auto_resume)
    return sorted(findings, key=lambda finding: finding.severity != ERROR)


def _first_error_of_each_key(findings: List[Finding]) -> List[Finding]:
    """Keep the first error of each key; what other checks say of the same key repeats it."""
    wrong: Set[str] = set()
    kept = []
    for finding in findings:
        if finding.where not in wrong:
            kept.append(finding)
        if finding.severity == ERROR:
            wrong.add(finding.where)
    return [finding for finding in kept if finding.severity == ERROR or not _is_at_or_below(finding.where, wrong)]


def _is_at_or_below(where: str, wrong: Set[str]) -> bool:
    return where in wrong or where.rpartition('.')[0] in wrong


def _check_required(option_file: OptionFile, is_train: bool) -> List[Finding]:
    required = [(key, kind) for key, kind, in_train, in_test in _REQUIRED if (in_train if is_train else in_test)]
    if is_train and option_file.get('val') is not None:
        required += _REQUIRED_OF_VALIDATION
    # Every phase and inverse set is built, named and looked up.
    for keys, _, uniform in datasets_in(option_file):
        if uniform is None:
            required.append(('.'.join((*keys, 'name')), _ANY))
    findings = []
    for key, kind in required:
        keys = tuple(key.split('.'))
        # One finding for a missing section, not one more for each key in it.
        if len(keys) > 1 and not isinstance(option_file.get(*keys[:-1]), dict):
            continue
        # The check of the types reports an absent model_type.
        if key != 'model_type':
            findings += _check_kind(option_file, keys, kind)
    return findings


def _check_kind(option_file: OptionFile, keys: KeyPath, kind: str) -> List[Finding]:
    value = option_file.get(*keys)
    where = option_file.where(*keys)
    if value is None:
        return [Finding(ERROR, f"The key '{'.'.join(keys)}' is missing", where, expected=f'{keys[-1]}: {kind}')]
    if keys == ('num_gpu',):
        right = value == 'auto' or (_is_whole(value) and value >= 0)
        kind = "a number of GPUs, 0 for the CPU, or 'auto'"
    elif keys[-1] == 'name' and (isinstance(value, str) or kind == _TEXT):
        # Folders are named by it.
        wrong = wrong_with_run_name(value)
        right, kind = wrong is None, wrong or kind
    else:
        right = {
            _MAPPING: isinstance(value, dict),
            _TEXT: isinstance(value, str),
            _NUMBER: _is_whole(value),
            _ANY: not isinstance(value, dict),
        }[kind]
    return (
        []
        if right
        else [
            Finding(
                ERROR,
                f"The value of '{'.'.join(keys)}' has the wrong kind",
                where,
                expected=kind,
                found=shortened(repr(value)),
            )
        ]
    )


def _is_test_file(option_file: OptionFile) -> bool:
    phases = option_file.section('datasets')
    return (
        not option_file.section('train')
        and any(phase.startswith('test') for phase in phases)
        and not any(phase.startswith('train') for phase in phases)
    )


def _check_phases(option_file: OptionFile, is_train: bool) -> List[Finding]:
    phases = ('train', 'val') if is_train else ('val', 'test', 'train')
    findings = []
    for phase, dataset in option_file.section('datasets').items():
        where = option_file.where('datasets', phase)
        # BasicSR takes `train` alone, but `val`, `val_1`, `val_x`, ... for training.
        kind = phase.split('_')[0]
        if kind not in phases or (kind == 'train' and phase != 'train'):
            shown = ' or '.join(['train', 'val', 'val_2'] if is_train else ['test', 'test_1', 'val'])
            findings.append(Finding(ERROR, f"The data set phase '{phase}' is unknown", where, expected=shown))
        elif kind == 'train' and not is_train and isinstance(dataset, dict) and dataset.get('gt_size'):
            findings.append(
                Finding(
                    WARNING,
                    'The training set is tested too, on random crops: BasicSR tests every set of the file',
                    where,
                    remedy='take a test file: a copy without this section, or that of '
                    + command('option', '--net', 'NET', '--test', '--scale', option_file.get('scale')),
                )
            )
        elif not isinstance(dataset, dict):
            findings.append(
                Finding(
                    ERROR,
                    f"The data set '{phase}' has no options",
                    where,
                    expected=_MAPPING,
                    found=shortened(repr(dataset)),
                )
            )
    return findings


def _is_of_another_model(finding: Finding, option_file: OptionFile, code: CodeInUse) -> bool:
    """Tell whether a network_g is missing that the model does not read (VQFR's read network_sr)."""
    reads = code.model_reads
    missing = finding.where == option_file.where('network_g')
    return missing and reads is not None and not reads.reads(('network_g',))


def _unread_paths(option_file: OptionFile, code: CodeInUse) -> Iterator[str]:
    """Yield where paths stand that neither the data set nor the model reads (Restormer's `dataroot_lq: none`)."""
    for phase, dataset in option_file.section('datasets').items():
        name = dataset.get('type') if isinstance(dataset, dict) else None
        reads = code.reads_of_dataset(name) if isinstance(name, str) else None
        if reads is not None:
            yield from (option_file.where('datasets', phase, key) for key in dataset if not reads.reads((key,)))
    reads = code.model_reads
    if reads is not None:
        path = option_file.section('path')
        yield from (option_file.where('path', key) for key in path if not reads.reads(('path', key)))


def _check_training_sections(option_file: OptionFile, code: CodeInUse, is_train: bool) -> List[Finding]:
    """Require what the model reads of these; a project's own model may train by other keys."""
    if not (is_train and option_file.section('train')) or code.model_reads is None:
        return []
    findings: List[Finding] = []
    for keys in (('train', 'optim_g'), ('train', 'scheduler')):
        if code.model_reads.reads(keys):
            findings += _check_kind(option_file, keys, _MAPPING)
    if isinstance(option_file.get('train', 'optim_g'), dict):
        findings += _check_kind(option_file, ('train', 'optim_g', 'lr'), _ANY)
    return findings


def _check_paired_sets(option_file: OptionFile, is_train: bool) -> List[Finding]:
    findings: List[Finding] = []
    scale = option_file.get('scale')
    for keys, dataset, _ in datasets_in(option_file):
        if plain_name(dataset.get('type')) not in PAIRED_TYPES:
            continue
        for key in ('dataroot_gt', 'dataroot_lq'):
            findings += _check_kind(option_file, (*keys, key), _ANY)
        findings += _check_backend(option_file, keys)
        if keys[1] != 'train' or not is_train:
            continue
        if scale is None:
            findings.append(
                Finding(
                    ERROR, "The key 'scale' is missing", option_file.where('scale'), expected='scale: a whole number'
                )
            )
            continue
        gt_size = dataset.get('gt_size')
        if _is_whole(gt_size) and _is_whole(scale) and scale > 0:
            findings += refused(option_file, keys, check_gt_size, gt_size, scale)
    return findings


def _check_backend(option_file: OptionFile, keys: KeyPath) -> List[Finding]:
    where = option_file.where(*keys, 'io_backend', 'type')
    backend = option_file.get(*keys, 'io_backend', 'type')
    if backend is None and plain_name(option_file.get(*keys, 'type')) in _LMDB_TYPES:
        backend = 'lmdb'
    if backend is None:
        return [
            Finding(
                ERROR,
                f"The key '{'.'.join(keys)}.io_backend.type' is missing",
                where,
                expected='io_backend: {type: disk}, or {type: lmdb}',
            )
        ]
    given = [option_file.get(*keys, key) for key in ('dataroot_gt', 'dataroot_lq')]
    roots = [path for each in given if each is not None for path in (each if isinstance(each, list) else [each])]
    kind = plain_name(option_file.get(*keys, 'type'))
    stores = [str(path) for path in roots if is_store(str(path))]
    if stores and kind == 'PairedImageDataset':
        return [
            Finding(
                ERROR,
                f'{kind} cannot read a raw image store',
                option_file.where(*keys, 'dataroot_gt'),
                expected='a folder or LMDBs: only data sets of this package read raw image stores',
                found=', '.join(stores),
                remedy=STORE_REMEDY if 'train' in keys else STORE_REMEDY.partition(';')[0],
            )
        ]
    are_lmdb = set(map(is_keyed, roots))
    if backend in ('lmdb', 'disk') and are_lmdb - {backend == 'lmdb'}:
        return [
            Finding(
                ERROR,
                f"io_backend is '{backend}', the data roots are not",
                where,
                expected='names ending in .lmdb or .store with `type: lmdb`, and with that alone',
                found=', '.join(str(path) for path in roots),
            )
        ]
    return []


def _numbers_as_text(option_file: OptionFile) -> List[Finding]:
    findings = []
    for keys in sorted(option_file.plain, key=lambda path: option_file.lines.get(path, 0)):
        text = option_file.get(*keys)
        if isinstance(text, str) and NUMBER_AS_TEXT.fullmatch(text):
            findings.append(
                Finding(
                    WARNING,
                    f'{text} is read as text, not as a number',
                    option_file.where(*keys),
                    expected='a point in the mantissa and a sign in the exponent (1.0e-4), or the tag !!float',
                    remedy=f'{keys[-1]}: !!float {text}',
                )
            )
    return findings


def _repeated_keys(option_file: OptionFile) -> List[Finding]:
    return [
        Finding(
            WARNING,
            f"The key '{'.'.join(keys)}' appears twice in one section",
            option_file.where(*keys),
            found=f'first on line {first}',
            remedy='keep one of the two: BasicSR silently takes the last one',
        )
        for keys, first in option_file.repeated.items()
    ]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
