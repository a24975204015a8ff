"""How results of many images are computed: a few at once in threads, in order, with a progress bar."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Callable, Deque, Generator, NamedTuple, Optional, Sequence, Tuple, TypeVar

from bsr_plugins.common.made_once import Say
from bsr_plugins.common.processes import available_cores

_Result = TypeVar('_Result')


class Working(NamedTuple):
    """How to go about it.

    Attributes:
        say: Is told how far it is, for processes that wait.
        progress: Show a bar.
        must_be_kept: Results that cannot be written are an error; else they are kept in memory.
        processes: How many processes of this machine share the work.
    """

    say: Optional[Say] = None
    progress: bool = True
    must_be_kept: bool = False
    processes: int = 1


def worker_threads() -> int:
    """Return how many images are worked on at once: one a processor of this process, 8 at most for memory's sake."""
    return min(8, available_cores())


def in_threads(
    work: Callable[[int], _Result], numbers: Sequence[int], threads: int
) -> Generator[Tuple[int, _Result], None, None]:
    """Yield each number with its result, in order; a few are worked on ahead, and no more than that is in memory."""
    if len(numbers) <= 1:
        yield from ((number, work(number)) for number in numbers)
        return
    ahead: Deque[Tuple[int, Future]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for number in numbers:
                ahead.append((number, pool.submit(work, number)))
                if len(ahead) > 3 * threads:
                    first, future = ahead.popleft()
                    yield first, future.result()
            while ahead:
                first, future = ahead.popleft()
                yield first, future.result()
        finally:
            for _, future in ahead:
                future.cancel()
