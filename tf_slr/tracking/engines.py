"""Who does the work of a long job: processes of this machine, or a cluster under a Dask scheduler."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.errors import UsageError
from tf_slr.core.processes import cores, in_processes
from tf_slr.tracking.cluster import on_cluster

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Engine:
    """Who does the work.

    Attributes:
        name: "processes" of this machine, or "dask" for the workers of a Dask scheduler.
        workers: number of processes of this machine; 0 = one for each core.
        scheduler: address of the Dask scheduler, such as tcp://head-node:8786.
    """

    name: Literal["processes", "dask"] = "processes"
    workers: int = bounded(0, 0, 1024)
    scheduler: str = ""

    def __post_init__(self) -> None:
        check_bounds(self, "--")
        if (self.name == "dask") != bool(self.scheduler):
            raise UsageError("--engine dask and --scheduler ADDRESS need each other")
        if self.name == "dask" and self.workers:
            raise UsageError("--workers counts processes of this machine; with --engine dask the cluster has its own")

    def run(
        self, work: Callable[[Item], Result], items: Iterable[Item], lost: Callable[[Item], Result]
    ) -> Generator[Result, None, None]:
        """Do `work` on every item; results come in the order in which they are ready.

        Args:
            work: a function of a module, or a partial of one.
            items: what to work on.
            lost: makes the result of an item that kills whoever works on it.

        Raises:
            UsageError: the workers die whatever they are given, or there are none.
        """
        if self.name == "dask":
            return on_cluster(work, items, self.scheduler, lost)
        return in_processes(work, items, self.workers or cores(), lost)
