"""Names of a basicsr that looks them up in its modules, and the check of a file for it."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, List

import pytest

from bsr_plugins.checks.legacy_names import legacy_names
from bsr_plugins.common.findings import ERROR, WARNING, Finding
from option_files import changed

FILES = {
    'train.py': "def main():\n  opt = parse_options(is_train=True)\n  opt['name']; opt['train']['total_iter']\n"
    "  opt['num_gpu']; opt['path']; opt['logger']['print_freq']; opt['logger']['save_checkpoint_freq']\n"
    "  for phase, dataset_opt in opt['datasets'].items():\n    dataset_opt.get('mini_batch_sizes')\n"
    "    dataset_opt['batch_size_per_gpu']\n",
    'models/image_model.py': 'class ImageModel(BaseModel):\n  def setup(self):\n'
    "    define_network(self.opt['network_g'])\n"
    "    train_opt = self.opt['train']\n    optim_type = train_opt['optim_g'].pop('type')\n"
    '  def setup_optimizers(self):\n    if optim_type == "AdamW":\n'
    "      torch.optim.AdamW(params, **train_opt['optim_g'])\n"
    "  def f(self):\n    self.opt['network_g']; self.opt['model_type']\n"
    "    self.opt['train'].get('mixup'); self.opt['train']['scheduler']\n",
    'models/base_model.py': 'class BaseModel():\n  pass\n',
    'models/archs/restormer_arch.py': 'class Restormer(nn.Module):\n  def __init__(self, dim=48): pass\n',
    'models/losses/losses.py': 'class PSNRLoss(nn.Module):\n  def __init__(self, loss_weight=1.0): pass\n',
    'data/paired_image_dataset.py': 'class Dataset_PairedImage(data.Dataset):\n  def __init__(self, opt):\n'
    "    opt['gt_size']\n",
    'metrics/psnr_ssim.py': 'def calculate_psnr(img1, img2, crop_border, test_y_channel=False): pass\n',
}
TEXT = """\
name: Denoising
model_type: ImageModel
num_gpu: 1
datasets:
  train:
    name: DFWB
    type: Dataset_PairedImage
    gt_size: 384
    mini_batch_sizes: [8, 4]
    num_worker_per_gpu: 8
    batch_size_per_gpu: 8
network_g: {type: Restormer, dim: 48}
path: {}
train:
  total_iter: 300000
  mixup: true
  optim_g: {type: AdamW, lr: 0.1, weight_decay: 0.1}
  scheduler: {type: Any}
logger: {print_freq: 1, save_checkpoint_freq: 1}
"""


@pytest.fixture
def fork(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / 'basicsr' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_names(fork: Path) -> None:
    names = legacy_names(fork / 'basicsr')
    assert {kind: sorted(found) for kind, found in names.registered.items()} == {
        'model': ['BaseModel', 'ImageModel'],
        'arch': ['Restormer'],
        'loss': ['PSNRLoss'],
        'dataset': ['Dataset_PairedImage'],
        'metric': ['calculate_psnr'],
        'optimizer': ['AdamW'],
    }


@pytest.mark.parametrize(
    ('old', 'new', 'severity', 'words'),
    [
        ('name: Denoising', 'name: Denoising', None, ''),
        ('ImageModel', 'ImageModle', ERROR, "no model named 'ImageModle'"),
        ('Restormer', 'Restorner', ERROR, "no network named 'Restorner'"),
        ('Dataset_PairedImage', 'Dataset_PairedImages', ERROR, 'no data set named'),
        ('dim: 48', 'dim: 48, heads: 4', WARNING, "Restormer has no parameter 'heads'"),
        ('  mixup', '  mixpu', ERROR, "the key 'train.mixpu'"),
        ('    mini_batch_sizes', '    mini_batch_size', ERROR, "the key 'datasets.train.mini_batch_size'"),
        ('weight_decay', 'weigth_decay', ERROR, "AdamW has no parameter 'weigth_decay'"),
    ],
)
def test_a_file_for_it(
    fork: Path, check: Callable[..., List[Finding]], old: str, new: str, severity: str, words: str
) -> None:
    findings = [finding for finding in check(changed(TEXT, old, new)) if 'worker' not in finding.where]
    assert [finding.severity for finding in findings] == ([severity] if severity else []), findings
    assert all(words in finding.problem for finding in findings)


def test_the_packs_own_names_are_known_there_too(fork: Path, check: Callable[..., List[Finding]]) -> None:
    findings = check(changed(TEXT, 'type: Restormer, dim: 48', 'type: FSRCNN, upscale: 1, dim: 48'))
    assert [finding.problem for finding in findings if 'network' in finding.where] == [
        "The network FSRCNN has no option 'dim'"
    ]
