"""Option files of forks: what their code does in ways of its own is not called wrong, and what it reads is not dead."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, List, Optional

import pytest

from bsr_plugins.common.findings import ERROR, WARNING, Finding
from option_files import TRAIN, changed

Check = Callable[..., List[Finding]]

NO_NET = changed(TRAIN.replace('SRModel', 'OwnModel'), 'type: EDSR', 'type: x')
DEAD = changed(TRAIN, '  total_iter', '  ease: 1\n  total_iter')
THREE = 'type: Adam\n    betas: [0.9, 0.9, 0.9]\n'
SCRIPT = 'import own.classes\nfrom basicsr.train import train_pipeline\n'
HEAD = 'from basicsr.models.sr_model import SRModel\nfrom basicsr.models.base_model import BaseModel\n'
REGISTER = '@MODEL_REGISTRY.register()\n'
OWN = changed(TRAIN, 'SRModel', 'OwnModel')
METRIC = changed(OWN, 'calculate_psnr', 'lpips')
EXTRA = changed(OWN, 'scale: 4\n', 'scale: 4\nencoder: {type: Any, depth: {width: 3}}\n')
SETS = """\
@DATASET_REGISTRY.register()
class OneImage:
  def __init__(self, opt):
    self.paths = list(scandir(opt['dataroot_gt']))
    self.size = opt['gt_size']
"""
ONE_IMAGE = changed(changed(TRAIN, 'PairedImageDataset', 'OneImage'), 'dataroot_lq: data/LR', 'dataroot_lq: none')
ADAN = changed(TRAIN, 'type: Adam\n', 'type: Adan\n    betas: [0.9, 0.9, 0.9]\n')
ADAN_MODEL = """\
class Adan:
  def __init__(self, params, lr=1e-3, betas=(0.98, 0.92, 0.99)): pass
@MODEL_REGISTRY.register()
class OwnModel(SRModel):
  def get_optimizer(self, optim_type, params, lr, **kwargs):
    if optim_type == 'Adan':
      return Adan(params, lr, **kwargs)
    return super().get_optimizer(optim_type, params, lr, **kwargs)
"""


def model(bases: str, *lines: str) -> str:
    return f'{HEAD}{REGISTER}class OwnModel({bases}):\n  def __init__(self, opt):\n    ' + '\n    '.join(lines) + '\n'


BUILDS = "self.net_g = build_network(opt['network_g'])"


@pytest.mark.parametrize(
    'classes, text, problem',
    [
        # Metrics, losses and networks count as unknown only where they are looked up in BasicSR's registries.
        (model('BaseModel', BUILDS, "for each in opt['val']['metrics'].values(): pyiqa.create(each)"), METRIC, None),
        (model('SRModel', 'pass'), METRIC, "There is no metric named 'lpips'"),
        (model('BaseModel', "self.net_g = hub.load(opt['network_g']['type'])"), NO_NET, None),
        (model('BaseModel', BUILDS), NO_NET, "There is no network named 'x'"),
        # A section that nothing builds is a leftover, whatever stands in it.
        (model('SRModel', 'pass'), f'{OWN}network_d: {{type: x}}\n', None),
        # What the model does not read need not be there.
        (model('BaseModel', "build_network(opt['network_sr'])"), changed(OWN, 'network_g:', 'network_sr:'), None),
        (model('BaseModel', BUILDS), changed(OWN, 'network_g:', 'network_sr:'), "The key 'network_g' is missing"),
        # Paths that nothing reads, and those that are no files.
        (SETS, ONE_IMAGE, None),
        ('', changed(TRAIN, 'pretrain_network_g: ~', 'pretrain_network_g: https://host/x.pth'), None),
        ('', changed(TRAIN, 'dataroot_gt: data/HR', 'dataroot_gt: s3://host/x'), None),
        # As many numbers as the optimizer has.
        (HEAD + ADAN_MODEL, changed(ADAN, 'SRModel', 'OwnModel'), None),
        ('', changed(TRAIN, 'type: Adam\n', THREE), "The value of 'train.optim_g.betas'"),
    ],
)  # fmt: skip
def test_errors_are_of_what_is_known(
    classes: str, text: str, problem: Optional[str], check: Check, tmp_path: Path
) -> None:
    write(tmp_path, {'own/train.py': SCRIPT, 'own/classes.py': classes})
    errors = [finding for finding in check(text) if finding.severity == ERROR]
    assert bool(errors) == bool(problem), '\n'.join(map(str, errors))
    assert problem is None or problem in errors[0].problem


def test_a_wrong_number_of_betas_is_said_with_the_right_one(check: Check) -> None:
    (finding,) = check(changed(TRAIN, 'type: Adam\n', 'type: Adam\n    betas: [0.9]\n'))
    assert finding.expected == 'a list of 2 numbers, as its default (0.9, 0.999) in Adam'


def test_names_that_a_script_brings_from_anywhere(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = '@ARCH_REGISTRY.register()\nclass NET: pass\n'
    text = changed(TRAIN, 'type: EDSR\n  num_in_ch: 3\n  num_out_ch: 3', 'type: NET')
    files = {
        'code/train.py': 'import near\nimport installed_nets.archs\nfrom basicsr.train import train_pipeline\n',
        'code/near.py': network.replace('NET', 'NearNet'),
        'code/other.py': network.replace('NET', 'OtherNet'),
        'site/installed_nets/archs/a_arch.py': network.replace('NET', 'FarNet'),
    }
    write(tmp_path, files)
    monkeypatch.syspath_prepend(str(tmp_path / 'site'))
    for name in ('NearNet', 'FarNet'):
        assert check(text.replace('NET', name)) == []
    assert [finding.problem for finding in check(text.replace('NET', 'OtherNet'))] == [
        "There is no network named 'OtherNet'"
    ]


@pytest.mark.parametrize(
    'text, files, remedy',
    [
        (DEAD, {}, 'remove it: it has no effect'),
        (DEAD, {'own/train2.py': "def main(opt): parse_options(); opt['train'].get('ease')"},
         'own/train2.py reads it: --script takes that script'),
        (DEAD, {'own/models/b_model.py': "def main(opt): 'ease' in opt"},
         'own/models/b_model.py reads one of that name, for what this file does not use'),
        # A key in the wrong section.
        (changed(TRAIN, 'scale: 4\n', 'scale: 4\nsave_img: true\n'), {}, 'it is read as val.save_img alone'),
    ],
)  # fmt: skip
def test_a_key_without_effect_is_dead_only_where_nothing_reads_it(
    text: str, files: Dict[str, str], remedy: str, check: Check, tmp_path: Path
) -> None:
    write(tmp_path, {'own/train.py': SCRIPT, 'own/classes.py': '', **files})
    (finding,) = check(text)
    assert finding.severity == WARNING and (finding.remedy or '').startswith(remedy)


@pytest.mark.parametrize('build', ['build_network(', 'build_loss(', 'ARCH_REGISTRY.get("Any")(**'])
def test_a_section_that_something_is_built_from_is_read(build: str, check: Check, tmp_path: Path) -> None:
    classes = model('SRModel', f"self.encoder = {build}opt['encoder'])")
    write(tmp_path, {'own/train.py': SCRIPT, 'own/classes.py': classes})
    assert check(EXTRA) == []


def test_a_pipeline_that_the_script_imports_reads_keys_too(check: Check, tmp_path: Path) -> None:
    pipeline = (
        "def train_pipeline(root):\n  opt = parse_options()\n  opt['datasets']['train'].get('sizes')\nimport basicsr\n"
    )
    text = changed(TRAIN, '    gt_size', '    sizes: [1]\n    gt_size')
    write(tmp_path, {'own/train.py': 'from own.pipeline import train_pipeline\n', 'own/pipeline.py': pipeline})
    assert check(text) == []
    (tmp_path / 'own' / 'train.py').write_text('from basicsr.train import train_pipeline\n')
    (finding,) = check(text)
    assert finding.remedy == 'own/pipeline.py reads it: --script takes that script'


def write(root: Path, files: Dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
