"""What pytest's processes share: the cores, and what is costly to make, which one makes and the others wait for."""

import contextlib
import fcntl
import os
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

# Names the folder of a test run; the processes that pytest-xdist starts inherit it.
VARIABLE = "TF_SLR_TESTS_SHARED"
# Of one process. Where several share the cores, the threads of each would wait for those of the others.
THREADS = "TF_NUM_INTRAOP_THREADS"


def share_cores() -> None:
    """Let TensorFlow compute in one thread, if this is one of several processes: a seventh less processor time."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault(THREADS, "1")


def all_cores() -> dict[str, str]:
    """The environment of a command that computes in as many threads as there are cores, as people's do."""
    return {name: value for name, value in os.environ.items() if name != THREADS}


def open_folder() -> Callable[[], None]:
    """Make the folder of this test run; returns what removes it."""
    os.environ[VARIABLE] = tempfile.mkdtemp(prefix="tf-slr-tests-")
    return lambda: shutil.rmtree(os.environ[VARIABLE], ignore_errors=True)


def once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder that `make` has filled, in this process or another; treat it as read-only."""
    root = Path(os.environ[VARIABLE])
    folder, made = root / name, root / f"{name}.made"
    with (root / f"{name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a process that failed to make it
            folder.mkdir()
            make(folder)
            made.touch()
    return folder


@contextlib.contextmanager
def room_for(size: int) -> Iterator[None]:
    """Within it no file grows beyond some bytes, as on a disk that is nearly full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
