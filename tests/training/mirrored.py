"""Train tiny networks on one device and on two: `python -m tests.training.mirrored` prints how far they come apart.

A process of its own, because a CPU can be divided only before TensorFlow computes anything.
"""

import dataclasses
import json
import sys

import numpy as np
import tensorflow as tf
import tf_keras

from tf_slr.core.landmarks import VALUES
from tf_slr.features.batches import Batch, Share
from tf_slr.models.corrnet import CorrNetOptions
from tf_slr.models.lrinet import LriNetOptions
from tf_slr.models.mslr import MslrOptions
from tf_slr.models.temporal import TemporalOptions
from tf_slr.training.landmark_head import LANDMARKS
from tf_slr.training.networks import ModelOptions, build
from tf_slr.training.options.distill import DistillOptions
from tf_slr.training.recogniser import Recogniser
from tf_slr.training.strategy import shared_dataset
from tf_slr.training.teacher import SEEN

CLASSES = 5
STEPS = 3
_TEMPORAL = TemporalOptions(every=2, stack="K5-P2-K5", width=8, lstm_layers=1)
NETWORKS = {
    "mslr": MslrOptions(width=8, hidden=6, dropout=0.0),
    "corrnet": CorrNetOptions(size=14, stem="small", stem_stride=1, widths=(4, 6), blocks=(1, 1), correlated=(2,),
                              frame="all", temporal=_TEMPORAL),
    "lrinet": LriNetOptions(size=14, widths=(4, 6), blocks=(1, 1), plain_blocks=1, frame="places", temporal=_TEMPORAL),
}  # fmt: skip
# Of the features' size, but with more channels: what tells them from the student's is dealt to the replicas too.
_TEACHER = dataclasses.replace(NETWORKS["corrnet"], widths=(4, 10))


def batch_for(options: ModelOptions) -> Batch:
    """Five clips of different lengths; a teacher sees the video too."""
    rng = np.random.default_rng(0)
    frames = np.array([20, 9, 14, 24, 17], np.int32)
    labels = rng.integers(1, CLASSES, (5, 2)).astype(np.int32)
    batch = {"frames": frames, "labels": labels, "glosses": np.full(5, 2, np.int32)}
    if isinstance(options, MslrOptions):
        return batch | {"landmarks": rng.normal(size=(5, 24, VALUES)).astype(np.float32)}
    video = rng.integers(0, 256, (5, 24, options.size, options.size, 3)).astype(np.uint8)
    predicted = rng.normal(size=(5, 24, VALUES)).astype(np.float32)
    predicted[1::2, :, : VALUES // 2] = 0  # what was not found is not dealt evenly
    return batch | {"video": video, SEEN: video, LANDMARKS: predicted}


def train(
    options: ModelOptions, strategy: tf.distribute.Strategy, initial: list[np.ndarray] | None = None
) -> tuple[list[np.ndarray], list[float], list[np.ndarray]]:
    """Train on one batch, dealt to the replicas; returns the weights before, the losses, and the weights after."""
    batch = batch_for(options)
    distill = DistillOptions(inner=1.0)
    if SEEN in batch:
        distill = dataclasses.replace(distill, teacher="itself", features=1.0, online=True)
    with strategy.scope():
        tf_keras.utils.set_random_seed(1)
        network, teacher = build(options, CLASSES), build(_TEACHER, CLASSES, seed=1) if SEEN in batch else None
        channels = _TEACHER.feature_shape[-1] if distill.features else 0
        model = Recogniser(network, 1.0, distill, teacher, landmarks=float(LANDMARKS in batch), features=channels)
        model.compile(tf_keras.optimizers.SGD(0.05))
    if initial:
        network.set_weights(initial)
    else:
        initial = network.get_weights()

    def parts(share: Share) -> tf.data.Dataset:
        dealt = [
            {name: array[place :: share.total] for name, array in batch.items()}
            for place in range(share.first, share.first + share.here)
        ]
        signature = {name: tf.TensorSpec((None, *array.shape[1:]), array.dtype) for name, array in batch.items()}
        return tf.data.Dataset.from_generator(lambda: dealt * STEPS, output_signature=signature)

    losses = []
    note = tf_keras.callbacks.LambdaCallback(on_batch_end=lambda _, logs: losses.append(logs["loss"]))
    model.fit(shared_dataset(strategy, parts), steps_per_epoch=STEPS, verbose=0, callbacks=[note])
    return initial, losses, network.get_weights()


def main(names: list[str]) -> None:
    """Print for each network the losses on one device and on two, and how far any weight is off at the end."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    devices = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    for name in names:
        initial, one, weights = train(NETWORKS[name], tf.distribute.get_strategy())
        _, two, others = train(NETWORKS[name], devices, initial)
        apart = max(float(np.abs(ours - theirs).max()) for ours, theirs in zip(weights, others, strict=True))
        moved = max(float(np.abs(ours - before).max()) for ours, before in zip(weights, initial, strict=True))
        print(json.dumps({"network": name, "one": one, "two": two, "apart": apart, "moved": moved}))


if __name__ == "__main__":
    main(sys.argv[1:])
