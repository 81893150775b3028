"""Computing what tables lack: a process for each cell, killed with its runner, gone on with by the next one."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tqdm import tqdm

from tf_slr.core import config, files
from tf_slr.core.errors import UsageError
from tf_slr.core.stdout import printable
from tf_slr.models.options import ModelOptions
from tf_slr.training.runs import Run
from tf_slr.training.tables import speed
from tf_slr.training.tables.cells import Cell, Cells

# Between two looks at how far a cell's training is.
LOOK_SECONDS = 2.0


class _Work(NamedTuple):
    """What a process does for a cell: in its folder, with what is given besides, saying what it has to say in a log."""

    cell: Cell
    folder: Path
    given: tuple[Path, ...]
    log: str


class Runner:
    """Computes cells in a folder that is locked for it.

    Args:
        cells: the folder.
        lock: what `tf_slr.core.locks.locked` gave for it.
        origin: what a result says of where it was computed, such as commit and machine.
        jobs: how many cells at once. Each uses what processors it is left, and memory of its own.
    """

    def __init__(self, cells: Cells, lock: BinaryIO, origin: dict, jobs: int = 1) -> None:
        self.cells, self._lock, self._origin, self._jobs = cells, lock, origin, jobs

    def compute(self, wanted: Sequence[Cell]) -> list[str]:
        """Compute the cells that have no result yet, in order; one that fails does not keep the others.

        A cell whose teacher stands among them must come after it. Where several are computed at once, none begins while
        another does what both need: trains its teacher, asks it, or pretrains.

        Returns:
            A line for each cell that failed: "folder: reason".
        """
        return self._each(wanted, "cells", self.cells.result, self._task)

    def correct(self, wanted: Sequence[Cell], corrector: Path) -> list[str]:
        """Have a corrector repair what computed cells recognise, where that was not done yet.

        Returns:
            A line for each cell that failed; those without a result are left out.
        """
        computed = [cell for cell in wanted if self.cells.result(cell) is not None]
        return self._each(
            computed,
            "corrected",
            lambda cell: self.cells.corrected(cell, corrector),
            lambda cell: _Work(cell, self.cells.folder(cell), (corrector.resolve(),), "corrected.txt"),
        )

    def _each(
        self,
        wanted: Sequence[Cell],
        what: str,
        result: Callable[[Cell], dict | None],
        prepare: Callable[[Cell], _Work | None],
    ) -> list[str]:
        """Do what is not done; returns what went wrong."""
        wanted = list(dict.fromkeys(wanted))
        waiting = [cell for cell in wanted if result(cell) is None]
        failed: list[str] = []
        with tqdm(total=len(wanted), initial=len(wanted) - len(waiting), desc=what, unit="cell", disable=None) as bar:

            def end(fault: str) -> None:
                if fault:
                    failed.append(fault)
                    bar.write(printable(fault), file=sys.stderr)
                bar.update()

            with _Processes(self._lock) as processes:
                while waiting or processes.works:
                    begun = [work.cell for work in processes.works]
                    coming = self._runs_of([*begun, *waiting]) if len(begun) < self._jobs else set()
                    for cell in list(waiting):
                        begun = [work.cell for work in processes.works]
                        if len(begun) == self._jobs:
                            break
                        if self._must_wait(cell, begun, coming):
                            continue
                        waiting.remove(cell)
                        work = prepare(cell)
                        if work:
                            processes.start(work)
                        else:
                            end(f"{cell.recipe.distill.teacher}: is no finished teacher; its students were left out")
                    self._show(processes.works, bar)
                    for work, code in processes.ended():
                        end(f"{work.folder}: {_reason(code, work.folder / work.log)}" if code else "")
        return failed

    def _runs_of(self, cells: Iterable[Cell]) -> set[Path]:
        """The run folders of those cells that are trained here, and whose teachers are trained."""
        return {self.cells.run(cell).resolve() for cell in cells if not cell.given and self.cells.folder(cell)}

    def _must_wait(self, cell: Cell, begun: Sequence[Cell], coming: set[Path]) -> bool:
        """Whether a cell would lack what others are yet to make, such as the runs coming, or make it a second time."""
        teacher, pretrained = cell.recipe.distill.teacher, self.cells.pretrained(cell)
        if teacher:
            if Path(teacher).resolve() in coming:
                return True
            # Who has a checkpoint has had the teacher's answers, which are kept for all.
            asking = [other for other in begun if other.recipe.distill.teacher == teacher]
            if not all(Run(self.cells.run(other)).last.is_file() for other in asking):
                return True
        if pretrained and not pretrained.is_file():
            return any(self.cells.pretrained(other) == pretrained for other in begun)
        return False

    def _show(self, works: Iterable[_Work], bar: tqdm) -> None:
        """Tell which cells are computed, and how far each is."""
        bar.set_description(", ".join(f"{work.folder.parent.name} {work.folder.name}" for work in works))
        epochs = [(len(Run(self.cells.run(work.cell)).metrics()), work.cell.recipe.training.epochs) for work in works]
        bar.set_postfix_str(", ".join(f"epoch {done}/{total}" for done, total in epochs))

    def _task(self, cell: Cell) -> _Work | None:
        """Write down what is to be computed; None while its teacher is not trained."""
        folder, pretrained = self.cells.folder(cell), self.cells.pretrained(cell)
        if folder is None:
            return None
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
        return _Work(cell, folder, (), "log.txt")

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
        with _process("speed", (path,), log, self._lock) as process:
            code = process.wait()
        if code:
            raise UsageError(f"{log}: the networks could not be timed: {_reason(code, log)}")


@contextlib.contextmanager
def _process(module: str, arguments: Sequence[Path], log: Path, lock: BinaryIO) -> Iterator[subprocess.Popen]:
    """A module of this package in a process of its own, which does not outlive the context."""
    command = [sys.executable, "-m", f"{__package__}.{module}", *map(str, arguments)]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # by whose end the process notices ours
            stdout=stream,
            stderr=subprocess.STDOUT,
            pass_fds=(lock.fileno(),),
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()


class _Processes(contextlib.ExitStack):
    """The processes at work, none of which outlives the context."""

    def __init__(self, lock: BinaryIO) -> None:
        super().__init__()
        self._lock = lock
        self._running: dict[_Work, subprocess.Popen] = {}

    @property
    def works(self) -> list[_Work]:
        """What they do, the one begun first coming first."""
        return list(self._running)

    def start(self, work: _Work) -> None:
        """Begin something."""
        process = _process("worker", (work.folder, *work.given), work.folder / work.log, self._lock)
        self._running[work] = self.enter_context(process)

    def ended(self) -> list[tuple[_Work, int]]:
        """Those that have ended, with their exit codes; waits a while for the first to end."""
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_SECONDS / len(self._running))
        codes = [(work, process.poll()) for work, process in self._running.items()]
        found = [(work, code) for work, code in codes if code is not None]
        for work, _ in found:
            self._running.pop(work).stdin.close()
        return found


def _reason(code: int, log: Path) -> str:
    """Why a process ended as it did, in the words of the project's own errors where it is one of them."""
    said = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("error: ")]
    if code > 0 and said:
        return said[-1].removeprefix("error: ")
    return f"the process was ended by signal {-code}" if code < 0 else f"the process ended with {code}, see {log}"
