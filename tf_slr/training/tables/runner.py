"""Computing what tables lack: one process at a time, killed with its runner, gone on with by the next one."""

import contextlib
import fcntl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from tqdm import tqdm

from tf_slr import config, files
from tf_slr.errors import UsageError
from tf_slr.training.networks import ModelOptions
from tf_slr.training.runs import Run
from tf_slr.training.tables import speed
from tf_slr.training.tables.cells import Cell, Cells

# A process whose runner was killed ends within this time.
GRACE_SECONDS = 20.0
# Between two looks at how far a cell's training is.
LOOK_SECONDS = 2.0


@contextlib.contextmanager
def locked(out: Path) -> Iterator[BinaryIO]:
    """Keep other runners out of a folder.

    The lock lies on an open file that the runner's processes inherit: it is free when the last of
    them has ended, so nobody ever writes beside an orphan.

    Raises:
        UsageError: another runner is at work.
    """
    out.mkdir(parents=True, exist_ok=True)
    with (out / "lock").open("ab") as stream:
        deadline = time.monotonic() + GRACE_SECONDS
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise UsageError(f"{out}: another process computes tables here; wait for its end, "
                                     "or choose another --out") from None  # fmt: skip
                time.sleep(0.1)
        yield stream


class Runner:
    """Computes cells in a folder that is locked for it.

    Args:
        cells: the folder.
        lock: what `locked` gave.
        origin: what a result says of where it was computed, such as commit and machine.
    """

    def __init__(self, cells: Cells, lock: BinaryIO, origin: dict) -> None:
        self.cells, self._lock, self._origin = cells, lock, origin

    def compute(self, wanted: Sequence[Cell]) -> list[str]:
        """Compute the cells that have no result yet, in order; one that fails does not keep the others.

        A cell whose teacher stands among them must come after it.

        Returns:
            A line for each cell that failed: "folder: reason".
        """
        return self._each(wanted, "cells", self.cells.result, self._compute)

    def correct(self, wanted: Sequence[Cell], corrector: Path) -> list[str]:
        """Have a corrector repair what computed cells recognise, where that was not done yet.

        Returns:
            A line for each cell that failed; those without a result are left out.
        """
        computed = [cell for cell in wanted if self.cells.result(cell) is not None]
        return self._each(computed, "corrected", lambda cell: self.cells.corrected(cell, corrector),
                          lambda cell, bar: self._correct(cell, corrector, bar))  # fmt: skip

    def _each(
        self,
        wanted: Sequence[Cell],
        what: str,
        result: Callable[[Cell], dict | None],
        compute: Callable[[Cell, tqdm], str],
    ) -> list[str]:
        """Do what is not done; returns what went wrong."""
        wanted = list(dict.fromkeys(wanted))
        done = sum(result(cell) is not None for cell in wanted)
        failed = []
        with tqdm(total=len(wanted), initial=done, desc=what, unit="cell", disable=None) as bar:
            for cell in wanted:
                if result(cell) is not None:
                    continue
                fault = compute(cell, bar)
                if fault:
                    failed.append(fault)
                    bar.write(fault, file=sys.stderr)
                bar.update()
        return failed

    def _compute(self, cell: Cell, bar: tqdm) -> str:
        """Compute one cell; returns what went wrong, or nothing."""
        folder, pretrained = self.cells.folder(cell), self.cells.pretrained(cell)
        if folder is None:
            return f"{cell.recipe.distill.teacher}: is no finished teacher; its students were left out"
        files.sweep(folder)
        task = {
            "digest": self.cells.digest(cell),
            "corpus": str(self.cells.corpus.root.resolve()),
            "run": str(self.cells.run(cell).resolve()),
            "pretrained": str(pretrained.resolve()) if pretrained else "",
            "recipe": config.to_table(cell.recipe),
            "seed": cell.seed,
            "command": self.cells.command(cell),
        }
        files.write_json(folder / "cell.json", task | self._origin)
        bar.set_description(f"{folder.parent.name}, seed {cell.seed}")

        def look() -> None:
            lines = Run(task["run"]).metrics()
            bar.set_postfix_str(f"epoch {len(lines)}/{cell.recipe.training.epochs}")

        return self._of_cell(folder, "log.txt", look)

    def _correct(self, cell: Cell, corrector: Path, bar: tqdm) -> str:
        """Correct one cell's sentences; returns what went wrong, or nothing."""
        folder = self.cells.folder(cell)
        bar.set_description(f"{folder.parent.name}, seed {cell.seed}, corrected")
        return self._of_cell(folder, "corrected.txt", lambda: None, corrector.resolve())

    def _of_cell(self, folder: Path, log: str, look: Callable[[], None], *corrector: Path) -> str:
        code = self._process("worker", (folder, *corrector), folder / log, look)
        return f"{folder}: {_reason(code, folder / log)}" if code else ""

    def time_networks(self, networks: Sequence[ModelOptions], classes: int, out: Path) -> None:
        """Write how long networks take on one thread, unless it is written.

        Raises:
            UsageError: it could not be measured.
        """
        known = files.read_json(out)["networks"] if out.is_file() else {}
        if {speed.key(options, classes) for options in networks} <= known.keys():
            return
        task = {
            "networks": [config.to_table(options) for options in networks],
            "classes": classes, "out": str(out), "origin": self._origin,
        }  # fmt: skip
        path, log = self.cells.out / "speed-task.json", self.cells.out / "speed.log"
        files.write_json(path, task)
        code = self._process("speed", (path,), log, lambda: None)
        if code:
            raise UsageError(f"{log}: the networks could not be timed: {_reason(code, log)}")

    def _process(self, module: str, arguments: Sequence[Path], log: Path, look: Callable[[], None]) -> int:
        """Run a module of this package in a process of its own; returns its exit code."""
        command = [sys.executable, "-m", f"{__package__}.{module}", *map(str, arguments)]
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # by whose end the process notices ours
                stdout=stream,
                stderr=subprocess.STDOUT,
                pass_fds=(self._lock.fileno(),),
            )
            try:
                while True:
                    look()
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        return process.wait(LOOK_SECONDS)
            finally:
                process.kill()
                process.wait()
                process.stdin.close()


def _reason(code: int, log: Path) -> str:
    """Why a process ended as it did, in the words of the project's own errors where it is one of them."""
    said = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("error: ")]
    if code > 0 and said:
        return said[-1].removeprefix("error: ")
    return f"the process was ended by signal {-code}" if code < 0 else f"the process ended with {code}, see {log}"
