"""What every command shares: its parser, and how it reports what it refused."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tf_slr.errors import UsageError
from tf_slr.quiet import silent_stderr

EXIT_OK, EXIT_FAULT, EXIT_BUG = 0, 1, 2

# What a parser's `command` default is: the work, returning the exit code.
Work = Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """A parser that shows defaults, and exits with 1 at a wrong option: 2 means a bug."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": argparse.ArgumentDefaultsHelpFormatter} | options)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments, and exit."""
        self.print_usage(sys.stderr)
        self.exit(EXIT_FAULT, f"error: {message}\n")


def add_command(commands: argparse._SubParsersAction, name: str, work: Work, text: str) -> argparse.ArgumentParser:
    """Add the command `name` to a parser's commands."""
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=work)
    return parser


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a model and what it is to recognise."""
    parser.add_argument("--run", type=Path, help="folder of a trained run")
    parser.add_argument("--bundle", type=Path, help="folder of an exported bundle")
    parser.add_argument("--corpus", type=Path, help="another corpus than the run's own")


def check_model(arguments: argparse.Namespace) -> None:
    """Check that the options of `add_model` name one model.

    Raises:
        UsageError: they do not.
    """
    if (arguments.run is None) == (arguments.bundle is None):
        raise UsageError("expected either --run or --bundle")
    if arguments.bundle and not arguments.corpus:
        raise UsageError("--bundle needs --corpus: a bundle does not know where its corpus lies")


def report(lines: Sequence[str]) -> int:
    """Name what was refused or left out; 1 if anything was."""
    for line in lines:
        print(line, file=sys.stderr)
    return EXIT_FAULT if lines else EXIT_OK


def prepared(out: Path, lines: Sequence[str]) -> int:
    """Name what was left out, and say where the corpus is; notes alone are no fault."""
    notes = [line for line in lines if line.startswith("note: ")]
    left_out = [line for line in lines if not line.startswith("note: ")]
    report(notes)
    code = report(left_out)
    print(f"wrote {out}" + (f" ({len(left_out)} left out)" if left_out else ""))
    return code


def choose_kernels() -> None:
    """Have TensorFlow compute with oneDNN, which decides the last digits of all results; before it is imported."""
    # Off by default on some CPUs; measured to train 1.4 times as fast and more.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def import_tensorflow() -> None:
    """Import TensorFlow before anything else does, without the page of warnings about absent GPUs it greets with."""
    choose_kernels()
    with silent_stderr():
        import tensorflow  # noqa: F401
