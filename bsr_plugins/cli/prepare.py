"""``basicsr prepare -opt X.yml``: what its data sets compute at their first start, computed before training."""

from __future__ import annotations

import argparse
import importlib
import logging
import time
from typing import Any, Dict, Iterator, List, Mapping, Optional

from bsr_plugins.cli.messages import say
from bsr_plugins.cli.shard_arguments import add_shard_argument, given_shard, say_missing, shows_progress
from bsr_plugins.common.shown import counted

HELP = 'compute what the data sets of an option file compute at their first start, before training'
DESCRIPTION = """\
Compute what the data sets of an option file would compute when training first starts: the patch information capacity
of RFS, the positions of SamplingAug, the table of an inverse-sampled set; of BSPA for both halves. It is kept by the
content of the images. No training begins; `basicsr train` computes whatever is not there itself.

Interrupted at any moment, the same command continues where it stopped. With --shard each job of an array makes a part,
in any order, on any machine that shares the cache folder (BSR_PLUGINS_CACHE); so does each process under torchrun. The
last one to finish puts the parts together.
"""
EXAMPLES = """\
examples:
  %(prog)s -opt options/train_BSR_x4.yml
  # the second of eight jobs
  %(prog)s -opt options/train_BSR_x4.yml --shard 2/8
"""
INTERRUPTED = 'interrupted: run the same command again to continue from here'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('-opt', '--opt', required=True, metavar='X.yml', help='option file, as for `basicsr train`')
    add_shard_argument(parser)
    parser.add_argument('--force_yml', nargs='+', metavar='KEY:KEY=VALUE', help='as for `basicsr train`')


def run(args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    """Compute it, and print what was made and what was there; 0 also where other shards are not finished yet."""
    shard = given_shard(args)
    from bsr_plugins.options.forced_options import apply_force_yml
    from bsr_plugins.options.option_file import read_option_file

    options = apply_force_yml(read_option_file(args.opt), args.force_yml).options
    from bsr_plugins.data.preparation import prepare
    from bsr_plugins.host.registration import register_all

    logging.basicConfig(format='%(message)s')
    logging.getLogger('basicsr').setLevel(logging.INFO)
    register_all()
    prepared = 0
    for opt in _datasets(options):
        owner = _owner(opt.get('type'))
        if owner is not None:
            say(f'{opt["type"]} is {owner} here: nothing to compute ({opt["type"]}_bsrp is the one of this package)')
            prepared += 1
            continue
        start = time.monotonic()
        for each in prepare(opt, shard, shows_progress()):
            took = f'{each.made} computed in {time.monotonic() - start:.1f} s' if each.made else 'already there'
            if shard is not None and each.missing:
                say_missing(f'{each.what} ({each.path})', shard, took, each.missing, ['prepare', *argv])
            else:
                say(f'{each.what}: {counted(each.total, each.unit, each.unit + "s")}, {took}: {each.path}')
            prepared += 1
    if not prepared:
        say(f'{args.opt}: its data sets compute nothing at their first start')
    return 0


def _owner(name: Any) -> Optional[str]:
    """Return whose data set has a name of this package's; None where it is this package's own, or another name."""
    from bsr_plugins.host.registration import TABLE, require_basicsr, taken_names

    if name not in TABLE['dataset']:
        return None
    require_basicsr()
    # BasicSR's and a fork's own data sets register themselves here.
    importlib.import_module('basicsr.data')
    return taken_names().get(f'dataset:{name}')


def _datasets(options: Mapping[str, Any]) -> Iterator[Dict[str, Any]]:
    """Yield the options of each data set as its class is given them, those of BSPA's inverse half too."""
    from bsr_plugins.data.preparation import as_built
    from bsr_plugins.models.bspa_options import inverse_dataset_options

    for phase, dataset in (options.get('datasets') or {}).items():
        if not isinstance(dataset, Mapping):
            continue
        opt = as_built(dataset, str(phase), options.get('scale'))
        yield opt
        if isinstance(opt.get('inverse'), Mapping):
            yield as_built(inverse_dataset_options(opt), str(phase), options.get('scale'))
