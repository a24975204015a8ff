"""Measures the pack against stock BasicSR, interleaved in one run: ``python tools/bench.py [name ...]``.

Each file ``tools/benches/<topic>_bench.py`` holds functions ``bench_<name>(quick)`` that return rows, or yield them one
by one: a dict with ``bench``, ``case``, ``ratio_min``, ``ratio_median``, ``ratio_max``, ``target`` and whatever else
they measured. A ratio is ours against stock; the target says which side of it is good. Timings vary from machine to
machine: they are shown, never tested. Rows are shown and written as they come, as JSON and as a table of Markdown, so
that a run that is cut off loses nothing.

``python tools/bench.py gpu`` is for a machine with a card (``tools/benches/gpu_bench.py``).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Optional

BENCHES = Path(__file__).resolve().parent / 'benches'
Row = Dict[str, Any]


def find_benches(folder: Path = BENCHES) -> Dict[str, Callable[[bool], Iterable[Row]]]:
    """Return name -> function of all benches, in the order of file and function names."""
    found = {}
    for path in sorted(folder.glob('*_bench.py')):
        spec = importlib.util.spec_from_file_location(f'benches_{path.stem}', path)
        module = importlib.util.module_from_spec(spec)
        # Data loaders with workers pickle by module name.
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        for name in sorted(vars(module)):
            if name.startswith('bench_'):
                found[name[len('bench_') :]] = getattr(module, name)
    return found


def markdown(rows: List[Row], measured_on: Row) -> str:
    """Return the rows as a table of Markdown, headed by what they were measured on."""
    place = measured_on['gpu'] or f'{measured_on["cores"]} cores without a GPU'
    head = f'{place}, torch {measured_on["torch"]}, Python {measured_on["python"]} (min / median / max)\n\n'
    lines = ['| measured | ratio | to reach | also measured |', '|---|---|---|---|']
    keys = ('bench', 'case', 'ratio_min', 'ratio_median', 'ratio_max', 'target')
    for row in rows:
        ratio = ' / '.join(_text(row.get(key)) for key in keys[2:5]) if row.get('ratio_median') is not None else ''
        more = ', '.join(f'{key} {_text(value)}' for key, value in row.items() if key not in keys)
        lines.append(f'| `{row["bench"]}` {row["case"]} | {ratio} | {row.get("target") or ""} | {more} |')
    return head + '\n'.join(lines) + '\n'


def table(rows: List[Row]) -> str:
    """Return the rows as a table: ratios first, then what else was measured."""
    head = ['bench', 'case', 'min', 'median', 'max', 'to reach', 'also measured']
    keys = ('bench', 'case', 'ratio_min', 'ratio_median', 'ratio_max', 'target')
    lines = [head]
    for row in rows:
        cells = [_text(row.get(key)) for key in keys]
        cells.append(', '.join(f'{key} {_text(value)}' for key, value in row.items() if key not in keys))
        lines.append(cells)
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, ['-' * width for width in widths])
    return '\n'.join('  '.join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def _text(value: Any) -> str:
    if value is None:
        return '-'
    return f'{value:.3g}' if isinstance(value, float) else str(value)


def machine() -> Row:
    """Return what the figures depend on."""
    import numpy
    import torch

    return {
        'cores': os.cpu_count(),
        'processor': platform.processor() or platform.machine(),
        'gpu': torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        'python': platform.python_version(),
        'torch': torch.__version__,
        'numpy': numpy.__version__,
    }


def main(argv: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(description='Ratios against stock BasicSR, interleaved, min / median / max.')
    parser.add_argument('names', nargs='*', help='benches to run (default: all)')
    parser.add_argument('--quick', action='store_true', help='fewer rounds and smaller inputs: a smoke test')
    parser.add_argument('--list', action='store_true', help='print the names of the benches and exit')
    parser.add_argument(
        '--json', type=Path, default=Path('results/bench.json'), help='file to write the rows to, as JSON (%(default)s)'
    )
    parser.add_argument('--cpu', action='store_true', help='gpu: let the CPU stand in, which measures nothing')
    args = parser.parse_args(argv)
    if args.cpu:
        os.environ.update({'BSR_GPU_STAND_IN': 'cpu', 'CUDA_VISIBLE_DEVICES': ''})
    benches = find_benches()
    if args.list:
        print('\n'.join(benches))
        return 0
    unknown = [name for name in args.names if name not in benches]
    if unknown:
        from bsr_plugins.common.naming import did_you_mean

        print('\n'.join(f"no bench '{name}': {did_you_mean(name, benches)}" for name in unknown), file=sys.stderr)
        return 2
    from bsr_plugins.common.files import write_text

    rows: List[Row] = []
    for name in args.names or benches:
        start = time.perf_counter()
        print(f'{name} ...', file=sys.stderr, flush=True)
        for row in benches[name](args.quick):
            rows.append(row)
            told = f' {_text(row["ratio_median"])}' if row.get('ratio_median') is not None else ''
            print(f'  {row["case"]}{told}', file=sys.stderr, flush=True)
            content = {'machine': machine(), 'quick': args.quick, 'rows': rows}
            write_text(args.json, json.dumps(content, indent=1) + '\n')
            write_text(args.json.with_suffix('.md'), markdown(rows, content['machine']))
        print(f'{name}: {time.perf_counter() - start:.0f} s', file=sys.stderr, flush=True)
    print(table(rows))
    print(f'\nwritten to {args.json} and {args.json.with_suffix(".md").name}')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
