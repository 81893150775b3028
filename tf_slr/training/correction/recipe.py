"""The corrector's recipe: everything that decides what its training does, as one TOML file."""

from dataclasses import dataclass, field
from typing import Literal

from tf_slr import config
from tf_slr.decoding.generation import SearchOptions
from tf_slr.errors import UsageError
from tf_slr.models.options.corrector import CorrectorOptions
from tf_slr.training.correction.noise import NoiseOptions
from tf_slr.training.recipe import check_steps


@dataclass(frozen=True)
class CorrectionOptions:
    """How the weights are found.

    Attributes:
        epochs: passes of the first network over the sentences, each time made wrong anew.
        second_epochs: passes of the second network, which starts from the first one's weights; 0 for a single one.
        drafts: times the first network writes every sentence anew for the second one to learn from.
        batch: sentences in a step.
        learning_rate: the first network's peak; the second one's is half of it.
        schedule: its course.
        weight_decay: decoupled from the gradient, as in AdamW.
        clip_norm: gradients are scaled to at most this norm.
        smoothing: of the labels of generation; posteriors of edits are not smoothed, because their margins count.
        generation: weight of the loss of generation against those of slots and gaps.
        evidence: share of the examples that come from evidence, where there is any: half of them as recognised,
            half said anew by the recogniser's channel.
        rename: share of the sentences of which a gloss is made unknown, so that unknown ones are learned to pass.
        held_out: share of the sentences kept to choose the best epoch by.
        checkpoint_steps: steps between checkpoints (one is also written after each epoch).
        seed: of weights, order, noise and dropout.
    """

    epochs: int = 24
    second_epochs: int = 6
    drafts: int = 2
    batch: int = 128
    learning_rate: float = 1e-3
    schedule: Literal["one-cycle", "linear"] = "one-cycle"
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    smoothing: float = 0.1
    generation: float = 1.0
    evidence: float = 0.5
    rename: float = 0.05
    held_out: float = 0.04
    checkpoint_steps: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("second_epochs", 0), ("drafts", 1), ("batch", 1), ("checkpoint_steps", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"training.{name}: expected at least {least}, received {getattr(self, name)}")
        for name in ("weight_decay", "generation"):
            if getattr(self, name) < 0:
                raise UsageError(f"training.{name}: expected 0 or more, received {getattr(self, name)}")
        check_steps(self.learning_rate, self.clip_norm, self.seed)
        for name in ("smoothing", "evidence", "rename", "held_out"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"training.{name}: expected a share below 1, received {getattr(self, name)}")


@dataclass(frozen=True)
class CorrectorRecipe:
    """A whole corrector: its size, what it learns from, and how it generates."""

    model: CorrectorOptions = field(default_factory=CorrectorOptions)
    noise: NoiseOptions = field(default_factory=NoiseOptions)
    training: CorrectionOptions = field(default_factory=CorrectionOptions)
    search: SearchOptions = field(default_factory=SearchOptions)

    @property
    def networks(self) -> int:
        """1, or 2 with a second network that polishes."""
        return 2 if self.training.second_epochs else 1


def load_corrector_recipe(name: str, settings: tuple[str, ...] | list[str] = ()) -> CorrectorRecipe:
    """Read a corrector's recipe by path, or by the name of one that comes with the package.

    Raises:
        UsageError: no such recipe, or an unknown key or wrong value in it.
    """
    return config.load_recipe(CorrectorRecipe, name, settings, "recipes of correctors", "corrector")
