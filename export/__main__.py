"""`python -m export --run RUN --out DIR`."""

import sys

from tf_slr.cli.common import Parser
from tf_slr.cli.export import add_options, export_run
from tf_slr.cli.main import guarded


def main(argv: list[str] | None = None) -> int:
    """Export a run; returns the exit code."""
    parser = Parser(prog="python -m export", description=__doc__)
    add_options(parser)
    return guarded(lambda: export_run(parser.read(argv)))


if __name__ == "__main__":
    sys.exit(main())
