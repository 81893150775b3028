"""Cross-fitting: what recognisers make of training sentences that they were not trained on.

A corrector must learn from errors such as a recogniser makes on new clips; on its own training clips it hardly makes
any. So the training split is dealt into folds, each fold is recognised by a run that was trained on the others, and
the evidence of all clips is kept in one file.

    fold-1/corpus/      lists of the fold: train = the other folds, dev = the corpus' own, test = the fold; they
                        point to the corpus' clips
    fold-1/run/         an ordinary run on it
    fold-1/alternatives.jsonl    the fold's evidence, when it is done
    train.jsonl         the evidence of all training clips, in the order of the corpus' list; no reference is in it
    crossfit.json       the errors of the folds' recognisers, which a corrector's noise is fitted to
"""

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import tf_keras

from tf_slr.core import files, outputs
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.locks import locked
from tf_slr.corpus.manifest import Corpus, Sample, write_corpus
from tf_slr.correction.evidence import evidence, named
from tf_slr.formats.alternatives import Alternatives, read_alternatives, write_alternatives
from tf_slr.scoring.wer import Errors, score
from tf_slr.training.folds import deal, require_foldable
from tf_slr.training.recipe import Recipe
from tf_slr.training.reporting import recognition
from tf_slr.training.runs import Run, fingerprint
from tf_slr.training.trainer import Trainer


class CrossFit(NamedTuple):
    """What came of it.

    Attributes:
        summary: what crossfit.json says, as plain JSON.
        evidence: the file of all clips.
        refused: one line for each clip that could not be used.
    """

    summary: dict
    evidence: Path
    refused: list[str]


def crossfit(
    corpus: Corpus, recipe: Recipe, out: Path | str, folds: int = 2, seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> CrossFit:  # fmt: skip
    """Train a recogniser for each fold and recognise the fold with it. What an interrupted run did is kept.

    Args:
        corpus: whose training split is meant.
        recipe: of the folds' runs; what it promises is not asked of them, which see fewer clips.
        out: the folder.
        folds: number of recognisers, at least 2.
        seed: of the division.
        say: is called with how each fold went.

    Raises:
        UsageError: an unfit number of folds or recipe, or the folder holds a division or runs of another kind, or
            another process is at work there.
        DataError: the corpus or what is in the folder is damaged.
    """
    require_foldable(recipe)
    out, samples = Path(out), corpus.split("train")
    recipe = dataclasses.replace(recipe, promised_wer=None)
    numbers = deal(samples, folds, seed)
    held_out: dict[str, list[Alternatives]] = {}
    fold_errors, refused = [], []
    with locked(out):
        outputs.mark(out, "crossfit")
        for number in range(folds):
            folder = out / f"fold-{number + 1}"
            mine = [sample for sample, n in zip(samples, numbers, strict=True) if n == number]
            others = [sample for sample, n in zip(samples, numbers, strict=True) if n != number]
            found, lines = _fold(corpus, recipe, folder, others, mine)
            refused += [f"fold {number + 1}: {line}" for line in lines]
            fold_errors.append(_errors(mine, found))
            say(f"fold {number + 1} of {folds}: {len(mine)} clips held out, WER {100 * fold_errors[-1].wer:.2f} %")
            held_out |= found
    path = out / "train.jsonl"
    write_alternatives(path, {sample.id: held_out[sample.id] for sample in samples if sample.id in held_out})
    errors = sum(fold_errors, Errors())
    summary = {
        "corpus": corpus.label,
        "folds": [one.summary() for one in fold_errors],
        "seed": seed,
        "clips": len(held_out),
        **errors.summary(),
        "rates": {
            "substitution": errors.substitutions / errors.reference,
            "deletion": errors.deletions / errors.reference,
            "insertion": errors.insertions / errors.reference,
        },
    }
    files.write_json(out / "crossfit.json", summary)
    return CrossFit(summary, path, refused)


def _fold(
    corpus: Corpus, recipe: Recipe, folder: Path, train: Sequence[Sample], held_out: Sequence[Sample]
) -> tuple[dict[str, list[Alternatives]], list[str]]:
    """Evidence of one fold, by clip, and what could not be used."""
    run, done, refusals = Run(folder / "run"), folder / "alternatives.jsonl", folder / "refused.json"
    refused = _write_fold(corpus, folder / "corpus", train, held_out, run)
    fold = Corpus(folder / "corpus")
    run.start(fold, recipe)  # refuses what another recipe left here
    unusable = files.read_json(refusals)["clips"] if refusals.is_file() else []
    if not done.is_file():
        if not run.summary_path.is_file():
            tf_keras.backend.clear_session()
            trainer = Trainer(fold, recipe, run.root)
            unusable = trainer.refused
            files.write_json(refusals, {"clips": unusable})
            trainer.fit()
        work = recognition(run.root, None, None, "test")
        unusable = list(dict.fromkeys([*unusable, *work.split.refused]))
        files.write_json(refusals, {"clips": unusable})
        clips = zip(work.split.samples, work.logits, strict=True)
        write_alternatives(
            done, {s.id: named(evidence(rows), work.vocabulary, s.frames, fold.info.fps) for s, rows in clips}
        )
    found = read_alternatives(done)
    strange = found.keys() - {sample.id for sample in held_out}
    if strange:
        raise DataError(f"{done}: holds clips of another fold, such as {min(strange)}; remove it to make it anew")
    return found, refused + unusable


def _write_fold(corpus: Corpus, root: Path, train: Sequence[Sample], held_out: Sequence[Sample], run: Run) -> list[str]:
    """Lists whose paths lead to the clips of the corpus; the same fold gives the same bytes.

    Raises:
        UsageError: a run was trained on other lists here, which stay.
    """

    def moved(sample: Sample) -> Sample:
        paths = {name: getattr(sample, name) for name in ("landmarks", "video")}
        absolute = {name: str(corpus.root.resolve() / path) for name, path in paths.items() if path}
        return dataclasses.replace(sample, **absolute)

    splits = {"train": train, "dev": corpus.split("dev"), "test": held_out}
    lists = {name: list(map(moved, listed)) for name, listed in splits.items()}
    if not run.exists:
        return write_corpus(root, corpus.info, lists)
    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        lines = write_corpus(folder, corpus.info, lists)
        if fingerprint(Corpus(folder)) != fingerprint(Corpus(root)):
            raise UsageError(f"{root.parent}: holds a run on another corpus or division; choose another --out")
    return lines


def _errors(samples: Sequence[Sample], found: dict[str, list[Alternatives]]) -> Errors:
    """Errors of the recognised sentences: the first alternatives of the chosen slots."""
    used = [sample for sample in samples if sample.id in found]
    recognised = [[slot.glosses[0] for slot in found[sample.id] if slot.chosen] for sample in used]
    return score([sample.glosses for sample in used], recognised)
