"""`tf-slr train` and `tf-slr evaluate`."""

import argparse
import json
import sys
from pathlib import Path

from tf_slr.commands.common import add_command, import_tensorflow, report
from tf_slr.errors import UsageError
from tf_slr.scoring import describe


def add(commands: argparse._SubParsersAction) -> None:
    """Add the commands that train and evaluate."""
    train = add_command(commands, "train", _train, "train a student; goes on where it was stopped")
    train.add_argument("--corpus", type=Path, required=True)
    train.add_argument("--run", type=Path, required=True, help="folder for checkpoints, metrics and weights")
    train.add_argument("--recipe", default="default", help="name of a shipped recipe, or path of a .toml file")
    train.add_argument("--set", action="append", default=[], metavar="A.B=VALUE", help="override a recipe field")

    evaluate = add_command(commands, "evaluate", _evaluate, "word error rate of a run or a bundle on a split")
    evaluate.add_argument("--run", type=Path, help="folder of a trained run")
    evaluate.add_argument("--bundle", type=Path, help="folder of an exported bundle")
    evaluate.add_argument("--corpus", type=Path, help="another corpus than the run's own")
    evaluate.add_argument("--split", choices=("train", "dev", "test"), default="dev")
    evaluate.add_argument("--beam", type=int, default=0, help="width of the beam search; 0 decodes greedily")
    evaluate.add_argument("--json", action="store_true", help="print everything, by signer and by sentence")
    evaluate.add_argument(
        "--ctm", type=Path, help="write what was recognised, with times, for 'tf-slr score' or sclite"
    )
    evaluate.add_argument("--stm", type=Path, help="write the references for 'tf-slr score' or sclite")


def _train(arguments: argparse.Namespace) -> int:
    import_tensorflow()
    from tf_slr.corpus.manifest import Corpus
    from tf_slr.training.recipe import load_recipe
    from tf_slr.training.trainer import Trainer

    trainer = Trainer(Corpus(arguments.corpus), load_recipe(arguments.recipe, arguments.set), arguments.run)
    code = report(trainer.refused)
    summary = trainer.fit()
    label = trainer.corpus.label
    print(f"best dev WER {100 * summary['dev_wer']:.2f} % in epoch {summary['best_epoch']} on {label}")
    print(f"wrote {arguments.run}")
    return code


def _evaluate(arguments: argparse.Namespace) -> int:
    if (arguments.run is None) == (arguments.bundle is None):
        raise UsageError("expected either --run or --bundle")
    if arguments.bundle and not arguments.corpus:
        raise UsageError("--bundle needs --corpus: a bundle does not know where its corpus lies")
    import_tensorflow()
    from tf_slr.training.reporting import evaluate_model

    result, refused = evaluate_model(
        arguments.run, arguments.bundle, arguments.corpus, arguments.split, arguments.beam, arguments.ctm, arguments.stm
    )
    code = report(refused)
    for path in filter(None, (arguments.ctm, arguments.stm)):
        print(f"wrote {path}", file=sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return code
    for name, counts in {"all": result, **result["groups"]}.items():
        print(f"{arguments.split}, {name:16s} {describe(counts)}  {result['corpus']}")
    return code
