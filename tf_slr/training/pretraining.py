"""Pretraining of a network that reads video: it learns where hands, arms and lips are in a picture.

A frame network without ImageNet's weights learns from CTC slowly: one label
for a dozen frames, and not which. Pictures of a clip resemble each other, and
a step of whole clips is as dear as sixteen steps of some pictures each. So it
first learns to tell the landmarks of single pictures from everywhere in the
corpus, in small steps, and goes on with sentences when it sees.
"""

import functools
from pathlib import Path

import tensorflow as tf
import tf_keras
from tqdm import tqdm

from tf_slr.features.batches import Batch, TrainingBatches
from tf_slr.training import checkpoints
from tf_slr.training.landmark_head import LANDMARKS, LandmarkHead, landmark_distance
from tf_slr.training.options.pretrain import PretrainOptions
from tf_slr.training.precision import variables_of
from tf_slr.training.progress import Progress
from tf_slr.training.strategy import is_chief, shared_dataset, shares, worker_loss_told


class LandmarkRegression(tf_keras.Model):
    """Single pictures -> landmarks.

    Args:
        network: a CorrNet or LRINet, of which the frame network learns.
        head: the landmark regression, which learns too.
        optimizer: not used before.
    """

    def __init__(self, network: tf_keras.Model, head: LandmarkHead, optimizer: tf_keras.optimizers.Optimizer) -> None:
        super().__init__(name="regression")
        self.network, self.head = network, head
        self.compile(optimizer)
        optimizer.build(self.learning)

    @property
    def learning(self) -> list[tf.Variable]:
        """The variables of the frame network, and the head's."""
        return [*self.network.frame_variables, *self.head.trainable_variables]

    def train_step(self, data: Batch) -> dict[str, tf.Tensor]:
        """One step on a batch of which every moment is looked at, or a replica's part of it."""
        video = data["video"]  # (B, pictures, H, W, 3)
        frames = data["frames"]
        # Batches are padded to whole steps of the recogniser.
        valid = tf.sequence_mask(frames, tf.shape(video)[1])
        landmarks = tf.boolean_mask(data[LANDMARKS], valid)  # (N, 276)
        with tf.GradientTape() as tape:
            seen = self.network.encode_frames(tf.boolean_mask(video, valid), training=True)  # (N, C')
            distance, count = landmark_distance(self.head(seen[None]), landmarks[None], tf.shape(seen)[:1])
            loss = shares(values=count)["values"] * distance
        self.optimizer.minimize(loss, self.learning, tape)
        return {"loss": loss}


def pretrain(
    regression: LandmarkRegression,
    batches: TrainingBatches,
    options: PretrainOptions,
    path: Path,
    strategy: tf.distribute.Strategy,
) -> None:
    """Teach a network's frames, going on after the last full epoch where this was interrupted.

    Args:
        regression: the network and its head; both are changed in place.
        batches: of the training split, with single pictures and their landmarks.
        options: how long.
        path: of the checkpoint, which the chief writes after every epoch.
        strategy: where replicas are.

    Raises:
        DataError: the loss became NaN or infinite, or a clip can no longer be read.
    """
    groups = {"regression": regression.weights, "optimizer": variables_of(regression.optimizer)}
    state = checkpoints.load(path, **groups) if path.is_file() else {"epoch": 0, "loss": None}
    steps = len(batches)
    with tqdm(total=options.epochs * steps, initial=state["epoch"] * steps, unit="step", disable=None) as bar:
        for epoch in range(state["epoch"], options.epochs):
            bar.set_description(f"pretraining {epoch + 1}/{options.epochs}")
            data = shared_dataset(strategy, functools.partial(batches.dataset, epoch, 0, steps))
            progress = Progress({"epoch": epoch, "batch": 0, "sums": {}}, bar, "pretrain.learning_rate")
            with worker_loss_told(strategy), batches.faults_told():
                regression.fit(data, steps_per_epoch=steps, verbose=0, callbacks=[progress])
            state = {"epoch": epoch + 1, "loss": progress.state["sums"]["loss"] / steps}
            if is_chief(strategy):
                checkpoints.save(path, state, **groups)
        bar.write(f"pretraining: squared distance of landmarks {state['loss']:.3f}")
