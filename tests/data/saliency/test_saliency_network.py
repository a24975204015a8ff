"""The network of an option file, fed as its data sets feed it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from bsr_plugins.common.builders import build_network
from bsr_plugins.common.errors import CheckpointError, OptionError
from bsr_plugins.data.saliency.saliency_network import OfRgb, saliency_network, to_rgb

NETWORK = {'type': 'MSRResNet', 'num_feat': 4, 'num_block': 1, 'upscale': 4}


def write(root: Path, **changes: Any) -> Path:
    options = {'name': 't', 'scale': 4, 'network_g': NETWORK, 'path': {'pretrain_network_g': 'w.pth'}, **changes}
    (root / 'test.yml').write_text(yaml.safe_dump(options))
    return root / 'test.yml'


def weights(root: Path, value: float, key: str = 'params', **network: Any) -> dict:
    from basicsr.archs.srresnet_arch import MSRResNet

    network = {**NETWORK, **network}
    network.pop('type')
    state = {name: torch.full_like(tensor, value) for name, tensor in MSRResNet(**network).state_dict().items()}
    torch.save({key: state}, root / 'w.pth')
    return state


def test_network_and_weights_are_those_of_the_file(tmp_path: Path) -> None:
    state = weights(tmp_path, 0.01)
    found = saliency_network(write(tmp_path), tmp_path)
    assert (found.scale, found.options) == (4, NETWORK)
    digest = hashlib.sha256((tmp_path / 'w.pth').read_bytes()).hexdigest()
    assert found.weights == {'file': 'w.pth', 'sha256': digest, 'param_key': 'params'}
    assert found.network(torch.rand(2, 3, 5, 6)).shape == (2, 3, 20, 24)
    loaded = {name.rpartition('network.')[2]: tensor for name, tensor in found.network.state_dict().items()}
    assert loaded.keys() == state.keys() and all(torch.equal(loaded[name], state[name]) for name in state)


def test_the_key_is_that_of_a_test(tmp_path: Path) -> None:
    torch.save({'params': weights(tmp_path, 0.25), 'params_ema': weights(tmp_path, 0.5)}, tmp_path / 'w.pth')
    path = {'pretrain_network_g': 'w.pth'}
    for key, value in ((None, 0.25), ('params', 0.25), ('params_ema', 0.5)):
        found = saliency_network(write(tmp_path, path={**path, **({'param_key_g': key} if key else {})}), tmp_path)
        assert next(found.network.parameters()).flatten()[0].item() == value
    with pytest.raises(CheckpointError, match=r"(?s)no weights under the key 'param_ema'.*param_key_g: params_ema"):
        saliency_network(write(tmp_path, path={**path, 'param_key_g': 'param_ema'}), tmp_path)


def test_weights_of_a_bare_base(tmp_path: Path) -> None:
    base = {'type': 'FSRCNN', 'upscale': 4, 'd': 2, 's': 2, 'm': 1}
    state = build_network(dict(base)).state_dict()
    torch.save({'params': state}, tmp_path / 'w.pth')
    residual = {'type': 'BicubicResidual', 'upscale': 4, 'base': base}
    loaded = saliency_network(write(tmp_path, network_g=residual), tmp_path).network.state_dict()
    assert all(torch.equal(loaded[f'network.network.base.{name}'], value) for name, value in state.items())


@pytest.mark.parametrize('path', [None, {}, {'pretrain_network_g': None}, {'pretrain_network_g': ''}])
def test_without_trained_weights(tmp_path: Path, path: Any) -> None:
    with pytest.raises(OptionError, match=r'(?s)network with random weights.*pretrain_network_g.*train the network'):
        saliency_network(write(tmp_path, path=path), tmp_path)


def test_missing_or_other_weights(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match='weights of the network are missing') as caught:
        saliency_network(write(tmp_path), tmp_path)
    assert '--scorer' not in str(caught.value)
    weights(tmp_path, 0, num_feat=8)
    with pytest.raises(CheckpointError, match='do not fit the network'):
        saliency_network(write(tmp_path), tmp_path)


def test_luma_is_basicsrs() -> None:
    from basicsr.utils.color_util import rgb2ycbcr

    image = np.random.default_rng(0).random((5, 6, 3)).astype(np.float32)
    found = OfRgb(nn.Identity(), luma=True)(torch.from_numpy(image.transpose(2, 0, 1))[None])
    assert np.allclose(found[0, 0], rgb2ycbcr(image, y_only=True), atol=1e-6)


def test_data_sets_say_how_the_network_is_fed(tmp_path: Path) -> None:
    weights(tmp_path, 0.01)
    rgb = torch.rand(1, 3, 5, 6)
    plain = saliency_network(write(tmp_path), tmp_path).network
    given = {'mean': [0.5, 0.4, 0.3], 'std': [2.0, 1.0, 0.5]}
    fed = saliency_network(write(tmp_path, datasets={'val': given, 'test_2': given}), tmp_path).network
    mean, std = (torch.tensor(given[name]).view(3, 1, 1) for name in ('mean', 'std'))
    assert torch.allclose(fed(rgb), plain((rgb - mean) / std))
    with pytest.raises(OptionError, match='feed the network differently'):
        saliency_network(write(tmp_path, datasets={'val': given, 'test_2': {}}), tmp_path)


def test_images_become_rgb() -> None:
    image = np.array([[[0, 51, 255]]], np.uint8)
    assert torch.allclose(to_rgb([image, image])[1].flatten(), torch.tensor([1.0, 0.2, 0.0]))
