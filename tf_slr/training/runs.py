"""A run: the folder that training fills and everything later reads.

recipe.toml       the resolved recipe
vocabulary.json   what the classes mean
corpus.json       which corpus, and its fingerprint
pretrained.npz    newest checkpoint of the pretraining, if there is one
last.npz          newest checkpoint        best.npz   weights that were best on dev
metrics.jsonl     one line an epoch        summary.json   written when training has ended
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tf_slr.core import config, files, outputs
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.glosses import Vocabulary
from tf_slr.core.kinds import Kind, require
from tf_slr.corpus.manifest import Corpus
from tf_slr.training.recipe import Recipe

if TYPE_CHECKING:
    import tf_keras


class Run:
    """A run folder, opened for reading or for going on."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self.last, self.best = self.root / "last.npz", self.root / "best.npz"
        self.pretrained = self.root / "pretrained.npz"
        self.metrics_path, self.summary_path = self.root / "metrics.jsonl", self.root / "summary.json"

    @property
    def exists(self) -> bool:
        """Whether a run was started here."""
        return (self.root / "corpus.json").is_file()

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe."""
        return config.load(Recipe, self.root / "recipe.toml")

    @property
    def vocabulary(self) -> Vocabulary:
        """What the classes mean."""
        return Vocabulary.load(self.root / "vocabulary.json")

    def corpus(self) -> Corpus:
        """The corpus the run was trained on.

        Raises:
            DataError: it is gone or was changed since.
        """
        stored = self._stored()
        corpus = Corpus(stored["path"])
        if fingerprint(corpus) != stored["fingerprint"]:
            raise DataError(f"{corpus.root}: was changed since {self.root} was trained on it; train anew")
        return corpus

    def _stored(self) -> dict[str, str]:
        """What corpus.json says: "path" and "fingerprint"."""
        path = self.root / "corpus.json"
        stored = files.read_json(path)
        if not all(isinstance(stored.get(name), str) for name in ("path", "fingerprint")):
            raise DataError(f"{path}: expected the texts path and fingerprint, found {', '.join(stored)[:200]}; "
                            "it is damaged, or no run's")  # fmt: skip
        return stored

    def start(self, corpus: Corpus, recipe: Recipe) -> None:
        """Begin a run, or check that this one can go on.

        Raises:
            UsageError: a run with another recipe or corpus is here.
        """
        files.sweep(self.root)
        path, mark = str(corpus.root.resolve()), fingerprint(corpus)
        if not self.exists:
            outputs.mark(self.root, "run")
            files.write_text(self.root / "recipe.toml", config.to_toml(config.to_table(recipe)))
            corpus.vocabulary().save(self.root / "vocabulary.json")
            files.write_json(self.root / "corpus.json", {"path": path, "fingerprint": mark})
            outputs.unmark(self.root, "run")
            return
        self.require_fit(corpus, recipe)
        if self._stored()["path"] != path:  # it was moved
            files.write_json(self.root / "corpus.json", {"path": path, "fingerprint": mark})

    def require_fit(self, corpus: Corpus, recipe: Recipe) -> None:
        """See that a run of this recipe on this corpus can be begun here, or go on.

        Raises:
            UsageError: a run with another recipe or corpus is here.
        """
        if not self.exists:
            return
        if self.recipe != recipe:
            changed = ", ".join(_differences(config.to_table(self.recipe), config.to_table(recipe)))
            raise UsageError(f"{self.root}: holds a run with another recipe ({changed}); choose another --run")
        if self._stored()["fingerprint"] != fingerprint(corpus):
            raise UsageError(f"{self.root}: holds a run on another corpus; choose another --run")

    def require_trained(self, with_corpus: bool = True) -> None:
        """See that this run can be opened: its papers are whole, and there are weights.

        Args:
            with_corpus: whether its own corpus is needed.

        Raises:
            DataError: there is no run, it has no weights yet, or its corpus is gone or was changed.
        """
        require(self.root, Kind.RUN, error=DataError)
        if not self.best.is_file():
            raise DataError(f"{self.root}: holds no trained weights (best.npz); run 'tf-slr train' first")
        _ = self.recipe, self.vocabulary
        if with_corpus:
            self.corpus()

    def network(self, biased: bool = True) -> "tf_keras.Model":
        """The network with the weights that were best on dev.

        Args:
            biased: with the bias on the blank that was chosen on dev, as it recognises; without, as it was trained.

        Raises:
            DataError: there is no run or it has no weights yet.
        """
        self.require_trained(with_corpus=False)
        # Only here is TensorFlow needed: whoever reads the run's papers, or is refused, does without those seconds.
        from tf_slr.training import checkpoints
        from tf_slr.training.networks import build

        network = build(self.recipe.model, self.vocabulary.classes)
        checkpoints.load(self.best, network=network.weights)
        if biased and self.summary_path.is_file():
            network.classifier.blank_bias = files.read_json(self.summary_path).get("blank_bias", 0.0)
        return network

    def metrics(self) -> list[dict]:
        """The lines of metrics.jsonl."""
        return read_metrics(self.metrics_path)

    def append_metrics(self, line: dict) -> None:
        """Add a line, dropping those of the same or a later epoch that a killed run left."""
        append_metrics(self.metrics_path, line, ("epoch",))


def require_named(recipe: Recipe) -> None:
    """See that what a recipe names is there: the run of a teacher, and the weights that training starts from.

    Raises:
        UsageError: it is not.
    """
    if recipe.distill.teacher:
        require(recipe.distill.teacher, Kind.RUN)
    initial = Path(recipe.training.init)
    if recipe.training.init and initial.is_dir():
        require(initial, Kind.RUN)
    elif recipe.training.init and not initial.exists():
        raise UsageError(f"training.init: {initial} does not exist; expected the folder of a run, or a file of weights")


def read_metrics(path: Path) -> list[dict]:
    """The lines of a metrics.jsonl, none where there is no file."""
    return [json.loads(line) for line in files.read_text(path).splitlines()] if path.is_file() else []


def append_metrics(path: Path, line: dict, order: Sequence[str]) -> None:
    """Add a line to a metrics.jsonl, dropping those that a killed run left: all that are not before it.

    Args:
        path: the file.
        line: the new line.
        order: the names of its values that count up.
    """

    def place(entry: dict) -> list:
        return [entry[name] for name in order]

    lines = [old for old in read_metrics(path) if place(old) < place(line)]
    files.write_text(path, "".join(json.dumps(entry) + "\n" for entry in [*lines, line]))


def fingerprint(corpus: Corpus) -> str:
    """Hash of the corpus' lists, which name every clip, its length and glosses."""
    names = ("corpus.toml", "train.csv", "dev.csv")
    return hashlib.sha256("".join(files.sha256(corpus.root / name) for name in names).encode()).hexdigest()


def _differences(old: dict, new: dict, prefix: str = "") -> list[str]:
    found = []
    for key in sorted(old.keys() | new.keys()):
        a, b = old.get(key), new.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            found += _differences(a, b, f"{prefix}{key}.")
        elif a != b:
            found.append(f"{prefix}{key}: {a} -> {b}")
    return found
