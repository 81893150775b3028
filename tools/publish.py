"""The end of every benchmark: measure, keep the result, show it."""

from collections.abc import Callable
from pathlib import Path

from tf_slr import files
from tf_slr.cli import guarded


def publish(measure: Callable[[], dict], table: Callable[[dict], str], out: Path) -> int:
    """Measure, write the JSON, print the table; returns the exit code."""

    def work() -> int:
        result = measure()
        files.write_json(out, result)
        print(table(result))
        print(f"wrote {out}")
        return 0

    return guarded(work)
