"""A run's trained network_g, built from its option file and weights as BasicSR builds it, to be run on windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

from bsr_plugins.analysis.compared_runs import TestedRun
from bsr_plugins.common.builders import window_size
from bsr_plugins.common.errors import CheckpointError, OptionError
from bsr_plugins.data.difficulty.network_upscaler import NetworkUpscaler
from bsr_plugins.data.difficulty.scorers import Scorer, read_weights
from bsr_plugins.runs.weight_layouts import misfit_told

if TYPE_CHECKING:
    import torch
    from torch import nn

# What the constructor of a foreign network may raise for options that it does not know.
_UNBUILDABLE = (LookupError, TypeError, ValueError, AttributeError, ImportError, RuntimeError)


def trained_network(run: TestedRun) -> nn.Module:
    """Return ``network_g`` of a run with the weights that were tested, in evaluation mode, on the CPU.

    ``params_ema`` is taken where the file has it, else ``params``.

    Raises:
        OptionError: The option file names no network, or one that cannot be built here.
        CheckpointError: The weights are missing, damaged, or of another network.
    """
    return built_network(run.options.get('network_g'), run.weights, run.experiment)


def built_network(options: Any, weights: Any, where: Any) -> nn.Module:
    """Return the network of ``options`` (``network_g``) with the weights of a file, see :func:`trained_network`."""
    from bsr_plugins.common.builders import build_network

    if not isinstance(options, Mapping) or not isinstance(options.get('type'), str):
        raise OptionError('The option file of the run names no network', where=where, found=repr(options))
    if not weights.is_file():
        raise CheckpointError('The weights of the run are missing', where=weights)
    try:
        network = build_network(options)
    except _UNBUILDABLE as error:
        raise OptionError(
            f'The network {options["type"]} cannot be built here',
            where=where,
            found=f'{type(error).__name__}: {error}',
            remedy='report from the root of the fork that has it',
        ) from error
    state = read_weights(weights)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(
            'The weights do not fit the network', where=weights, expected=f'{options["type"]}', found=misfit_told(error)
        ) from error
    return network.eval()


def run_scorer(run: TestedRun, scale: int, device: str = 'cpu') -> Scorer:
    """Return a run's network as what the error of windows is measured by.

    Raises:
        OptionError, CheckpointError: See :func:`trained_network`; while it runs, a network that takes no RGB windows.
    """
    network = trained_network(run).to(device)
    name = f'{run.method}, seed {run.seed}'
    return Scorer(name, _WindowedUpscaler(network, scale, window_size(run.options['network_g']) or 1, name), device)


class _WindowedUpscaler:
    """Pads what it is given to whole attention windows, as the test of the pack's models does."""

    def __init__(self, network: nn.Module, scale: int, window: int, name: str) -> None:
        self._upscale = NetworkUpscaler(network)
        self._scale, self._window, self._name = scale, window, name

    def __call__(self, lr: torch.Tensor) -> torch.Tensor:
        from torch.nn import functional

        height, width = lr.shape[-2:]
        below, right = _missing(height, self._window), _missing(width, self._window)
        try:
            out = self._upscale(functional.pad(lr, (0, right, 0, below), 'reflect') if below or right else lr)
        except RuntimeError as error:
            raise CheckpointError(
                f'The network of {self._name} cannot be run on windows of {width} x {height} RGB pixels', found=error
            ) from error
        return out[..., : height * self._scale, : width * self._scale]


def _missing(length: int, window: int) -> int:
    return -length % window
