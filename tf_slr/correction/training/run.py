"""A corrector's run: the folder that its training fills.

recipe.toml       the resolved recipe                text.json     what it learns from, and its fingerprint
vocabulary.json   the glosses it knows               drafts.json   what the first network wrote for the second
last.npz          newest checkpoint                  first.npz, second.npz   the weights of the two networks
metrics.jsonl     one line an epoch                  summary.json  written when training has ended

The export adds first.tflite, second.tflite and corrector.json, which `tf_slr.correction.corrector`
reads.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from tf_slr.core import config, files, outputs
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.glosses import Vocabulary
from tf_slr.correction.symbols import Symbols
from tf_slr.correction.training.recipe import CorrectorRecipe
from tf_slr.correction.training.text import Text
from tf_slr.training.runs import append_metrics

if TYPE_CHECKING:
    from tf_slr.models.corrector import CorrectorNetwork

STAGES = ("first", "second")


class CorrectorRun:
    """A run folder, opened for reading or for going on."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self.last, self.drafts_path = self.root / "last.npz", self.root / "drafts.json"
        self.metrics_path, self.summary_path = self.root / "metrics.jsonl", self.root / "summary.json"

    @property
    def recipe(self) -> CorrectorRecipe:
        """The resolved recipe."""
        return config.load(CorrectorRecipe, self.root / "recipe.toml")

    @property
    def vocabulary(self) -> Vocabulary:
        """The glosses it knows."""
        return Vocabulary.load(self.root / "vocabulary.json")

    @property
    def about(self) -> dict:
        """What it was trained on: "fingerprint", "evidence" (a hash or ""), "rules", "longest" and "sentences"."""
        return files.read_json(self.root / "text.json")

    def start(self, text: Text, recipe: CorrectorRecipe, evidence: str, longest: int) -> None:
        """Begin a run, or check that this one can go on.

        Args:
            text: what is learned from.
            recipe: how.
            evidence: hash of the evidence; empty without any.
            longest: most slots of a sentence in text and evidence.

        Raises:
            UsageError: a run with another recipe, text or evidence is here.
        """
        files.sweep(self.root)
        about = {
            "fingerprint": text.fingerprint, "evidence": evidence, "rules": text.rules,
            "longest": longest, "sentences": len(text.sentences),
        }  # fmt: skip
        if not (self.root / "text.json").is_file():
            outputs.mark(self.root, "corrector")
            files.write_text(self.root / "recipe.toml", config.to_toml(config.to_table(recipe)))
            text.vocabulary.save(self.root / "vocabulary.json")
            files.write_json(self.root / "text.json", about)
            outputs.unmark(self.root, "corrector")
        elif self.recipe != recipe or self.about != about:
            what = "recipe" if self.recipe != recipe else "text or evidence"
            raise UsageError(f"{self.root}: holds a corrector with another {what}; choose another --out")

    def weights(self, number: int) -> Path:
        """Where the weights of a network are: 0 for the first, 1 for the second."""
        return self.root / f"{STAGES[number]}.npz"

    def network(self, number: int = 0) -> "CorrectorNetwork":
        """A trained network.

        Raises:
            DataError: it is not trained yet.
        """
        if not self.weights(number).is_file():
            raise DataError(f"{self.root}: holds no {self.weights(number).name}; run 'tf-slr train-corrector' first")
        # Only here is TensorFlow needed.
        from tf_slr.models.corrector import CorrectorNetwork
        from tf_slr.training import checkpoints

        recipe = self.recipe
        network = CorrectorNetwork(recipe.model, Symbols(self.vocabulary).count, recipe.training.seed)
        checkpoints.load(self.weights(number), network=network.weights)
        return network

    def append_metrics(self, line: dict) -> None:
        """Add a line, dropping those of the same or a later epoch that a killed run left."""
        append_metrics(self.metrics_path, line, ("network", "epoch"))
