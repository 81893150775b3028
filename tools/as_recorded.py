"""Sets of isolated signs as if somebody had recorded them: from .npz files to a folder for `tf-slr teach`.

python tools/as_recorded.py SET.npz [SET.npz ...] --out DIR --takes 15 --test-takes 5 --background GLOSS
"""

import argparse
import sys
from pathlib import Path

from tf_slr.apps.teach.recordings import Recordings
from tf_slr.cli.common import Parser, report, within
from tf_slr.cli.main import guarded
from tf_slr.core.stdout import say
from tf_slr.corpus.isolated import read_isolated


def as_recorded(sets: list[Path], out: Path, takes: int, test_takes: int, background: str) -> list[str]:
    """Write the first takes of every sign, and after them its last ones, which `teach` then tests on.

    Args:
        sets: .npz files, as `tf_slr.corpus.isolated` describes them.
        out: the folder of recordings.
        takes: how many of each sign to learn from.
        test_takes: how many to test on; give `teach` the same number.
        background: the gloss that is rest.

    Returns:
        One line for each clip that was left out.
    """
    recordings, left_out = Recordings.open(out, "isolated sets"), []
    for path in sets:
        clips, lines = read_isolated(path)
        left_out += lines
        for gloss in dict.fromkeys(clip.gloss for clip in clips):
            sign = None if gloss == background else gloss
            if sign:
                recordings.name_signs([sign])
            found = sorted((clip for clip in clips if clip.gloss == gloss), key=lambda clip: clip.take)
            for clip in [*found[:takes], *found[takes:][-test_takes:]]:
                if recordings.add(sign, clip.clip) is None:
                    left_out.append(f"{clip.origin}: stands twice; left out")
    return left_out


def main(argv: list[str] | None = None) -> int:
    """Write the folder; returns the exit code."""
    parser = Parser(prog="as_recorded", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path, nargs="+", metavar="SET.npz")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--takes", type=within(int, 1, 1000), default=15)
    parser.add_argument("--test-takes", type=within(int, 1, 1000), default=5)
    parser.add_argument("--background", default="", metavar="GLOSS", help="the gloss that is rest")
    arguments = parser.parse_args(argv)
    if min(arguments.takes, arguments.test_takes) < 1:
        parser.error("expected at least 1 of --takes and of --test-takes")

    def work() -> int:
        lines = as_recorded(arguments.sets, arguments.out, arguments.takes, arguments.test_takes, arguments.background)
        code = report(lines)
        say(f"wrote {arguments.out}")
        return code

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
