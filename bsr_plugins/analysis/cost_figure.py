"""What each method costs: seconds an iteration and memory of its training, parameters and MACs of its network."""

from __future__ import annotations

import statistics
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

import numpy as np

from bsr_plugins.analysis.figure_style import FONT_SIZE, WIDTH, MethodStyle, drawn, new_figure, plain, report_png
from bsr_plugins.analysis.network_costs import NetworkCosts
from bsr_plugins.analysis.report_figure import FigureTable
from bsr_plugins.analysis.training_log import TrainingLog


class MethodCosts(NamedTuple):
    """Costs of a method; None where nothing tells.

    Attributes:
        seconds: Of a training iteration, one a seed: the median of its log lines.
        memory: Most MiB that a training process held.
        gpu_memory: Most MiB on its GPU.
        network: Of the network that is tested.
    """

    seconds: List[float]
    memory: Optional[int]
    gpu_memory: Optional[int]
    network: Optional[NetworkCosts]


def method_costs(logs: Sequence[TrainingLog], network: Optional[NetworkCosts]) -> MethodCosts:
    """Return the costs of one method from the logs of its runs."""
    known = [log.memory for log in logs if log.memory is not None]
    gpu = [each[1] for each in known if each[1] is not None]
    return MethodCosts(
        [statistics.median(log.seconds.values()) for log in logs if log.seconds],
        max((each[0] for each in known), default=None),
        max(gpu, default=None),
        network,
    )


def cost_table(costs: Mapping[str, MethodCosts]) -> FigureTable:
    """Return the costs of all methods."""
    heads = ['method', 's an iteration', 'memory (MiB)', 'GPU memory (MiB)', 'parameters', 'MACs at 1280 x 720 (G)']
    rows = [
        [
            method,
            _seconds(each.seconds),
            *('-' if value is None else f'{value:,}' for value in (each.memory, each.gpu_memory)),
            *(
                ['-', '-']
                if each.network is None
                else [f'{each.network.parameters:,}', f'{each.network.macs / 1e9:.2f}']
            ),
        ]
        for method, each in costs.items()
    ]
    return FigureTable(heads, rows)


def cost_numbers(costs: Mapping[str, MethodCosts]) -> Dict[str, Any]:
    """Return the same for report.json; MACs are whole numbers."""
    return {
        method: {
            'seconds_per_iteration': each.seconds,
            'memory_mib': each.memory,
            'gpu_memory_mib': each.gpu_memory,
            'parameters': None if each.network is None else each.network.parameters,
            'macs': None if each.network is None else round(each.network.macs),
        }
        for method, each in costs.items()
    }


def draw_costs(costs: Mapping[str, MethodCosts], styles: Mapping[str, MethodStyle]) -> bytes:
    """Draw the seconds of an iteration of each method, the range over its seeds as a line."""
    known = {method: each.seconds for method, each in costs.items() if each.seconds}
    figure = new_figure(WIDTH, 0.9 + 0.3 * len(known))
    axes = figure.subplots()
    for row, (method, seconds) in enumerate(known.items()):
        mean = float(np.mean(seconds))
        axes.barh(row, mean, 0.6, color=styles[method].colour)
        axes.plot([min(seconds), max(seconds)], [row, row], color='black', linewidth=1.2)
        axes.annotate(f'{mean:.3f}', (max(seconds), row), (4, 0), textcoords='offset points', va='center', fontsize=8)
    axes.set_yticks(range(len(known)), [drawn(method) for method in known], fontsize=FONT_SIZE - 1)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    plain(axes, 'Training time', 'seconds an iteration')
    return report_png(figure)


def _seconds(values: Sequence[float]) -> str:
    if not values:
        return '-'
    spread = f' ({min(values):.3f} to {max(values):.3f})' if max(values) > min(values) else ''
    return f'{np.mean(values):.3f}{spread}'
