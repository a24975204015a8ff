"""Scorers: bicubic, networks from option files, every way in which weights do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import pytest
import torch
import yaml

from bsr_plugins.common.commands import program
from bsr_plugins.common.errors import CheckpointError, DependencyError, OptionError
from bsr_plugins.data.difficulty import scorers

NETWORK = {'type': 'MSRResNet', 'num_feat': 4, 'num_block': 1, 'upscale': 4}


def write_opt(path: Path, network_g: Any = NETWORK, **more: Any) -> Path:
    path.write_text(yaml.safe_dump({'scale': 4, 'network_g': network_g, **more}))
    return path


def state() -> Dict[str, torch.Tensor]:
    from basicsr.archs.srresnet_arch import MSRResNet

    torch.manual_seed(0)
    return MSRResNet(num_feat=4, num_block=1, upscale=4).state_dict()


@pytest.fixture
def opt(tmp_path: Path) -> Path:
    return write_opt(tmp_path / 'o.yml')


def test_bicubic() -> None:
    scorer = scorers.bicubic_scorer(3)
    assert (scorer.name, scorer.device) == ('bicubic', 'cpu')
    assert scorer.upscale(torch.rand(2, 3, 5, 6)).shape == (2, 3, 15, 18)


@pytest.mark.parametrize(
    'wrap',
    [
        lambda weights: weights,
        lambda weights: {'params': weights},
        lambda weights: {'params': {}, 'params_ema': weights},
        lambda weights: {'state_dict': {f'module.{name}': value for name, value in weights.items()}, 'epoch': 3},
    ],
    ids=['bare', 'params', 'params_ema', 'module.'],
)
def test_every_shape_of_a_weights_file(tmp_path: Path, opt: Path, wrap: Any) -> None:
    torch.save(wrap(state()), tmp_path / 'w.pth')
    scorer = scorers.network_scorer(opt, tmp_path / 'w.pth', 4)
    assert scorer.name.startswith('MSRResNet-')
    assert len(scorer.name) == len('MSRResNet-') + 12
    image = torch.rand(1, 3, 6, 5)
    from basicsr.archs.srresnet_arch import MSRResNet

    reference = MSRResNet(num_feat=4, num_block=1, upscale=4)
    reference.load_state_dict(state())
    assert torch.allclose(scorer.upscale(image), reference(image), atol=1e-6)
    assert not scorer.upscale(image).requires_grad


class InOrder(torch.nn.Conv2d):
    """Needs its memory in order, drops out while training, and fails on small images."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] < 3:
            raise RuntimeError('too small')
        y = super().forward(x)
        return torch.nn.functional.dropout(y.view(len(y), -1), 0.5, self.training).view(y.shape)


def test_a_network_that_needs_its_memory_in_order_gets_it() -> None:
    network = InOrder(3, 3, 3, padding=1)
    image = torch.rand(2, 3, 5, 6)
    expected = network.eval()(image)
    upscaler = scorers.NetworkUpscaler(network.train())
    for _ in range(2):
        assert torch.allclose(upscaler(image), expected, atol=1e-6)
    with pytest.raises(RuntimeError, match='too small'):
        upscaler(torch.rand(1, 3, 2, 2))


def test_the_name_tells_weights_apart(tmp_path: Path, opt: Path) -> None:
    weights = state()
    torch.save(weights, tmp_path / 'a.pth')
    weights['conv_last.bias'] += 1
    torch.save(weights, tmp_path / 'b.pth')
    names = {scorers.network_scorer(opt, tmp_path / name, 4).name for name in ('a.pth', 'b.pth')}
    assert len(names) == 2


def test_the_precision_is_part_of_the_name(tmp_path: Path, opt: Path) -> None:
    torch.save(state(), tmp_path / 'w.pth')
    plain, half = (scorers.network_scorer(opt, tmp_path / 'w.pth', 4, 'cpu', each) for each in ('fp32', 'bf16'))
    assert half.name == f'{plain.name}/bf16'
    assert scorers.parse_name(plain.name) == (plain.name.rpartition('-')[2], 'fp32')
    assert scorers.parse_name(half.name) == (plain.name.rpartition('-')[2], 'bf16')
    lr = torch.rand(2, 3, 8, 8)
    assert 0 < (half.upscale(lr) - plain.upscale(lr)).abs().max() < 0.02


def test_weights_that_do_not_fit_name_keys_and_files(tmp_path: Path, opt: Path) -> None:
    weights = state()
    del weights['conv_hr.bias']
    weights['conv_first.weight'] = torch.zeros(8, 3, 3, 3)
    weights['body.1.conv1.weight'] = torch.zeros(1)
    torch.save({'params': weights}, tmp_path / 'w.pth')
    with pytest.raises(CheckpointError, match='do not fit') as caught:
        scorers.network_scorer(opt, tmp_path / 'w.pth', 4)
    assert caught.value.where == tmp_path / 'w.pth'
    assert str(opt) in caught.value.expected
    assert 'missing: conv_hr.bias' in caught.value.found
    assert 'not in the network: body.1.conv1.weight' in caught.value.found
    assert 'conv_first.weight: (8, 3, 3, 3) instead of (4, 3, 3, 3)' in caught.value.found


def test_many_missing_keys_are_counted(tmp_path: Path, opt: Path) -> None:
    torch.save({'x': torch.zeros(1)}, tmp_path / 'w.pth')
    with pytest.raises(CheckpointError) as caught:
        scorers.network_scorer(opt, tmp_path / 'w.pth', 4)
    assert f'and {len(state()) - 3} more' in caught.value.found


class Evil:
    def __reduce__(self) -> tuple:
        return Path.touch, (Path('evil'),)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'cannot be read'),
        (b'not a checkpoint', 'cannot be read'),
        ({'iter': 3}, 'holds no state dict'),
        ([1, 2], 'holds no state dict'),
        ({'params': {}}, 'holds no state dict'),
        (Evil(), 'cannot be read'),
    ],
)
def test_files_that_are_no_weights(
    tmp_path: Path, opt: Path, content: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'w.pth'
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(CheckpointError, match=message) as caught:
        scorers.network_scorer(opt, path, 4)
    assert caught.value.where == path
    assert not (tmp_path / 'evil').exists()


def test_cut_short_weights(tmp_path: Path, opt: Path) -> None:
    path = tmp_path / 'w.pth'
    torch.save(state(), path)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(CheckpointError, match='cannot be read'):
        scorers.network_scorer(opt, path, 4)


def test_a_torch_that_would_run_the_file_is_refused(tmp_path: Path, opt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, 'load', lambda f, map_location=None, **pickle_load_args: pytest.fail('was read'))
    with pytest.raises(DependencyError, match='weights_only') as caught:
        scorers.network_scorer(opt, tmp_path / 'w.pth', 4)
    assert caught.value.expected == 'torch >= 1.13'


def test_missing_weights_say_how_to_train_them(tmp_path: Path, opt: Path) -> None:
    with pytest.raises(CheckpointError, match='missing') as caught:
        scorers.network_scorer(opt, tmp_path / 'no.pth', 4)
    assert f'{program()} option train_MSRResNet_x4' in caught.value.remedy


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (None, 'missing'),
        ('a: [', 'cannot be read'),
        ('x: !!python/object/apply:os.getcwd []', 'cannot be read'),
        ('- 1', 'no network'),
        ('network_g: MSRResNet', 'no network'),
        ('network_g: {upscale: 4}', 'no network'),
        ('scale: 2\nnetwork_g: {type: MSRResNet}', 'different scales'),
        ('network_g: {type: MSRResNet, upscale: 3}', 'different scales'),
    ],
)
def test_option_files_that_do_not_serve(tmp_path: Path, text: Any, message: str) -> None:
    path = tmp_path / 'o.yml'
    if text is not None:
        path.write_text(text)
    with pytest.raises(OptionError, match=message) as caught:
        scorers.network_option(scorers.read_options(path), path, 4)
    assert str(path) in str(caught.value.where)


@pytest.mark.parametrize(
    ('network_g', 'message', 'remedy'),
    [
        ({'type': 'MSRResnet'}, 'Unknown network', "did you mean 'MSRResNet'?"),
        ({**NETWORK, 'num_feats': 3}, 'does not take', None),
    ],
)
def test_unknown_networks_and_options(tmp_path: Path, network_g: dict, message: str, remedy: Any) -> None:
    torch.save(state(), tmp_path / 'w.pth')
    with pytest.raises(OptionError, match=message) as caught:
        scorers.network_scorer(write_opt(tmp_path / 'o.yml', network_g), tmp_path / 'w.pth', 4)
    assert caught.value.remedy == remedy


def test_devices() -> None:
    assert scorers.choose_device('cpu') == 'cpu'
    assert scorers.choose_device('auto') == ('cuda' if torch.cuda.is_available() else 'cpu')
    with pytest.raises(OptionError, match="device 'gpu' cannot be used"):
        scorers.choose_device('gpu')


@pytest.mark.skipif(torch.cuda.is_available(), reason='CUDA is there')
def test_cuda_without_cuda() -> None:
    with pytest.raises(OptionError, match="device 'cuda' cannot be used") as caught:
        scorers.choose_device('cuda')
    assert '--device cpu' in caught.value.remedy
