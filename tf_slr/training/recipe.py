"""The recipe: everything that decides what a training run does, as one TOML file."""

from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Literal

from tf_slr import config
from tf_slr.errors import UsageError
from tf_slr.features.batches import FeatureOptions
from tf_slr.models.mslr import MslrOptions
from tf_slr.training.distill import DistillOptions
from tf_slr.training.networks import ModelOptions


@dataclass(frozen=True)
class TrainingOptions:
    """How the weights are found.

    Attributes:
        epochs: passes over the training split.
        batch: clips in a step.
        learning_rate: the schedule's peak.
        schedule: its course.
        weight_decay: decoupled from the gradient, as in AdamW.
        clip_norm: gradients are scaled to at most this norm.
        ctc_conv: weight of the CTC loss on the convolution head; that on the sequence head is 1.
        evaluate_every: epochs between evaluations on dev.
        checkpoint_steps: steps between checkpoints (one is also written after each epoch).
        seed: of weights, order, augmentation and dropout.
    """

    epochs: int = 30
    batch: int = 16
    learning_rate: float = 1e-3
    schedule: Literal["one-cycle", "linear"] = "one-cycle"
    weight_decay: float = 1e-4
    clip_norm: float = 5.0
    ctc_conv: float = 1.0
    evaluate_every: int = 1
    checkpoint_steps: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "evaluate_every", "checkpoint_steps"):
            if getattr(self, name) < 1:
                raise UsageError(f"training.{name}: expected at least 1, received {getattr(self, name)}")


@dataclass(frozen=True)
class Recipe:
    """A whole run.

    Attributes:
        promised_wer: dev WER that the recipe promises; a run that ends above it fails. None for no promise.
    """

    promised_wer: float | None = None
    features: FeatureOptions = field(default_factory=FeatureOptions)
    model: ModelOptions = field(default_factory=MslrOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    distill: DistillOptions = field(default_factory=DistillOptions)

    def __post_init__(self) -> None:
        if self.distill.features and isinstance(self.model, MslrOptions):
            raise UsageError("distill.features compares frame-level features, which model.kind = 'mslr' does not have")
        if self.distill.teacher and not self.distill.online and self.features.augment.speed:
            raise UsageError(
                "features.augment.speed changes a clip's tempo, which the teacher's kept logits do not follow: "
                "set it to 0, or distill.online = true"
            )


def load_recipe(name: str, settings: tuple[str, ...] | list[str] = ()) -> Recipe:
    """Read a recipe by path, or by the name of one that comes with the package.

    Raises:
        UsageError: no such recipe, or an unknown key or wrong value in it.
    """
    path = Path(name)
    if not path.suffix:
        shipped = resources.files("tf_slr") / "recipes"
        path = Path(str(shipped / f"{name}.toml"))
        if not path.is_file():
            known = sorted(entry.name.removesuffix(".toml") for entry in shipped.iterdir() if ".toml" in entry.name)
            raise UsageError(
                f"no recipe {name!r}; known recipes: {', '.join(known)} (or give the path of a .toml file)"
            )
    return config.load(Recipe, path, settings)
