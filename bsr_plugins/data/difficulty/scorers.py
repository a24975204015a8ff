"""The reference super-resolution whose error is the difficulty: bicubic, or a trained network (BSPA, Fig. 1)."""

from __future__ import annotations

import hashlib
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional, Tuple

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import CheckpointError, DependencyError, OptionError
from bsr_plugins.common.files import PathLike
from bsr_plugins.data.difficulty.network_upscaler import FP32, NetworkUpscaler
from bsr_plugins.runs.checkpoint_files import UNREADABLE
from bsr_plugins.runs.weight_layouts import misfit_told, wrong_layout

if TYPE_CHECKING:
    import torch


# What the caches of a processor hold: images in float64, features in bfloat16.
_BICUBIC_AT_ONCE = 4
_BF16_AT_ONCE = 4
_TRAIN_FIRST = 'correct the path, or train the network first'
_GIVE_OPTIONS = 'give the option file that the weights were trained by, for one options/train_MSRResNet_x4.yml'


@dataclass(frozen=True)
class Scorer:
    """A super-resolution by which difficulty is measured.

    Attributes:
        name: One word that says which it is; the weights of a network are part of it.
        upscale: RGB in [0, 1], (N, 3, h, w) float32 on the device of the scorer -> (N, 3, h * scale, w * scale).
        device: Where ``upscale`` runs.
        at_once: Windows of a batch that go through together; None: all of them.
    """

    name: str
    upscale: Callable[[torch.Tensor], torch.Tensor]
    device: str = 'cpu'
    at_once: Optional[int] = None


def bicubic_scorer(scale: int, device: str = 'cpu') -> Scorer:
    """Return MATLAB-like bicubic upscaling as the reference, which needs no weights.

    Raises:
        DependencyError: BasicSR, whose bicubic weights are used, is not importable.
    """
    from bsr_plugins.data.images.bicubic_upscaling import upscale_bicubic

    _require_basicsr()
    at_once = _BICUBIC_AT_ONCE if device == 'cpu' else None
    return Scorer('bicubic', lambda lr: upscale_bicubic(lr, scale), device, at_once)


def choose_device(name: str) -> str:
    """Return the torch device that ``name`` stands for; ``auto`` is CUDA where there is one.

    Raises:
        OptionError: There is no such device.
    """
    import torch

    if name == 'auto':
        return 'cuda' if torch.cuda.is_available() else 'cpu'
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        # A torch built without CUDA says so by an AssertionError.
        raise OptionError(
            f'The device {name!r} cannot be used',
            where='--device',
            found=str(error).split('\n')[0],
            remedy='--device cpu, or auto',
        ) from error
    return name


def network_scorer(opt: PathLike, weights: PathLike, scale: int, device: str = 'cpu', precision: str = FP32) -> Scorer:
    """Return the network of an option file, with its trained weights, as the reference.

    Args:
        opt: A BasicSR option file; ``network_g`` is taken from it, by the safe YAML loader.
        weights: A ``.pth``: a bare state dict, or one under ``params_ema`` (preferred), ``params`` or ``state_dict``.
        scale: The upscaling factor that the network must have.
        device: Where it runs.
        precision: ``fp32`` or ``bf16``, which the scorer's name ends with: scores of the two are never mixed.

    Raises:
        OptionError: The option file is missing, malformed, of another scale, or its network is not known.
        CheckpointError: The weights are missing, unreadable, or do not fit the network; keys are named.
        DependencyError: BasicSR is not importable.
    """
    _require_basicsr()
    network_g = network_option(read_options(opt), opt, scale)
    missing = f'train them (file: {command("option", "train_MSRResNet_x4")}), or score by --scorer bicubic'
    network = trained_network(network_g, opt, weights, missing=missing)
    digest = hashlib.sha256(Path(weights).read_bytes()).hexdigest()[:12]
    name = f'{network_g["type"]}-{digest}'
    if precision == FP32:
        return Scorer(name, NetworkUpscaler(network.to(device)), device)
    at_once = _BF16_AT_ONCE if device == 'cpu' else None
    return Scorer(f'{name}/{precision}', NetworkUpscaler(network.to(device), precision), device, at_once)


def parse_name(name: str) -> Tuple[str, str]:
    """Return the first digits of the SHA-256 of the weights, and the precision, of the scorer of that name."""
    network, _, precision = name.partition('/')
    return network.rpartition('-')[2], precision or FP32


def trained_network(
    network_g: Mapping[str, Any],
    opt: PathLike,
    weights: PathLike,
    key: Optional[str] = None,
    missing: str = _TRAIN_FIRST,
) -> torch.nn.Module:
    """Return a network with trained weights, on the CPU.

    Args:
        network_g: Its options.
        opt: The option file that they are from, for errors.
        weights, key, missing: See :func:`read_weights`.

    Raises:
        OptionError: There is no such network, or it does not take these options.
        CheckpointError: The weights are missing, unreadable, or do not fit the network; keys are named.
    """
    state = read_weights(weights, key, missing)
    network = _build(network_g, opt)
    _load(network, state, weights, opt)
    return network


def read_options(opt: PathLike) -> Dict[str, Any]:
    """Return what an option file holds, by the safe YAML loader.

    Raises:
        OptionError: The file is missing or malformed.
    """
    import yaml

    try:
        options = yaml.safe_load(Path(opt).read_text(encoding='utf-8'))
    except FileNotFoundError:
        raise OptionError('The option file of the network is missing', where=opt, remedy=_GIVE_OPTIONS) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise OptionError(
            'The option file of the network cannot be read', where=opt, found=error, remedy=_GIVE_OPTIONS
        ) from error
    return options if isinstance(options, dict) else {}


def network_option(options: Mapping[str, Any], opt: PathLike, scale: int) -> Dict[str, Any]:
    """Return ``network_g`` of the options of a file, after checking its scale against ``scale``.

    Raises:
        OptionError: See ``network_scorer``.
    """
    network_g = options.get('network_g')
    if not isinstance(network_g, dict) or not isinstance(network_g.get('type'), str):
        raise OptionError(
            'The option file has no network to run',
            where=f'{opt}: network_g',
            expected='a mapping with `type`',
            found=network_g,
            remedy=_GIVE_OPTIONS,
        )
    for where, found in (('scale', options.get('scale')), ('network_g.upscale', network_g.get('upscale'))):
        if found is not None and found != scale:
            raise OptionError(
                'The network and the images have different scales',
                where=f'{opt}: {where}',
                expected=scale,
                found=found,
                remedy=f'take a network trained for x{scale}',
            )
    return network_g


def read_weights(path: PathLike, key: Optional[str] = None, missing: str = _TRAIN_FIRST) -> Mapping[str, torch.Tensor]:
    """Return the state dict that a weights file holds, on the CPU, names without a leading ``module.``.

    Args:
        path: The file.
        key: Where in it the weights are looked for first, such as ``params``; None: ``params_ema``, then ``params``. Of
            other keys than these two the file has to have the one that is named.
        missing: What an error says is to be done where there is no such file.

    Raises:
        CheckpointError: The file is missing, damaged, or holds no state dict, or none under ``key``.
        DependencyError: This torch cannot read weights without running what else stands in the file.
    """
    import torch

    if 'weights_only' not in inspect.signature(torch.load).parameters:
        raise DependencyError(
            'Weights are read by torch.load(weights_only=True), which this torch does not have',
            expected='torch >= 1.13',
            found=torch.__version__,
            remedy='install a newer torch',
        )
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(
            'The weights of the network are missing',
            where=path,
            remedy=missing,
        ) from None
    except UNREADABLE as error:
        raise CheckpointError(
            'The weights of the network cannot be read',
            where=path,
            found=error,
            remedy='give a .pth with tensors only, such as the net_g_*.pth that BasicSR saves',
        ) from error
    if isinstance(content, dict) and key not in (None, 'params', 'params_ema', *content):
        raise wrong_layout(str(path), content, key, 'g')
    for name in (key, 'params_ema', 'params', 'state_dict'):
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
            break
    if not isinstance(content, dict) or not content or not all(torch.is_tensor(value) for value in content.values()):
        raise CheckpointError(
            'The weights file holds no state dict',
            where=path,
            expected='params_ema, params or tensors by name',
            found=', '.join(map(str, list(content)[:6])) if isinstance(content, dict) else type(content).__name__,
        )
    return {name[7:] if name.startswith('module.') else name: value for name, value in content.items()}


def _require_basicsr() -> None:
    try:
        import basicsr.utils.matlab_functions  # noqa: F401
    except ImportError as error:
        raise DependencyError(
            'Scoring needs BasicSR, which cannot be imported',
            found=error,
            remedy="pip install 'bsr-plugins[basicsr]', or run from the folder of a fork",
        ) from error


def _build(network_g: Mapping[str, Any], opt: PathLike) -> torch.nn.Module:
    from bsr_plugins.common.builders import build_network
    from bsr_plugins.common.naming import did_you_mean

    try:
        return build_network(dict(network_g))
    except KeyError as error:
        from basicsr.utils.registry import ARCH_REGISTRY

        raise OptionError(
            f'Unknown network: {network_g["type"]!r}',
            where=f'{opt}: network_g.type',
            remedy=did_you_mean(network_g['type'], [name for name, _ in ARCH_REGISTRY]),
        ) from error
    except TypeError as error:
        raise OptionError(
            f'{network_g["type"]} does not take these options', where=f'{opt}: network_g', found=error
        ) from error


def _load(network: torch.nn.Module, state: Mapping[str, torch.Tensor], weights: PathLike, opt: PathLike) -> None:
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(
            'The weights do not fit the network',
            where=weights,
            expected=f'network_g of {opt}',
            found=misfit_told(error) or error,
            remedy='give the option file that the weights were trained by',
        ) from error
