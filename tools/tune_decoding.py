"""Which weight of a gloss n-gram and which insertion bonus suit a model: word error rates on dev for a grid of both.

python tools/tune_decoding.py --run RUN --ngram X.arpa --out tuning.json       (after: tf-slr train-ngram)

The best pair is what `tf-slr evaluate --beam ... --ngram-weight ... --insertion ...` then takes on test.
"""

import argparse
import itertools
import sys

from publish import add_out, publish
from tqdm import tqdm

from tf_slr.cli.common import Parser, add_model, check_model, import_tensorflow
from tf_slr.cli.paths import existing
from tf_slr.core.kinds import Kind

WEIGHTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
INSERTIONS = (-1.0, 0.0, 1.0, 2.0)


def measure(arguments: argparse.Namespace) -> dict:
    """Recognise dev once, then decode it with every pair."""
    check_model(arguments)
    import_tensorflow()
    from tf_slr.decoding.beam import BeamOptions
    from tf_slr.decoding.greedy import greedy
    from tf_slr.decoding.ngram import read_arpa
    from tf_slr.training.evaluation import evaluate
    from tf_slr.training.reporting import beam_decoder, gloss_model, recognition

    ngram = read_arpa(arguments.ngram)
    work = recognition(arguments.run, arguments.bundle, arguments.corpus, "dev")
    model = gloss_model(ngram, work.vocabulary, arguments.ngram)
    samples = work.split.samples
    logits = list(tqdm(work.logits, "recognise dev", len(samples), unit="clip", disable=None))

    def errors(decode) -> dict:
        return evaluate(iter(logits), samples, work.vocabulary, decode).errors().summary()

    grid = []
    pairs = list(itertools.product(sorted(set(arguments.weights)), sorted(set(arguments.insertions))))
    for weight, insertion in tqdm(pairs, "decode dev", unit="pair", disable=None):
        options = BeamOptions(arguments.beam, weight=weight, insertion=insertion)
        grid.append({"weight": weight, "insertion": insertion, **errors(beam_decoder(options, model))})
    return {
        "corpus": work.corpus.label,
        "clips": len(samples),
        "beam": arguments.beam,
        "greedy": errors(greedy),
        "without": errors(beam_decoder(BeamOptions(arguments.beam))),
        "grid": grid,
        # Of equal rates the pair that leans least on the language model.
        "best": min(grid, key=lambda one: (one["wer"], one["weight"], abs(one["insertion"]))),
    }


def table(result: dict) -> str:
    """The rates as Markdown: a row a weight, a column an insertion bonus."""
    weights = sorted({one["weight"] for one in result["grid"]})
    insertions = sorted({one["insertion"] for one in result["grid"]})
    rates = {(one["weight"], one["insertion"]): f"{100 * one['wer']:.2f}" for one in result["grid"]}
    best = result["best"]
    rows = [f"| {weight:g} | " + " | ".join(rates[weight, i] for i in insertions) + " |" for weight in weights]
    return "\n".join([
        f"WER in % on dev of {result['corpus']} ({result['clips']} clips): greedy {100 * result['greedy']['wer']:.2f}, "
        f"beam of {result['beam']} without n-gram {100 * result['without']['wer']:.2f}, with it:",
        "",
        "| weight \\ insertion | " + " | ".join(f"{i:g}" for i in insertions) + " |",
        "| ---: |" + " ---: |" * len(insertions),
        *rows,
        "",
        f"best: --beam {result['beam']} --ngram-weight {best['weight']:g} --insertion {best['insertion']:g} "
        f"({100 * best['wer']:.2f} %)",
    ])  # fmt: skip


def main() -> int:
    """Measure, print the table, write the JSON."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model(parser)
    parser.add_argument("--ngram", type=existing(Kind.ARPA), required=True, metavar="X.arpa")
    parser.add_argument("--beam", type=int, default=10, help="width of the beam search")
    parser.add_argument("--weights", type=float, nargs="+", default=WEIGHTS)
    parser.add_argument("--insertions", type=float, nargs="+", default=INSERTIONS)
    add_out(parser)
    arguments = parser.parse_args()
    return publish(lambda: measure(arguments), table, arguments)


if __name__ == "__main__":
    sys.exit(main())
