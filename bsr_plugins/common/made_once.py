"""What many processes need and one makes: the others wait by looking at files, so that no wait can time out."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Callable, Iterator, Optional, TypeVar

from bsr_plugins.common.files import PathLike
from bsr_plugins.common.locks import HeldFile, Holder, hold
from bsr_plugins.common.shown import shown

#: A process that makes something writes this often into the file that it holds, and how far it is.
SECONDS_BETWEEN_SIGNS = 5.0
#: After so long without a sign the others go on by themselves: a lock over NFS may outlive a machine that is down.
SILENT_SECONDS = 300.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_SECONDS_BETWEEN_LINES = 60.0

# BasicSR's logger: during training these lines stand in the run's log, and on the first rank alone.
_log = logging.getLogger('basicsr')

_Made = TypeVar('_Made')
#: Takes a line that the waiting processes show: how far the work is.
Say = Callable[[str], None]


def made_once(path: PathLike, what: str, load: Callable[[], Optional[_Made]], make: Callable[[Say], _Made]) -> _Made:
    """Return ``load()``; where that is None, one of all processes that ask makes it, and the others load it then.

    The one that makes it holds ``<path>.lock`` (:mod:`bsr_plugins.common.locks`). The system takes the lock from a
    process that ends, however it ends, and whoever gets it next looks again and makes what is not there: where the
    first one was killed the work goes on in the next one, and what is wrong with the data is said by each. No
    collective is used, so the ranks of a run may wait for hours. On machines that do not share the folder, one process
    of each makes it.

    What cannot be known is whether a machine that is down still holds a lock over the network. So the holder gives a
    sign every few seconds, and after :data:`SILENT_SECONDS` without one another process goes on. Two processes may
    therefore be in ``make`` at once: it writes by :func:`bsr_plugins.common.files.replacing`. So they may where the
    file system has no locks: then one process of each machine makes it.

    Args:
        path: The file that is made; only its lock is touched here.
        what: What it is, for the log: ``waiting for {what}``.
        load: Returns what was made before, None where there is nothing or not all yet.
        make: Makes and returns it, also where the folder cannot be written; it is given :data:`Say`.
    """
    while True:
        found = load()
        if found is not None:
            return found
        with in_turn(path, what) as turn:
            if turn.has_waited:
                continue
            found = load()
            return make(turn.say) if found is None else found


@contextlib.contextmanager
def in_turn(path: PathLike, what: str) -> Iterator[Turn]:
    """Hold ``<path>.lock`` in the block, once those that hold it now let go of it; as :func:`made_once` waits."""
    turn = _next_turn(Path(path).with_name(f'{Path(path).name}.lock'), what)
    turn.begin()
    try:
        yield turn
    finally:
        turn.end()


class Turn:
    """This process's turn at a file, of which it gives signs.

    Attributes:
        has_waited: Whether another process had its turn meanwhile.
    """

    def __init__(self, held: Optional[HeldFile], has_waited: bool) -> None:
        self.has_waited = has_waited
        self._held = held
        self._line, self._signs = '', 0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._give_signs, name='bsr_plugins signs', daemon=True)

    def say(self, line: str) -> None:
        """Show ``line`` to the waiting processes, with the next sign."""
        self._line = line

    def begin(self) -> None:
        """Give signs from now on."""
        if self._held is not None:
            self._thread.start()

    def end(self) -> None:
        """Give the next process its turn."""
        self._ends.set()
        if self._held is not None:
            self._thread.join()
            self._held.release()

    def _give_signs(self) -> None:
        while not self._ends.wait(SECONDS_BETWEEN_SIGNS):
            self._signs += 1
            # A full disk ends the work itself, not the signs of it.
            with contextlib.suppress(OSError):
                if self._held is not None:
                    self._held.note(f'{self._line}\nsign {self._signs}\n')


def _next_turn(lock: Path, what: str) -> Turn:
    waiting = _Waiting(what)
    pause = _FIRST_PAUSE
    while True:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            held = hold(lock) or hold(_on_this_machine(lock))
        except Holder as holder:
            waiting.look_at(lock, str(holder))
        except OSError:
            # What cannot be locked there cannot be written there either.
            return Turn(None, False)
        else:
            return Turn(held, waiting.has_begun)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _on_this_machine(lock: Path) -> Path:
    """Return where to lock on a file system of the machine's own what lies on one that has no locks.

    Raises:
        OSError: The folder for it cannot be made, or is another user's.
    """
    user = os.getuid() if hasattr(os, 'getuid') else 0
    folder = Path(tempfile.gettempdir()) / f'bsr_plugins-{user}'
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if os.lstat(folder).st_uid != user:
        raise PermissionError(f'{folder} belongs to another user')
    return folder / f'{hashlib.blake2b(os.fsencode(lock.absolute()), digest_size=8).hexdigest()}.lock'


class _Waiting:
    """Looks at another process's signs, and says in the log what this one waits for."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._seen: Optional[str] = None
        self._changed = self._said = 0.0

    @property
    def has_begun(self) -> bool:
        return self._seen is not None

    def look_at(self, lock: Path, sign: str) -> None:
        """Take in the sign of the process that holds ``lock``; where it gave none for too long, take its file away."""
        now = time.monotonic()
        holder, *noted = sign.split('\n')
        if sign != self._seen:
            self._seen, self._changed = sign, now
        if not self._said or now - self._said > _SECONDS_BETWEEN_LINES:
            self._said = now
            so_far = f' ({shown(noted[0])} so far)' if noted and noted[0] else ''
            _log.info('Waiting for %s: made by %s%s', self._what, shown(holder), so_far)
        if now - self._changed > SILENT_SECONDS:
            _log.warning(
                '%s has given no sign for %d s, so its machine may be down; this process goes on with %s itself.',
                shown(holder),
                now - self._changed,
                self._what,
            )
            self._changed = now
            with contextlib.suppress(OSError):
                # Unless it is another process's by now.
                if lock.read_text(encoding='utf-8').strip() == sign:
                    lock.unlink()
