"""A resumed run and the weights of networks that it reads and never saved."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any, Dict

import pytest

from bsr_plugins.host.mends.frozen_networks import mend_frozen_networks


def options_of(folder: Path) -> Dict[str, Any]:
    (folder / 'net_g_7.pth').touch()
    (folder / 'net_sigma_5.pth').touch()
    return {
        'network_g': {},
        'network_sigma': {},
        'network_saliency': {},
        'path': {
            'resume_state': '7.state',
            'models': str(folder),
            'pretrain_network_g': 'start.pth',
            'pretrain_network_saliency': 'frozen.pth',
            'param_key_g': 'params_ema',
            'param_key_saliency': 'params_ema',
            'param_key_udn': 'params_ema',
        },
    }


@pytest.fixture
def misc() -> ModuleType:
    upstream = pytest.importorskip('basicsr.utils.misc').check_resume
    module = ModuleType('misc')
    module.check_resume = getattr(upstream, '__wrapped__', upstream)
    return module


def test_without_the_mend_the_file_is_looked_for_among_the_saved_ones(misc: Any, tmp_path: Path) -> None:
    opt = options_of(tmp_path)
    misc.check_resume(opt, 7)
    assert opt['path']['pretrain_network_saliency'] == str(tmp_path / 'net_saliency_7.pth')
    assert opt['path']['param_key_udn'] == 'params'


def test_with_the_mend_it_stays_where_it_is(misc: Any, tmp_path: Path) -> None:
    assert mend_frozen_networks(misc) and not mend_frozen_networks(misc)
    opt = options_of(tmp_path)
    misc.check_resume(opt, 7)
    path = opt['path']
    assert path['pretrain_network_saliency'] == 'frozen.pth'
    assert path['param_key_saliency'] == path['param_key_udn'] == 'params_ema'
    assert path['pretrain_network_g'] == str(tmp_path / 'net_g_7.pth') and path['param_key_g'] == 'params'
    assert path['pretrain_network_sigma'] == str(tmp_path / 'net_sigma_7.pth')
