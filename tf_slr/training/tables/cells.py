"""A cell of a table: one run, told apart by what decides its figures, and the folder that keeps it.

OUT/cells/KIND-DIGEST/seedN/
    cell.json     what is to be computed: recipe, settings, command, commit, machine
    run/          the run (missing where a finished one was given)
    result.json   the figures, written when all of them are there
    corrected-DIGEST.json   those of its sentences as a corrector repairs them
    log.txt       what training said
OUT/pretrained/   what cells that differ in distillation alone learn first, and share
"""

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path

from tf_slr.core import config, files
from tf_slr.core.errors import DataError, UsageError
from tf_slr.corpus.manifest import Corpus
from tf_slr.correction.corrector import DESCRIPTION
from tf_slr.training.options.distill import DistillOptions
from tf_slr.training.recipe import Recipe, load_recipe
from tf_slr.training.runs import Run, fingerprint

# Part of every digest: to be raised when the figures of a result are computed otherwise.
VERSION = 2


@dataclass(frozen=True)
class Cell:
    """One run.

    Two cells of equal recipes are one, whatever table they stand in and by whatever settings it was reached.

    Attributes:
        recipe: everything that decides the run, its seed included. It promises nothing: a row without
            augmentation or teacher need not keep what the whole recipe does.
        name: of the recipe that the settings are applied to.
        settings: `a.b=value` each.
        given: folder of a finished run that is only evaluated; None for one that is trained.
    """

    recipe: Recipe
    name: str = dataclasses.field(compare=False)
    settings: tuple[str, ...] = dataclasses.field(compare=False)
    given: Path | None = None

    @classmethod
    def of(cls, name: str, settings: tuple[str, ...]) -> "Cell":
        """The cell of a recipe with settings.

        Raises:
            UsageError: no such recipe, or it does not go together with the settings.
        """
        return cls(dataclasses.replace(load_recipe(name, settings), promised_wer=None), name, settings)

    @classmethod
    def of_run(cls, root: Path) -> "Cell":
        """The cell of a finished run, such as a teacher that others trained.

        Raises:
            UsageError: it is not finished.
        """
        run = Run(root.resolve())
        if not run.summary_path.is_file():
            raise UsageError(f"{root}: expected a finished run, found no summary.json; train it to its end")
        return cls(run.recipe, str(run.root / "recipe.toml"), (), run.root)

    @property
    def seed(self) -> int:
        """Of weights, order, augmentation and dropout."""
        return self.recipe.training.seed


class Cells:
    """The cells in a folder, computed or not, on one corpus.

    Args:
        out: the folder.
        corpus: what every cell is trained and evaluated on.
    """

    def __init__(self, out: Path, corpus: Corpus) -> None:
        self.out, self.corpus = out, corpus
        self.fingerprint = fingerprint(corpus)
        self._test = files.sha256(corpus.root / "test.csv")

    def folder(self, cell: Cell) -> Path | None:
        """Where a cell lies; None while its teacher is not trained, whose weights have a part in the digest."""
        if cell.recipe.distill.teacher and not Run(cell.recipe.distill.teacher).summary_path.is_file():
            return None
        return self.out / "cells" / f"{cell.recipe.model.kind}-{self._of_recipe(cell)[:12]}" / f"seed{cell.seed}"

    def run(self, cell: Cell) -> Path:
        """The run folder of a cell."""
        return cell.given or self.folder(cell) / "run"

    def pretrained(self, cell: Cell) -> Path | None:
        """Where a cell's pretraining is kept for all that differ from it in distillation alone; None if it has none."""
        if not cell.recipe.pretrain.epochs:
            return None
        alone = dataclasses.replace(cell, recipe=dataclasses.replace(cell.recipe, distill=DistillOptions()))
        return self.out / "pretrained" / f"{cell.recipe.model.kind}-{self._of_recipe(alone)[:12]}-seed{cell.seed}.npz"

    def digest(self, cell: Cell) -> str:
        """Hash of everything that decides the figures of a cell: recipe, seed, corpus, weights of the teacher."""
        return files.sha256_of([self._of_recipe(cell), cell.seed, self._test, VERSION])

    def result(self, cell: Cell) -> dict | None:
        """The figures of a cell, or None if they are not, or no longer, there."""
        folder = self.folder(cell)
        if folder is None:
            return None
        return self._read(folder / "result.json", cell)

    def corrected(self, cell: Cell, corrector: Path) -> dict | None:
        """The figures of a cell as a corrector repairs what it recognises, or None if they are not there."""
        folder = self.folder(cell)
        return None if folder is None else self._read(folder / corrected_name(corrector), cell)

    def _read(self, path: Path, cell: Cell) -> dict | None:
        try:
            result = files.read_json(path)
        except DataError:
            return None
        return result if result.get("digest") == self.digest(cell) else None

    def command(self, cell: Cell) -> list[str]:
        """What a user would type to train the cell."""
        settings = [word for setting in cell.settings for word in ("--set", setting)]
        return ["tf-slr", "train", "--corpus", str(self.corpus.root), "--run", str(self.run(cell)),
                "--recipe", cell.name, *settings]  # fmt: skip

    def _of_recipe(self, cell: Cell) -> str:
        """Hash of what decides a cell's weights, the seed aside: where the weights of others lie does not matter."""
        table = config.to_table(cell.recipe)
        del table["training"]["seed"]
        table["distill"]["teacher"] = _weights(cell.recipe.distill.teacher)
        table["training"]["init"] = _weights(cell.recipe.training.init)
        given = _weights(str(cell.given or ""))
        return files.sha256_of([table, self.fingerprint, given])


def corrected_name(corrector: Path) -> str:
    """Name of the file with a cell's figures under a corrector, whose description names the hashes of its files."""
    path = corrector / DESCRIPTION
    if not path.is_file():
        raise UsageError(f"{corrector}: expected a corrector, found no {DESCRIPTION}; train-corrector writes one")
    return f"corrected-{files.sha256(path)[:12]}.json"


def _weights(source: str) -> str:
    """Hash of a file of weights, or of a run's best ones; empty where there are none."""
    if not source:
        return ""
    path = Run(source).best if Path(source).is_dir() else Path(source)
    return _hash_of_file(path, path.stat().st_mtime_ns) if path.is_file() else ""


@functools.cache
def _hash_of_file(path: Path, changed: int) -> str:
    """A teacher's 100 MB are hashed once, not for every cell: `changed` is when the file was."""
    return files.sha256(path)
