"""Rules that hold for every module of the pack, read from its source; each is shown to find what it forbids."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Set, Tuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 400
# The rooms of bsr_plugins/ from the top floor down: a module imports from its own room and from floors below.
FLOORS = (
    ('__main__',),
    ('cli',),
    ('comparison',),
    ('analysis', 'checks', 'doctor'),
    ('options',),
    ('models',),
    ('archs',),
    ('augments',),
    ('losses', 'host'),
    ('data',),
    ('data/own',),
    ('attribution', 'metrics', 'optim', 'runs'),
    ('common',),
)
# The same inside those rooms that have rooms of their own; a room's name alone stands for its modules beside them.
SUB_ROOMS = (
    ('options/table', 'options/templates'),
    ('options',),
    ('host/additions', 'host/linking', 'host/mends'),
    ('host',),
    ('host/scripts',),
    ('data',),
    ('data/own',),
    ('data/sampling',),
    ('data/saliency',),
    ('data/difficulty',),
    ('data/subimages',),
    ('data/images',),
)
# What there is one good reason for: the rule's word and the place.
ALLOWED = {
    ('exec', 'bsr_plugins/cli/script.py'),  # runs the user's own script as Python would
    ('compile', 'bsr_plugins/cli/script.py'),
    ('os._exit', 'bsr_plugins/runs/worker_signals.py'),  # in a worker's thread, where SystemExit ends nothing
    ('except Exception', 'bsr_plugins/host/mends/prefetch_race.py'),  # raised again in the thread that reads the queue
    ('nextafter', 'bsr_plugins/losses/expectation_loss.py'),  # torch's, not that of math
    ('sys.exit', 'tools/bootstrap.py'),  # inside a signal's handler, where no code can be returned
}
# Of Python 3.9 and later.
TOO_NEW = {
    'removeprefix',
    'removesuffix',
    'is_relative_to',
    'unparse',
    'with_stem',
    'lcm',
    'nextafter',
    'randbytes',
    'pairwise',
    'bit_count',
    'to_thread',
    'hardlink_to',
}

Rule = Callable[[str, ast.Module, str], Iterator[str]]


def called(name: str, tree: ast.Module, text: str) -> Iterator[str]:
    forbidden = {'eval', 'exec', 'compile', 'breakpoint', 'input', 'exit', 'quit'}
    if not name.startswith(('bsr_plugins/cli/', 'tools/')):
        forbidden.add('print')
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in forbidden:
            yield node.func.id


def exits(name: str, tree: ast.Module, text: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            word = f'{node.value.id}.{node.attr}'
            if word in ('sys.exit', 'os._exit', 'os.system', 'os.popen'):
                yield word


def asserts(name: str, tree: ast.Module, text: str) -> Iterator[str]:
    yield from ('assert' for node in ast.walk(tree) if isinstance(node, ast.Assert))


def blanket_handlers(name: str, tree: ast.Module, text: str) -> Iterator[str]:
    """A handler of everything has to raise again, in its last line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            types = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = [each.id if isinstance(each, ast.Name) else '' if each else 'bare' for each in types]
            if set(names) & {'bare', 'Exception', 'BaseException'} and not isinstance(node.body[-1], ast.Raise):
                yield f'except {names[0]}'


def tools_imported(name: str, tree: ast.Module, text: str) -> Iterator[str]:
    """Nothing imports ``tools/`` but itself; and imports are written out, so that this file can follow them."""
    for module in imported(tree):
        if module.split('.')[0] == 'tools' and not name.startswith('tools/'):
            yield f'import {module}'
    if name.startswith('bsr_plugins/'):
        yield from ('relative import' for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level)


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


# Their tables name modules that are imported when BasicSR, or the user, asks for one of them: above any floor.
TABLES_OF_NAMES = ('bsr_plugins/host/registration.py',)
MODULE_AS_TEXT = re.compile(r'(bsr_plugins(?:\.\w+)+)\.?(?::\w+)?')


def named(tree: ast.Module) -> Iterator[str]:
    """Yield what is imported by a text (``importlib``, lazy calls), or reached through ``import bsr_plugins``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = MODULE_AS_TEXT.fullmatch(node.value)
            if found:
                yield found.group(1)
        elif isinstance(node, ast.Attribute):
            names: List[str] = []
            inner: ast.AST = node
            while isinstance(inner, ast.Attribute):
                names.append(inner.attr)
                inner = inner.value
            if isinstance(inner, ast.Name) and inner.id == 'bsr_plugins':
                yield '.'.join(['bsr_plugins', *reversed(names)])


def import_plan(modules: Dict[str, Tuple[ast.Module, str]]) -> Dict[str, Set[str]]:
    """Return file -> files of the pack that it imports, in functions too; ``bsr_plugins/__init__.py`` is left out.

    A module's import runs the ``__init__.py`` of its folder, and of those around it.
    """
    files = {re.sub(r'(/__init__)?\.py$', '', name).replace('/', '.'): name for name in modules}
    plan: Dict[str, Set[str]] = {}
    for name, (tree, _) in modules.items():
        plan[name] = set()
        for target in (*imported(tree), *(named(tree) if name not in TABLES_OF_NAMES else ())):
            while target and target not in files:
                target = target.rpartition('.')[0]
            folder = target
            while folder:
                around = files.get(folder, '')
                if folder == target or not name.startswith(around.rpartition('/')[0] + '/'):
                    plan[name] |= {around} - {'', name, 'bsr_plugins/__init__.py'}
                folder = folder.rpartition('.')[0]
    return plan


def room(name: str) -> Tuple[str, str]:
    """Return the room of a file, and the room in it."""
    parts = name[: -len('.py')].split('/')[1:]
    return parts[0], '/'.join(parts[:2]) if len(parts) > 2 else parts[0]


def upward_imports(plan: Dict[str, Set[str]]) -> Iterator[str]:
    """Yield the imports that do not run downwards, and the modules whose room is on no list."""
    floors = {name: floor for floor, names in enumerate(FLOORS) for name in names}
    inner = {name: floor for floor, names in enumerate(SUB_ROOMS) for name in names}
    for name, targets in plan.items():
        if not name.startswith('bsr_plugins/') or name == 'bsr_plugins/__init__.py':
            continue
        here, part = room(name)
        if here not in floors or (part != here and part not in inner):
            yield f'{name} stands in no room of the lists'
            continue
        for target in sorted(targets):
            there, its_part = room(target)
            if here != there:
                runs_down = floors[here] < floors.get(there, 0)
            else:
                runs_down = part == its_part or inner.get(part, len(SUB_ROOMS)) < inner.get(its_part, 0)
            if not runs_down:
                yield f'{name} -> {target}'


def circles(plan: Dict[str, Set[str]]) -> Iterator[str]:
    """Yield the modules that import each other, directly or by way of others, one line a circle."""
    left = {name: set(targets) for name, targets in plan.items()}
    # What imports nothing that is left, or is imported by nothing that is left, is in no circle.
    while True:
        wanted = set().union(*left.values()) if left else set()
        loose = [name for name, targets in left.items() if not targets & left.keys() or name not in wanted]
        if not loose:
            break
        for name in loose:
            del left[name]
    if left:
        yield ', '.join(sorted(left))


def unsafe_readers(name: str, tree: ast.Module, text: str) -> Iterator[str]:
    """``torch.load`` reads tensors and plain values alone, YAML goes through a safe loader, nothing is unpickled."""
    for node in ast.walk(tree):
        if not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            continue
        word = f'{node.func.value.id}.{node.func.attr}'
        if word == 'torch.load':
            safe = any(
                (each.arg == 'weights_only' and getattr(each.value, 'value', None) is True)
                or (each.arg is None and getattr(getattr(each.value, 'func', None), 'id', '') == 'load_options')
                for each in node.keywords
            )
            if not safe:
                yield word
        elif word in (
            'yaml.load',
            'yaml.load_all',
            'yaml.unsafe_load',
            'yaml.full_load',
            'pickle.load',
            'pickle.loads',
            'marshal.loads',
        ):
            yield word


def lengths(name: str, tree: ast.Module, text: str) -> Iterator[str]:
    if text.count('\n') > LONGEST:
        yield f'more than {LONGEST} lines'


def sentences(name: str, tree: ast.Module, text: str) -> Iterator[str]:
    if not ast.get_docstring(tree):
        yield 'no docstring'


def unfinished(name: str, tree: ast.Module, text: str) -> Iterator[str]:
    yield from re.findall(r'\b(?:TODO|FIXME|XXX|NotImplementedError)\b', text)


def python38(name: str, tree: ast.Module, text: str) -> Iterator[str]:
    """Annotations are text in 3.8 only by the future import; the rest is syntax and names of later versions."""
    if 'from __future__ import annotations' not in text and any(map(too_new_as_a_value, annotations(tree))):
        yield 'annotations are evaluated'
    try:
        ast.parse(text, feature_version=(3, 8))
    except SyntaxError as error:
        yield str(error.msg)
    yield from (node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in TOO_NEW)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'zip' and node.keywords:
            yield 'zip(strict=)'


def annotations(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        yield from (each for each in (getattr(node, 'annotation', None), getattr(node, 'returns', None)) if each)


def too_new_as_a_value(annotation: ast.AST) -> bool:
    """``int | None`` and ``list[int]``."""
    return any(
        isinstance(node, ast.BinOp)
        or (
            isinstance(node, ast.Subscript)
            and getattr(node.value, 'id', '') in ('list', 'dict', 'tuple', 'set', 'type')
        )
        for node in ast.walk(annotation)
    )


RULES: Tuple[Rule, ...] = (
    called,
    exits,
    asserts,
    blanket_handlers,
    tools_imported,
    unsafe_readers,
    lengths,
    sentences,
    unfinished,
    python38,
)


@pytest.fixture(scope='module')
def modules() -> Dict[str, Tuple[ast.Module, str]]:
    found = {}
    for folder in ('bsr_plugins', 'tools'):
        for path in sorted((ROOT / folder).rglob('*.py')):
            text = path.read_text(encoding='utf-8')
            found[path.relative_to(ROOT).as_posix()] = (ast.parse(text), text)
    return found


@pytest.mark.parametrize('rule', RULES, ids=lambda rule: rule.__name__)
def test_every_module_keeps_the_rule(rule: Rule, modules: Dict[str, Tuple[ast.Module, str]]) -> None:
    assert modules
    broken = [
        f'{name}: {word}'
        for name, (tree, text) in modules.items()
        for word in rule(name, tree, text)
        if (word, name) not in ALLOWED
    ]
    assert broken == []


@pytest.mark.parametrize(
    ('rule', 'name', 'text', 'words'),
    [
        (called, 'bsr_plugins/common/files.py', 'print(1)\neval("1")\nnet.eval()\n', ['print', 'eval']),
        (called, 'bsr_plugins/cli/main.py', 'print(1)\nexit(2)\n', ['exit']),
        (exits, 'bsr_plugins/common/files.py', 'import sys\nsys.exit(1)\nself.exit(1)\n', ['sys.exit']),
        (asserts, 'bsr_plugins/common/files.py', 'def f():\n  assert 1\n', ['assert']),
        (
            blanket_handlers,
            'bsr_plugins/common/files.py',
            'try:\n  f()\nexcept Exception:\n  pass\n',
            ['except Exception'],
        ),
        (blanket_handlers, 'bsr_plugins/common/files.py', 'try:\n  f()\nexcept:\n  pass\n', ['except bare']),
        (blanket_handlers, 'bsr_plugins/common/files.py', 'try:\n  f()\nexcept BaseException:\n  g()\n  raise\n', []),
        (blanket_handlers, 'bsr_plugins/common/files.py', 'try:\n  f()\nexcept (OSError, ValueError):\n  pass\n', []),
        (tools_imported, 'bsr_plugins/data/x.py', 'from tools import bench\n', ['import tools.bench']),
        (tools_imported, 'bsr_plugins/data/x.py', 'import tools.bench\n', ['import tools.bench']),
        (tools_imported, 'bsr_plugins/optim/x.py', 'from ..models import y\n', ['relative import']),
        (tools_imported, 'tools/x.py', 'import tools.bench\nimport bsr_plugins.models.y\n', []),
        (unsafe_readers, 'bsr_plugins/x.py', 'torch.load(p)\ntorch.load(p, weights_only=False)\n', ['torch.load'] * 2),
        (
            unsafe_readers,
            'bsr_plugins/x.py',
            'torch.load(p, weights_only=True)\ntorch.load(p, **load_options(l))\n',
            [],
        ),
        (unsafe_readers, 'bsr_plugins/x.py', 'yaml.load(f, Loader=L)\nyaml.safe_load(f)\n', ['yaml.load']),
        (lengths, 'bsr_plugins/x.py', '\n' * 401, ['more than 400 lines']),
        (sentences, 'bsr_plugins/x.py', 'import os\n', ['no docstring']),
        (sentences, 'bsr_plugins/data/__init__.py', '', ['no docstring']),
        (
            unfinished,
            'bsr_plugins/x.py',
            'raise NotImplementedError  # TO' + 'DO\n',
            ['NotImplementedError', 'TO' + 'DO'],
        ),
        (python38, 'bsr_plugins/x.py', 'def f(x: int | None): ...\n', ['annotations are evaluated']),
        (python38, 'bsr_plugins/x.py', 'def f(x: str) -> Optional[int]: ...\n', []),
        (python38, 'bsr_plugins/x.py', 'def f() -> list[int]: ...\n', ['annotations are evaluated']),
        (
            python38,
            'bsr_plugins/x.py',
            "x = 'a'.removeprefix('b')\ny = zip(a, b, strict=True)\n",
            ['removeprefix', 'zip(strict=)'],
        ),
    ],
)
def test_each_rule_finds_what_it_forbids(rule: Rule, name: str, text: str, words: List[str]) -> None:
    assert list(rule(name, ast.parse(text), text)) == words


def test_imports_run_downwards_and_in_no_circle(modules: Dict[str, Tuple[ast.Module, str]]) -> None:
    plan = import_plan(modules)
    assert list(upward_imports(plan)) == []
    assert list(circles(plan)) == []


def planned(**texts: str) -> Dict[str, Set[str]]:
    """Return the plan of modules that are given as ``data__images__a='import ...'``."""
    return import_plan(
        {
            f'bsr_plugins/{name.replace("__init__", "INIT").replace("__", "/").replace("INIT", "__init__")}.py': (
                ast.parse(text),
                text,
            )
            for name, text in texts.items()
        }
    )


@pytest.mark.parametrize(
    ('imports', 'upwards'),
    [
        ('from bsr_plugins.common import b', []),
        ('from bsr_plugins.common.b import name', []),
        ('import bsr_plugins', []),
        ('from bsr_plugins.models.b import name', ['models/b']),
        ('importlib.import_module("bsr_plugins.models.b")', ['models/b']),
        ('TABLE = {"type": "bsr_plugins.models.b:Name"}', ['models/b']),
        ('import bsr_plugins\nbsr_plugins.models.b.name()', ['models/b']),
        ('from bsr_plugins import models', ['models/__init__']),
        ('from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  from bsr_plugins.models.b import B', ['models/b']),
        ('"""Of bsr_plugins.models.b: what a text says is no import."""\nimport bsr_plugins.common.b', []),
        ('def f():\n  import bsr_plugins.models.b', ['models/b']),
        ('from bsr_plugins.host.patches import name', ['host/patches']),
        ('from bsr_plugins.data.sampling import b', ['data/sampling/b']),
        ('from bsr_plugins.data import b_dataset', ['data/b_dataset']),
        ('from bsr_plugins.data.images.b import name', []),
        ('import bsr_plugins.data.subimages.b', []),
    ],
)
def test_upward_imports_are_found(imports: str, upwards: List[str]) -> None:
    """From data/difficulty."""
    others = ('common__b', 'models__b', 'host__patches', 'data__sampling__b', 'data__b_dataset', 'data__images__b')
    if 'import models' in imports:
        others = (*others, 'models____init__')
    plan = planned(data__difficulty__a=imports, data__subimages__b='', **dict.fromkeys(others, ''))
    assert list(upward_imports(plan)) == [
        f'bsr_plugins/data/difficulty/a.py -> bsr_plugins/{name}.py' for name in upwards
    ]


def test_rooms_of_one_floor_keep_apart() -> None:
    plan = planned(losses__a='from bsr_plugins.host import b', host__b='')
    assert list(upward_imports(plan)) == ['bsr_plugins/losses/a.py -> bsr_plugins/host/b.py']


@pytest.mark.parametrize('name', ['attic__a', 'data__attic__a', 'loose'])
def test_a_room_that_is_on_no_list_is_found(name: str) -> None:
    (found,) = upward_imports(planned(**{name: ''}))
    assert found.endswith('stands in no room of the lists')


def test_circles_are_found() -> None:
    plan = planned(
        models__a='import bsr_plugins.models.b',
        models__b='def f():\n  from bsr_plugins.models import c',
        models__c='from bsr_plugins.models.a import name',
        models__above='import bsr_plugins.models.a',
        models__below='',
    )
    assert list(circles(plan)) == ['bsr_plugins/models/a.py, bsr_plugins/models/b.py, bsr_plugins/models/c.py']
    del plan['bsr_plugins/models/c.py']
    assert list(circles(plan)) == []


def test_a_circle_through_the_init_of_a_folder_is_found() -> None:
    plan = planned(
        host__a='from bsr_plugins.host.mends.x import name',
        host__mends__x='from bsr_plugins.host.mends import y',
        host__mends__y='',
        host__mends____init__='from bsr_plugins.host.a import name\nfrom bsr_plugins.host.mends import x',
    )
    assert list(circles(plan)) == ['bsr_plugins/host/a.py, bsr_plugins/host/mends/__init__.py']


def test_importing_the_pack_is_light() -> None:
    code = (
        'import sys; import bsr_plugins; '
        'print(sorted({"torch", "torchvision", "basicsr", "cv2", "numpy", "yaml"} & set(sys.modules)))'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.strip() == '[]'
