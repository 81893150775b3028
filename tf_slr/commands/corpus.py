"""`tf-slr check`: what is wrong with a corpus."""

import argparse
from pathlib import Path

from tf_slr.commands.common import add_command, report


def add(commands: argparse._SubParsersAction) -> None:
    """Add the commands that look at a corpus."""
    check = add_command(commands, "check", _check, "walk a corpus and name every fault")
    check.add_argument("corpus", type=Path)


def _check(arguments: argparse.Namespace) -> int:
    from tf_slr.corpus.check import check_corpus

    code = report(check_corpus(arguments.corpus))
    print(f"{arguments.corpus}: {'faulty' if code else 'no fault found'}")
    return code
