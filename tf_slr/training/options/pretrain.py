"""How a network that reads video learns where hands, arms and lips are."""

from dataclasses import dataclass

from tf_slr.core.bounds import bounded, check_bounds


@dataclass(frozen=True)
class PretrainOptions:
    """How a frame network learns to see before it learns glosses.

    Attributes:
        epochs: passes over the training clips; 0 for no pretraining.
        pictures: how many of each clip are looked at in each pass, anew by chance.
        clips: a step sees the pictures of so many clips.
        learning_rate: the peak of its one cycle.
    """

    epochs: int = bounded(0, 0, 10**4)
    pictures: int = bounded(8, 1, 1000)
    clips: int = bounded(8, 1, 1000)
    learning_rate: float = bounded(5e-3, 0, 10, above=True)

    def __post_init__(self) -> None:
        check_bounds(self, "pretrain.")
