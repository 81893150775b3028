"""Work that waits for a disk, or that a library does beside Python, in a few threads."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tqdm import tqdm

from tf_slr.core.processes import cores

Item = TypeVar("Item")
Result = TypeVar("Result")

# More than cores: over a network a small file takes longer to arrive than to unpack.
EXTRA_THREADS = 4


def in_threads(work: Callable[[Item], Result], items: Sequence[Item], title: str, unit: str) -> Iterator[Result]:
    """Do `work` on every item, a few at once, under a progress bar.

    At most twice as many results as threads wait to be taken, so they may be large.

    Args:
        work: what to do; it must not change anything shared.
        items: what to work on.
        title: of the bar.
        unit: what one item is, for the bar.

    Yields:
        Results, in the order of the items.
    """
    threads = cores() + EXTRA_THREADS
    ahead: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        with tqdm(total=len(items), desc=title, unit=unit, disable=None) as bar:
            for item in items:
                ahead.append(pool.submit(work, item))
                if len(ahead) > 2 * threads:
                    yield ahead.popleft().result()
                    bar.update()
            while ahead:
                yield ahead.popleft().result()
                bar.update()
    finally:
        # Whoever was interrupted does not wait for what nobody will take.
        pool.shutdown(cancel_futures=True)
