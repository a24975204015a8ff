"""The option files and grids by name: those shipped under ``options/``, and all other combinations of the tables."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Callable, Dict, Iterator, Tuple

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import closest_name
from bsr_plugins.options.templates.demo import demo_files
from bsr_plugins.options.templates.grids import shipped_grids
from bsr_plugins.options.templates.methods import METHODS
from bsr_plugins.options.templates.networks import NETWORKS
from bsr_plugins.options.templates.protocols import REAL, SCALES
from bsr_plugins.options.templates.recipe import SHIPPED, Recipe, default_test_methods, scales_of
from bsr_plugins.options.templates.render import render
from bsr_plugins.options.templates.setting import Setting

#: An option file: the function that returns its text in a setting.
Maker = Callable[[Setting], str]


def shipped_makers() -> Dict[str, Maker]:
    """Return the shipped option files: path below ``options/`` -> what makes the text."""
    return {**{recipe.file_name: maker_of(recipe) for recipe in SHIPPED}, **demo_files(), **shipped_grids()}


def shipped_files() -> Dict[str, str]:
    """Return the shipped option files: path below ``options/`` -> text. The same texts lie there in the repository."""
    return {path: make(Setting()) for path, make in shipped_makers().items()}


def maker_of(recipe: Recipe) -> Maker:
    """Return what makes the text of the option file of ``recipe``."""
    return lambda setting: render(dataclasses.replace(recipe, setting=setting))


def named_maker(name: str) -> Tuple[str, Maker]:
    """Return the path below ``options/`` of the option file ``name``, shipped or not, and what makes its text.

    Args:
        name: Such as ``train_RCAN_bspa_x3``; ``options/`` before it and ``.yml`` after it are allowed.

    Raises:
        OptionError: The tables make no file of this name; the closest name is offered.
    """
    stem = name[len('options/') :] if name.startswith('options/') else name
    path = stem if stem.endswith('.yml') else f'{stem}.yml'
    recipes = {recipe.file_name: recipe for recipe in _recipes()}
    if path in recipes:
        return path, maker_of(recipes[path])
    others = {**demo_files(), **shipped_grids()}
    if path not in others:
        close = closest_name(path, [*recipes, *others])
        raise OptionError(
            f"There is no option file named '{name}'",
            remedy=f"did you mean '{close[: -len('.yml')]}'?" if close else f'{command("option", "--list")} shows them',
        )
    return path, others[path]


def named_file(name: str) -> Tuple[str, str]:
    """Return the path below ``options/`` and the text of the option file ``name``, as :func:`named_maker` finds it."""
    path, make = named_maker(name)
    return path, make(Setting())


def _recipes() -> Iterator[Recipe]:
    for net, scale in itertools.product(NETWORKS, SCALES):
        yield Recipe(net, None, scale)
        for method in METHODS:
            yield Recipe(net, method, scale)
            if method not in default_test_methods(net):
                yield Recipe(net, method, scale, test=True)
    for net, method in itertools.product(NETWORKS, METHODS):
        if REAL in scales_of(net, method):
            yield Recipe(net, method, REAL)
            yield Recipe(net, method, REAL, test=True)
