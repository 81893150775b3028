"""Ways to decode compared: greedy, edited by the corrector, n-gram, n-gram and corrector. Weights are chosen on dev.

python tools/compare_correction.py --run RUN --corrector DIR --out correction.json [--corpus DIR] [--test]

`tf-slr train-corrector` takes one of these ways (see tf_slr.correction.training.selection); here every way is measured,
on dev and, once all choices are made, with --test on test.
"""

import argparse
import sys
from collections.abc import Sequence

from publish import add_out, publish
from tqdm import tqdm

from tf_slr.cli.common import Parser, import_tensorflow
from tf_slr.cli.correction import NGRAM_ORDER
from tf_slr.cli.paths import existing
from tf_slr.core.kinds import Kind


def measure(arguments: argparse.Namespace) -> dict:
    """Recognise the splits, choose weights on dev, and score every way."""
    from tf_slr.training.runs import Run

    Run(arguments.run).require_trained(with_corpus=not arguments.corpus)
    import_tensorflow()
    from tf_slr.correction.corrector import Corrector
    from tf_slr.correction.evidence import untimed
    from tf_slr.correction.sentence_rescoring import Rescorer
    from tf_slr.correction.symbols import recognised
    from tf_slr.correction.training.selection import DevSentence, errors_of, summed, tuned
    from tf_slr.decoding.kneser_ney import estimate
    from tf_slr.scoring.cleanup import RULES
    from tf_slr.training.reporting import Recognition, recognition

    corrector = Corrector.load(arguments.corrector)
    rules = RULES["none"]

    def sentences(split: str) -> tuple[list[DevSentence], Recognition]:
        work = recognition(arguments.run, None, arguments.corpus, split)
        found = []
        for sample, rows in zip(work.split.samples, tqdm(work.logits, split, unit="clip", disable=None), strict=True):
            found.append(DevSentence(untimed(rows, work.vocabulary), sample.glosses, rows))
        return found, work

    dev, work = sentences("dev")
    ngram = estimate([sample.glosses for sample in work.corpus.split("train")], NGRAM_ORDER)
    rescorer = Rescorer(corrector, ngram, work.vocabulary)
    weights = tuned(rescorer, dev, rules)

    def ways(split: Sequence[DevSentence]) -> dict[str, dict]:
        made = {
            "greedy": [recognised(one.slots) for one in split],
            "edited": [[word.gloss for word in corrector.correct(one.slots)] for one in split],
        } | {way: [rescorer.glosses(one.logits, options) for one in split] for way, options in weights.items()}
        return {way: summed(errors_of(texts, split, rules)).summary() for way, texts in made.items()}

    result = {"corpus": work.corpus.label, "dev": ways(dev)}
    if arguments.test:
        result["test"] = ways(sentences("test")[0])
    return result | {"weights": {way: str(options) for way, options in weights.items()}}


def table(result: dict) -> str:
    """The rates as Markdown."""
    splits = [split for split in ("dev", "test") if split in result]
    lines = [f"WER in % on {result['corpus']}:", "", "| decoded | " + " | ".join(splits) + " | weights |",
             "| --- |" + " ---: |" * len(splits) + " --- |"]  # fmt: skip
    for way in result["dev"]:
        rates = " | ".join(f"{100 * result[split][way]['wer']:.2f}" for split in splits)
        lines.append(f"| {way} | {rates} | {result['weights'].get(way, '')} |")
    return "\n".join(lines)


def main() -> int:
    """Measure, print the table, write the JSON."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=existing(Kind.RUN), required=True, help="a trained run")
    parser.add_argument("--corrector", type=existing(Kind.CORRECTOR), required=True, help="what train-corrector wrote")
    parser.add_argument(
        "--corpus", type=existing(Kind.CORPUS), help="whose sentences, if not those that the run learned from"
    )
    parser.add_argument("--test", action="store_true", help="measure on test, too")
    add_out(parser)
    arguments = parser.parse_args()
    return publish(lambda: measure(arguments), table, arguments)


if __name__ == "__main__":
    sys.exit(main())
