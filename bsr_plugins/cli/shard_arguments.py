"""``--shard i/n``: part i of n of what a command makes, and under torchrun each process a part."""

from __future__ import annotations

import argparse
import os
from typing import List, NamedTuple, Optional, Sequence

from bsr_plugins.cli.messages import say
from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.shard import Shard, parse_shard


class Process(NamedTuple):
    """One of the processes of torchrun."""

    rank: int
    total: int
    local_rank: int


def add_shard_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--shard``."""
    parser.add_argument('--shard', metavar='i/n', help='make the i-th of n parts, from 1')


def given_shard(args: argparse.Namespace) -> Optional[Shard]:
    """Return the shard that is to be made; None: all of it.

    Raises:
        OptionError: It is no shard, or is given under torchrun, where each process is one.
    """
    process = torchrun_process()
    if process is None:
        return None if args.shard is None else parse_shard(args.shard)
    if args.shard is not None:
        raise OptionError('Under torchrun each process is a shard', where='--shard', remedy='leave out --shard')
    return Shard(process.rank + 1, process.total)


def torchrun_process() -> Optional[Process]:
    """Return which process of torchrun this is; None where it is the only one.

    Raises:
        OptionError: Its variables are no numbers.
    """
    try:
        process = Process(*(int(os.environ.get(name, '0')) for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK')))
    except ValueError as error:
        raise OptionError('RANK, WORLD_SIZE and LOCAL_RANK are whole numbers', found=error) from error
    return process if process.total > 1 else None


def shows_progress() -> bool:
    """Return whether this process shows a bar: one of several under torchrun does."""
    process = torchrun_process()
    return process is None or process.rank == 0


def own_device(name: str) -> str:
    """Return the torch device that ``--device`` names; under torchrun one of the machine's GPUs for each process.

    Raises:
        OptionError: There is no such device.
    """
    from bsr_plugins.data.difficulty.scorers import choose_device

    device, process = choose_device(name), torchrun_process()
    if device != 'cuda' or process is None:
        return device
    import torch

    return f'cuda:{process.local_rank % torch.cuda.device_count()}'


def say_missing(what: str, shard: Shard, took: str, missing: Sequence[int], argv: Sequence[str]) -> None:
    """Print that a shard is made, which others are not finished, and the commands that make them.

    Args:
        what: What is made in shards.
        shard: The one that this process has made.
        took: What this process has done.
        missing: Numbers of the shards that are not finished.
        argv: The arguments of the command, its name first.
    """
    part = f'shard {shard.number} of {shard.total} of {what}'
    others = ', '.join(map(str, missing))
    say(f'{part}: {took}; not finished yet: {others}. The last one to finish puts them together')
    if torchrun_process() is None:
        first = command(*_with_shard(argv, Shard(missing[0], shard.total)))
        say(f'to make one that no process is making: {first}' + (', and so on' if len(missing) > 1 else ''))


def _with_shard(argv: Sequence[str], shard: Shard) -> List[str]:
    words = list(argv)
    for place, word in enumerate(words):
        if word == '--shard' and place + 1 < len(words):
            words[place + 1] = f'{shard.number}/{shard.total}'
        elif word.startswith('--shard='):
            words[place] = f'--shard={shard.number}/{shard.total}'
    return words
