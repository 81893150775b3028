"""How a network that reads video learns where hands, arms and lips are."""

from dataclasses import dataclass

from tf_slr.errors import UsageError


@dataclass(frozen=True)
class PretrainOptions:
    """How a frame network learns to see before it learns glosses.

    Attributes:
        epochs: passes over the training clips; 0 for no pretraining.
        pictures: how many of each clip are looked at in each pass, anew by chance.
        clips: a step sees the pictures of so many clips.
        learning_rate: the peak of its one cycle.
    """

    epochs: int = 0
    pictures: int = 8
    clips: int = 8
    learning_rate: float = 5e-3

    def __post_init__(self) -> None:
        for name, least in (("epochs", 0), ("pictures", 1), ("clips", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"pretrain.{name}: expected at least {least}, received {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise UsageError(f"pretrain.learning_rate: expected more than 0, received {self.learning_rate}")
