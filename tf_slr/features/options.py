"""How clips become network input."""

from dataclasses import dataclass, field
from typing import Literal

from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.landmarks import Normalisation
from tf_slr.core.pictures import MARGIN
from tf_slr.features.augment import AugmentOptions
from tf_slr.features.views import View

Source = Literal["memory", "files", "shards"]


@dataclass(frozen=True)
class FeatureOptions:
    """How clips become network input.

    Attributes:
        source: where training finds clips. "memory" reads all of them once and keeps them; "files" reads each
            landmark file whenever its turn comes, "shards" its record in the shards of `tf-slr pack`: for corpora
            larger than memory. Batches are the same to the bit.
        normalisation: the rule that also the deployed model follows.
        augment: changes in training; a video's are those of its landmarks.
        margin: how much larger than the network's input a picture is before it is cropped.
        close_up: side, in shoulder widths, of the square around the signer that a video teacher sees instead of the
            whole picture: everybody at one place in one size, as one that reads landmarks sees them, which tell where
            that square is. 0 for the whole picture.
        details: side, in shoulder widths, of the squares around the hands that a video teacher sees beside it, where
            landmarks tell that they are: a quarter of its picture each, and a quarter for the mouth. 0 for none.
        kept: megabytes of videos that training keeps decoded in memory; the others are decoded whenever their turn
            comes.
        workers: threads that read and change clips ahead of training.
    """

    source: Source = "memory"
    normalisation: Normalisation = field(default_factory=Normalisation)
    augment: AugmentOptions = field(default_factory=AugmentOptions)
    margin: float = bounded(MARGIN, 1, 2)
    close_up: float = bounded(0.0, 0, 20)
    details: float = bounded(0.0, 0, 20)
    kept: int = bounded(4000, 0, 10**7)
    workers: int = bounded(2, 1, 256)

    def __post_init__(self) -> None:
        View(self.close_up, self.details)  # which checks them
        check_bounds(self, "features.")

    @property
    def view(self) -> View:
        """What of every picture is shown."""
        return View(self.close_up, self.details)
