"""RealSR: option files at scale 1, where LR and HR images have the same size."""

from __future__ import annotations

from typing import Any, Dict

import pytest
import yaml

from bsr_plugins.common.errors import OptionError
from bsr_plugins.options.templates.catalogue import named_file
from bsr_plugins.options.templates.networks import NETWORKS
from bsr_plugins.options.templates.recipe import Recipe, scales_of
from bsr_plugins.options.templates.render import render

WITH_SCALE_1 = [net for net, network in NETWORKS.items() if not network.adds_image]


def options_of(net: str, method: str, **more: Any) -> Dict[str, Any]:
    return yaml.safe_load(render(Recipe(net, method, 1, **more)))


@pytest.mark.parametrize('net', WITH_SCALE_1)
def test_patches_of_192_at_a_fixed_rate(net: str) -> None:
    for method in ('l1', 'le_sigma'):
        options = options_of(net, method)
        train = options['datasets']['train']
        assert options['scale'] == options['network_g']['upscale'] == 1
        assert train['gt_size'] == 192 and 'filename_tmpl' not in train and 'RealSR' in train['dataroot_lq']
        assert options['train']['optim_g']['lr'] == 1e-4 and options['train']['scheduler']['milestones'] == []
        assert options['val']['metrics']['psnr']['crop_border'] == 1
    assert options['network_sigma']['type'] == 'SigmaBranch'


def test_augmentations_are_exact_there_and_have_their_twin() -> None:
    for method in ('baseline', 'cutblur', 'moa', 'add', 'add_cam'):
        options = options_of('EDSR', method)
        assert options['scale'] == options['network_g']['upscale'] == 1
        assert (
            options['datasets']['train']['gt_size'] == 128 and 'RealSR' in options['datasets']['train']['dataroot_gt']
        )
        assert options['train']['total_iter'] == 37500 and options['train']['scheduler']['milestones'] == [17450]
    assert options['path']['pretrain_network_saliency'] == 'experiments/train_EDSR_baseline_x1/models/net_g_latest.pth'
    assert options_of('EDSR', 'baseline', test=True)['path']['pretrain_network_g'].startswith(
        'experiments/train_EDSR_baseline_x1/'
    )


def test_what_has_no_scale_1_is_refused() -> None:
    assert scales_of('EDSR', 'bspa') == scales_of('MSRResNet', 'l1') == scales_of('EDSR', None) == (2, 3, 4)
    with pytest.raises(OptionError, match='2, 3, 4'):
        Recipe('EDSR', 'bspa', 1)


def test_they_have_names_and_a_test_file() -> None:
    assert named_file('train_RCAN_le_x1')[0] == 'train_RCAN_le_x1.yml'
    assert set(yaml.safe_load(named_file('test_EDSR_le_sigma_x1')[1])['datasets']) == {'test_1'}


@pytest.mark.parametrize('net', [net for net in WITH_SCALE_1 if net not in ('EDSR_L', 'RCAN', 'BSR')])
def test_networks_keep_the_size(net: str) -> None:
    import torch
    from basicsr.archs import build_network

    network = options_of(net, 'l1')['network_g']
    network.update({key: 1 for key in ('num_block', 'num_group', 'num_fmg', 'num_rb') if key in network})
    if 'depths' in network:
        network.update(depths=[1], num_heads=[6], img_size=16)
    with torch.no_grad():
        assert build_network(network)(torch.rand(1, 3, 16, 16)).shape == (1, 3, 16, 16)


def test_the_learning_rate_stays(tmp_path: Any) -> None:
    import torch
    from basicsr.models.lr_scheduler import MultiStepRestartLR

    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1e-4)
    options = options_of('EDSR', 'l1')['train']['scheduler']
    scheduler = MultiStepRestartLR(optimizer, milestones=options['milestones'], gamma=options['gamma'])
    for _ in range(5):
        optimizer.step()
        scheduler.step()
    assert scheduler.get_last_lr() == [1e-4]


def test_focal_pixels_of_what_the_lr_image_lacks() -> None:
    import torch

    from bsr_plugins.losses.focal_pixel_loss import FocalPixelLoss

    lq, gt = torch.rand(2, 1, 3, 8, 8)
    for bicubic in ('torch', 'matlab'):
        # Weights of 1 leave the L1 of the residual, which is what the LR image itself lacks.
        loss = FocalPixelLoss(alpha_sp=1, gamma_sp=0, alpha_lp=1, gamma_lp=0, bicubic=bicubic)
        assert torch.allclose(loss(lq, gt, lq=lq), (gt - lq).abs().mean(), atol=1e-6)
