"""The table of bad inputs: what is typed, what is spoilt before, what has to be said; a new one is a new line of it.

``Bad(name, command, spoil, *words)``: in a copy of a whole project (tests/faults/conftest.py) ``spoil(folder)`` is
called, then ``command``; it has to end with exit code 2, say each of ``words``, and neither show a traceback nor run
anything that stands in a file. With a ``remedy``, which does what the message says, the same command then ends with 0.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any, Callable, List, NamedTuple, Optional, Sequence

Spoil = Callable[[Path], None]


class Bad(NamedTuple):
    """One bad input."""

    name: str
    command: Sequence[str]
    spoil: Spoil
    words: Sequence[str]
    remedy: Optional[Spoil] = None


def bad(name: str, command: str, spoil: Spoil, *words: str, remedy: Optional[Spoil] = None) -> Bad:
    """Return a row; ``command`` is split at blanks."""
    return Bad(name, command.split(), spoil, words, remedy)


# ---------------------------------------------------------------------- what spoils a project
def nothing(folder: Path) -> None:
    """Leave the project whole."""


def edit(old: str, new: str, name: str = 'train.yml') -> Spoil:
    """Replace ``old``, which has to stand there, by ``new``."""

    def spoil(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text, f'{name} has no {old!r}'
        (folder / name).write_text(text.replace(old, new, 1))

    return spoil


def write(name: str, content: Any) -> Spoil:
    """Write text, or bytes."""

    def spoil(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return spoil


def remove(*names: str) -> Spoil:
    """Remove files."""

    def spoil(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return spoil


def cut(name: str, share: float = 0.6) -> Spoil:
    """Keep the first ``share`` of a file."""

    def spoil(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(share * len(content))])

    return spoil


def copy(source: str, target: str) -> Spoil:
    """Write the content of one file under another name."""
    return lambda folder: (folder / target).write_bytes((folder / source).read_bytes()) and None


def all_of(*spoils: Spoil) -> Spoil:
    """Do several."""

    def spoil(folder: Path) -> None:
        for one in spoils:
            one(folder)

    return spoil


class _Hostile:
    def __reduce__(self) -> Any:
        return os.mkdir, ('executed',)


def hostile(name: str) -> Spoil:
    """Write a checkpoint that makes the folder ``executed`` when it is unpickled."""

    def spoil(folder: Path) -> None:
        import torch

        torch.save(
            {
                'params': {'a': torch.zeros(1)},
                'epoch': 0,
                'iter': 4,
                'optimizers': [],
                'schedulers': [],
                'more': _Hostile(),
            },
            folder / name,
        )

    return spoil


def weights(name: str, content: Any) -> Spoil:
    """Write a checkpoint of plain values."""

    def spoil(folder: Path) -> None:
        import torch

        torch.save(content, folder / name)

    return spoil


def repack(name: str, change: Callable[[Any], Any]) -> Spoil:
    """Write net_g.pth's weights, by name, as ``change`` makes them."""

    def spoil(folder: Path) -> None:
        import torch

        kept = torch.load(folder / 'net_g.pth', map_location='cpu', weights_only=True)
        torch.save(change(kept['params']), folder / name)

    return spoil


def run_python(code: str) -> Spoil:
    """Do what ``python -c`` of a remedy does."""
    return lambda folder: exec(code.replace('"net_g', f'"{folder}/net_g'), {})


def lying_png(side: int = 30000) -> bytes:
    """Return a PNG of hundred bytes that declares side x side pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))

    return (
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', struct.pack('>IIBBBBB', side, side, 8, 2, 0, 0, 0))
        + chunk(b'IDAT', zlib.compress(bytes(64)))
        + chunk(b'IEND', b'')
    )


def image(name: str, height: int, width: int, dtype: str = 'uint8') -> Spoil:
    """Write a black image."""

    def spoil(folder: Path) -> None:
        import cv2
        import numpy as np

        cv2.imwrite(str(folder / name), np.zeros((height, width, 3), dtype))

    return spoil


def records(content: bytes, lmdb_name: str = 'sub/HR_sub.lmdb') -> Spoil:
    """Replace every record of an LMDB."""

    def spoil(folder: Path) -> None:
        import lmdb

        with lmdb.open(str(folder / lmdb_name), map_size=1 << 26) as env, env.begin(write=True) as transaction:
            for key in [bytes(key) for key, _ in transaction.cursor()]:
                transaction.put(key, content)

    return spoil


LYING = lying_png()


def turned(folder: Path) -> None:
    """Turn every LR image upside down, and make its HR image one that shows it."""
    import cv2
    import numpy as np

    for path in (folder / 'data/HR').iterdir():
        coarse = np.random.default_rng(int(path.stem)).integers(0, 256, (5, 5, 3)).astype(np.uint8)
        cv2.imwrite(str(path), cv2.resize(coarse, (64, 64)))
        cv2.imwrite(str(folder / 'data/LR' / path.name), cv2.resize(coarse, (32, 32))[::-1, ::-1])


def all_hr(spoil: Callable[..., Spoil], *more: Any) -> Spoil:
    """Spoil every HR image."""
    return all_of(*(spoil(f'data/HR/{number:04d}.png', *more) for number in range(4)))


# ---------------------------------------------------------------------- commands
TRAIN = 'basicsr train -opt train.yml'
RESUME = 'basicsr train -opt train.yml --auto_resume'
TEST = 'basicsr test -opt test.yml'
LMDB = 'create_subimage_lmdb --hr data/HR --lr data/LR --scale 2 --out new --crop 32 --step 32'
SCORE = 'score_difficulty --hr-lmdb sub/HR_sub.lmdb --lr-lmdb sub/LR_sub_x2.lmdb --scale 2 --no-pictures --out new.txt'
POINT_TO_NAN = edit('experiments/t/models/net_g_4.pth', 'nan.pth', 'test.yml')
NET = SCORE + ' --opt train.yml --weights experiments/t/models/net_g_4.pth'
SIGMA = 'measure_constant_sigma -opt train.yml --weights experiments/t/models/net_g_4.pth'
META, MANIFEST = 'sub/HR_sub.lmdb/meta_info.txt', 'sub/HR_sub.lmdb/manifest.json'
STATE, WEIGHTS = 'experiments/t/training_states/4.state', 'experiments/t/models/net_g_4.pth'
DIFFICULTY = 'sub/HR_sub.lmdb/difficulty_x2.txt'
LR_MANIFEST = 'sub/LR_sub_x2.lmdb/manifest.json'
DATA = 'sub/HR_sub.lmdb/data.mdb'
LMDB_THERE = LMDB.replace('--out new', '--out sub --thresh 0')
RFS = 'inspect_rfs -opt train.yml'
WORKERS = edit('num_worker_per_gpu: 0', 'num_worker_per_gpu: 2')
SUB_LMDBS = 'dataroot_gt: sub/HR_sub.lmdb\n    dataroot_lq: sub/LR_sub_x2.lmdb\n    io_backend: {type: lmdb}'
_ROOTS = 'dataroot_gt: data/HR\n    dataroot_lq: data/LR\n    io_backend: {type: disk}'
OTHER = 'net_g.pth'  # the same weights, outside the experiment that a new run archives
PRETRAIN = edit('pretrain_network_g: ~', f'pretrain_network_g: {OTHER}')
AT_ITS_END = edit('resume_state: ~', f'resume_state: {STATE}')
NAMED_STATE = all_of(AT_ITS_END, edit('total_iter: 4', 'total_iter: 8'))
SINGLE = all_of(
    edit(
        'PairedImageDataset, dataroot_gt: data/HR, dataroot_lq: data/LR',
        'SingleImageDataset, dataroot_lq: data/HR',
        'test.yml',
    ),
    edit('metrics: {psnr: {type: calculate_psnr, crop_border: 2}}', 'metrics: ~', 'test.yml'),
)
LIST = edit('    gt_size: 32\n    use', '    meta_info_file: list.txt\n    gt_size: 32\n    use')
RFS_SET = edit('PairedImageDataset', 'RFSBalancedBatchDataset\n    num_intervals: 2')
STOCK_LMDB = all_of(edit(_ROOTS, SUB_LMDBS), edit('BSPAModel', 'SRModel'), edit('  bspa:', '  bspaa:'))
RFS_OF_LMDB = all_of(edit(_ROOTS, SUB_LMDBS), RFS_SET)
INVERSE = 'type: InverseSampledLMDBDataset'
MODEL, PIXEL = 'BSPAModel', 'type: L1Loss'


def in_path(text: str) -> Spoil:
    """Put a key into the section ``path`` of train.yml."""
    return edit('path: {', f'path: {{{text}, ')


def packed(change: Callable[[Any], Any]) -> Spoil:
    """Start from weights in another layout."""
    return all_of(PRETRAIN, repack(OTHER, change))


BSPA = (
    '    inverse: {type: InverseSampledLMDBDataset, dataroot_gt: sub/HR_sub.lmdb, dataroot_lq: sub/LR_sub_x2.lmdb,\n'
    '              num_classes: 3, imbalance_factor: 2, gt_size: 32}\n',
    '  bspa: {interval_iter: 2, inverse_iter: 1, beta: 0.8, ig_steps: 2, ig_batches: 1}\n',
)
STOCK = all_of(edit(MODEL, 'SRModel'), *[edit(part, '') for part in BSPA])
FSRCNN = 'type: FSRCNN, num_in_ch: 3, num_out_ch: 3, upscale: 2, d: 4, s: 2, m: 1'
SWINIR = edit(
    FSRCNN,
    'type: SwinIR, upscale: 2, in_chans: 3, img_size: 16, window_size: 5, img_range: 1., depths: [1], embed_dim: 4, '
    'num_heads: [1], mlp_ratio: 2, upsampler: pixelshuffledirect, resi_connection: 1conv',
)
SCHEDULE = 'type: MultiStepLR, milestones: [20], gamma: 0.5'
VAL = (
    '  val: {name: val, type: PairedImageDataset, dataroot_gt: data/HR, dataroot_lq: data/LR, io_backend: {type: disk}}'
)
TEST_SET = VAL.replace('val', 'test', 1).replace('val', 'x')
NO_GT = 'type: SingleImageDataset, dataroot_lq: data/LR, io_backend: {type: disk}}'
METRIC = ', crop_border: 2'


def cosine(periods: str, weights: str = '[1]') -> Spoil:
    """Take a cosine schedule."""
    return edit(SCHEDULE, f'type: CosineAnnealingRestartLR, periods: {periods}, restart_weights: {weights}')


def branch(name: str, losses: str) -> Spoil:
    """Put network_sigma into train.yml, and losses before its pixel_opt."""
    return all_of(
        edit('network_g: {', f'network_sigma: {{type: {name}, num_feat: 4}}\nnetwork_g: {{'),
        edit('  pixel_opt', f'{losses}  pixel_opt'),
    )


def first_step(folder: Path) -> None:
    """Write the branch of a first step beside net_g.pth."""
    import torch

    from bsr_plugins.archs.log_variance_branch_arch import LogVarianceBranch

    torch.save({'params': LogVarianceBranch(4, num_feat=4, upscale=2).state_dict()}, folder / 'net_sigma.pth')


def per_class(value: str) -> Spoil:
    """Ask for the classes of the validation."""
    return edit('save_img: false', f'save_img: false, per_class: {value}')


UDL = all_of(
    first_step,
    branch('LogVarianceBranch', ''),
    in_path('pretrain_network_udn: net_g.pth'),
    edit(PIXEL, 'type: UncertaintyDrivenLoss'),
)
EQ_6 = '  losses: {e: {type: ExpectationLoss, noise_scale: sigma, threshold: none}}\n'
OTHER_SCALE = 'sub/HR_sub.lmdb/other.txt'


TABLE: List[Bad] = [
    # ------------------------------------------------------------------ the command line
    bad('no command', 'basicsr', nothing, 'the following arguments are required: COMMAND'),
    bad('unknown command', 'basicsr trian', nothing, "invalid choice: 'trian'"),
    bad('no option file', 'basicsr train', nothing, 'the following arguments are required: -opt'),
    bad('unknown argument', TRAIN + ' --epochs 3', nothing, 'Unknown arguments: --epochs 3'),
    bad('unknown launcher', TRAIN + ' --launcher mpi', nothing, "invalid choice: 'mpi'"),
    bad('misspelt option file', 'basicsr train -opt trian.yml', nothing, 'does not exist', "did you mean 'train.yml'"),
    bad('a folder as option file', 'basicsr train -opt data', nothing, 'The option file is a folder'),
    bad(
        'force_yml without value',
        TRAIN + ' --force_yml train:total_iter',
        nothing,
        'has the wrong form',
        'train:total_iter=1000',
    ),
    bad('force_yml of a misspelt key', TRAIN + ' --force_yml train:total_itr=8', nothing, 'total_iter'),
    bad(
        'force_yml with code',
        TRAIN + " --force_yml train:total_iter=[__import__('os').mkdir('executed')]",
        nothing,
        'cannot be read',
    ),
    bad('force_yml quoted', TRAIN + ' --force_yml name="x"', nothing, 'is quoted'),
    bad('force_yml twice', TRAIN + ' --force_yml name=x --force_yml name=y', nothing, 'expected once, found twice'),
    bad('force_yml of no seed', TRAIN + ' --force_yml manual_seed=-1', nothing, 'manual_seed'),
    bad('force_yml that debug undoes', TRAIN + ' --debug --force_yml logger:print_freq=7', nothing, 'not take effect'),
    bad('force_yml of a name elsewhere', TRAIN + ' --force_yml name=../../x', nothing, '../../x', 'one folder'),
    # ------------------------------------------------------------------ the option file as text
    bad('empty file', TRAIN, write('train.yml', ''), 'The option file is empty'),
    bad('not UTF-8', TRAIN, write('train.yml', b'name: \xff\n'), 'not UTF-8', 'train.yml:1'),
    bad('binary file', 'basicsr train -opt data/HR/0000.png', nothing, 'not UTF-8'),
    bad('not YAML', TRAIN, edit('scale: 2', 'scale: [2'), 'not valid YAML', 'train.yml:'),
    bad('a tab', TRAIN, edit('scale: 2', '\tscale: 2'), 'A tab stands where YAML allows only spaces', 'train.yml:3'),
    bad('a list', TRAIN, write('train.yml', '- name: t\n'), 'not a list of keys and values'),
    bad('no blank after the colon', TRAIN, write('train.yml', 'name:t'), 'write a space after the colon'),
    bad(
        'python tag',
        TRAIN,
        edit('manual_seed: 3', "manual_seed: !!python/object/apply:os.mkdir ['executed']"),
        'Python tags are refused',
        'train.yml:5',
    ),
    bad('unknown tag', TRAIN, edit('scale: 2', 'scale: !x 2'), 'The tag !x is unknown'),
    bad('a value that does not fit its tag', TRAIN, edit('scale: 2', 'scale: !!int two'), 'does not fit its tag'),
    bad('a key twice', TRAIN, edit('scale: 2', 'scale: 2\nscale: 4'), "The key 'scale' appears twice", 'line 3'),
    bad('merge key', TRAIN, edit('path: {', 'path: {<<: {a: 1}, '), 'Merge keys'),
    bad('a number as key', TRAIN, edit('scale: 2', '2: scale'), 'is read as a number', "'2'"),
    bad('an alias inside its anchor', TRAIN, edit('path: {', 'path: &a {b: *a, '), 'the anchor it stands in'),
    # ------------------------------------------------------------------ names in the option file
    bad('unknown model', TRAIN, edit(MODEL, 'BSPModel'), "There is no model named 'BSPModel'", "'BSPAModel'"),
    bad('unknown data set', TRAIN, edit('PairedImageDataset', 'PairedImagesDataset'), "did you mean 'PairedImageData"),
    bad('unknown network', TRAIN, edit('type: FSRCNN', 'type: FSRCN'), "There is no network named 'FSRCN'"),
    bad('unknown loss', TRAIN, edit(PIXEL, 'type: L1Los'), "There is no loss named 'L1Los'", "'L1Loss'"),
    bad('unknown metric', TRAIN, edit('calculate_psnr', 'calculate_psnrr'), 'There is no metric named'),
    bad('unknown optimizer', TRAIN, edit('type: Adam', 'type: Adan'), "There is no optimizer named 'Adan'"),
    bad('unknown scheduler', TRAIN, edit('MultiStepLR', 'MultistepLr'), 'There is no scheduler named'),
    bad('the suffix that BasicSR names', TRAIN, edit(PIXEL, 'type: L1Loss_basicsr'), 'write L1Loss', 'ignore that'),
    bad('a type that is a number', TRAIN, edit(PIXEL, 'type: 1'), 'is not a name'),
    bad('no type', TRAIN, edit(PIXEL + ', ', ''), 'The type of the loss is missing'),
    bad('unknown base model', TRAIN, edit('scale: 2', 'scale: 2\nbase_model_type: HATModel'), "named 'HATModel'"),
    # ------------------------------------------------------------------ keys and values of the option file
    bad('a misspelt key of BasicSR', TRAIN, edit('ema_decay', 'ema_decy'), 'ema_decy', "did you mean 'ema_decay'?"),
    bad('a misspelt key of a loss', TRAIN, edit('loss_weight', 'loss_wieght'), 'loss_wieght', 'loss_weight'),
    bad('a misspelt key of a network', TRAIN, edit(', d: 4', ', dd: 4'), "'dd'"),
    bad('a misspelt key of a data set', TRAIN, edit('num_classes: 3', 'num_clases: 3'), 'num_clases', 'num_classes'),
    bad('text for a number', TRAIN, edit('beta: 0.8', 'beta: much'), 'train.bspa.beta', 'much'),
    bad('no name', TRAIN, edit('name: t\n', ''), "The key 'name' is missing"),
    bad('a name that leads elsewhere', TRAIN, edit('name: t\n', 'name: ../../x\n'), '../../x', 'a name of one folder'),
    bad('an absolute name', TRAIN, edit('name: t\n', 'name: /x\n'), "'/x'", 'a name of one folder'),
    bad('a name of two lines', TRAIN, edit('name: t\n', 'name: "a\\nb"\n'), 'no control characters'),
    bad('an empty name', TRAIN, edit('name: t\n', 'name: ""\n'), "The value of 'name' has the wrong kind"),
    bad('a test of a name elsewhere', TEST, edit('name: t_test', 'name: ..', 'test.yml'), 'a name of one folder'),
    bad('results that go elsewhere', TEST, edit('name: x,', 'name: ../../x,', 'test.yml'), 'datasets.test.name'),
    bad('no num_gpu', TRAIN, edit('num_gpu: 0', 'num_gpu: ~'), "The key 'num_gpu' is missing"),
    bad('num_gpu as text', TRAIN, edit('num_gpu: 0', 'num_gpu: none'), "The value of 'num_gpu' has the wrong kind"),
    bad('no batch size', TRAIN, edit('    batch_size_per_gpu: 2\n', ''), "train.batch_size_per_gpu' is missing"),
    bad('a batch size of text', TRAIN, edit('per_gpu: 2', 'per_gpu: two'), 'has the wrong kind', "'two'"),
    bad('gt_size against scale', TRAIN, edit('gt_size: 32', 'gt_size: 33'), 'not a multiple of scale', '32 or 34'),
    bad('no scale', TRAIN, edit('scale: 2\n', ''), "The key 'scale' is missing"),
    bad('unknown phase', TRAIN, edit('  val: {name', '  valid: {name'), "phase 'valid' is unknown"),
    bad('a data set without options', TRAIN, edit('  val: {', '  val_2: 3\n  val: {'), "'val_2' has no options"),
    bad('train is a list', TRAIN, edit('train:\n  ema', 'val_x: [1]\ntrainn:\n  ema'), "The key 'train' is missing"),
    bad('no folder', TRAIN, edit('data/HR', 'data/HRR'), 'does not exist: data/HRR', 'data/HR'),
    bad('a file as folder', TRAIN, edit('data/HR', 'train.yml'), 'is a file: train.yml'),
    bad(
        'LMDB read from disk',
        TRAIN,
        edit('dataroot_gt: data/HR', 'dataroot_gt: sub/HR_sub.lmdb'),
        "io_backend is 'disk', the data roots are not",
    ),
    bad('an LMDB without data', TRAIN, remove('sub/HR_sub.lmdb/data.mdb'), 'is incomplete, it lacks data.mdb'),
    bad('no difficulty file', TRAIN, remove(DIFFICULTY), 'The difficulty file does not exist', 'score --hr-lmdb'),
    bad(
        'save_best of no metric',
        TRAIN,
        edit('save_img: false', 'save_img: false, save_best: ssim'),
        'val.save_best',
        'psnr',
    ),
    bad('unknown precision', TRAIN, edit('  ema_decay', '  amp: fp8\n  ema_decay'), 'train.amp', 'bf16'),
    bad('no accumulation', TRAIN, edit('  ema_decay', '  accumulate: 0\n  ema_decay'), 'train.accumulate'),
    bad('clipping below zero', TRAIN, edit('  ema_decay', '  grad_clip: -1\n  ema_decay'), 'train.grad_clip'),
    bad('unknown policy', TRAIN, edit('  ema_decay', '  non_finite: ignore\n  ema_decay'), 'train.non_finite', 'skip'),
    bad('a share above one', TRAIN, edit('beta: 0.8', 'beta: 8'), 'train.bspa.beta'),
    bad('unknown key of bspa', TRAIN, edit('beta: 0.8', 'betta: 0.8'), 'train.bspa', "'beta'"),
    bad('unknown rule', TRAIN, edit('ig_steps: 2', 'ig_rule: simpson'), 'train.bspa.ig_rule'),
    bad(
        'a stage that ends inside an update',
        TRAIN,
        edit('  ema_decay', '  accumulate: 2\n  ema_decay'),
        'a stage of BSPA ends inside an update',
    ),
    bad('more classes than sub-images', TRAIN, edit('num_classes: 3', 'num_classes: 300'), 'num_classes'),
    bad(
        'sigma loss without its network',
        TRAIN,
        edit('  bspa:', '  sigma_opt: {type: SigmaLoss}\n  bspa:'),
        'the sigma branch needs a network and a loss',
    ),
    bad(
        'a wrong value of a loss',
        TRAIN,
        edit(PIXEL + ', loss_weight: 1.0, reduction: mean', 'type: FocalPixelLoss, gamma: high'),
        'gamma',
    ),
    # ------------------------------------------------------------------ weights and states
    bad(
        'no pretrained weights',
        TRAIN,
        edit('pretrain_network_g: ~', 'pretrain_network_g: a.pth'),
        'The file does not exist: a.pth',
    ),
    bad('weights cut short', TRAIN, all_of(PRETRAIN, cut(OTHER)), 'net_g.pth cannot be read', 'cut short'),
    bad('weights that are text', TRAIN, all_of(PRETRAIN, write(OTHER, '<html>')), 'was not written by torch.save'),
    bad(
        'hostile weights',
        TRAIN,
        all_of(PRETRAIN, hostile(OTHER)),
        'holds more than tensors and plain values',
        'mkdir',
        'it is refused',
    ),
    bad('weights of a test cut short', TEST, cut(WEIGHTS), 'net_g_4.pth cannot be read'),
    bad('hostile weights of a test', TEST, hostile(WEIGHTS), 'it is refused'),
    bad('no weights of a test', TEST, remove(WEIGHTS), 'The file does not exist: ' + WEIGHTS),
    bad(
        'a state cut short',
        TRAIN,
        all_of(NAMED_STATE, cut(STATE)),
        'cannot be resumed from',
        '4.state',
        'cut short',
        '--auto_resume',
    ),
    bad('a hostile state', TRAIN, all_of(NAMED_STATE, hostile(STATE)), '4.state holds more than', 'it is refused'),
    bad('no state', TRAIN, all_of(NAMED_STATE, remove(STATE)), 'The file does not exist: ' + STATE),
    bad('a state without its weights', TRAIN, all_of(NAMED_STATE, remove(WEIGHTS)), 'net_g_4.pth: it is missing'),
    bad('a hostile newest state', RESUME, hostile(STATE), '4.state holds more than', 'it is refused'),
    bad(
        'no whole pair',
        RESUME,
        all_of(cut(STATE), write('experiments/t/models/net_g_2.pth', '')),
        'no complete training state',
        '4.state: it is cut short',
        'net_g_2.pth: it is empty',
    ),
    # ------------------------------------------------------------------ the branches of l_E and of UDN, val.per_class
    bad(
        'the loss of sigma with the branch of UDN',
        TRAIN,
        branch('LogVarianceBranch', '  sigma_opt: {type: SigmaLoss}\n'),
        'takes sigma in (0, 1), which LogVarianceBranch does not predict',
        'network_sigma: {type: SigmaBranch}',
        remedy=edit('LogVarianceBranch', 'SigmaBranch'),
    ),
    bad(
        'the loss of UDN with the branch of sigma',
        TRAIN,
        branch('SigmaBranch', '  sigma_opt: {type: UncertaintyEstimationLoss}\n'),
        'takes ln(theta), which SigmaBranch does not predict',
        remedy=edit('SigmaBranch', 'LogVarianceBranch'),
    ),
    bad(
        'UDL with the branch of sigma',
        TRAIN,
        all_of(UDL, edit('LogVarianceBranch', 'SigmaBranch')),
        'UncertaintyDrivenLoss of train.pixel_opt takes ln(theta)',
        remedy=edit('SigmaBranch', 'LogVarianceBranch'),
    ),
    bad('Eq. 6 with the branch of UDN', TRAIN, branch('LogVarianceBranch', EQ_6), 'ExpectationLoss of train.losses.e'),
    bad(
        'a first step without its branch',
        TRAIN,
        all_of(UDL, remove('net_sigma.pth')),
        'The file does not exist: net_sigma.pth',
        'path.pretrain_network_udn',
    ),
    bad(
        'the first step of another network',
        TRAIN,
        all_of(UDL, edit(', d: 4', ', d: 6')),
        'do not fit the network: net_g.pth',
        'give network_g the options of the first step',
        remedy=edit(', d: 6', ', d: 4'),
    ),
    bad(
        'the first step of another branch',
        TRAIN,
        all_of(UDL, edit('feat: 4', 'feat: 6')),
        'do not fit the network: net_sigma.pth',
        'give network_sigma the options of the first step',
    ),
    bad(
        'a first step cut short', TRAIN, all_of(UDL, cut('net_sigma.pth')), 'net_sigma.pth cannot be read', 'cut short'
    ),
    bad('a hostile first step', TRAIN, all_of(UDL, hostile('net_sigma.pth')), 'it is refused'),
    bad(
        'per_class of no file',
        TRAIN,
        per_class('sub/no.txt'),
        'The difficulty file is missing',
        'sub/no.txt',
        'per_class: true',
        remedy=edit('sub/no.txt', 'true'),
    ),
    bad('per_class that is a number', TRAIN, per_class('3'), 'val.per_class', 'true or false or path'),
    bad('per_class that is a list', TRAIN, per_class('[true]'), 'val.per_class', 'true or false or path'),
    bad(
        'per_class of another scale',
        TRAIN,
        all_of(copy(DIFFICULTY, OTHER_SCALE), edit('scale=2', 'scale=4', OTHER_SCALE), per_class(OTHER_SCALE)),
        'scored at a different scale',
        'val.per_class',
        remedy=edit(f'per_class: {OTHER_SCALE}', f'per_class: {DIFFICULTY}'),
    ),
    bad(
        'per_class of too few sub-images',
        TRAIN,
        all_of(STOCK, edit('SRModel', 'RebalancedSRModel'), per_class(DIFFICULTY)),
        '16 sub-images',
        'cut more sub-images',
    ),
    bad(
        'per_class of a file away from its LMDB',
        TRAIN,
        all_of(copy(DIFFICULTY, 'd.txt'), STOCK, edit('SRModel', 'RebalancedSRModel'), per_class('d.txt')),
        'does not lie in its LMDB',
        'per_class: LMDB/difficulty_x2.txt',
    ),
    # ------------------------------------------------------------------ weights: none, elsewhere in the file, of others
    bad(
        'a test without weights',
        TEST,
        edit(f'pretrain_network_g: {WEIGHTS}', 'pretrain_network_g: ~', 'test.yml'),
        'would run with random weights',
        'pretrain_network_g: experiments/t/models/net_g_',
        remedy=edit('network_g: ~', f'network_g: {WEIGHTS}', 'test.yml'),
    ),
    bad(
        'a test without weights, where another run has newer ones',
        TEST,
        all_of(
            edit(f'pretrain_network_g: {WEIGHTS}', 'pretrain_network_g: ~', 'test.yml'),
            write('experiments/other/models/net_g_9.pth', b''),
            edit('name: t_test', 'name: t', 'test.yml'),
        ),
        'remedy:   pretrain_network_g: experiments/t/models/net_g_',
        remedy=edit('network_g: ~', f'network_g: {WEIGHTS}', 'test.yml'),
    ),
    bad('a test file to train', 'basicsr train -opt test.yml', nothing, 'This is a test file', 'test -opt test.yml'),
    bad(
        'balanced validation',
        TRAIN,
        edit('val: {name: val, type: PairedImageDataset', 'val: {name: val, type: RFSBalancedBatchDataset'),
        'validation data is never rebalanced',
        'type: PairedImageDataset',
        remedy=edit('RFSBalancedBatchDataset', 'PairedImageDataset'),
    ),
    bad(
        'a test of weights that were never trained',
        TEST,
        edit(WEIGHTS, 'experiments/never/models/net_g_latest.pth', 'test.yml'),
        'train the network first, or correct the path',
    ),
    bad('a test that names none', TEST, edit(f'pretrain_network_g: {WEIGHTS}', '', 'test.yml'), 'with random weights'),
    bad('a test of an empty path', TEST, edit(f': {WEIGHTS}', ": ''", 'test.yml'), 'with random weights'),
    bad(
        'a stock test without weights',
        TEST,
        all_of(edit(f': {WEIGHTS}', ': ~', 'test.yml'), edit('RebalancedSRModel', 'SRModel', 'test.yml')),
        'with random weights',
    ),
    bad(
        'a forced test without weights',
        TEST + ' --force_yml path:pretrain_network_g=None',
        nothing,
        'with random weights',
    ),
    bad('an empty path', TRAIN, edit('pretrain_network_g: ~', "pretrain_network_g: ''"), 'The path is empty'),
    bad(
        'weights in the folder that is moved away',
        TRAIN,
        edit('pretrain_network_g: ~', f'pretrain_network_g: {WEIGHTS}'),
        'moves away before it reads them',
        'name: t_2',
        remedy=edit('name: t\n', 'name: t_2\n'),
    ),
    bad('bare weights', TRAIN, packed(dict), 'path.param_key_g: ~', remedy=in_path('param_key_g: ~')),
    bad(
        'EMA weights alone',
        TRAIN,
        packed(lambda weights: {'params_ema': weights}),
        'path.param_key_g: params_ema',
        remedy=in_path('param_key_g: params_ema'),
    ),
    *(
        bad(
            f'weights under {key}',
            TRAIN,
            packed(lambda weights, key=key: {key: weights, 'epoch': 3}),
            f'weights under {key}',
            f'path.param_key_g: {key}',
            remedy=in_path(f'param_key_g: {key}'),
        )
        for key in ('state_dict', 'model', 'model_state_dict', 'generator')
    ),
    bad(
        'a misspelt key of weights',
        TRAIN,
        all_of(PRETRAIN, in_path('param_key_g: parms')),
        "no weights under the key 'parms'",
        'path.param_key_g: params',
        remedy=edit('parms', 'params'),
    ),
    bad(
        'weights two keys deep',
        TRAIN,
        packed(lambda weights: {'model': {'state_dict': weights}}),
        'weights under model and in it state_dict',
        'w = torch.load("net_g.pth", map_location="cpu")["model"]["state_dict"]; '
        'torch.save({"params": w}, "net_g_params.pth")',
        remedy=all_of(
            run_python(
                'import torch; w = torch.load("net_g.pth", map_location="cpu")["model"]["state_dict"]; '
                'torch.save({"params": w}, "net_g_params.pth")'
            ),
            edit('net_g.pth', 'net_g_params.pth'),
        ),
    ),
    bad(
        'weights with a prefix',
        TRAIN,
        packed(lambda weights: {'params': {f'net.{name}': value for name, value in weights.items()}}),
        'missing: feature.0.weight',
        '{k[4:]: v for k, v in w.items() if k.startswith("net.")}',
        remedy=all_of(
            run_python(
                'import torch; w = torch.load("net_g.pth", map_location="cpu")["params"]; torch.save({"params": '
                '{k[4:]: v for k, v in w.items() if k.startswith("net.")}}, "net_g_params.pth")'
            ),
            edit('net_g.pth', 'net_g_params.pth'),
        ),
    ),
    bad(
        'weights with prefixes under another key',
        TRAIN,
        all_of(
            packed(lambda weights: {'model': {f'module.net.{name}': value for name, value in weights.items()}}),
            in_path('param_key_g: model'),
        ),
        '{k[11:]: v for k, v in w.items() if k.startswith("module.net.")}',
        'path.pretrain_network_g: net_g_params.pth and path.param_key_g: params',
        remedy=all_of(
            run_python(
                'import torch; w = torch.load("net_g.pth", map_location="cpu")["model"]; torch.save({"params": '
                '{k[11:]: v for k, v in w.items() if k.startswith("module.net.")}}, "net_g_params.pth")'
            ),
            edit('net_g.pth', 'net_g_params.pth'),
            edit('param_key_g: model', 'param_key_g: params'),
        ),
    ),
    bad(
        'weights of other sizes',
        TRAIN,
        all_of(PRETRAIN, edit('d: 4', 'd: 6')),
        'The weights do not fit the network: net_g.pth',
        'feature.0.weight: (4, 3, 5, 5) instead of (6, 3, 5, 5)',
        'path.strict_load_g: false',
        remedy=edit('strict_load_g: true', 'strict_load_g: false'),
    ),
    bad(
        'weights of other names and sizes',
        TRAIN,
        packed(lambda weights: {'params': {f'x{name}': value[..., :0] for name, value in weights.items()}}),
        'The weights do not fit the network',
    ),
    bad(
        'nothing that fits',
        TRAIN,
        all_of(
            packed(lambda weights: {'params': {f'x.{number}': value for number, value in enumerate(weights.values())}}),
            edit('strict_load_g: true', 'strict_load_g: false'),
        ),
        'None of the weights fits the network',
        remedy=edit(f'pretrain_network_g: {OTHER}', 'pretrain_network_g: ~'),
    ),
    bad(
        'a test of little that fits',
        TEST,
        all_of(edit('d: 4', 'd: 9', 'test.yml'), edit('path: {', 'path: {strict_load_g: false, ', 'test.yml')),
        'would run with random weights',
        'of FSRCNN were loaded',
    ),
    bad(
        'a state as weights',
        TRAIN,
        all_of(edit('name: t\n', 'name: t_2\n'), edit('network_g: ~', f'network_g: {STATE}')),
        'is a training state: it holds no weights',
        f'pretrain_network_g: {WEIGHTS}',
        remedy=edit(STATE, WEIGHTS),
    ),
    bad(
        'weights of safetensors',
        TRAIN,
        all_of(PRETRAIN, write(OTHER, (12).to_bytes(8, 'little') + b'{"a": {}}   ')),
        'was not written by torch.save',
        's.load_file("net_g.pth")',
        '"net_g_params.pth"',
    ),
    bad('a list as weights', TRAIN, packed(lambda weights: list(weights.values())), 'holds no weights', 'a list'),
    bad('a tensor as weights', TRAIN, packed(lambda weights: weights['feature.0.weight']), 'holds no weights'),
    bad(
        'sigma maps without a branch',
        TEST,
        edit('save_img: false', 'save_img: false, sigma: true', 'test.yml'),
        'a sigma branch that is not there',
        remedy=edit('sigma: true', 'sigma: false', 'test.yml'),
    ),
    # ------------------------------------------------------------------ validation and test sets
    bad(
        'a set without HR images',
        TRAIN,
        edit(VAL, f'  val: {{name: val, {NO_GT}'),
        'psnr cannot be computed',
        'val.metrics: ~',
        remedy=edit('metrics: {psnr: {type: calculate_psnr, crop_border: 2}}', 'metrics: ~'),
    ),
    bad(
        'a test set without HR images',
        TEST,
        edit(TEST_SET, f'  test: {{name: x, {NO_GT}', 'test.yml'),
        'psnr cannot be computed',
        remedy=edit('metrics: {psnr: {type: calculate_psnr, crop_border: 2}}', 'metrics: ~', 'test.yml'),
    ),
    bad(
        'two validation sets of one name',
        TRAIN,
        edit(VAL, VAL + '\n' + VAL.replace('val', 'val_2', 1)),
        "Two sets are called 'val'",
        'name: val_val_2',
        remedy=edit('val_2: {name: val', 'val_2: {name: val_val_2'),
    ),
    bad(
        'two test sets of one name',
        TEST,
        edit(TEST_SET, TEST_SET + '\n' + TEST_SET.replace('test', 'test_2', 1), 'test.yml'),
        "Two sets are called 'x'",
    ),
    bad(
        'colours of one set alone',
        TRAIN,
        edit('val: {name: val,', 'val: {name: val, color: y,'),
        'different channels',
        'color: ~',
        remedy=edit('color: y', 'color: ~'),
    ),
    bad(
        'no border',
        TRAIN,
        edit(METRIC, ''),
        "metric calculate_psnr needs the option 'crop_border'",
        'remedy:   crop_border: 2',
        remedy=edit('{type: calculate_psnr', '{type: calculate_psnr, crop_border: 2'),
    ),
    bad('a border below zero', TRAIN, edit(METRIC, ', crop_border: -1'), 'val.metrics.psnr.crop_border', '>= 0'),
    bad('a metric that is a number', TRAIN, edit('{type: calculate_psnr, crop_border: 2}', '3'), 'val.metrics.psnr'),
    bad(
        'windows that images do not fill',
        TRAIN,
        all_of(STOCK, SWINIR, edit('gt_size: 32', 'gt_size: 20')),
        'SwinIR takes whole windows, and SRModel does not pad images',
        'model_type: SwinIRModel',
        remedy=edit('SRModel', 'SwinIRModel'),
    ),
    bad(
        'windows that crops do not fill',
        TRAIN,
        all_of(SWINIR, edit(MODEL, 'RebalancedSRModel'), *[edit(part, '') for part in BSPA]),
        'takes whole windows',
        'a multiple of window_size',
        remedy=edit('gt_size: 32', 'gt_size: 20'),
    ),
    # ------------------------------------------------------------------ runs that train nothing, schedules
    bad(
        'a batch above the set',
        TRAIN,
        edit('batch_size_per_gpu: 2', 'batch_size_per_gpu: 200'),
        'no iteration would be trained',
        'dataset_enlarge_ratio: 5000',
        remedy=edit('ratio: 20', 'ratio: 5000'),
    ),
    bad('a share of the set below a batch', TRAIN, edit('ratio: 20', 'ratio: 0.1'), 'no iteration would be trained'),
    bad('no share of the set', TRAIN, edit('ratio: 20', 'ratio: 0'), 'dataset_enlarge_ratio'),
    bad('no iterations', TRAIN, edit('total_iter: 4', 'total_iter: 0'), 'train.total_iter'),
    bad(
        'a state at the end of the run',
        TRAIN,
        AT_ITS_END,
        'No iteration would be trained',
        'total_iter: 8',
        remedy=edit('total_iter: 4', 'total_iter: 8'),
    ),
    bad(
        'a newest state beyond the run', RESUME, edit('total_iter: 4', 'total_iter: 3'), 'No iteration would be trained'
    ),
    bad(
        'periods that end before the run',
        TRAIN,
        cosine('[2]'),
        'end before the run',
        'periods: [4]',
        remedy=edit('periods: [2]', 'periods: [4]'),
    ),
    bad('a period of nothing', TRAIN, cosine('[0, 4]', '[1, 1]'), 'train.scheduler.periods'),
    bad('a period without its weight', TRAIN, cosine('[2, 2]'), 'have different lengths', remedy=edit('[1]', '[1, 1]')),
    bad(
        'a restart without its weight',
        TRAIN,
        edit(SCHEDULE, SCHEDULE + ', restarts: [0, 2], restart_weights: [1]'),
        'have different lengths',
        remedy=edit('weights: [1]', 'weights: [1, 1]'),
    ),
    bad('no milestones', TRAIN, edit('milestones: [20], ', ''), "needs the option 'milestones'", 'missing 1 required'),
    bad('a learning rate of nothing', TRAIN, edit('lr: !!float 1e-3', 'lr: 0'), 'train.optim_g.lr', '> 0'),
    bad('a learning rate below zero', TRAIN, edit('lr: !!float 1e-3', 'lr: -0.1'), 'train.optim_g.lr', '> 0'),
    bad('betas above one', TRAIN, edit('type: Adam,', 'type: Adam, betas: [0.9, 1.5],'), 'train.optim_g.betas', '< 1'),
    bad('an average above one', TRAIN, edit('ema_decay: 0.9', 'ema_decay: 1.2'), 'train.ema_decay'),
    # ------------------------------------------------------------------ what shows as the run begins
    bad(
        'channels of another colour',
        TRAIN,
        edit('num_in_ch: 3', 'num_in_ch: 1'),
        'images of 1 channels and was given 3',
        remedy=edit('num_in_ch: 1', 'num_in_ch: 3'),
    ),
    bad(
        'an upscale that is not the scale',
        TRAIN,
        edit('upscale: 2', 'upscale: 4'),
        'crops have different sizes',
        'give network_g the scale of the file',
        remedy=edit('upscale: 4', 'upscale: 2'),
    ),
    bad(
        'an upscale that is not that of a test',
        TEST,
        all_of(edit('upscale: 2', 'upscale: 4', 'test.yml')),
        'network has the shape (128, 128, 3), the HR image (64, 64, 3)',
        remedy=edit('upscale: 4', 'upscale: 2', 'test.yml'),
    ),
    bad(
        'wandb alone',
        TRAIN,
        edit('wandb: ~', 'wandb: {project: x}'),
        'use_tb_logger: true, or wandb: ~',
        remedy=edit('wandb: {project: x}', 'wandb: ~'),
    ),
    bad(
        'prefetching for a GPU',
        TRAIN,
        edit('prefetch_mode: ~', 'prefetch_mode: cuda\n    pin_memory: true'),
        'torch finds none',
        'prefetch_mode: cpu',
        remedy=edit('mode: cuda', 'mode: cpu'),
    ),
    bad(
        'a GPU that is not there',
        TRAIN,
        edit('num_gpu: 0', 'num_gpu: 1'),
        'more GPUs than torch finds',
        'num_gpu: 0',
        remedy=edit('num_gpu: 1', 'num_gpu: 0'),
    ),
    bad(
        'no workers to persist',
        TRAIN,
        edit('prefetch_mode: ~', 'persistent_workers: true'),
        'persistent_workers: false',
        remedy=edit('workers: true', 'workers: false'),
    ),
    bad(
        'no size of crops',
        TRAIN,
        edit('gt_size: 32\n', 'gt_size: ~\n'),
        'gt_size has no value',
        remedy=edit('gt_size: ~', 'gt_size: 32'),
    ),
    bad('no key for the size of crops', TRAIN, edit('    gt_size: 32\n', ''), "The option 'gt_size' is missing"),
    bad('no flips', TRAIN, all_of(STOCK, edit('    use_hflip: true\n', '')), "The option 'use_hflip' is missing"),
    bad(
        'no suffix',
        TEST,
        edit('save_img: false', 'save_img: true', 'test.yml'),
        "The option 'val.suffix' is missing",
        'suffix: ~',
        remedy=edit('save_img: true', 'save_img: true, suffix: ~', 'test.yml'),
    ),
    bad(
        'torchrun left out',
        TRAIN + ' --launcher pytorch',
        nothing,
        'processes that torchrun starts',
        '--nproc_per_node',
    ),
    bad('srun left out', TRAIN + ' --launcher slurm', nothing, 'processes that srun starts'),
    # ------------------------------------------------------------------ LMDBs and difficulty in training
    bad('an empty LMDB', TRAIN, cut(DATA, 0.0), 'The LMDB is damaged'),
    bad('an LMDB cut short', TRAIN, cut(DATA), 'The LMDB is cut short', 'delete that folder and make it again'),
    bad('an LMDB cut short in a worker', TRAIN, all_of(WORKERS, cut(DATA)), 'The LMDB is cut short'),
    bad('an LMDB cut short in scoring', SCORE, cut(DATA), 'The LMDB is cut short'),
    bad('an LMDB cut short in a stock data set', TRAIN, all_of(STOCK_LMDB, cut(DATA)), 'The LMDB is cut short'),
    bad('an LMDB cut short, looked at deeply', 'basicsr check --deep train.yml', cut(DATA), 'The LMDB is cut short'),
    bad('an LMDB cut short that is completed', LMDB_THERE, cut(DATA), 'The LMDB is cut short'),
    bad('an LMDB cut short in RFS', RFS, all_of(RFS_OF_LMDB, cut(DATA)), 'The LMDB is cut short'),
    bad('a file of another kind as LMDB', TRAIN, write(DATA, bytes(9000)), 'The LMDB is damaged'),
    bad('records that are no images', TRAIN, records(b'no image'), 'is damaged or not an image', 'make it again'),
    bad(
        'records that lie about their size',
        TRAIN,
        records(lying_png()),
        'declares a size that its data cannot fill',
        '30000 x 30000',
    ),
    bad(
        'a name out of the folder in meta_info',
        TRAIN,
        write(META, '../../a.png (32,32,3) 1\n'),
        'A name leads out of its folder',
        'meta_info.txt:1',
    ),
    bad(
        'an absolute name in meta_info',
        TRAIN,
        write(META, '/etc/a.png (32,32,3) 1\n'),
        'A name leads out of its folder',
    ),
    bad(
        'a name out of the folder in a list of images',
        TRAIN,
        all_of(LIST, write('list.txt', '0000.png (64,64,3)\n../HR/0001.png (64,64,3)\n')),
        'A name leads out of',
        'list.txt:2',
    ),
    bad('an empty meta_info', SCORE, write(META, ''), 'lists no key'),
    bad('LMDBs that do not pair', TRAIN, write(META, ''), '16 LR images have no HR image'),
    bad(
        'a name out of the folder in scoring',
        SCORE,
        write(META, '../../a.png (32,32,3) 1\n'),
        'A name leads out of its folder',
        'meta_info.txt:1',
    ),
    bad(
        'stale difficulty',
        TRAIN,
        edit('manifest_sha256=', 'manifest_sha256=0', DIFFICULTY),
        'a different LMDB',
        'score --hr-lmdb',
    ),
    bad('difficulty without header', TRAIN, edit('# scorer', 'scorer', DIFFICULTY), 'header of the difficulty file'),
    bad('difficulty of another scale', TRAIN, edit('scale=2', 'scale=4', DIFFICULTY), 'scored at a different scale'),
    bad('difficulty cut short', TRAIN, cut(DIFFICULTY), 'difficulty file'),
    bad('difficulty that is NaN', TRAIN, edit('0000_s001 ', '0000_s001 nan\n0 ', DIFFICULTY), 'difficulty file'),
    bad(
        'difficulty of other images',
        TRAIN,
        edit('0000_s001', '0000_s009', DIFFICULTY),
        'are not those of the LMDB',
        '0000_s001',
    ),
    bad('a list with a blank line', TRAIN, all_of(LIST, write('list.txt', '0000.png\n\n')), 'Line 2', 'list.txt:2'),
    bad('a list in UTF-16', TRAIN, all_of(LIST, write('list.txt', '0.png'.encode('utf-16'))), 'not plain UTF-8 text'),
    bad(
        'a list of absent images',
        TRAIN,
        all_of(LIST, write('list.txt', '0.png\n')),
        '1 image that is not there, of 1',
        'list.txt:1: 0.png',
    ),
    bad('a file that is no image', TRAIN, write('data/HR/Thumbs.db', 'no'), '1 is none', 'Thumbs.db', 'move them away'),
    bad('a list in RFS', RFS, all_of(RFS_SET, LIST, write('list.txt', '0000.png\n\n')), 'Line 2', 'list.txt:2'),
    bad('images that do not pair in RFS', RFS, all_of(RFS_SET, remove('data/LR/0001.png')), 'do not pair'),
    bad('images that do not pair in sigma', SIGMA, remove('data/LR/0001.png'), 'do not pair'),
    # ------------------------------------------------------------------ images of BasicSR's own data sets
    bad('an image cut short in training', TRAIN, all_hr(cut), 'data/HR/000', 'is damaged or not an image'),
    bad('an image cut short in a worker', TRAIN, all_of(WORKERS, all_hr(cut)), 'is damaged or not an image'),
    bad('an image that lies in training', TRAIN, all_hr(write, LYING), 'data/HR/0000.png 30000 x 30000'),
    bad('an image cut short in a test', TEST, all_hr(cut), 'data/HR/000', 'is damaged'),
    bad('an image of a single set cut short', TEST, all_of(SINGLE, all_hr(cut)), 'data/HR/0000.png is damaged'),
    bad('an image cut short in sigma', SIGMA, all_hr(cut), 'data/HR/000', 'is damaged'),
    # ------------------------------------------------------------------ tools/create_subimage_lmdb.py
    bad('no HR folder', LMDB.replace('data/HR', 'HR'), nothing, 'no folder HR'),
    bad('no images', LMDB.replace('data/HR', 'sub'), nothing, 'no image in folder sub', 'HR_sub.lmdb'),
    bad('LR upside down', LMDB, turned, 'is its HR image turned by 180 degrees', 'omit --lr'),
    bad('LR upside down, looked at deeply', 'basicsr check --deep train.yml', turned, 'LR images are their HR images'),
    bad('HR without LR', LMDB, remove('data/LR/0002.png'), 'do not pair by name', '0002.png'),
    bad('LR without HR', LMDB, remove('data/HR/0001.png'), 'do not pair by name', '0001.png'),
    bad('LR of another size', LMDB, image('data/LR/0001.png', 16, 16), '0001.png'),
    bad('an image that is text', LMDB, write('data/HR/0001.png', 'text'), '0001.png is damaged or not an image'),
    bad('an image cut short', LMDB, cut('data/HR/0001.png'), '0001.png is damaged or not an image'),
    bad('an empty image', LMDB, write('data/HR/0001.png', ''), '0001.png is damaged or not an image'),
    bad('an image that lies about its size', LMDB, write('data/HR/0001.png', lying_png()), 'declares a size'),
    bad('an image of 16 bit', LMDB, image('data/HR/0001.png', 64, 64, 'uint16'), 'more than 8 bits'),
    bad('a name that is no key', LMDB, copy('data/HR/0001.png', 'data/HR/\u00e4.png'), 'cannot be an LMDB key'),
    bad('no threads', LMDB + ' --workers 0', nothing, '--workers must be at least 1'),
    bad('a step of zero', LMDB.replace('--step 32', '--step 0'), nothing, 'step'),
    bad('a window that scale does not divide', LMDB.replace('--crop 32', '--crop 33'), nothing, 'crop'),
    bad('a template without braces', LMDB + ' --lr-template x4', nothing, 'must contain {} exactly once'),
    bad('a factor above one', LMDB + ' --factors 2', nothing, 'factor'),
    bad('unknown encoding', LMDB + ' --encoding gif', nothing, "invalid choice: 'gif'"),
    bad('a file as destination', LMDB.replace('--out new', '--out train.yml/x'), nothing, 'cannot be created'),
    bad('another LMDB as destination', LMDB.replace('--out new', '--out sub') + ' --thresh 6', nothing, 'HR_sub.lmdb'),
    # ------------------------------------------------------------------ tools/score_difficulty.py
    bad(
        'LMDBs exchanged',
        SCORE.replace('hr-lmdb', 'x').replace('lr-lmdb', 'hr-lmdb').replace('--x', '--lr-lmdb'),
        nothing,
        'swap them',
    ),
    bad('LMDB of another scale', SCORE.replace('--scale 2', '--scale 4'), nothing, 'made for another scale'),
    bad('no LMDB', SCORE.replace('HR_sub', 'none'), nothing, 'no LMDB folder'),
    bad('whole images without a manifest', SCORE + ' --whole-image', remove(MANIFEST), 'score without --whole-image'),
    bad('a manifest without windows', SCORE, edit('"crop"', '"crap"', MANIFEST), "wrong entry 'crop'"),
    bad(
        'a manifest with text for a number', SCORE, edit('"mod": ', '"mod": "2", "x": ', MANIFEST), "wrong entry 'mod'"
    ),
    bad('a manifest of other windows', SCORE, edit('"step": ', '"step": 1', MANIFEST), 'cut by different windows'),
    bad('a manifest in training', TRAIN, edit('"crop": ', '"crop": [], "x": ', LR_MANIFEST), "wrong entry 'crop'"),
    bad('a manifest that is no JSON', SCORE, write(MANIFEST, '{'), 'cannot be read as JSON'),
    bad('a manifest of another tool', SCORE, write(MANIFEST, '{"format": 9}'), 'format 1'),
    bad(
        'a manifest that names files elsewhere',
        SCORE,
        edit('"0000.png"', '"../../0000.png"', MANIFEST),
        'A name leads out of its folder',
    ),
    bad('records of scoring that are no images', SCORE, records(b'no image'), 'is damaged or not an image'),
    bad('records of scoring that lie', SCORE, records(lying_png()), 'declares a size that its data cannot fill'),
    bad('a batch of none', SCORE + ' --batch 0', nothing, 'The batch must be at least 1'),
    bad('unknown device', SCORE + ' --device gpu7', nothing, "The device 'gpu7' cannot be used"),
    bad('weights without option file', SCORE + ' --weights a.pth', nothing, '--opt and --weights together'),
    bad('scoring weights cut short', NET, cut(WEIGHTS), 'The weights of the network cannot be read'),
    bad('hostile scoring weights', NET, hostile(WEIGHTS), 'The weights of the network cannot be read'),
    bad(
        'weights that are not finite',
        TEST,
        all_of(repack('nan.pth', lambda net: {'params': {key: value / 0 for key, value in net.items()}}), POINT_TO_NAN),
        'The weights are not finite',
        'infinity in',
    ),
    bad(
        'a training without a loss',
        'basicsr train -opt train.yml',
        all_of(
            edit('model_type: BSPAModel', 'model_type: RebalancedSRModel'),
            edit('    inverse: {type: InverseSampledLMDBDataset, dataroot_gt: sub/HR_sub.lmdb, ', '    # '),
            edit('              num_classes: 3, imbalance_factor: 2, gt_size: 32}', ''),
            edit('  bspa:', '  # '),
            edit('  pixel_opt: {type: L1Loss, loss_weight: 1.0, reduction: mean}', '  pixel_opt: ~'),
        ),
        'There is no loss to train with',
        remedy=edit('pixel_opt: ~', 'pixel_opt: {type: L1Loss, loss_weight: 1.0, reduction: mean}'),
    ),
    bad(
        'an augmentation that is none',
        TRAIN,
        edit('  pixel_opt', '  augment: {type: Cutblurr}\n  pixel_opt'),
        "no augmentation named 'Cutblurr'",
        "did you mean 'CutBlur'?",
        remedy=edit('Cutblurr', 'CutBlur'),
    ),
    bad(
        'a mixture of normalised colours',
        TRAIN,
        all_of(
            edit('  pixel_opt', '  augment: {type: MoA, ops: [Blend, CutMix]}\n  pixel_opt'),
            edit('    gt_size', '    mean: [0.5, 0.5, 0.5]\n    std: [1, 1, 1]\n    gt_size'),
        ),
        'Blend needs colours as they are',
        'ops: [CutMix]',
        remedy=edit('ops: [Blend, CutMix]', 'ops: [CutMix]'),
    ),
    bad('weights of another network', NET, edit('d: 4', 'd: 5'), 'The weights do not fit the network', 'other shapes'),
    bad('a file without weights', NET, weights(WEIGHTS, {'epoch': 3}), 'holds no state dict', 'epoch'),
    bad(
        'scoring option file with a tag',
        NET,
        edit('d: 4', "d: !!python/object/apply:os.mkdir ['executed']"),
        'The option file of the network cannot be read',
    ),
    bad('scoring option file without network', NET, edit('network_g:', 'network_x:'), 'has no network to run'),
    # ------------------------------------------------------------------ arguments without effect
    bad('a batch of whole images', SCORE + ' --whole-image --batch 4', nothing, '--batch would have no effect with'),
    bad('a template of no LR', LMDB.replace(' --lr data/LR', '') + ' --lr-template {}x2', nothing, 'without --lr'),
    bad('a place for no figures', 'basicsr rfs -opt train.yml --no-pictures --out a', nothing, '--out would have no'),
    bad('a list that replaces', 'basicsr option --list --force', nothing, '--force would have no effect with --list'),
    bad('a list in a file', 'basicsr option --list --out a.yml', nothing, '--out would have no effect with --list'),
    bad('a comparison that replaces', 'basicsr option --check --force', nothing, '--force would have no effect'),
    bad(
        'a print that replaces',
        'basicsr option --net EDSR --method fpl --scale 4 --out - --force',
        nothing,
        '--force would have no effect with --out -',
    ),
    bad('a test that resumes', 'basicsr check --test --auto_resume test.yml', nothing, '--auto_resume would have no'),
    # ------------------------------------------------------------------ the other tools
    bad('unknown template network', 'make_option --net EDSSR --method fpl --scale 4 --out -', nothing, 'EDSSR'),
    bad('unknown template method', 'make_option --net EDSR --method flp --scale 4 --out -', nothing, 'flp'),
    bad('a template of half', 'make_option --net EDSR', nothing, 'are needed'),
    bad('a template over a file', 'make_option --net EDSR --method fpl --scale 4 --out train.yml', nothing, '--force'),
    bad('sigma of weights cut short', SIGMA, cut(WEIGHTS), 'net_g_4.pth'),
    bad('sigma of hostile weights', SIGMA, hostile(WEIGHTS), 'net_g_4.pth'),
]
