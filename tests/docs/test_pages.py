"""What README.md, CONTRIBUTING.md and docs/ name exists: files, links, functions, option keys, commands, variables."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, FrozenSet, Iterator, List, Tuple

import pytest
import yaml

from bsr_plugins.comparison.grid_file import KEYS as GRID_KEYS
from bsr_plugins.host import registration

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').glob('*.md'))]
LINK = re.compile(r'\[[^\]]*\]\(([^)\s]+)\)')
SPAN = re.compile(r'`([^`\n]+)`')
BLOCK = re.compile(r'^ *```(\w*)\n(.*?)^ *```', re.MULTILINE | re.DOTALL)
# Files of forks, and what stands for a file of the reader's.
NOT_OURS = re.compile(
    r'^(basicsr/|hat/|datasets/|experiments/|results/|comparisons/|my_|models/net_|X\.yml|\.git/|~|\$)'
)
NAMED_BY_THE_USER = ('losses', 'metrics')
NAME = re.compile(r'^([A-Za-z_]\w*(?:\.\w+)?)\(\)$|^([A-Z][a-z0-9A-Z]*[a-z]\w*)$')


# ------------------------------------------------------------------ what there is
@functools.lru_cache(maxsize=None)
def definitions(path: Path) -> FrozenSet[str]:
    """Functions and classes of a module, and ``Class.method``."""
    names = set()
    for node in ast.parse(path.read_text(encoding='utf-8')).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names.update(f'{node.name}.{inner.name}' for inner in node.body if isinstance(inner, ast.FunctionDef))
    return frozenset(names)


@functools.lru_cache(maxsize=None)
def all_definitions() -> FrozenSet[str]:
    upstream = importlib.util.find_spec('basicsr').submodule_search_locations[0]
    modules = [*(ROOT / 'bsr_plugins').rglob('*.py'), *Path(upstream).rglob('*.py')]
    return frozenset().union(*map(definitions, modules))


@functools.lru_cache(maxsize=None)
def source() -> str:
    return '\n'.join(
        path.read_text(encoding='utf-8')
        for folder in ('bsr_plugins', 'tools')
        for path in (ROOT / folder).rglob('*.py')
    )


@functools.lru_cache(maxsize=None)
def option_keys() -> FrozenSet[str]:
    """The keys of the option table's page, and those of BasicSR that the shipped files hold."""
    keys = {
        part for span in SPAN.findall((ROOT / 'options' / 'README.md').read_text('utf-8')) for part in span.split('.')
    }
    for path in (ROOT / 'options').rglob('*.yml'):
        keys.update(key for key, _ in entries(yaml.safe_load(path.read_text('utf-8'))))
    return frozenset(keys)


def entries(content: Any) -> Iterator[Tuple[str, Any]]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield str(key), value
            if key in NAMED_BY_THE_USER and isinstance(value, dict):
                for inner in value.values():
                    yield from entries(inner)
            else:
                yield from entries(value)
    elif isinstance(content, list):
        for each in content:
            yield from entries(each)


@functools.lru_cache(maxsize=None)
def help_of(command: Tuple[str, ...]) -> str:
    done = subprocess.run(
        [sys.executable, *command, '--help'], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.stdout if done.returncode == 0 else ''


# ------------------------------------------------------------------ what a page gets wrong
def broken_links(page: Path, text: str) -> Iterator[str]:
    for target in LINK.findall(text):
        if re.match(r'https?://', target):
            continue
        name, _, anchor = target.partition('#')
        path = (page.parent / name) if name else page
        content = text if path == page else path.read_text(encoding='utf-8') if path.is_file() else ''
        if not path.exists() or (anchor and anchor not in anchors(content)):
            yield target


def anchors(text: str) -> List[str]:
    """The anchors that GitHub gives to the headings."""
    headings = re.findall(r'^#+ (.*)$', BLOCK.sub('', text), re.MULTILINE)
    return [re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings]


def missing_files(page: Path, text: str) -> Iterator[str]:
    for span in SPAN.findall(BLOCK.sub('', text)):
        if not re.fullmatch(r'[\w./<>{},*-]+\.(py|sh|yml|md)', span) or NOT_OURS.match(span):
            continue
        for name in with_braces(re.sub(r'<\w+>', '*', span)):
            if '/' in name:
                found = any(any(folder.glob(name)) for folder in (ROOT, ROOT / 'bsr_plugins'))
            else:
                found = any(
                    any((ROOT / top).rglob(name)) for top in ('bsr_plugins', 'tools', 'options', 'tests', 'docs')
                )
                found = found or (ROOT / name).exists()
            if not found:
                yield span


def with_braces(name: str) -> List[str]:
    match = re.search(r'\{([^}]*)\}', name)
    if match is None:
        return [name]
    return [
        each for part in match[1].split(',') for each in with_braces(name[: match.start()] + part + name[match.end() :])
    ]


def missing_names(page: Path, text: str) -> Iterator[str]:
    """A function or class stands in the module linked next after it in its cell, else in the last before it.

    In a cell without a module it stands in one of its line's, in a line without one anywhere.
    """
    for line in BLOCK.sub('', text).splitlines():
        for cell in line.split('|'):
            here, of_line = modules_in(page, cell), [path for _, path in modules_in(page, line)]
            for span in SPAN.finditer(cell):
                match = NAME.match(span[1])
                name = match and (match[1] or match[2])
                if not name:
                    continue
                behind = [path for start, path in here if start > span.start()]
                places = behind[:1] or [path for _, path in here[-1:]] or of_line
                known = all_definitions() if not places else frozenset().union(*map(definitions, places))
                if name not in known:
                    yield ' in '.join([name, *(path.name for path in places)])


def modules_in(page: Path, text: str) -> List[Tuple[int, Path]]:
    return [(match.start(), page.parent / match[1]) for match in LINK.finditer(text) if match[1].endswith('.py')]


def unknown_keys(page: Path, text: str) -> Iterator[str]:
    for span in SPAN.findall(BLOCK.sub('', text)):
        dotted = re.fullmatch(r'([a-z]\w*(?:\.[a-z_]\w*)+|[a-z]\w*(?=: ))(: .*)?', span)
        if dotted and not re.search(r'\.(py|yml|md|sh|pth|json|lmdb|txt|html|csv|png)$', span):
            yield from (part for part in dotted[1].split('.') if part not in option_keys())
        elif re.fullmatch(r'[a-z]+(_[a-z0-9]+)+', span) and not re.search(rf'\b{span}\b', source()):
            yield span
    for language, block in BLOCK.findall(text):
        if language == 'yaml':
            shown = yaml.safe_load(block)
            if 'methods' in shown:  # a grid: its keys and, in override, paths of keys
                yield from set(shown) - set(GRID_KEYS)
                shown = dict.fromkeys(part for path in shown.get('override', {}) for part in path.split(':'))
            for key, value in entries(shown):
                if key not in option_keys():
                    yield key
                if key == 'type' and value not in all_definitions():
                    yield f'type: {value}'


def wrong_commands(page: Path, text: str) -> Iterator[str]:
    for line in commands_in(text):
        words = shlex.split(line, comments=True)
        if not words:
            continue
        program, arguments = program_of(words)
        if program is None:
            continue
        if program[0].endswith('.sh') or program[0].startswith('tests/'):
            if not (ROOT / program[0]).is_file():
                yield line
            continue
        shown = help_of(program)
        flags = [word.split('=')[0] for word in arguments if word.startswith('-') and word != '-']
        if not shown or any(not re.search(rf'(?<![\w-]){re.escape(flag)}(?![\w-])', shown) for flag in flags):
            yield line


def commands_in(text: str) -> Iterator[str]:
    for language, block in BLOCK.findall(text):
        if language == 'bash':
            yield from block.replace('\\\n', ' ').splitlines()
    yield from (span for span in SPAN.findall(BLOCK.sub('', text)) if re.match(r'(basicsr|bash|python) \S', span))


def program_of(words: List[str]) -> Tuple[Any, List[str]]:
    """What Python is given before ``--help``, and the arguments; None for programs of others."""
    if words[0] == 'torchrun':
        words = words[words.index('-m') :]
        return ('-m', words[1], words[2]), words[3:]
    if words[0] == 'basicsr':
        if words[1].startswith('-'):
            return ('-m', 'bsr_plugins'), words[1:]
        return ('-m', 'bsr_plugins', words[1]), words[2:]
    if words[0] in ('bash', 'python') and words[1].startswith(('tools/', 'tests/')):
        return (words[1],), words[2:]
    return None, []


def unknown_variables(page: Path, text: str) -> Iterator[str]:
    yield from (name for name in set(re.findall(r'\bBSR_PLUGINS_[A-Z]+', text)) if name not in source())


CHECKS = [broken_links, missing_files, missing_names, unknown_keys, wrong_commands, unknown_variables]


@pytest.mark.parametrize('check', CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_what_a_page_names_exists(page: Path, check: Any) -> None:
    assert not list(check(page, page.read_text(encoding='utf-8')))


WRONG: Dict[str, List[str]] = {
    'broken_links': ['[a](no_such.md)', '[a](README.md#no-such-heading)'],
    'missing_files': ['`tools/no_such.py`', '`no_such.py`', '`train_{EDSR,NOSUCH}_bspa_x4.yml`'],
    'missing_names': [
        '`no_such()`',
        '`class_counts()` in [`pic.py`](bsr_plugins/data/sampling/pic.py)',
        '`ClassDraws.no_such()` in [`x`](bsr_plugins/data/sampling/class_draws.py)',
        '`NoSuchLoss`',
    ],
    'unknown_keys': [
        '`train.no_such`',
        '`no_such: 3`',
        '`no_such_word`',
        '```yaml\nno_such: 1\n```\n',
        '```yaml\ntype: NoSuch\n```\n',
    ],
    'wrong_commands': [
        '`basicsr no_such X.yml`',
        '```bash\nbasicsr check \\\n  --no-such X.yml\n```\n',
        '`python tools/no_such.py`',
        '`bash tools/no_such.sh`',
    ],
    'unknown_variables': ['`BSR_PLUGINS_NOSUCH`'],
}


@pytest.mark.parametrize('check', CHECKS, ids=lambda check: check.__name__)
def test_what_does_not_exist_is_found(check: Any) -> None:
    for text in WRONG[check.__name__]:
        assert list(check(ROOT / 'README.md', text)), text


def test_methods_page_lists_every_registered_class() -> None:
    page = (ROOT / 'docs' / 'methods.md').read_text(encoding='utf-8')
    engine = (ROOT / 'docs' / 'engine.md').read_text(encoding='utf-8')
    registered = [name for names in registration.TABLE.values() for name in names]
    assert registered
    assert [name for name in registered if name not in page + engine] == []


def test_every_environment_variable_is_documented() -> None:
    page = (ROOT / 'docs' / 'troubleshooting.md').read_text(encoding='utf-8')
    package = [path.read_text(encoding='utf-8') for path in (ROOT / 'bsr_plugins').rglob('*.py')]
    variables = set(re.findall(r'BSR_PLUGINS_[A-Z]+', '\n'.join(package)))
    assert variables
    assert [name for name in variables if name not in page] == []


def test_readme_is_short() -> None:
    assert len((ROOT / 'README.md').read_text(encoding='utf-8').splitlines()) <= 150
