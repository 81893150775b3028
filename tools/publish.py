"""The end of every benchmark: measure, keep the result, show it."""

from collections.abc import Callable
from pathlib import Path

from tf_slr import files
from tf_slr.cli import guarded
from tf_slr.stdout import say


def publish(measure: Callable[[], dict], table: Callable[[dict], str], out: Path) -> int:
    """Measure, write the JSON, print the table; returns the exit code."""

    def work() -> int:
        result = measure()
        files.write_json(out, result)
        say(*table(result).split("\n"))
        say(f"wrote {out}")
        return 0

    return guarded(work)
