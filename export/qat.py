"""Quantisation-aware fine-tuning: a trained student goes on learning while it computes on the grids of INT8.

The wrappers are those of TensorFlow Model Optimization, which put quantised weights into a layer whenever it is
called. What it quantises them with is ours: its own quantisers keep the range of the step before, so that what is
evaluated lies beside the grid of what is exported, and it has none for an LSTM. Batch normalisation needs nothing: it
is folded into the kernel at export as a factor of each output channel, and so into the scale of that channel's grid.
The grids are those of the default variant: its convolutions are not tiled (`toom_cook`), and its LSTM has a scale for
each channel, where LiteRT's fused one has one for each gate. The state of the LSTM, which INT8 TFLite quantises at
every step, stays in float here.
"""

import dataclasses
from collections.abc import Callable, Sequence

import tensorflow as tf
import tf_keras
from tensorflow_model_optimization.python.core.quantization.keras.quantize_wrapper import QuantizeWrapperV2
from tensorflow_model_optimization.quantization.keras import QuantizeConfig
from tensorflow_model_optimization.quantization.keras.quantizers import Quantizer
from tf_keras import layers

from export.grid import quantised_activations, quantised_weights
from tf_slr.core import config, files
from tf_slr.core.errors import UsageError
from tf_slr.core.landmarks import VALUES
from tf_slr.models.layers import NormalisedClassifier
from tf_slr.models.mslr import Mslr
from tf_slr.models.options import MslrOptions
from tf_slr.training.recipe import QatOptions, Recipe
from tf_slr.training.runs import Run
from tf_slr.training.trainer import Trainer


class _ConverterGrid(Quantizer):
    """The converter's grid, from the weights as they are."""

    def build(self, tensor_shape, name, layer):
        """No variable: nothing is remembered."""
        return {}

    def __call__(self, inputs, training, weights, **kwargs):
        return quantised_weights(inputs)

    def get_config(self):
        """Nothing decides what it does."""
        return {}


class _Kernels(QuantizeConfig):
    """Quantises kernels of a layer, or of a part of it, and nothing else.

    Args:
        names: attributes that hold the kernels.
        owner: from the layer to what has them.
    """

    def __init__(self, names: Sequence[str], owner: Callable[[layers.Layer], layers.Layer]) -> None:
        self.names, self.owner = names, owner

    def get_weights_and_quantizers(self, layer):
        return [(getattr(self.owner(layer), name), _ConverterGrid()) for name in self.names]

    def set_quantize_weights(self, layer, quantize_weights):
        for name, kernel in zip(self.names, quantize_weights, strict=True):
            setattr(self.owner(layer), name, kernel)

    def get_activations_and_quantizers(self, layer):
        return []

    def set_quantize_activations(self, layer, quantize_activations):
        pass

    def get_output_quantizers(self, layer):
        return []

    def get_config(self):
        return {"names": self.names}


class _Int8Layer(QuantizeWrapperV2):
    """A layer that reads quantised activations and multiplies by quantised kernels."""

    def __init__(self, layer: layers.Layer, kernels: _Kernels, axes: Sequence[int]) -> None:
        super().__init__(layer, kernels)
        self.axes = axes

    def call(self, inputs, training=None):
        return super().call(quantised_activations(inputs, self.axes), training)


class _Int8Classifier(layers.Layer):
    """The normalised classifier: its grid is that of the unit-length columns, which are what is exported."""

    def __init__(self, classifier: NormalisedClassifier) -> None:
        super().__init__(name="int8_classifier")
        self.classifier = classifier

    def call(self, x):
        return quantised_activations(x, [-1]) @ quantised_weights(self.classifier.folded())


class FakeQuantised(tf_keras.Model):
    """A landmark student that computes in training as its INT8 file will.

    Args:
        student: whose variables it trains; to be used through this network only.
    """

    def __init__(self, student: Mslr) -> None:
        super().__init__(name="fake_quantised")
        # As a checkpoint of the student has them. The wrappers below would give another order.
        variables = list(student.weights)
        self._variables_of_student = lambda: variables
        kernel = _Kernels(["kernel"], lambda layer: layer)
        cell = _Kernels(["kernel", "recurrent_kernel"], lambda lstm: lstm.cell)
        whole_clip, step = [1, 2, 3], [-1]
        student.convolutions = [_Int8Layer(layer, kernel, whole_clip) for layer in student.convolutions]
        student.bilstm.forward_lstm = _Int8Layer(student.bilstm.forward_lstm, cell, step)
        student.bilstm.backward_lstm = _Int8Layer(student.bilstm.backward_lstm, cell, step)
        student.dense = _Int8Layer(student.dense, kernel, step)
        student.classifier = _Int8Classifier(student.classifier)
        self.student = student
        # Built, the wrappers have the kernels among their trainable variables.
        self({"landmarks": tf.zeros((1, 8, VALUES)), "frames": tf.constant([8])})

    def call(self, inputs, training=False):
        """What the student returns."""
        return self.student(inputs, training=training)

    @property
    def weights(self) -> list[tf.Variable]:
        """The student's variables in the order of its checkpoints."""
        return self._variables_of_student()


class QatTrainer(Trainer):
    """Fine-tunes the best weights of a run, into a folder within the run.

    Losses, batches, augmentation, teacher and resumption are those of training. The folder's name is a hash of the
    weights and of the options, so that what belongs to others is never taken.

    Args:
        run: the trained run.
        options: how long, and how fast.

    Raises:
        UsageError: the run's network reads video.
        DataError: the run has no weights, or its corpus is gone or was changed.
    """

    def __init__(self, run: Run, options: QatOptions) -> None:
        if not isinstance(run.recipe.model, MslrOptions):
            raise UsageError(f"{run.root}: reads video; quantisation-aware fine-tuning is for landmark students (mslr)")
        self._trained = run
        super().__init__(run.corpus(), fine_tuning(run.recipe, options), qat_run(run, options).root)

    def _build(self) -> tf_keras.Model:
        return FakeQuantised(self._trained.network(biased=False))

    def fit(self) -> dict:
        """Fine-tune to the end, going on from the newest checkpoint; see `Trainer.fit`.

        The weights it starts from count as epoch 0: they stay the best where no epoch is better on dev.
        """
        if not self.run.last.is_file():
            self._keep_if_best(self._dev_wer(), 0)
        return super().fit()


def qat_run(run: Run, options: QatOptions) -> Run:
    """Where the fine-tuning of a run's weights is kept."""
    facts = [files.sha256(run.best), config.to_table(options)]
    return Run(run.root / "qat" / files.sha256_of(facts)[:16])


def fine_tuning(recipe: Recipe, options: QatOptions) -> Recipe:
    """The recipe of the fine-tuning that follows a training, without a teacher who was silent in the end."""
    distill = recipe.distill
    if distill.fade:
        distill = dataclasses.replace(
            distill, teacher="", conv=0.0, sequence=0.0, features=0.0, online=False, fade=False
        )  # fmt: skip
    training = dataclasses.replace(
        recipe.training,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        schedule="linear",
        evaluate_every=1,
        init="",
        precision="float32",
    )
    return dataclasses.replace(recipe, training=training, distill=distill, promised_wer=None, qat=options)
