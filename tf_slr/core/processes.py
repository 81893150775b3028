"""Work spread over processes that may die: of a damaged video, of too little memory, or killed."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TextIO, TypeVar

from tf_slr.core.errors import UsageError

Item = TypeVar("Item")
Result = TypeVar("Result")

# Items that kill their process although they are tried alone, one after the
# other, before the job gives up: it is the machine then, not the items.
MAX_DEATHS_IN_A_ROW = 5


def cores() -> int:
    """Number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_processes(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int, lost: Callable[[Item], Result]
) -> Generator[Result, None, None]:
    """Do `work` on every item in fresh processes, which may die.

    When one dies, everything that was under way is tried again, one item at
    a time, which tells the culprit from its neighbours.

    Args:
        work: a function of a module, or a partial of one.
        items: what to work on.
        workers: number of processes at once.
        lost: makes the result of an item whose process died twice.

    Yields:
        Results, in the order in which they are ready.

    Raises:
        UsageError: MAX_DEATHS_IN_A_ROW items in a row killed their process alone.
    """
    waiting, suspects, deaths = deque(items), deque(), 0
    while waiting or suspects:
        alone = bool(suspects)
        queue = suspects or waiting
        before = len(queue)
        struck = yield from _pool(work, queue, 1 if alone else workers)
        if before - len(queue) > len(struck):  # something was finished
            deaths = 0
        if not alone:
            suspects.extend(struck)
            continue
        deaths += len(struck)
        if deaths == MAX_DEATHS_IN_A_ROW:
            raise UsageError(f"{deaths} processes in a row died (out of memory?), the last with: {struck[0]}")
        yield from map(lost, struck)


def here_or_in_processes(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int, lost: Callable[[Item], Result]
) -> Generator[Result, None, None]:
    """As `in_processes`, but a single worker is this process, and 0 are one for each core."""
    yield from map(work, items) if workers == 1 else in_processes(work, items, workers or cores(), lost)


def _pool(work: Callable[[Item], Result], waiting: deque[Item], workers: int) -> Generator[Result, None, list[Item]]:
    """Empty `waiting` by a pool of processes; return what was under way when one of them died, or nothing."""
    context = multiprocessing.get_context("spawn")
    # Nothing is ever sent. When this end closes, on purpose or because this
    # process was killed, the others see it and exit at once.
    reader, lifeline = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(min(workers, len(waiting)), context, _follow, (reader,))
    running: dict[Future[Result], Item] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                future = pool.submit(work, waiting[0])
                running[future] = waiting.popleft()
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                result = future.result()
                del running[future]
                yield result
    except BrokenProcessPool:
        return list(running.values())
    finally:
        lifeline.close()
        pool.shutdown(cancel_futures=True)
        reader.close()
    return []


def _follow(reader: multiprocessing.connection.Connection) -> None:
    """Make a working process end with the one that started it, and leave Ctrl-C to that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(reader)


def end_with(reader: multiprocessing.connection.Connection | TextIO) -> None:
    """Make this process end when the other end of a pipe is closed, on purpose or by a death; nothing is ever sent."""

    def watch() -> None:
        multiprocessing.connection.wait([reader])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
