"""The process that computes one cell, or has a corrector repair what a computed one recognises.

python -m tf_slr.training.tables.worker FOLDER [CORRECTOR]

A process of its own for each cell, because only its end frees all of TensorFlow's memory, and what a cell
computes must not depend on those before it.
"""

import sys
from pathlib import Path

from tf_slr.core import config, files
from tf_slr.core.errors import SlrError
from tf_slr.core.processes import end_with
from tf_slr.corpus.manifest import Corpus
from tf_slr.training.recipe import Recipe
from tf_slr.training.reporting import evaluate_model
from tf_slr.training.runs import Run
from tf_slr.training.tables.cells import corrected_name
from tf_slr.training.trainer import Trainer


def compute(folder: Path) -> None:
    """Train, evaluate on dev and test, write the result; training goes on where it was stopped.

    Args:
        folder: of the cell, with what the runner wrote into its cell.json.

    Raises:
        SlrError: of training or evaluation.
    """
    task = files.read_json(folder / "cell.json")
    corpus, run = Corpus(task["corpus"]), Run(task["run"])
    refused: list[str] = []
    if not run.summary_path.is_file():
        trainer = Trainer(corpus, config.build(Recipe, task["recipe"], str(folder)), run.root)
        refused += trainer.refused
        # Weights, order and pictures of a pretraining do not depend on what is distilled afterwards.
        pretrained = task["pretrained"] and Path(task["pretrained"])
        if pretrained and pretrained.is_file() and not run.pretrained.is_file():
            files.write_bytes(run.pretrained, files.read_bytes(pretrained))
        trainer.fit()
        if pretrained and not pretrained.is_file():
            files.write_bytes(pretrained, files.read_bytes(run.pretrained))
    splits, left_out = _splits(run, corpus)
    refused = sorted({*refused, *left_out})
    result = task | {"splits": splits, "training": files.read_json(run.summary_path), "refused": refused}
    files.write_json(folder / "result.json", result)


def correct(folder: Path, corrector: Path) -> None:
    """Evaluate the run of a computed cell once more, with a corrector; writes the result beside the other one.

    Args:
        folder: of the cell.
        corrector: what train-corrector wrote.

    Raises:
        SlrError: of evaluation.
    """
    task = files.read_json(folder / "cell.json")
    splits, _ = _splits(Run(task["run"]), Corpus(task["corpus"]), corrector)
    result = {"digest": task["digest"], "corrector": str(corrector), "splits": splits}
    files.write_json(folder / corrected_name(corrector), result)


def _splits(run: Run, corpus: Corpus, corrector: Path | None = None) -> tuple[dict[str, dict], list[str]]:
    """The figures of dev and test, where the corpus has them, and a line for each clip that was left out."""
    splits, refused = {}, []
    for split in ("dev", "test"):
        if corpus.split(split):
            summary, left_out = evaluate_model(run.root, None, corpus.root, split, corrector=corrector)
            # The sentences can be had again from the run.
            splits[split] = {name: value for name, value in summary.items() if name != "results"}
            refused += left_out
    return splits, refused


if __name__ == "__main__":
    end_with(sys.stdin)  # its other end is the runner's
    try:
        (correct if sys.argv[2:] else compute)(*map(Path, sys.argv[1:]))
    except SlrError as error:
        sys.exit(f"error: {error}")
