"""A Dask cluster on this machine, for tests."""

import contextlib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def two_workers():
    """A scheduler and two workers as `dask scheduler` and `dask worker` start them: (address, worker processes)."""
    started = []

    def start(*arguments):
        process = subprocess.Popen([sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]], cwd=ROOT,
                                   stderr=subprocess.PIPE, text=True)  # fmt: skip
        started.append(process)
        return process

    scheduler = start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show")
    address = next(found[1] for line in scheduler.stderr if (found := re.search(r"Scheduler at:\s+(tcp://\S+)", line)))
    options = ("--nthreads", "1", "--no-dashboard", "--no-nanny", "--death-timeout", "60", "--memory-limit", "0")
    workers = [start("dask_worker", address, *options) for _ in range(2)]
    try:
        yield address, workers
    finally:
        for process in reversed(started):
            process.kill()
            process.communicate()
