#!/usr/bin/env python3
"""Command line of ``bsr_plugins.options.templates``: the option file of a network, a method and a scale."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import List, Optional

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bsr_plugins.common.errors import BsrPluginsError  # noqa: E402
from bsr_plugins.common.files import write_text  # noqa: E402
from bsr_plugins.options.templates.methods import METHODS  # noqa: E402
from bsr_plugins.options.templates.networks import NETWORKS  # noqa: E402
from bsr_plugins.options.templates.protocols import SCALES  # noqa: E402
from bsr_plugins.options.templates.recipe import SHIPPED, Recipe  # noqa: E402
from bsr_plugins.options.templates.render import render  # noqa: E402

EXAMPLES = """\
examples:
  %(prog)s --net RCAN --method bspa --scale 3               writes options/train_RCAN_bspa_x3.yml
  %(prog)s --net RCAN --method baseline --scale 3 --out -   prints its twin, plain training of the same length
  %(prog)s --net RCAN --test --scale 3                      writes options/test_RCAN_x3.yml
  %(prog)s --net FSRCNN --method fpl --test --scale 3       writes options/test_FSRCNN_fpl_x3.yml
  %(prog)s --net BSR --method bsr --scale 3                 writes options/train_BSR_x3.yml, the whole of that paper
  %(prog)s --all                                            rewrites the shipped files
  %(prog)s --check                                          names shipped files that are not current
"""


def parse(argv: Optional[List[str]]) -> argparse.Namespace:
    table = '\n'.join(
        [
            'networks:',
            *(f'  {name:<14} {row.about}' for name, row in NETWORKS.items()),
            'methods:',
            *(f'  {name:<14} {row.about}' for name, row in METHODS.items()),
        ]
    )
    parser = argparse.ArgumentParser(
        description='Write an option file for BasicSR: any network by any method at any scale.',
        epilog=f'{table}\n{EXAMPLES}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--net', metavar='NET', help=', '.join(NETWORKS))
    parser.add_argument('--method', metavar='METHOD', help=', '.join(METHODS))
    parser.add_argument(
        '--test',
        action='store_true',
        help="a test file; without --method that of bspa and baseline, or of the network's own method and its twin",
    )
    parser.add_argument('--scale', type=int, metavar='S', help=', '.join(map(str, SCALES)))
    parser.add_argument('--out', metavar='FILE', help='destination (options/<name>.yml); - prints it')
    parser.add_argument('--force', action='store_true', help='replace a file that is there')
    parser.add_argument('--all', action='store_true', help='rewrite the shipped files')
    parser.add_argument('--check', action='store_true', help='compare the shipped files; exit code 1 where one differs')
    options = parser.parse_args(argv)
    single = (options.net is not None, options.scale is not None, options.method is not None or options.test)
    if not (options.all or options.check) and not all(single):
        parser.error('--net, --scale and one of --method and --test are needed, or --all, or --check')
    return options


def main(argv: Optional[List[str]] = None) -> int:
    options = parse(argv)
    try:
        if options.check:
            return check()
        if options.all:
            for recipe in SHIPPED:
                write(recipe, ROOT / 'options' / recipe.file_name)
            return 0
        recipe = Recipe(options.net, options.method, options.scale, options.test)
        if options.out == '-':
            sys.stdout.write(render(recipe))
            return 0
        path = Path(options.out) if options.out else Path('options') / recipe.file_name
        if path.exists() and not options.force and path.read_text(encoding='utf-8') != render(recipe):
            print(f'{path} is there and differs: --force replaces it, --out writes elsewhere', file=sys.stderr)
            return 2
        write(recipe, path)
    except BsrPluginsError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def write(recipe: Recipe, path: Path) -> None:
    write_text(path, render(recipe))
    print(path)


def check() -> int:
    stale = [recipe for recipe in SHIPPED if not _is_current(recipe, ROOT / 'options' / recipe.file_name)]
    for recipe in stale:
        print(f'options/{recipe.file_name} is not what {recipe.command} writes', file=sys.stderr)
    return 1 if stale else 0


def _is_current(recipe: Recipe, path: Path) -> bool:
    return path.is_file() and path.read_text(encoding='utf-8') == render(recipe)


if __name__ == '__main__':
    raise SystemExit(main())
