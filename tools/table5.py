"""KD-MSLRT's table 5 on real recognisers' outputs: one or two Transformers, and kinds of wrong text.

    python tools/table5.py --text train.corpus.csv --rules phoenix2014 --hyp a.ctm b.ctm --ref dev.stm --out runs/table5

With --corpus DIR instead of --text the sentences are those of a prepared corpus. Started again, it goes on where it was
stopped.
"""

import argparse
import sys
from pathlib import Path

from tf_slr.cli.common import EXIT_OK, Parser, import_tensorflow, report, within
from tf_slr.cli.main import guarded
from tf_slr.cli.paths import existing, input_file
from tf_slr.core.kinds import Kind
from tf_slr.core.outputs import claim_folder
from tf_slr.scoring.cleanup import RULES


def claim(arguments: argparse.Namespace) -> int:
    """See that the folder holds nothing of the user's; returns the exit code."""
    claim_folder("--out", arguments.out, "table5", [arguments.text, arguments.corpus, arguments.ref, *arguments.hyp])
    return EXIT_OK


def main(argv: list[str] | None = None) -> int:
    """Compute the table; returns the exit code."""
    parser = Parser(description=__doc__.splitlines()[0])
    text = parser.add_mutually_exclusive_group(required=True)
    text.add_argument("--text", type=input_file("a list of annotations"), help="list of the training annotations")
    text.add_argument(
        "--corpus", type=existing(Kind.CORPUS), help="a prepared corpus, whose training sentences are learned from"
    )
    parser.add_argument("--rules", choices=tuple(RULES), default="none")
    parser.add_argument(
        "--hyp",
        type=input_file("recognised sentences (.ctm or .jsonl)"),
        nargs="+",
        required=True,
        help="recognised dev sentences (.ctm, .jsonl)",
    )
    parser.add_argument("--ref", type=input_file("references (.stm)"), required=True, help="their references (.stm)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs, table5.json and table5.md")
    parser.add_argument("--rows", nargs="+", default=["raw", "all"], help="raw, shuffle, deletion, insertion, "
                        "substitution, all")  # fmt: skip
    parser.add_argument("--seeds", type=within(int, 1, 1000), default=3)
    parser.add_argument("--recipe", default="corrector")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=VALUE", help="override a recipe field")
    arguments = parser.parse_args(argv)
    if arguments.seeds < 1:
        parser.error("expected --seeds of at least 1")
    if code := guarded(lambda: claim(arguments)):
        return code
    from publish import publish

    from tf_slr.cli.correction import read_recognised
    from tf_slr.core import files, outputs
    from tf_slr.core.errors import UsageError
    from tf_slr.corpus.manifest import Corpus
    from tf_slr.correction.training.recipe import load_corrector_recipe
    from tf_slr.correction.training.selection import dev_sentences
    from tf_slr.correction.training.text import text_of_corpus, text_of_table
    from tf_slr.formats.transcripts import read_stm

    def measure() -> dict:
        recipe = load_corrector_recipe(arguments.recipe, arguments.set)
        import_tensorflow()
        from export.corrector import export_corrector
        from tf_slr.correction.training.table5 import PREPROCESSING, table5

        if strange := set(arguments.rows) - set(PREPROCESSING):
            raise UsageError(f"--rows: expected {', '.join(PREPROCESSING)}, received {', '.join(sorted(strange))}")
        references = read_stm(arguments.ref)
        systems = {path.stem: dev_sentences(read_recognised(path), references, str(path)) for path in arguments.hyp}
        if len(systems) < len(arguments.hyp):
            raise UsageError("--hyp: expected files of different names, by which their systems are told apart")
        rules = RULES[arguments.rules]
        text = (
            text_of_table(arguments.text, rules) if arguments.text else text_of_corpus(Corpus(arguments.corpus), rules)
        )
        report(text.notes)
        outputs.mark(arguments.out, "table5")
        result = table5(text, recipe, arguments.rows, arguments.seeds, systems, arguments.out, export_corrector)
        files.write_text(arguments.out / "table5.md", shown(result) + "\n")
        return result

    def shown(result: dict) -> str:
        from tf_slr.correction.training.table5 import markdown

        return markdown(result)

    # The folder is the program's.
    return publish(measure, shown, argparse.Namespace(out=arguments.out / "table5.json", overwrite=True))


if __name__ == "__main__":
    sys.exit(main())
