"""`tf-slr train` and `tf-slr evaluate`."""

import argparse
import json
import sys

from tf_slr.cli.common import add_command, add_model, add_overwrite, check_model, import_tensorflow, report
from tf_slr.cli.paths import existing, new_file, new_folder
from tf_slr.core.errors import UsageError
from tf_slr.core.kinds import Kind
from tf_slr.core.outputs import Output, claim_files, claim_folder
from tf_slr.core.stdout import print_json, say
from tf_slr.decoding.beam import BeamOptions
from tf_slr.scoring.wer import describe

_SEVERAL = """All GPUs of a machine are used. To train on several machines, start on each of them, with one shared
--run: TF_CONFIG='{"cluster": {"worker": ["host1:5000", "host2:5000"]}, "task": {"type": "worker", "index": 0}}'
tf-slr train --corpus DIR --run DIR (index 1 on host2, and so on). training.batch is divided among them; worker 0
writes. When one of them is lost all stop: start all again, and training goes on from the checkpoint."""


def add(commands: argparse._SubParsersAction) -> None:
    """Add the commands that train and evaluate."""
    train = add_command(commands, "train", _train, "train a student; goes on where it was stopped")
    train.epilog = _SEVERAL
    train.add_argument("--corpus", type=existing(Kind.CORPUS), required=True)
    train.add_argument(
        "--run", type=new_folder(Kind.RUN), required=True, help="folder for checkpoints, metrics and weights"
    )
    train.add_argument("--recipe", default="default", help="name of a shipped recipe, or path of a .toml file")
    train.add_argument(
        "--teacher",
        type=existing(Kind.RUN),
        metavar="RUN",
        help="folder of the run that teaches, for a recipe that distils",
    )
    train.add_argument("--set", action="append", default=[], metavar="A.B=VALUE", help="override a recipe field")

    evaluate = add_command(commands, "evaluate", _evaluate, "word error rate of a run or a bundle on a split")
    add_model(evaluate)
    evaluate.add_argument("--split", choices=("train", "dev", "test"), default="dev")
    evaluate.add_argument("--beam", type=int, default=0, help="width of the beam search; 0 decodes greedily")
    evaluate.add_argument(
        "--ngram", type=existing(Kind.ARPA), metavar="X.arpa", help="language model for the beam search"
    )
    evaluate.add_argument("--ngram-weight", type=float, help="weight of the language model, 0.5 if not given")
    evaluate.add_argument("--insertion", type=float, help="what the beam search adds to a sentence's score for each "
                                                          "gloss, 0 if not given")  # fmt: skip
    evaluate.add_argument("--corrector", type=existing(Kind.CORRECTOR), metavar="DIR",
                          help="repair sentences by a corrector; a bundle has its own")  # fmt: skip
    evaluate.add_argument("--uncorrected", action="store_true", help="leave a bundle's corrector out")
    evaluate.add_argument("--json", action="store_true", help="print everything, by signer and by sentence")
    evaluate.add_argument(
        "--ctm", type=new_file(".ctm"), help="write what was recognised, with times, for 'tf-slr score' or sclite"
    )
    evaluate.add_argument("--stm", type=new_file(".stm"), help="write the references for 'tf-slr score' or sclite")
    evaluate.add_argument(
        "--alternatives",
        type=new_file(".jsonl"),
        metavar="X.jsonl",
        help="write what else may have been signed, with probabilities",
    )
    evaluate.add_argument("--logits", type=new_file(".npz"), metavar="X.npz", help="write what every step says, for "
                          "'tf-slr train-corrector --dev'")  # fmt: skip
    add_overwrite(evaluate)


def _train(arguments: argparse.Namespace) -> int:
    claim_folder("--run", arguments.run, "run", [arguments.corpus, arguments.teacher])
    from tf_slr.corpus.manifest import Corpus
    from tf_slr.training.recipe import load_recipe
    from tf_slr.training.runs import Run, require_named

    taught = [f"distill.teacher={json.dumps(str(arguments.teacher))}"] if arguments.teacher else []
    settings = [*arguments.set, *taught]
    corpus, recipe = Corpus(arguments.corpus), load_recipe(arguments.recipe, settings)
    require_named(recipe)
    Run(arguments.run).require_fit(corpus, recipe)
    import_tensorflow()
    from tf_slr.training.strategy import strategy_here
    from tf_slr.training.trainer import Trainer

    trainer = Trainer(corpus, recipe, arguments.run, strategy_here())
    code = report(trainer.refused)
    summary = trainer.fit()
    if not trainer.is_chief:
        say(f"done; the chief wrote {arguments.run}")
        return code
    label = trainer.corpus.label
    bias = f" with {summary['blank_bias']:+} on the blank" if summary["blank_bias"] else ""
    say(f"best dev WER {100 * summary['dev_wer']:.2f} % in epoch {summary['best_epoch']}{bias} on {label}")
    say(f"wrote {arguments.run}")
    return code


def _evaluate(arguments: argparse.Namespace) -> int:
    if arguments.uncorrected and arguments.run:
        raise UsageError("--uncorrected leaves a bundle's corrector out; a run has none")
    if arguments.corrector and (arguments.beam or arguments.uncorrected):
        raise UsageError("--corrector repairs what greedy decoding recognised; leave out --beam and --uncorrected")
    beam = _beam(arguments)
    written = {name: getattr(arguments, name) for name in ("ctm", "stm", "alternatives", "logits")}
    claim_files(
        [Output(f"--{name}", path, name) for name, path in written.items() if path],
        [arguments.run, arguments.bundle, arguments.corpus, arguments.ngram, arguments.corrector], arguments.overwrite,
    )  # fmt: skip
    check_model(arguments)
    import_tensorflow()
    from tf_slr.training.reporting import evaluate_model

    repair = {"corrector": arguments.corrector, "correct": not arguments.uncorrected}
    result, refused = evaluate_model(
        arguments.run, arguments.bundle, arguments.corpus, arguments.split, beam, arguments.ngram, **written, **repair
    )
    report([f"note: {note}" for note in result["notes"]])
    code = report(refused)
    for path in filter(None, written.values()):
        say(f"wrote {path}", file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print_json(result, indent=2)
        return code
    for name, counts in {"all": result, **result["groups"]}.items():
        say(f"{arguments.split}, {name:16s} {describe(counts)}  {result['corpus']}")
    return code


def _beam(arguments: argparse.Namespace) -> BeamOptions | None:
    """The beam search that was asked for; None for greedy decoding."""
    if arguments.ngram_weight is not None and not arguments.ngram:
        raise UsageError("--ngram-weight needs --ngram")
    if not arguments.beam:
        if arguments.ngram or arguments.insertion is not None:
            raise UsageError("--ngram and --insertion need --beam: greedy decoding asks no language model")
        return None
    given = {"weight": arguments.ngram_weight, "insertion": arguments.insertion}
    return BeamOptions(arguments.beam, **{name: value for name, value in given.items() if value is not None})
