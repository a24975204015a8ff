"""Trainings in two processes of gloo, forked ready from :mod:`warm_processes`: no start of torchrun, no import."""

from __future__ import annotations

import importlib
import os
import socket
import sys
from pathlib import Path
from typing import Any, Sequence

from warm_processes import start


def train_in_two(
    folder: Path, *option_files: str, arguments: Sequence[str] = (), first: str = '', fails: bool = False
) -> str:
    """Train by each option file of ``folder``, one after the other, in the same two processes; return their output.

    Each process leaves the weights that it holds at the end as ``<experiment>_rank<rank>.pth``.

    Args:
        folder: Where it happens; what the processes print stays in ``output_<rank>`` there.
        option_files: Names in ``folder``.
        arguments: Further ones of the command line.
        first: A module of ``folder`` that each process imports before it trains.
        fails: Whether the training is to end in an error, in both processes.
    """
    # One each: the port of the first training may not be free again when the second begins.
    ports = []
    for _ in option_files:
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            ports.append(free.getsockname()[1])
    processes = []
    for rank in range(2):
        (folder / f'output_{rank}').mkdir(parents=True)
        run = (rank, ports, str(folder), option_files, arguments, first)
        processes.append(start(_train, folder / f'output_{rank}', *run))
    for process in processes:
        process.join(120)
        process.kill()
    output = ''.join((folder / f'output_{rank}' / 'output.txt').read_text() for rank in range(2))
    assert [process.exitcode for process in processes] == [int(fails)] * 2, output
    return output


def _train(rank: int, ports: Any, folder: str, option_files: Any, arguments: Sequence[str], first: str) -> None:
    import torch
    from basicsr.train import train_pipeline

    from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel
    from bsr_plugins.runs import training_position
    from training_runs import forget_log_files

    places = {'RANK': rank, 'LOCAL_RANK': rank, 'WORLD_SIZE': 2, 'LOCAL_WORLD_SIZE': 2}
    os.environ.update({name: str(value) for name, value in places.items()})
    save = RebalancedSRModel.save

    def save_of_rank(model: Any, *args: Any, **kwargs: Any) -> None:
        held = {label: model.get_bare_model(net).state_dict() for label, net in model.trained_networks()}
        torch.save(held, f'{model.opt["name"]}_rank{rank}.pth')
        save(model, *args, **kwargs)

    RebalancedSRModel.save = save_of_rank
    os.chdir(folder)
    if first:
        sys.path.insert(0, folder)
        importlib.import_module(first)
    for port, option_file in zip(ports, option_files):
        os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
        sys.argv = ['train.py', '-opt', option_file, '--launcher', 'pytorch', *arguments]
        training_position.reset()
        forget_log_files()
        train_pipeline(folder)
        torch.distributed.destroy_process_group()
