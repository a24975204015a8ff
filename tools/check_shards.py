"""Makes and scores sub-images once as a whole and once by several processes at once, and compares the bytes.

``python tools/check_shards.py --hr DIR [--scale 4] [--processes 4] [further arguments of `basicsr subimages`]``
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, Optional, Sequence

REPO = Path(__file__).resolve().parents[1]


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Return 0 where both are the same, 1 where they differ or a command failed."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--hr', required=True, metavar='DIR', help='folder of HR images')
    parser.add_argument('--scale', default='4', metavar='S', help='upscaling factor (4)')
    parser.add_argument('--processes', type=int, default=4, metavar='N', help='how many at once (4)')
    args, more = parser.parse_known_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        single, shared = Path(folder, 'single'), Path(folder, 'shared')
        for step in (_make, _score):
            commands = [step(args, single, more), step(args, shared, more)]
            failed = _run([commands[0]]) or _run(
                [[*commands[1], '--shard', f'{part}/{args.processes}'] for part in range(1, args.processes + 1)]
            )
            if failed:
                return 1
        found = [_content(root) for root in (single, shared)]
    differing = sorted(name for name in {**found[0], **found[1]} if found[0].get(name) != found[1].get(name))
    print(f'{len(found[0])} records and files, of which {len(differing)} differ')
    for name in differing[:10]:
        print(f'  {name}')
    return int(bool(differing))


def _make(args: argparse.Namespace, out: Path, more: List[str]) -> List[str]:
    return ['subimages', '--hr', args.hr, '--scale', args.scale, '--out', str(out), *more]


def _score(args: argparse.Namespace, out: Path, more: List[str]) -> List[str]:
    hr, lr = (next(out.glob(f'{name}.*')) for name in ('HR_*', f'LR_*_x{args.scale}'))
    return ['score', '--hr-lmdb', str(hr), '--lr-lmdb', str(lr), '--scale', args.scale, '--no-pictures']


def _run(commands: List[List[str]]) -> bool:
    """Run commands at once; return whether one failed."""
    path = os.pathsep.join(filter(None, (str(REPO), os.environ.get('PYTHONPATH'))))
    running = [
        subprocess.Popen([sys.executable, '-m', 'bsr_plugins', *words], env={**os.environ, 'PYTHONPATH': path})
        for words in commands
    ]
    codes = [process.wait() for process in running]
    return any(codes)


def _content(root: Path) -> Dict[str, str]:
    """Return the SHA-256 of each file, and of each record of an LMDB in place of its database."""
    import lmdb

    found: Dict[str, str] = {}
    for path in sorted(path for path in root.rglob('*') if path.is_file()):
        name = path.relative_to(root).as_posix()
        if path.name == 'data.mdb':
            with lmdb.open(str(path.parent), readonly=True, lock=False) as env, env.begin() as transaction:
                for key, record in transaction.cursor():
                    found[f'{name}: {key.decode()}'] = hashlib.sha256(record).hexdigest()
        elif path.name != 'lock.mdb':
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


if __name__ == '__main__':
    raise SystemExit(main())
