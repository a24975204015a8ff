"""How far a grid is: a bar over all its updates in a terminal, plain lines in a file."""

from __future__ import annotations

import time
from typing import Any, Dict, Optional, TextIO

_SECONDS_BETWEEN_LINES = 30.0
_SHARE_BETWEEN_LINES = 0.1
#: Before this share of all updates is done here, starting the processes tells more than the updates.
_SHARE_TO_ESTIMATE = 0.02


class Progress:
    """Shows the progress of the runs of a grid.

    Args:
        updates: Name of each run -> its updates.
        done: Name of each run -> its updates that are done already.
        stream: Where it goes: a bar where that is a terminal.
    """

    def __init__(self, updates: Dict[str, int], done: Dict[str, int], stream: TextIO) -> None:
        self._updates = updates
        self._done = dict(done)
        self._at_start = sum(done.values())
        self._since = time.monotonic()
        self._stream = stream
        self._said: Dict[str, float] = {}
        self._said_at = self._since
        self._bar: Optional[Any] = None
        if stream.isatty():
            from tqdm import tqdm

            # Its thread would be in the way of starting processes.
            tqdm.monitor_interval = 0
            self._bar = tqdm(
                total=sum(updates.values()), initial=self._at_start, unit='update', file=stream, mininterval=1
            )

    def say(self, text: str) -> None:
        """Show a line."""
        if self._bar is None:
            write_line(self._stream, f'[{time.strftime("%H:%M:%S")}] {text}')
        else:
            self._bar.write(text, file=self._stream)

    def at(self, run: str, updates: int, metric: str = '') -> None:
        """Note how far a run is."""
        self._done[run] = min(updates, self._updates[run])
        if self._bar is not None:
            self._bar.set_postfix_str(f'{run} {metric}', refresh=False)
            self._bar.update(sum(self._done.values()) - self._bar.n)
            return
        share, now = updates / self._updates[run], time.monotonic()
        if share - self._said.get(run, 0.0) < _SHARE_BETWEEN_LINES or now - self._said_at < _SECONDS_BETWEEN_LINES:
            return
        self._said[run], self._said_at = share, now
        self.say(f'{run}: {updates} of {self._updates[run]} updates{metric and f", {metric}"}; {self._whole()}')

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()

    def _whole(self) -> str:
        done, total = sum(self._done.values()), sum(self._updates.values())
        here = done - self._at_start
        left = (
            ''
            if here < _SHARE_TO_ESTIMATE * total
            else f', about {duration((time.monotonic() - self._since) / here * (total - done))} left'
        )
        return f'all runs {done / total:.0%}{left}'


def write_line(stream: TextIO, text: str) -> None:
    """Write a line that is seen at once."""
    stream.write(f'{text}\n')
    stream.flush()


def duration(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 100:
        return f'{seconds:.0f} s'
    return f'{seconds / 60:.0f} min' if seconds < 6000 else f'{seconds / 3600:.1f} h'
