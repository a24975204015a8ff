"""``basicsr lam``: what is typed, what is written, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import cv2
import numpy as np
import pytest
import torch
import yaml

from bsr_plugins.analysis import attribution_figure
from bsr_plugins.analysis.local_attribution import WINDOW_SIZE, strongest_window
from bsr_plugins.archs.fsrcnn_arch import FSRCNN
from bsr_plugins.attribution.image_attribution import calibrated_attribution_map, local_attribution_map
from bsr_plugins.cli.main import main
from bsr_plugins.common.errors import DependencyError

SMALL = {'num_in_ch': 3, 'num_out_ch': 3, 'd': 2, 's': 2, 'm': 1}
BASE = {'type': 'FSRCNN', 'upscale': 2, **SMALL}
FEW = ('--steps', '2', '--kernel', '3', '--device', 'cpu')


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An LR image, option files of a plain network, of a residual one and of one of scale 1, and their weights."""
    monkeypatch.chdir(tmp_path)
    image = np.random.default_rng(0).integers(0, 256, (11, 14, 3)).astype(np.uint8)
    cv2.imwrite('comic.png', image)
    torch.manual_seed(0)
    state = FSRCNN(upscale=2, init='torch', **SMALL).state_dict()
    torch.save({'params': state}, 'plain.pth')
    torch.save({'params': {f'base.{name}': value for name, value in state.items()}}, 'residual.pth')
    torch.save({'params': FSRCNN(upscale=3, **SMALL).state_dict()}, 'x3.pth')
    networks: Dict[str, Any] = {
        'plain': BASE,
        'residual': {'type': 'BicubicResidual', 'upscale': 2, 'base': BASE},
        'x3': {**BASE, 'upscale': 3},
    }
    for name, network in networks.items():
        options = {'scale': network['upscale'], 'network_g': network, 'path': {'pretrain_network_g': f'{name}.pth'}}
        Path(f'{name}.yml').write_text(yaml.safe_dump(options))


def image() -> torch.Tensor:
    return torch.from_numpy(cv2.imread('comic.png')[..., ::-1].transpose(2, 0, 1).copy()).float() / 255


def network() -> torch.nn.Module:
    net = FSRCNN(upscale=2, **SMALL)
    net.load_state_dict(torch.load('plain.pth', weights_only=True)['params'])
    return net


def test_networks_side_by_side(capsys: pytest.CaptureFixture) -> None:
    assert main(['lam', '-opt', 'plain.yml', '-opt', 'residual.yml', '--lq', 'comic.png', *FEW]) == 0
    out = Path('results/lam_comic')
    facts = json.loads((out / 'lam.json').read_text())
    window = tuple(facts['window'])
    assert window == strongest_window(cv2.imread('comic.png'), 2) and window[2] == WINDOW_SIZE
    assert (facts['method'], facts['certainty'], facts['window_chosen']) == ('LAM', 'exact', True)
    plain, residual = facts['networks']
    assert (plain['name'], residual['name']) == ('plain', 'residual')
    attribution = np.load(out / 'plain_lam.npy')
    expected = local_attribution_map(network(), image(), window, kernel=3, steps=2).numpy()
    np.testing.assert_allclose(attribution, expected, atol=1e-6 * np.abs(expected).max())
    values = np.abs(attribution.sum(0))
    np.testing.assert_array_equal(cv2.imread(str(out / 'plain_lam.png'), 0), np.rint(255 * values / values.max()))
    assert cv2.imread(str(out / 'residual_sr.png')).shape == (22, 28, 3)
    assert (out / 'lam.png').is_file()
    printed = capsys.readouterr().out
    assert f'plain: diffusion index {plain["diffusion_index"]:.2f}' in printed
    assert 'that of most gradient' in printed


@pytest.fixture
def without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> bytes:
        raise DependencyError('Figures need matplotlib')

    monkeypatch.setattr(attribution_figure, 'draw_attributions', refuse)


@pytest.mark.usefixtures('without_matplotlib')
def test_a_window_that_is_given(capsys: pytest.CaptureFixture) -> None:
    arguments = ['--window', '1', '2', '6', '--sigma', '2', '--out', 'o']
    assert main(['lam', '-opt', 'plain.yml', '--lq', 'comic.png', *FEW, *arguments]) == 0
    assert 'figure skipped: Figures need matplotlib' in capsys.readouterr().err
    assert not Path('o/lam.png').exists()
    facts = json.loads(Path('o/lam.json').read_text())
    assert facts['window'] == [1, 2, 6] and not facts['window_chosen']
    expected = local_attribution_map(network(), image(), (1, 2, 6), 2, 3, 2).numpy()
    np.testing.assert_allclose(np.load('o/plain_lam.npy'), expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.usefixtures('without_matplotlib')
@pytest.mark.parametrize('window', [None, (3, 4, 9)])
def test_cam(window: Any) -> None:
    arguments = [] if window is None else ['--window', *map(str, window)]
    arguments += ['--cam', '--cam-max-dist', '0.5', '--cam-reduction', 'sum_abs']
    assert main(['lam', '-opt', 'plain.yml', '--lq', 'comic.png', *FEW, *arguments]) == 0
    facts = json.loads(Path('results/cam_comic/cam.json').read_text())
    assert facts['certainty'] == 'reconstructed'
    assert facts['options']['detector'] == ('global' if window is None else 'window')
    expected = calibrated_attribution_map(
        network(), image(), kernel=3, steps=2, max_dist=0.5, window=window, detector=facts['options']['detector']
    ).numpy()
    found = np.load('results/cam_comic/plain_cam.npy')
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--window', '0', '0', '29'], 'does not lie in the SR image'),
        (['--kernel', '4'], 'no middle'),
        (['--steps', '0'], 'The path has no step'),
        (['--cam-pf', '0.5'], '--cam-pf would have no effect without --cam'),
        (['--cam', '--cam-pf', '2'], "'cam_pf' has a wrong value"),
        (['-opt', 'x3.yml'], 'plain: x2, x3: x3'),
        (['--lq', 'absent.png'], 'absent.png cannot be read'),
        (['--lq', '.'], 'is a folder, not an image'),
        (['--device', 'no'], "The device 'no'"),
    ],
)
def test_what_is_wrong_is_told(arguments: list, message: str, capsys: pytest.CaptureFixture) -> None:
    assert main(['lam', '-opt', 'plain.yml', '--lq', 'comic.png', *FEW, *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not Path('results').exists()
