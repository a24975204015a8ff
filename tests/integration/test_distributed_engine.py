"""The engine and the sigma branch in two gloo processes: accumulation, a resume inside it, the guard."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import torch
import yaml

from two_processes import train_in_two

Options = Dict[str, Any]


def train(options: Options, root: Path, *arguments: str, **more: Any) -> str:
    root.mkdir(parents=True, exist_ok=True)
    (root / 'run.yml').write_text(yaml.safe_dump(options, sort_keys=False))
    return train_in_two(root, 'run.yml', arguments=arguments, **more)


@pytest.fixture
def options(base_options: Options) -> Options:
    plain = copy.deepcopy(base_options)
    plain['model_type'] = 'RebalancedSRModel'
    plain['datasets']['train'].pop('inverse')
    plain['datasets']['train']['batch_size_per_gpu'] = 1
    plain['train'].pop('bspa')
    plain['train'].update(
        total_iter=4,
        accumulate=2,
        amp='bf16',
        channels_last=True,
        grad_clip=0.5,
        sigma_opt={'type': 'SigmaLoss', 'loss_weight': 0.1},
        # Each process draws its own, and a resumed run the same ones.
        augment={'type': 'MoA', 'ops': ['Blend', 'RGBPermutation', 'CutBlur']},
    )
    plain['network_sigma'] = {'type': 'SigmaBranch', 'num_feat': 8, 'num_conv': 2}
    return plain


def test_two_processes_accumulate_and_resume(options: Options, tmp_path: Path, same: Callable[..., None]) -> None:
    assert 'the effective batch is 4' in train(options, tmp_path / 'whole')
    whole = tmp_path / 'whole' / 'experiments' / 'run'
    gradients = torch.load(whole / 'training_states' / '3.state', weights_only=True)['bsr_plugins']['engine'][
        'gradients'
    ]
    # Kept apart until the update ends.
    assert len(gradients) == 2 and not torch.equal(gradients[0][0], gradients[1][0])

    resumed = tmp_path / 'resumed' / 'experiments' / 'run'
    shutil.copytree(whole, resumed)
    for late in (*resumed.glob('models/net_*_4.pth'), resumed / 'training_states' / '4.state'):
        late.unlink()
    train(options, tmp_path / 'resumed', '--auto_resume')
    for name in ('models/net_g_4.pth', 'models/net_sigma_4.pth', 'training_states/4.state'):
        same(*(torch.load(run / name, weights_only=True) for run in (resumed, whole)))


def test_a_bad_image_of_one_process_stops_both(options: Options, tmp_path: Path) -> None:
    """The loss of one process alone is not finite: it names its files, and no process goes on."""
    (tmp_path / 'nan_loss.py').write_text("""
import torch
from torch import nn
from basicsr.utils.registry import LOSS_REGISTRY

@LOSS_REGISTRY.register()
class NanOnRankOne(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, pred, target, **kwargs):
        self.calls += 1
        bad = torch.distributed.get_rank() == 1 and self.calls == 3
        return (pred - target).abs().mean() * (float('nan') if bad else 1.0)
""")
    options['train']['pixel_opt'] = {'type': 'NanOnRankOne'}
    output = train(options, tmp_path, first='nan_loss', fails=True)
    assert 'A loss is not finite in iteration 3' in output, output[-4000:]
    assert 'l_pix nan' in output
    files = [line for line in output.splitlines() if 'where:' in line]
    assert files and all(line.count('t91_') == 2 for line in files)  # lq and gt of the one bad batch
    assert sorted(path.name for path in tmp_path.glob('experiments/run/training_states/*')) == ['1.state', '2.state']
