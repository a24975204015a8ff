"""The work that is killed in tests: small, and, where asked, ended by its own hand in the midst of a write."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, Callable


def make_lmdbs(out: str) -> None:
    """Make the sub-image LMDBs of data/HR and data/LR, in transactions of a few records."""
    from bsr_plugins.data.subimages import subimage_lmdb
    from bsr_plugins.data.subimages.windows import WindowGrid

    subimage_lmdb._TRANSACTION_BYTES = 1 << 14
    subimage_lmdb.create_subimage_lmdbs(
        'data/HR', out, 2, lr='data/LR', grid=WindowGrid(32, 16, 0), workers=1, encoding='png', progress=False
    )


def score(out: str) -> None:
    """Score the LMDBs of ``sub``, a sub-image at a time."""
    from bsr_plugins.data.difficulty.scorers import bicubic_scorer
    from bsr_plugins.data.difficulty.scoring import score_difficulty

    score_difficulty('sub/HR_sub.lmdb', 'sub/LR_sub_x2.lmdb', 2, bicubic_scorer(2), batch=1, out=out, progress=False)


def train(die_at: int = -1) -> None:
    """Train with --auto_resume; killed in the midst of the ``die_at``-th step of saving, where one is given."""
    from basicsr.train import train_pipeline

    if die_at >= 0:
        _die_in_a_write(die_at)
    sys.argv = ['train.py', '-opt', 'train.yml', '--auto_resume']
    train_pipeline(os.getcwd())


def train_apart(*arguments: str) -> int:
    """Train in a session of its own, so that a signal can be sent to it and to all its workers."""
    from bsr_plugins.cli.main import main

    os.setsid()
    sys.argv = ['basicsr']
    return main(['train', '-opt', 'train.yml', *arguments])


def train_writing_to(place: str, *arguments: str) -> int:
    """Train with stdout and stderr in ``place``: a fifo, a device, or '' where both are closed."""
    from bsr_plugins.cli.main import main

    os.setsid()
    # Under nohup the tests' processes, and a training that they start, would not hear of it.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    sys.stdout.flush()
    if place:
        output = os.open(place, os.O_WRONLY)
        os.dup2(output, 1)
        os.dup2(output, 2)
    else:
        os.close(1)
        os.close(2)
        sys.stdout = sys.stderr = None
    return main(['train', '-opt', 'train.yml', *arguments])


def _die_in_a_write(number: int) -> None:
    """Let the process kill itself at a step of saving: a file is half written, flushed, moved, its folder flushed."""
    import torch

    seen = [0]

    def die_before(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            seen[0] += 1
            if seen[0] > number:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return call

    def save_half(content: Any, file: Any, *args: Any) -> None:
        seen[0] += 1
        if seen[0] > number:
            file.write(b'PK\3\4' + bytes(1000))
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        upstream_save(content, file, *args)

    upstream_save = torch.save
    torch.save = save_half
    os.fsync, os.replace = die_before(os.fsync), die_before(os.replace)
