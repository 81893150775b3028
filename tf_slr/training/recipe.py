"""The recipe: everything that decides what a training run does, as one TOML file."""

from dataclasses import dataclass, field
from typing import Literal

from tf_slr.core import config
from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.errors import UsageError
from tf_slr.features.options import FeatureOptions
from tf_slr.models.options import ModelOptions, MslrOptions
from tf_slr.training.options.distill import DistillOptions
from tf_slr.training.options.precision import Precision
from tf_slr.training.options.pretrain import PretrainOptions

# With fewer channels after the stem TensorFlow 2.19 writes beyond its memory in the gradient of a convolution where it
# has one CPU, and the process dies sooner or later: 5 of 5 runs with 4 or 6, none with 8.
LEAST_WIDTH = 8
# A picture of four is no smaller, so that each of them is one that a network can be shown.
LEAST_SHEET = 16


@dataclass(frozen=True)
class TrainingOptions:
    """How the weights are found.

    Attributes:
        epochs: passes over the training split.
        clips: how many of the training split's usable clips are trained on, from its first one on; 0 for all of
            them. So one command asks what fewer sentences do, also to the student of a teacher that has met all.
        batch: clips in a step, of all replicas together.
        learning_rate: the schedule's peak.
        schedule: its course.
        weight_decay: decoupled from the gradient, as in AdamW.
        clip_norm: gradients are scaled to at most this norm.
        ctc_conv: weight of the CTC loss on the convolution head; that on the sequence head is 1.
        landmarks: weight of telling each frame's landmarks from its features, for a network that reads video of a
            corpus with landmarks; see `landmark_head`. 0 for leaving it out.
        evaluate_every: epochs between evaluations on dev.
        checkpoint_steps: steps between checkpoints (one is also written after each epoch).
        seed: of weights, order, augmentation and dropout.
        init: weights to start from: the folder of a run of the same network, whose best ones are taken, or a .npz file
            of weights by name, such as tools/import_torch.py makes of torchvision's ResNet-18; those that it does not
            have are random. Empty for none.
        precision: what the network computes in; its weights and its losses are float32 in any case. The mixed ones
            are for GPUs, and for CPUs with instructions for such numbers: on a CPU without AVX-512 a step of the
            default student took 8.6 times as long in bfloat16.
    """

    epochs: int = bounded(30, 1, 10**4)
    clips: int = bounded(0, 0, 10**7)
    batch: int = bounded(16, 1, 2**14)
    learning_rate: float = bounded(1e-3, 0, 10, above=True)
    schedule: Literal["one-cycle", "linear"] = "one-cycle"
    weight_decay: float = bounded(1e-4, 0, 10)
    clip_norm: float = bounded(5.0, 0, 10**6, above=True)
    ctc_conv: float = bounded(1.0, 0, 1000)
    landmarks: float = bounded(0.0, 0, 1000)
    evaluate_every: int = bounded(1, 1, 10**4)
    checkpoint_steps: int = bounded(500, 1, 10**7)
    seed: int = bounded(0, 0, 2**32 - 1)
    init: str = ""
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        check_bounds(self, "training.")


@dataclass(frozen=True)
class QatOptions:
    """Quantisation-aware fine-tuning, which `python -m export` does before it converts.

    Attributes:
        epochs: passes over the training split; 0 for none.
        learning_rate: at the beginning; it falls linearly to zero.
    """

    epochs: int = bounded(2, 0, 10**4)
    learning_rate: float = bounded(1e-4, 0, 10, above=True)

    def __post_init__(self) -> None:
        check_bounds(self, "qat.")


@dataclass(frozen=True)
class Recipe:
    """A whole run.

    Attributes:
        promised_wer: dev WER that the recipe promises; a run that ends above it fails. None for no promise.
    """

    promised_wer: float | None = bounded(None, 0, 10)
    features: FeatureOptions = field(default_factory=FeatureOptions)
    model: ModelOptions = field(default_factory=MslrOptions)
    pretrain: PretrainOptions = field(default_factory=PretrainOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    distill: DistillOptions = field(default_factory=DistillOptions)
    qat: QatOptions = field(default_factory=QatOptions)

    def __post_init__(self) -> None:
        check_bounds(self)
        if self.distill.features and isinstance(self.model, MslrOptions):
            raise UsageError("distill.features compares frame-level features, which model.kind = 'mslr' does not have")
        if self.features.view.needs_landmarks and isinstance(self.model, MslrOptions):
            raise UsageError(
                "features.close_up and features.details are of pictures, which model.kind = 'mslr' does not read"
            )
        if self.features.details and (self.model.size < LEAST_SHEET or self.model.size % 2):
            raise UsageError(
                f"features.details: expected an even model.size from {LEAST_SHEET}, of which each of four pictures "
                f"gets a half, received {self.model.size}"
            )
        if not isinstance(self.model, MslrOptions) and self.model.widths[0] < LEAST_WIDTH:
            raise UsageError(
                f"model.widths: expected at least {LEAST_WIDTH} channels in the first stage of a network that is "
                f"trained, received {self.model.widths[0]}"
            )
        if (self.training.landmarks or self.pretrain.epochs) and isinstance(self.model, MslrOptions):
            raise UsageError(
                "training.landmarks and [pretrain] are for networks that read video; model.kind = 'mslr' does not"
            )


def load_recipe(name: str, settings: tuple[str, ...] | list[str] = ()) -> Recipe:
    """Read a recipe by path, or by the name of one that comes with the package.

    Raises:
        UsageError: no such recipe, or an unknown key or wrong value in it.
    """
    return config.load_recipe(Recipe, name, settings)
