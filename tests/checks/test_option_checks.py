"""The check of an option file: each fault found, at its line, with the closest name or the command that mends it."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from typing import Callable, List

import pytest

from bsr_plugins.checks.option_checks import check_options
from bsr_plugins.common.commands import program
from bsr_plugins.common.findings import ERROR, WARNING, Finding, errors_in
from bsr_plugins.options.forced_options import apply_force_yml
from bsr_plugins.options.option_file import read_option_file
from option_files import TRAIN, changed, write_pairs

TEST = """\
name: ESRGAN
model_type: ESRGANModel
scale: 4
num_gpu: 1
datasets:
  test_1:
    name: Set5
    type: SingleImageDataset
    dataroot_lq: data/LR
    io_backend: {type: disk}
  val_x:
    name: Set14
    type: PairedImageDataset
    dataroot_gt: data/HR
    dataroot_lq: data/LR
    io_backend: {type: disk}
network_g: {type: RRDBNet, num_in_ch: 3, num_out_ch: 3}
path: {pretrain_network_g: data/net.pth, resume_state: absent.state}
val: {save_img: true}
"""
Checker = Callable[..., List[Finding]]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checker:
    """Return check(text, forced, ...): the findings in a working directory with data/HR, data/LR, data/net.pth."""
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path / 'data', 16)  # a whole batch
    (tmp_path / 'data' / 'net.pth').write_bytes(b'x')

    def run(text: str, *forced: str, is_train: bool = True, auto_resume: bool = False) -> List[Finding]:
        Path('x.yml').write_text(text)
        option_file = apply_force_yml(read_option_file('x.yml'), forced)
        return check_options(option_file, tmp_path, is_train, auto_resume)

    return run


def test_right_files_have_no_findings(check: Checker) -> None:
    assert check(TRAIN) == []
    assert check(TEST, is_train=False) == []


@pytest.mark.parametrize(
    ('old', 'new', 'problem', 'where', 'more'),
    [
        # required keys
        ('name: EDSR\n', '', "The key 'name' is missing", 'x.yml: name', ''),
        ('name: EDSR', 'name: 12', "'name' has the wrong kind", 'x.yml:1: name', 'text'),
        (
            'num_gpu: auto',
            'num_gpu: all',
            "'num_gpu' has the wrong kind",
            'x.yml:4: num_gpu',
            "0 for the CPU, or 'auto'",
        ),
        ('num_gpu: auto', 'num_gpu: -1', "'num_gpu' has the wrong kind", 'x.yml:4: num_gpu', '-1'),
        ('model_type: SRModel\n', '', 'The type of the model is missing', 'x.yml: model_type', ''),
        ('  total_iter: 300000\n', '', "'train.total_iter' is missing", 'x.yml:28: train.total_iter', ''),
        ('    batch_size_per_gpu: 16\n', '', "'datasets.train.batch_size_per_gpu' is missing", 'x.yml:6: ', ''),
        ('batch_size_per_gpu: 16', 'batch_size_per_gpu: 1.5', 'has the wrong kind', 'x.yml:14: ', 'a whole number'),
        ('  print_freq: 100\n', '', "'logger.print_freq' is missing", 'x.yml:45: logger.print_freq', ''),
        ('  save_img: false\n', '', "'val.save_img' is missing", 'x.yml:38: val.save_img', ''),
        ('    name: Set5\n', '', "'datasets.val.name' is missing", 'x.yml:15: datasets.val.name', ''),
        ('scale: 4\n', '', "The key 'scale' is missing", 'x.yml: scale', ''),
        ('    lr: !!float 1e-4\n', '', "'train.optim_g.lr' is missing", 'x.yml:29: train.optim_g.lr', ''),
        (
            '  scheduler:\n    type: MultiStepLR\n    milestones: [200000]\n',
            '',
            "'train.scheduler' is missing",
            'x.yml:28: train.scheduler',
            '',
        ),
        ('  val:\n', '  vall:\n', "phase 'vall' is unknown", 'x.yml:15: datasets.vall', 'train or val or val_2'),
        ('  val:\n', '  train_2:\n', "phase 'train_2' is unknown", 'x.yml:15: ', ''),
        # names
        ('SRModel', 'SRModle', "There is no model named 'SRModle'", 'x.yml:2: model_type', "did you mean 'SRModel'?"),
        (
            'type: PairedImageDataset',
            'type: PairedImagesDataset',
            'no data set named',
            'x.yml:8: datasets.train.type',
            "did you mean 'PairedImageDataset'?",
        ),
        ('  type: EDSR', '  type: edsr', "There is no network named 'edsr'", 'x.yml:22: network_g.type', "'EDSR'?"),
        ('L1Loss', 'L1_Loss', "There is no loss named 'L1_Loss'", 'x.yml:37: train.pixel_opt.type', "'L1Loss'?"),
        ('calculate_psnr', 'psnr', "There is no metric named 'psnr'", 'x.yml:43: val.metrics.psnr.type', ''),
        ('type: Adam', 'type: Adan', "There is no optimizer named 'Adan'", 'x.yml:30: train.optim_g.type', "'Adam'?"),
        (
            'MultiStepLR',
            'StepLR',
            "There is no scheduler named 'StepLR'",
            'x.yml:33: train.scheduler.type',
            'one of CosineAnnealingRestartLR, MultiStepLR, MultiStepRestartLR',
        ),
        ('    type: L1Loss\n', '    type: ~\n', 'The type of the loss is missing', 'x.yml:37: ', ''),
        ('type: L1Loss', 'type: [L1Loss]', 'The type of the loss is not a name', 'x.yml:37: ', "['L1Loss']"),
        (
            'SRModel',
            'SRModel_basicsr',
            "no model named 'SRModel_basicsr'",
            'x.yml:2: ',
            'write SRModel. BasicSR prints',
        ),
        ('SRModel', 'BSPAModle_bsrp', "no model named 'BSPAModle_bsrp'", 'x.yml:2: ', "did you mean 'BSPAModel_bsrp'?"),
        ('SRModel', 'BSPAModle', "no model named 'BSPAModle'", 'x.yml:2: ', "did you mean 'BSPAModel'?"),
        (
            '  type: EDSR\n  num_in_ch: 3\n  num_out_ch: 3',
            '  type: BicubicResidual\n  upscale: 4\n  base: {type: FSRCN}',
            "no network named 'FSRCN'",
            'x.yml:24: network_g.base.type',
            "did you mean 'FSRCNN'?",
        ),
        # data
        ('gt_size: 192', 'gt_size: 190', 'gt_size is not a multiple of scale', 'x.yml:12: ', 'gt_size: 188 or 192'),
        ('dataroot_gt: data/HR', 'dataroot_gt: data/HRR', 'The folder does not exist: data/HRR', 'x.yml:9: ', ''),
        ('dataroot_gt: data/HR', 'dataroot_gt: data/net.pth', 'The folder is a file', 'x.yml:9: ', ''),
        ('    dataroot_lq: data/LR\n', '', "'datasets.train.dataroot_lq' is missing", 'x.yml:6: ', ''),
        ('    gt_size: 192', '    meta_info_file: data/m.txt', 'The file does not exist: data/m.txt', 'x.yml:12: ', ''),
        (
            '{type: disk}',
            '{type: lmdb}',
            "io_backend is 'lmdb', the data roots are not",
            'x.yml:11: ',
            'data/HR, data/LR',
        ),
        ('    io_backend: {type: disk}\n', '', "'datasets.train.io_backend.type' is missing", 'x.yml:6: ', ''),
        (
            'pretrain_network_g: ~',
            'pretrain_network_g: data/ne.pth',
            'The file does not exist: data/ne.pth',
            'x.yml:26: ',
            "data/net.pth'?",
        ),
        (
            'resume_state: ~',
            'resume_state: 5.state',
            'The file does not exist: 5.state',
            'x.yml:27: ',
            'working directory',
        ),
        (
            'type: EDSR\n  num_in_ch: 3\n  num_out_ch: 3',
            'type: BasicVSR\n  spynet_path: a/spy.pth',
            'The file does not exist: a/spy.pth',
            'x.yml:23: ',
            'a in it does not',
        ),
    ],
)
def test_one_fault_gives_one_error(
    check: Checker, tmp_path: Path, old: str, new: str, problem: str, where: str, more: str
) -> None:
    findings = check(changed(TRAIN, old, new))
    assert len(findings) == 1, '\n'.join(map(str, findings))
    message = str(findings[0])
    assert message.startswith('error: ')
    assert problem in message and where in message and more in message


@pytest.mark.parametrize(
    'name',
    [
        'SRModel',
        'RebalancedSRModel',
        'RebalancedSRModel_bsrp',
        'RealESRGANModel',
        'RealESRGANModel_basicsr',
        'SwinIRModel',
    ],
)
def test_accepted_model_names(check: Checker, name: str) -> None:
    assert check(changed(TRAIN, 'SRModel', name)) == []


def test_all_missing_paths_at_once(check: Checker) -> None:
    text = TRAIN.replace('data/', 'gone/').replace('pretrain_network_g: ~', 'pretrain_network_g: gone/net.pth')
    findings = check(text)
    assert [finding.where.split(': ')[1] for finding in findings] == [
        'datasets.train.dataroot_gt',
        'datasets.train.dataroot_lq',
        'datasets.val.dataroot_gt',
        'datasets.val.dataroot_lq',
        'path.pretrain_network_g',
    ]
    assert {finding.severity for finding in findings} == {ERROR}


def test_empty_folder_and_incomplete_lmdb(check: Checker, tmp_path: Path) -> None:
    (tmp_path / 'data' / 'empty').mkdir()
    (tmp_path / 'data' / 'half.lmdb').mkdir()
    (tmp_path / 'data' / 'half.lmdb' / 'data.mdb').write_bytes(b'x')
    assert 'The folder is empty: data/empty' in str(check(changed(TRAIN, 'data/HR', 'data/empty'))[0])
    text = changed(changed(changed(TRAIN, 'data/HR', 'data/half.lmdb'), 'data/LR', 'data/half.lmdb'), 'disk', 'lmdb')
    findings = check(text)
    assert 'The LMDB is incomplete, it lacks meta_info.txt: data/half.lmdb' in str(findings[0])
    assert len(findings) == 2


def test_resuming_needs_no_pretrained_weights(check: Checker, tmp_path: Path) -> None:
    text = changed(TRAIN, 'pretrain_network_g: ~', 'pretrain_network_g: gone.pth')
    assert len(check(text, auto_resume=True)) == 1
    states = tmp_path / 'experiments' / 'EDSR' / 'training_states'
    states.mkdir(parents=True)
    (states / '8.state').write_bytes(b'x')
    assert check(text, auto_resume=True) == []
    assert len(check(text)) == 1


def test_a_test_does_not_look_at_what_it_does_not_read(check: Checker) -> None:
    assert [each.problem for each in check(TEST)] == ['This is a test file: nothing in it can be trained']
    text = TEST + 'train: {optim_g: {type: Nothing}, pixel_opt: {type: Nothing}}\nnetwork_d: {type: Nothing}\n'
    assert check(text, is_train=False) == []
    assert 'data/net.pht' in str(check(changed(TEST, 'net.pth', 'net.pht'), is_train=False)[0])


def test_a_test_of_the_training_set_is_said(check: Checker) -> None:
    text = changed(TRAIN, 'pretrain_network_g: ~', 'pretrain_network_g: data/net.pth')
    findings = [str(each) for each in check(text, is_train=False) if 'tested too, on random crops' in each.problem]
    assert len(findings) == 1 and 'datasets.train' in findings[0] and 'option --net NET --test' in findings[0]
    assert not any('tested too' in each.problem for each in check(text))


@pytest.mark.parametrize(
    ('old', 'new', 'problem'),
    [
        ('val: {save_img: true}\n', '', "The key 'val' is missing"),
        ('  test_1:', '  tset_1:', "The data set phase 'tset_1' is unknown"),
        ('{type: RRDBNet,', '{type: RRDBNett,', "There is no network named 'RRDBNett'"),
    ],
)
def test_faults_of_test_files(check: Checker, old: str, new: str, problem: str) -> None:
    findings = check(changed(TEST, old, new), is_train=False)
    assert len(findings) == 1 and problem in str(findings[0])


@pytest.mark.parametrize(
    ('old', 'new', 'key', 'remedy'),
    [
        ('lr: !!float 1e-4', 'lr: 1e-4', 'train.optim_g.lr', 'lr: !!float 1e-4 (YAML reads 1e-4 as text)'),
        ('val_freq: !!float 5e3', 'val_freq: 5e3', 'val.val_freq', 'val_freq: !!float 5e3 (YAML reads 5e3 as text)'),
        ('milestones: [200000]', 'milestones: [2e5]', 'train.scheduler.milestones', 'write 2e5 as a plain number'),
    ],
)
def test_numbers_that_are_text_stop_where_a_number_is_needed(
    check: Checker, old: str, new: str, key: str, remedy: str
) -> None:
    findings = check(changed(TRAIN, old, new))
    assert len(findings) == 1 and findings[0].severity == ERROR
    assert findings[0].problem == f"The value of '{key}' is wrong" and findings[0].remedy == remedy


def test_other_numbers_that_are_text_warn(check: Checker) -> None:
    findings = check(changed(TRAIN, '  num_out_ch: 3', '  num_out_ch: 3\n  rgb_mean: [4e-1, 0, 0]'))
    assert len(findings) == 1 and findings[0].severity == WARNING and errors_in(findings) == []
    assert 'is read as text, not as a number' in str(findings[0])
    assert '!!float' in findings[0].remedy


def test_quoted_numbers_do_not_warn_and_forced_ones_do(check: Checker) -> None:
    assert check(changed(TRAIN, 'name: EDSR', "name: '1e-4'")) == []
    assert 'where:    --force_yml: train.optim_g.lr' in str(check(TRAIN, 'train:optim_g:lr=1e-4')[0])


def test_errors_come_first(check: Checker) -> None:
    findings = check(changed(changed(TRAIN, 'gt_size: 192', 'gt_size: 192\n    use_shuffle: true'), 'data/HR', 'gone'))
    assert [finding.severity for finding in findings] == [ERROR, WARNING]


def test_sections_of_the_wrong_kind(check: Checker) -> None:
    findings = check(
        'name: x\nmodel_type: SRModel\nnum_gpu: 0\ndatasets: 3\nnetwork_g: EDSR\npath: []\ntrain: ~\n'
        'val: 1\nlogger: {}\n'
    )
    shown = '\n'.join(map(str, findings))
    for key in ('datasets', 'network_g', 'path'):
        assert f"The value of '{key}' has the wrong kind" in shown
    assert "The key 'train' is missing" in shown and 'logger.print_freq' in shown
    assert "The value of 'val' has the wrong kind" in shown


def test_a_taken_name_warns(check: Checker, tmp_path: Path) -> None:
    folder = tmp_path / 'hat' / 'archs'
    folder.mkdir(parents=True)
    (folder / 'a_arch.py').write_text(
        '@ARCH_REGISTRY.register()\nclass FSRCNN: pass\n@ARCH_REGISTRY.register()\nclass HAT: pass\n'
    )
    network = '  type: EDSR\n  num_in_ch: 3\n  num_out_ch: 3'
    taken = check(changed(TRAIN, network, '  type: FSRCNN'))
    assert [finding.severity for finding in taken] == [WARNING]
    assert "'FSRCNN' is not the pack's: the name is taken" in str(taken[0])
    assert str(folder / 'a_arch.py') in str(taken[0]) and 'write FSRCNN_bsrp' in str(taken[0])
    assert check(changed(TRAIN, network, '  type: FSRCNN_bsrp')) == []
    own = check(changed(TRAIN, network, '  type: HAT'))
    assert [finding.severity for finding in own] == [WARNING]
    assert "belongs to a package that basicsr's own script does not import" in str(own[0])


def test_a_checkout_brings_its_own_names(check: Checker, tmp_path: Path) -> None:
    package = tmp_path / 'basicsr'
    (package / 'utils').mkdir(parents=True)
    (package / 'train.py').write_text('')
    (package / 'models.py').write_text(
        '@MODEL_REGISTRY.register()\nclass DATModel:\n  def __init__(self, opt):\n'
        '    self.net_g = build_network(opt["network_g"])\n  def get_optimizer(self, optim_type):\n'
        '    return optim_type == "Lion"\n@DATASET_REGISTRY.register()\nclass PairedImageDataset: pass\n'
    )
    # Without registries, as before BasicSR 1.3, names are those of the modules.
    assert "There is no model named 'Any'" in str(check(changed(TRAIN, 'SRModel', 'Any'))[0])
    (package / 'utils' / 'registry.py').write_text('')
    findings = check(changed(TRAIN, 'SRModel', 'DATModel'))
    shown = '\n'.join(map(str, findings))
    assert "no network named 'EDSR'" in shown and "no optimizer named 'Adam'" in shown and 'one of Lion' in shown
    assert 'data set' not in shown and 'no model' not in shown


def test_bspa_file_prints_the_commands_that_make_its_data(check: Checker) -> None:
    text = changed(
        TRAIN,
        '    num_worker_per_gpu: 6\n',
        """\
    num_worker_per_gpu: 6
    inverse:
      type: InverseSampledLMDBDataset
      dataroot_gt: data/sub/HR_sub.lmdb
      dataroot_lq: data/sub/LR_sub_x4.lmdb
      io_backend: {type: lmdb}
""",
    ).replace('SRModel', 'BSPAModel')
    findings = errors_in(check(text))
    assert [(finding.where, finding.remedy) for finding in findings] == [
        (
            'x.yml:16: datasets.train.inverse.dataroot_gt',
            f'{program()} subimages --hr data/HR --lr data/LR --scale 4 --out data/sub',
        ),
        ('x.yml:17: datasets.train.inverse.dataroot_lq', 'the command above makes it too'),
        (
            'x.yml:14: datasets.train.inverse.difficulty',
            f'{program()} score --hr-lmdb data/sub/HR_sub.lmdb --lr-lmdb data/sub/LR_sub_x4.lmdb --scale 4',
        ),
    ]


def test_checking_is_quick_and_imports_nothing_heavy(check: Checker, tmp_path: Path) -> None:
    write_pairs(tmp_path / 'val', 2, side=200)
    training, _, validation = TRAIN.partition('  val:\n')
    check(f'{training}  val:\n{validation.replace("data/", "val/")}')
    script = (
        'import sys; from pathlib import Path; from bsr_plugins.checks.option_checks import check_options; '
        'from bsr_plugins.options.option_file import read_option_file; '
        'print(check_options(read_option_file("x.yml"), Path.cwd(), True)); '
        'print({"torch", "basicsr", "cv2", "numpy"} & set(sys.modules))'
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, '-c', script], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == '[]\nset()\n', done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Of the processor, not of the clock: other tests may share it.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2
