"""What every command shares: its parser, and how it reports what it refused."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tf_slr.cli.paths import existing
from tf_slr.core.bounds import Bounds
from tf_slr.core.errors import SlrError, UsageError
from tf_slr.core.kinds import Kind
from tf_slr.core.quiet import silent_stderr
from tf_slr.core.stdout import printable, say

EXIT_OK, EXIT_FAULT, EXIT_BUG = 0, 1, 2

# What a parser's `command` default is: the work, returning the exit code.
Work = Callable[[argparse.Namespace], int]


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Help that shows a default where there is one to speak of."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        without = action.required or action.default is None or action.default is False or action.default in ("", [])
        return action.help if without else super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """A parser that shows defaults, and exits with 1 at a wrong option or path: 2 means a bug."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": _Help} | options)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments, and exit."""
        self.print_usage(sys.stderr)
        self.exit(EXIT_FAULT, f"error: {message} ('{self.prog} --help' explains all)\n")

    def exit(self, status: int = EXIT_OK, message: str | None = None) -> NoReturn:
        """Exit after a line that a terminal only shows, whatever the arguments hold."""
        super().exit(status, f"{printable(message.rstrip())}\n" if message else None)

    def parse_args(self, *arguments: Any, **options: Any) -> argparse.Namespace:
        """Read the arguments; where a path is not what it must be, say so in one line and exit."""
        try:
            return super().parse_args(*arguments, **options)
        except SlrError as error:
            self.exit(EXIT_FAULT, f"error: {error}\n")

    def read(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """As `parse_args`, for whoever says himself what is wrong with a path.

        Raises:
            SlrError: a path is not what it must be.
        """
        return super().parse_args(arguments)


def within(kind: type, low: float, high: float) -> Callable[[str], int | float]:
    """The `type` of a command's option that is a number within bounds.

    Args:
        kind: int or float.
        low: the least that it may be.
        high: the most.
    """
    bounds = Bounds(low, high)

    def read(text: str) -> int | float:
        with contextlib.suppress(ValueError):
            if (value := kind(text)) in bounds:
                return value
        raise argparse.ArgumentTypeError(f"expected {'a number' if kind is float else 'a whole number'} {bounds}, "
                                         f"received {text!r:.80}")  # fmt: skip

    return read


def add_command(commands: argparse._SubParsersAction, name: str, work: Work, text: str) -> argparse.ArgumentParser:
    """Add the command `name` to a parser's commands."""
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=work)
    return parser


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a model and what it is to recognise."""
    options = {Kind.RUN: "--run", Kind.BUNDLE: "--bundle", Kind.CORPUS: "--corpus"}
    parser.add_argument("--run", type=existing(Kind.RUN, options), help="folder of a trained run")
    parser.add_argument("--bundle", type=existing(Kind.BUNDLE, options), help="folder of an exported bundle")
    parser.add_argument("--corpus", type=existing(Kind.CORPUS, options), help="another corpus than the run's own")


def check_model(arguments: argparse.Namespace) -> None:
    """Check that the options of `add_model` name one model, and that it can be opened; TensorFlow is not loaded.

    Raises:
        UsageError: they do not.
        DataError: the run is not trained, or its corpus is gone.
        BundleError: the bundle is damaged.
    """
    if (arguments.run is None) == (arguments.bundle is None):
        raise UsageError("expected either --run or --bundle")
    if arguments.bundle and not arguments.corpus:
        raise UsageError("--bundle needs --corpus: a bundle does not know where its corpus lies")
    if arguments.bundle:
        from tf_slr.runtime.bundle import read_bundle

        read_bundle(arguments.bundle)
    else:
        from tf_slr.training.runs import Run

        Run(arguments.run).require_trained(with_corpus=not arguments.corpus)


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """Add the option that lets a command replace what this program did not write; see `tf_slr.core.outputs`."""
    parser.add_argument("--overwrite", action="store_true", help="replace files that this program did not write, or "
                        "that were changed since")  # fmt: skip


def report(lines: Sequence[str]) -> int:
    """Name what was refused or left out; 1 if anything was. Notes ("note: ...") are no fault."""
    for line in lines:
        say(line, file=sys.stderr)
    return EXIT_FAULT if any(not line.startswith("note: ") for line in lines) else EXIT_OK


def prepared(out: Path, lines: Sequence[str]) -> int:
    """Name what was left out, and say where the corpus is; notes alone are no fault."""
    notes = [line for line in lines if line.startswith("note: ")]
    left_out = [line for line in lines if not line.startswith("note: ")]
    report(notes)
    code = report(left_out)
    say(f"wrote {out}" + (f" ({len(left_out)} left out)" if left_out else ""))
    return code


def choose_kernels() -> None:
    """Have TensorFlow compute with oneDNN, which decides the last digits of all results; before it is imported."""
    # Off by default on some CPUs; measured to train 1.4 times as fast and more.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def import_tensorflow() -> None:
    """Import TensorFlow before anything else does, without the page of warnings about absent GPUs it greets with."""
    from tf_slr.core import legacy_keras  # noqa: F401, before TensorFlow

    choose_kernels()
    with silent_stderr():
        import tensorflow  # noqa: F401
