"""What BSPA's attribution rounds left in an experiment: how much of each layer they froze."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence

import numpy as np

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike


class FrozenShares(NamedTuple):
    """``layers``; ``shares`` (layers, rounds), means over the seeds; ``iterations`` and ``shares_of_all`` (rounds,)."""

    layers: List[str]
    iterations: List[int]
    shares: np.ndarray
    shares_of_all: np.ndarray


def read_rounds(experiment: PathLike) -> List[Dict[str, Any]]:
    """Return the attribution rounds of a BSPA experiment, in order; [] where there was none.

    Raises:
        DataError: A file of a round is damaged.
    """
    from bsr_plugins.models.round_report import FOLDER, RoundReport

    rounds = []
    for path in sorted((Path(experiment) / FOLDER).glob('round_*.json')):
        try:
            rounds.append(RoundReport.from_state(json.loads(path.read_text(encoding='utf-8'))).state())
        except (LookupError, ValueError, TypeError) as error:
            raise DataError(
                'The file of an attribution round is damaged', where=path, found=error, remedy='train again'
            ) from error
    return rounds


def frozen_shares(runs: Sequence[Sequence[Dict[str, Any]]]) -> FrozenShares:
    """Return the frozen share of each layer in each round, averaged over the runs of one method.

    Rounds and layers that not all runs have are left out.

    Args:
        runs: The rounds of each run, as :func:`read_rounds` gives them; none of them empty.
    """
    rounds = [group[: min(map(len, runs))] for group in runs]
    first = rounds[0]
    layers = [
        layer for layer in first[0]['layers'] if all(layer in each['layers'] for group in rounds for each in group)
    ]
    shares = np.array([[[each['layers'][layer] for each in group] for layer in layers] for group in rounds])
    of_all = np.array([[each['frozen_share'] for each in group] for group in rounds])
    return FrozenShares(layers, [each['iteration'] for each in first], shares.mean(0), of_all.mean(0))


def short_layer(layer: str) -> str:
    """Return a layer's name without what all of them share: ``base.`` and ``.weight``."""
    name = layer[: -len('.weight')] if layer.endswith('.weight') else layer
    return name[len('base.') :] if name.startswith('base.') else name
