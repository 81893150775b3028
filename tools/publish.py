"""The end of every benchmark: measure, keep the result, show it."""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from tf_slr.cli.common import add_overwrite
from tf_slr.cli.main import guarded
from tf_slr.core import files
from tf_slr.core.outputs import Output, claim_files
from tf_slr.core.stdout import say


def add_out(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the result goes."""
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the result")
    add_overwrite(parser)


def inputs_of(arguments: argparse.Namespace) -> list[Path]:
    """Every path among the options but that of the result."""
    given = [value for name, value in vars(arguments).items() if name != "out"]
    return [
        path for value in given for path in (value if isinstance(value, list) else [value]) if isinstance(path, Path)
    ]


def publish(
    measure: Callable[[], dict], table: Callable[[dict], str], arguments: argparse.Namespace, beside: Iterable[str] = ()
) -> int:
    """Measure, write the JSON, print the table; returns the exit code.

    Args:
        measure: does the work.
        table: the result for people.
        arguments: all options, with those of `add_out`; every other path is one of an input.
        beside: suffixes of what else is written, beside the JSON.
    """
    out = arguments.out

    def work() -> int:
        paths = [out, *(out.with_suffix(suffix) for suffix in beside)]
        claim_files(
            [Output("--out", path, "measurements") for path in paths], inputs_of(arguments), arguments.overwrite
        )
        result = measure()
        files.write_json(out, result)
        say(*table(result).split("\n"))
        say(f"wrote {out}")
        return 0

    return guarded(work)
