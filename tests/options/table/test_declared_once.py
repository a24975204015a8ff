"""A default or a range of an option stands in its declaration alone: told from the source."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Dict, Iterator, List, Set

import pytest

from bsr_plugins.options.table import OPTION_SETS

ROOT = Path(__file__).resolve().parents[3]
SOURCES = sorted((ROOT / 'bsr_plugins').rglob('*.py'))
#: Names of the options that the pack declares for its own types.
DECLARED: Set[str] = {option.name for options in OPTION_SETS if options.kind != 'basicsr' for option in options.options}
# The whole file's; BasicSR's, which reads it as higher where it is absent; a word for other things, too.
DECLARED -= {'scale', 'better', 'per_class'}
# Of val.windows and val.sigma, and words of everything else.
DECLARED -= {'size', 'step', 'batch', 'sigma'}
# What several options have to fulfil together: each such place is a relation of a declaration.
RELATIONS = {
    'bsr_plugins/data/images/shared_options.py': {'color'},
    'bsr_plugins/archs/network_options.py': {'upsampler'},
    'bsr_plugins/losses/loss_options.py': {'noise_scale', 'threshold'},
}


def literal_defaults(tree: ast.AST) -> Iterator[str]:
    """Yield ``name: default`` of each parameter, field or constant named like an option that has a literal default."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            arguments = node.args
            positional = [*getattr(arguments, 'posonlyargs', []), *arguments.args]
            pairs = list(zip(reversed(positional), reversed(arguments.defaults)))
            pairs += [(name, value) for name, value in zip(arguments.kwonlyargs, arguments.kw_defaults) if value]
            named = [(argument.arg, value) for argument, value in pairs]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            named = [(node.target.id, node.value)]
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            named = [(node.targets[0].id.lower(), node.value)]
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ('get', 'setdefault', 'pop')
            and len(node.args) == 2
            and isinstance(node.args[0], ast.Constant)
        ):
            named = [(str(node.args[0].value), node.args[1])]
        elif isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or) and len(node.values) == 2:
            read = node.values[0]
            arguments_of = read.args[:1] if isinstance(read, ast.Call) else []
            named = [(str(each.value), node.values[-1]) for each in arguments_of if isinstance(each, ast.Constant)]
        else:
            continue
        for name, value in named:
            if name in DECLARED and is_literal(value):
                yield f'{name}: {ast.literal_eval(value)!r}'


def is_literal(node: ast.AST) -> bool:
    """Whether it is a value other than None, False and emptiness, which stand for no value."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return False
    return bool(value) or (value == 0 and value is not False)


def checks_by_hand(tree: ast.AST) -> Iterator[str]:
    """Yield the option of each ``if`` that raises OptionError after comparing an option with literals alone."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.If) or 'OptionError' not in {
            each.id for part in node.body for each in ast.walk(part) if isinstance(each, ast.Name)
        }:
            continue
        for compared in ast.walk(node.test):
            if isinstance(compared, ast.Compare):
                sides = [compared.left, *compared.comparators]
                options = [name for side in sides for name in names_in(side) if name in DECLARED]
                if options and sum(is_literal(side) for side in sides) == len(sides) - 1:
                    yield options[0]


def names_in(node: ast.AST) -> List[str]:
    """Return the name that an expression is, as a variable or as the last attribute."""
    return [node.id] if isinstance(node, ast.Name) else [node.attr] if isinstance(node, ast.Attribute) else []


@pytest.mark.parametrize('found', [literal_defaults, checks_by_hand], ids=lambda rule: rule.__name__)
def test_no_default_and_no_range_stands_twice(found) -> None:
    twice: Dict[str, List[str]] = {}
    for path in SOURCES:
        name = path.relative_to(ROOT).as_posix()
        known = RELATIONS.get(name, set())
        lines = [each for each in found(ast.parse(path.read_text(encoding='utf-8'))) if each.split(':')[0] not in known]
        if lines:
            twice[name] = lines
    assert twice == {}


@pytest.mark.parametrize(
    ('rule', 'source', 'expected'),
    [
        (literal_defaults, 'def f(num_classes: int = 10): ...', ['num_classes: 10']),
        (literal_defaults, 'def f(*, alpha_sp=0.5, other=3): ...', ['alpha_sp: 0.5']),
        (literal_defaults, 'class A:\n    beta: float = 0.1', ['beta: 0.1']),
        (literal_defaults, 'IMBALANCE_FACTOR = 10', ['imbalance_factor: 10']),
        (literal_defaults, "opt.get('portion', 0.1)", ['portion: 0.1']),
        (literal_defaults, "opt.get('filename_tmpl') or '{}'", ["filename_tmpl: '{}'"]),
        (literal_defaults, 'def f(num_classes=NUM_CLASSES.default, scale=None, compile=False): ...', []),
        (checks_by_hand, 'if num_classes < 1:\n    raise OptionError()', ['num_classes']),
        (checks_by_hand, 'if self.beta > 1:\n    raise OptionError()', ['beta']),
        (checks_by_hand, "if sampling not in ('inverse', 'uniform'):\n    raise OptionError()", ['sampling']),
        (checks_by_hand, 'if num_feat % group:\n    raise OptionError()', []),
    ],
)
def test_the_rules_find_what_they_forbid(rule, source: str, expected: List[str]) -> None:
    assert list(rule(ast.parse(source))) == expected
