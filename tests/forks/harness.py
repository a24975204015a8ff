"""Runs fork checkouts with the pack and prints which way into which fork works.

python tests/forks/harness.py DIR... [--ways train,link,torchrun] [--images ../shared/data/train] [--out FOLDER]

Each DIR is a checkout, or a folder of checkouts. Each is copied, so it stays as it is. What a fork needs beside BasicSR
(timm, einops, lpips, ...) is found through PYTHONPATH.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import List, Optional, Sequence

REPO = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPO), str(REPO / 'tests' / 'support')]

import fork_matrix  # noqa: E402
from bsr_plugins.common.errors import BsrPluginsError, LinkError  # noqa: E402
from bsr_plugins.host.linking.forks import find_fork  # noqa: E402


def checkouts_in(folders: Sequence[Path]) -> List[Path]:
    """Return the folders that are checkouts, and the checkouts right under those that are not.

    Raises:
        LinkError: A folder is no checkout and holds none.
    """
    found = []
    for folder in folders:
        if _is_checkout(folder):
            found.append(folder)
            continue
        inside = [path for path in sorted(folder.iterdir()) if _is_checkout(path)] if folder.is_dir() else []
        if not inside:
            find_fork(folder)
        found += inside
    return found


def commit_of(checkout: Path) -> str:
    """Return the short commit of a git checkout, or what stands in ``DIR.commit`` beside it; '' without either."""
    note = checkout.with_name(f'{checkout.name}.commit')
    if note.is_file():
        return note.read_text().strip()[:7]
    if not (checkout / '.git').exists():
        return ''
    done = subprocess.run(['git', '-C', str(checkout), 'rev-parse', '--short', 'HEAD'], capture_output=True, text=True)
    return done.stdout.strip()


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the matrix; 0 where nothing failed, 1 otherwise, 2 where the arguments are wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folders', nargs='+', type=Path, metavar='DIR', help='a checkout, or a folder of checkouts')
    parser.add_argument('--ways', default='train,link', help=f'of {",".join(fork_matrix.WAYS)}; default: train,link')
    parser.add_argument(
        '--images',
        type=Path,
        default=Path(os.environ.get('BSR_DATA', REPO.parent / 'shared' / 'data')) / 'train',
        help='folder with HR and LRbicX4',
    )
    parser.add_argument('--out', type=Path, help='keeps copies and output of the runs; default: a temporary folder')
    parser.add_argument('--python', default=sys.executable, help='the interpreter, arguments of its own included')
    args = parser.parse_args(argv)
    ways = args.ways.split(',')
    if not set(ways) <= set(fork_matrix.WAYS):
        parser.error(f'--ways: {args.ways} is not of {",".join(fork_matrix.WAYS)}')
    try:
        checkouts = checkouts_in(args.folders)
    except BsrPluginsError as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as temporary:
        outcomes = fork_matrix.run_matrix(
            checkouts, ways, args.images, args.out or Path(temporary), shlex.split(args.python)
        )
    print()
    print(fork_matrix.as_markdown(outcomes, {path.name: commit_of(path) for path in checkouts}))
    return int(any(outcome.state == fork_matrix.FAILED for outcome in outcomes))


def _is_checkout(folder: Path) -> bool:
    try:
        find_fork(folder)
    except LinkError:
        return False
    return True


if __name__ == '__main__':
    raise SystemExit(main())
