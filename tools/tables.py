"""The tables of the papers on any corpus: train what is missing, evaluate, and write tables with their spread.

python tools/tables.py --corpus DIR --out DIR --tables 1 4 6 7 --student signsynth --distilled signsynth-kd \
    --teacher signsynth-teacher --seeds 3 --set training.epochs=6

Whatever was computed stays in OUT/cells, also when this is killed: the same command goes on.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from turns import machine

from tf_slr.cli.common import Parser, import_tensorflow, report, within
from tf_slr.cli.main import guarded
from tf_slr.cli.paths import existing
from tf_slr.core import files, outputs
from tf_slr.core.errors import UsageError
from tf_slr.core.kinds import Kind
from tf_slr.core.outputs import claim_folder
from tf_slr.core.stdout import say

TABLES = ("1", "4", "6", "7", "crkd")
# Those that have a teacher in them.
TAUGHT = {"1", "4", "7", "crkd"}


def commit() -> str:
    """The commit of the code, marked where files differ from it."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def tables(arguments: argparse.Namespace) -> int:
    """Compute what is missing, unless only a report is wanted, and write everything."""
    claim_folder("--out", arguments.out, "tables", [arguments.corpus, arguments.teacher_run, arguments.corrector])
    import matplotlib  # noqa: F401  # where it is missing, that is said before the work and not after it

    from tf_slr.core.locks import locked
    from tf_slr.corpus.manifest import Corpus
    from tf_slr.training.tables.ablations import Ablations, Recipes
    from tf_slr.training.tables.cells import Cell, Cells, corrected_name

    out, cells = arguments.out, Cells(arguments.out, Corpus(arguments.corpus))
    teacher = root = None
    if TAUGHT & set(arguments.tables):
        if not (arguments.teacher or arguments.teacher_run):
            raise UsageError("expected --teacher RECIPE or --teacher-run RUN for the tables that were asked for")
        teacher = Cell.of_run(arguments.teacher_run) if arguments.teacher_run else Cell.of(arguments.teacher, ())
        root = cells.run(teacher).resolve()
    recipes = Recipes(
        arguments.student, arguments.distilled, arguments.lrinet, tuple(arguments.set), arguments.seeds
    )  # fmt: skip
    if arguments.corrector:
        corrected_name(arguments.corrector)  # what is no corrector is said before the work
    ablations = Ablations(recipes, teacher, root)
    made = [ablations.table(key) for key in TABLES if key in arguments.tables]
    # All that can be wrong with recipes was said before these seconds.
    import_tensorflow()
    from tf_slr.training.tables.plots import draw
    from tf_slr.training.tables.report import Report
    from tf_slr.training.tables.runner import Runner

    failed: list[str] = []
    if not arguments.report_only:
        with locked(out) as lock:
            outputs.mark(out, "tables")
            runner = Runner(cells, lock, {"commit": commit(), "machine": machine()}, arguments.jobs)
            rows = [row for table in made for row in table.rows]
            failed = runner.compute([*filter(None, [teacher]), *(cell for row in rows for cell in row.cells)])
            for table in made:
                if arguments.corrector and table.corrected:
                    done = [cell for row in table.rows for cell in row.cells]
                    failed += runner.correct(done, arguments.corrector)
                if "milliseconds" in table.costs:
                    networks = [row.cells[0].recipe.model for row in table.rows]
                    runner.time_networks(networks, cells.corpus.vocabulary().classes, out / "speed.json")
    speeds = files.read_json(out / "speed.json")["networks"] if (out / "speed.json").is_file() else {}
    found = Report(cells, speeds, arguments.corrector)
    text = found.markdown(made)
    files.write_text(out / "tables.md", text)
    files.write_json(out / "tables.json", found.json(made))
    written = [out / "tables.md", out / "tables.json"]
    for table in made:
        written.append(out / (f"table{table.key}.png" if table.key.isdecimal() else f"{table.key}.png"))
        draw(found, table, written[-1])
    say(*text.split("\n"))
    for path in written:
        say(f"wrote {path}")
    return report(failed)


def main() -> int:
    """Read the options and do the work."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=existing(Kind.CORPUS), required=True, help="a prepared corpus")
    parser.add_argument("--out", type=Path, required=True, help="folder for runs and tables")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    parser.add_argument("--seeds", type=within(int, 1, 1000), default=3, help="runs of each row (the teacher has one)")
    parser.add_argument("--jobs", type=within(int, 1, 64), default=1,
                        help="runs at once, each with memory of its own; a single one has all processors")  # fmt: skip
    parser.add_argument("--student", default="", help="recipe of MSLR alone (tables 1, 6)")
    parser.add_argument("--distilled", default="", help="recipe of MSLR with a teacher (tables 1, 4, 7)")
    parser.add_argument("--teacher", default="", help="recipe of the teacher (tables 1, 4, 7, crkd)")
    parser.add_argument(
        "--teacher-run", type=existing(Kind.RUN), help="finished run of a teacher, instead of --teacher"
    )
    parser.add_argument("--lrinet", default="", help="recipe of LRINet with a teacher (table crkd)")
    parser.add_argument("--corrector", type=existing(Kind.CORRECTOR), metavar="DIR",
                        help="of train-corrector: table 4 tells what it makes of the sentences, too")  # fmt: skip
    parser.add_argument("--set", action="append", default=[], metavar="A.B=VALUE",
                        help="override a field in the students' recipes; may be repeated")  # fmt: skip
    parser.add_argument("--report-only", action="store_true", help="compute nothing; tell what is not run")
    arguments = parser.parse_args()
    for name in ("seeds", "jobs"):
        if getattr(arguments, name) < 1:
            parser.error(f"expected --{name} of at least 1")
    return guarded(lambda: tables(arguments))


if __name__ == "__main__":
    sys.exit(main())
