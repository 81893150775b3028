"""`tf-slr score`: the word error rate of a CTM against an STM, as the corpora's own evaluations count it."""

import argparse
import sys

from tf_slr.cli.common import EXIT_OK, add_command
from tf_slr.cli.paths import input_file
from tf_slr.core.errors import shown
from tf_slr.core.stdout import print_json, say
from tf_slr.formats.transcripts import read_ctm, read_stm
from tf_slr.scoring.cleanup import RULES
from tf_slr.scoring.scoresheet import Scoresheet, score_transcripts
from tf_slr.scoring.wer import describe


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command `score`."""
    score = add_command(commands, "score", _score, "word error rate of any recogniser's output by a corpus' own rules")
    score.add_argument(
        "--hyp",
        type=input_file("hypotheses (.ctm)"),
        required=True,
        metavar="X.ctm",
        help="hypotheses, one gloss a line",
    )
    score.add_argument(
        "--ref",
        type=input_file("references (.stm)"),
        required=True,
        metavar="Y.stm",
        help="references, one sentence a line",
    )
    score.add_argument("--rules", choices=tuple(RULES), default="none",
                       help="clean-up and alignment weights; none takes glosses as they are and aligns with the "
                            "fewest errors")  # fmt: skip
    score.add_argument("--sentences", action="store_true", help="show the alignment of every sentence")
    score.add_argument("--json", action="store_true", help="print everything, with the alignment of every sentence")


def _score(arguments: argparse.Namespace) -> int:
    hypotheses, references = read_ctm(arguments.hyp), read_stm(arguments.ref)
    sheet = score_transcripts(hypotheses, references, RULES[arguments.rules])
    for line in _notes(sheet):
        say(f"note: {line}", file=sys.stderr)
    if arguments.json:
        print_json(sheet.summary(), indent=2)
        return EXIT_OK
    if arguments.sentences:
        for sentence in sheet.sentences:
            say(*str(sentence).split("\n"), "")
    say(f"{describe(sheet.errors.summary())}  {len(sheet.sentences)} sentences, rules {sheet.rules.name}")
    return EXIT_OK


def _notes(sheet: Scoresheet) -> list[str]:
    notes = list(sheet.mismatches)
    if sheet.missing:
        notes.append(f"{len(sheet.missing)} of {len(sheet.sentences)} sentences have no hypothesis and count as "
                     f"deleted: {shown(sheet.missing)}")  # fmt: skip
    if sheet.unclean:
        notes.append(f"{len(sheet.unclean)} glosses of the references are not clean by the rules "
                     f"{sheet.rules.name}, which change hypotheses only; they can never be hit: "
                     f"{shown(sheet.unclean)}")  # fmt: skip
    return notes
