"""`tf-slr train-ngram` and `tf-slr crossfit`: what decoders and correctors know besides the clip."""

import argparse

from tf_slr.cli.common import add_command, add_overwrite, import_tensorflow, report, within
from tf_slr.cli.paths import existing, input_file, new_file, new_folder
from tf_slr.core.kinds import Kind
from tf_slr.core.outputs import Output, claim_files, claim_folder
from tf_slr.core.stdout import say
from tf_slr.scoring.cleanup import RULES
from tf_slr.scoring.mismatch import known_notes
from tf_slr.scoring.wer import describe


def add(commands: argparse._SubParsersAction) -> None:
    """Add the commands that make evidence and language models."""
    ngram = add_command(commands, "train-ngram", _train_ngram, "estimate a gloss n-gram (modified Kneser-Ney, ARPA)")
    source = ngram.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--corpus", type=existing(Kind.CORPUS), help="a prepared corpus, whose training sentences are counted"
    )
    source.add_argument(
        "--text",
        type=input_file("a list of annotations"),
        help="a list of annotations such as PHOENIX' train.corpus.csv",
    )
    ngram.add_argument("--rules", choices=tuple(RULES), default="none",
                       help="clean-up of the sentences; none for a beam search, "
                            "whose glosses are not cleaned")  # fmt: skip
    ngram.add_argument("--order", type=int, default=3, help="glosses in the longest n-gram")
    ngram.add_argument("--out", type=new_file(".arpa"), required=True, metavar="X.arpa")
    add_overwrite(ngram)

    crossfit = add_command(
        commands, "crossfit", _crossfit, "recognise each training clip by a run that has not seen it; goes on where it "
        "was stopped",
    )  # fmt: skip
    crossfit.add_argument("--corpus", type=existing(Kind.CORPUS), required=True)
    crossfit.add_argument(
        "--out", type=new_folder(Kind.FOLDS), required=True, help="folder for the folds' runs and train.jsonl"
    )
    crossfit.add_argument("--recipe", default="default", help="name of a shipped recipe, or path of a .toml file")
    crossfit.add_argument("--set", action="append", default=[], metavar="A.B=VALUE", help="override a recipe field")
    crossfit.add_argument(
        "--folds", type=within(int, 2, 1000), default=2, help="number of runs; 2 take as long as one on everything"
    )
    crossfit.add_argument("--seed", type=within(int, 0, 2**32 - 1), default=0, help="of the division into folds")


def _train_ngram(arguments: argparse.Namespace) -> int:
    claim_files([Output("--out", arguments.out, "arpa")], [arguments.corpus, arguments.text], arguments.overwrite)
    from tf_slr.corpus.manifest import Corpus
    from tf_slr.correction.training.text import text_of_corpus, text_of_table
    from tf_slr.decoding.kneser_ney import estimate
    from tf_slr.decoding.ngram import write_arpa

    rules = RULES[arguments.rules]
    names: tuple[str, ...] = ()
    if arguments.corpus:
        corpus = Corpus(arguments.corpus)
        text, names = text_of_corpus(corpus, rules), corpus.vocabulary().glosses
    else:
        text = text_of_table(arguments.text, rules)
    code = report(text.notes)
    sentences = list(text.sentences.values())
    model = estimate(sentences, arguments.order)
    write_arpa(arguments.out, model)
    report([f"note: {line}" for line in known_notes(model.glosses, names, arguments.out, "the corpus")])
    say(f"{len(sentences)} sentences, {len(model.glosses)} glosses, order {model.order}, "
          f"perplexity on its own text {model.perplexity(sentences):.1f}")  # fmt: skip
    say(f"wrote {arguments.out}")
    return code


def _crossfit(arguments: argparse.Namespace) -> int:
    claim_folder("--out", arguments.out, "crossfit", [arguments.corpus])
    from tf_slr.corpus.manifest import Corpus
    from tf_slr.training.folds import deal, require_foldable
    from tf_slr.training.recipe import load_recipe
    from tf_slr.training.runs import require_named

    corpus, recipe = Corpus(arguments.corpus), load_recipe(arguments.recipe, arguments.set)
    require_foldable(recipe)
    require_named(recipe)
    deal(corpus.split("train"), arguments.folds, arguments.seed)
    import_tensorflow()
    from tf_slr.training.crossfit import crossfit

    found = crossfit(corpus, recipe, arguments.out, arguments.folds, arguments.seed, say)
    code = report(found.refused)
    say(f"held out: {describe(found.summary)}  {found.summary['corpus']}")
    say(f"wrote {found.evidence}")
    return code
