"""The corrector's recipe: everything that decides what its training does, as one TOML file."""

from dataclasses import dataclass, field
from typing import Literal

from tf_slr.core import config
from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.correction.generation import SearchOptions
from tf_slr.correction.training.noise import NoiseOptions
from tf_slr.models.options.corrector import CorrectorOptions


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

    epochs: int = bounded(24, 1, 10**4)
    second_epochs: int = bounded(6, 0, 10**4)
    drafts: int = bounded(2, 1, 100)
    batch: int = bounded(128, 1, 2**14)
    learning_rate: float = bounded(1e-3, 0, 10, above=True)
    schedule: Literal["one-cycle", "linear"] = "one-cycle"
    weight_decay: float = bounded(0.01, 0, 10)
    clip_norm: float = bounded(1.0, 0, 10**6, above=True)
    smoothing: float = bounded(0.1, 0, 1, below=True)
    generation: float = bounded(1.0, 0, 1000)
    evidence: float = bounded(0.5, 0, 1, below=True)
    rename: float = bounded(0.05, 0, 1, below=True)
    held_out: float = bounded(0.04, 0, 1, below=True)
    checkpoint_steps: int = bounded(200, 1, 10**7)
    seed: int = bounded(0, 0, 2**32 - 1)

    def __post_init__(self) -> None:
        check_bounds(self, "training.")


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
