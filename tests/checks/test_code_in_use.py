"""Which code a run with an option file reaches, and what it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Optional

import pytest

from bsr_plugins.checks.code_in_use import CodeInUse
from bsr_plugins.checks.type_checks import choice_for, known_names
from bsr_plugins.host.source_names import basicsr_folder
from bsr_plugins.options.option_file import read_option_file
from option_files import TRAIN, changed


@pytest.fixture(scope='module')
def stock(tmp_path_factory: pytest.TempPathFactory) -> CodeInUse:
    return code_in_use(tmp_path_factory.mktemp('stock'), TRAIN)


def code_in_use(root: Path, text: str, files: Optional[Dict[str, str]] = None) -> CodeInUse:
    for name, content in (files or {}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    (root / 'x.yml').write_text(text)
    option_file = read_option_file(root / 'x.yml')
    names = known_names(root, choice_for(option_file, root, 'train'))
    return CodeInUse(option_file, names, basicsr_folder(root), root)


def test_what_scripts_read(stock: CodeInUse) -> None:
    assert stock.scripts_are_known
    for key in (
        'name',
        'manual_seed',
        'train.total_iter',
        'train.warmup_iter',
        'val.val_freq',
        'logger.wandb.project',
        'datasets.train.prefetch_mode',
        'datasets.val_2.name',
        'path.resume_state',
        'dist_params.port',
        'model_type',
        'scale',
    ):
        assert stock.scripts.reads(tuple(key.split('.'))), key
    for key in ('anything', 'path.anything', 'datasets.train.use_shuffle', 'train.ema_decay'):
        assert not stock.scripts.reads(tuple(key.split('.'))), key


@pytest.mark.parametrize(
    ('model', 'key', 'read'),
    [
        ('SRModel', 'train.ema_decay', True),
        ('SRModel', 'train.gan_opt', False),
        ('ESRGANModel', 'train.gan_opt', True),
        ('SRModel', 'val.metrics.psnr.better', True),
        ('RealESRGANModel', 'queue_size', True),
        ('RealESRGANModel_basicsr', 'jpeg_range2', True),
        ('SRModel', 'queue_size', False),
    ],
)
def test_what_models_read(stock: CodeInUse, model: str, key: str, read: bool) -> None:
    assert stock.reads(model).reads(tuple(key.split('.'))) is read


def test_what_data_sets_read(stock: CodeInUse) -> None:
    reads = stock.reads_of_dataset('PairedImageDataset')
    assert {'gt_size', 'filename_tmpl', 'meta_info_file', 'color', 'mean'} <= reads.names_below(())
    assert stock.reads_of_dataset('Nothing') is None
    assert stock.pairs_as_upstream()


@pytest.mark.parametrize(
    ('kind', 'name', 'has', 'lacks'),
    [
        ('arch', 'EDSR', 'res_scale', 'window_size'),
        ('loss', 'L1Loss', 'reduction', 'gan_type'),
        ('metric', 'calculate_psnr', 'test_y_channel', 'img'),
        ('metric', 'calculate_psnr', 'better', 'img2'),
        ('optimizer', 'Adam', 'betas', 'params'),
        ('scheduler', 'MultiStepLR', 'milestones', 'optimizer'),
        ('scheduler', 'CosineAnnealingRestartLR', 'eta_min', 'gamma'),
    ],
)
def test_signatures(stock: CodeInUse, kind: str, name: str, has: str, lacks: str) -> None:
    signature = stock.signature(kind, name)
    assert has in signature.defaults and lacks not in signature.defaults


def test_of_unknown_names_nothing_is_known(stock: CodeInUse) -> None:
    assert stock.signature('arch', 'Nothing') is None and stock.signature('optimizer', 'Nothing') is None
    assert stock.reads('Nothing') is None


def test_a_project_may_bring_its_optimizer_and_its_reads(tmp_path: Path) -> None:
    code = code_in_use(
        tmp_path,
        changed(TRAIN, 'SRModel', 'OwnModel'),
        {
            'own/models/own_model.py': """
@MODEL_REGISTRY.register()
class OwnModel(SRModel):
    def get_optimizer(self, optim_type, params, lr, **kwargs):
        if optim_type == 'AdamW':
            return torch.optim.AdamW(params, lr, **kwargs)
        elif optim_type == 'Own':
            return OwnOptimizer(params, lr, **kwargs)
    def tile(self):
        return self.opt['tile']['size']
""",
            'own/utils/own.py': 'class OwnOptimizer:\n  def __init__(self, params, lr, depth=2): pass\n',
        },
    )
    assert 'amsgrad' in code.signature('optimizer', 'AdamW').defaults
    assert sorted(code.signature('optimizer', 'Own').defaults) == ['depth', 'lr']
    assert code.reads('OwnModel').reads(('tile', 'size')) and code.reads('OwnModel').reads(('train', 'ema_decay'))


def test_scripts_that_are_not_understood_are_no_ground_for_findings(tmp_path: Path) -> None:
    code = code_in_use(
        tmp_path, TRAIN, {'basicsr/train.py': 'from elsewhere import run\nrun()\n', 'basicsr/utils/registry.py': ''}
    )
    assert not code.scripts_are_known and code.reads('SRModel') is None


def test_folders_of_images_are_not_searched_for_source(tmp_path: Path) -> None:
    code = code_in_use(
        tmp_path, TRAIN, {'data/deep/inside/x.py': 'class Hidden: pass\n', 'models/a_model.py': 'class Here: pass\n'}
    )
    assert code.tree.find('Hidden') is None and code.tree.find('Here') is not None


@pytest.mark.parametrize(
    'old, new, is_upstreams',
    [
        ('input_folder, gt_folder = folders', 'input_folder, gt_folder = folders[:2]', False),
        ('Generate paired paths from folders.', 'Pairs of paths.', True),
    ],
)
def test_pairing_is_upstream_s_by_its_code(old: str, new: str, is_upstreams: bool, tmp_path: Path) -> None:
    stock = basicsr_folder(tmp_path)
    assert stock is not None
    names = ('data/paired_image_dataset.py', 'data/transforms.py', 'data/data_util.py', 'utils/registry.py')
    files = {f'basicsr/{name}': (stock / name).read_text() for name in names}
    assert old in files['basicsr/data/data_util.py']
    files['basicsr/data/data_util.py'] = files['basicsr/data/data_util.py'].replace(old, new)
    files['basicsr/train.py'] = ''
    assert code_in_use(tmp_path, TRAIN, files).pairs_as_upstream() is is_upstreams


@pytest.mark.parametrize(
    'body, gives',
    [
        ("return {'lq': 1, 'gt': 2}", True),
        ("return {'lq': 1, 'lq_path': 2}", False),
        ("return {**self.other[index], 'lq': 1}", None),
        ('return self.subset[index]', None),
    ],
)
def test_gt_is_missing_only_where_all_that_is_given_is_seen(body: str, gives: Optional[bool], tmp_path: Path) -> None:
    text = f'@DATASET_REGISTRY.register()\nclass OwnSet:\n  def __getitem__(self, index):\n    {body}\n'
    files = {'basicsr/train.py': '', 'basicsr/utils/registry.py': '', 'basicsr/data/own_dataset.py': text}
    assert code_in_use(tmp_path, TRAIN, files).gives_gt('OwnSet') is gives
