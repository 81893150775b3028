"""Work spread over the machines of a cluster by Dask distributed, an optional extra.

The workers need this package, MediaPipe, and the same folders under the same
paths. Start them with one thread each: `dask worker ADDRESS --nthreads 1`.
"""

from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

from tf_slr.core.errors import UsageError

Item = TypeVar("Item")
Result = TypeVar("Result")

# Seconds to wait for the scheduler to answer, and for its first worker to appear.
CONNECT_SECONDS = 10
FIRST_WORKER_SECONDS = 120


def on_cluster(
    work: Callable[[Item], Result], items: Iterable[Item], scheduler: str, lost: Callable[[Item], Result]
) -> Generator[Result, None, None]:
    """Do `work` on every item on the workers of a scheduler.

    What a worker that dies had under way goes to another one; an item under
    which several died is lost.

    Args:
        work: a function of a module, or a partial of one; the workers import it.
        items: what to work on.
        scheduler: its address.
        lost: makes the result of an item that kills its workers.

    Yields:
        Results, in the order in which they are ready.

    Raises:
        UsageError: Dask is not installed, the scheduler does not answer or goes away, or has no worker.
    """
    try:
        from distributed import Client, KilledWorker, as_completed
    except ImportError as error:
        raise UsageError(f"--engine dask needs Dask: pip install 'tf_slr[cluster]' ({error})") from error
    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"{scheduler}: no Dask scheduler answers ({error})") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=FIRST_WORKER_SECONDS)
        except TimeoutError as error:
            raise UsageError(f"{scheduler}: has no worker; start some with 'dask worker {scheduler}'") from error
        # Impure: the same item on another day is another task.
        futures = {client.submit(work, item, pure=False): item for item in items}
        for future in as_completed(futures, loop=client.loop):
            if future.status == "cancelled":
                raise UsageError(f"{scheduler}: the scheduler went away; run the same command again to go on")
            error = future.exception()
            if isinstance(error, KilledWorker):
                yield lost(futures[future])
            elif error is not None:
                raise error
            else:
                yield future.result()
            future.release()
