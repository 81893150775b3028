"""The training loop: seeded, resumable at any moment, best-on-dev kept."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras
from tqdm import tqdm

from tf_slr.core import files
from tf_slr.core.errors import UsageError
from tf_slr.core.locks import locked
from tf_slr.corpus.manifest import Corpus, Sample
from tf_slr.features.batches import TrainingBatches
from tf_slr.features.frames import KeptPictures
from tf_slr.features.splits import load_split
from tf_slr.models.weights import load_into, named_weights
from tf_slr.scoring.wer import Errors
from tf_slr.training import checkpoints
from tf_slr.training.blank_bias import Tally
from tf_slr.training.evaluation import evaluate, network_logits
from tf_slr.training.landmark_head import LANDMARKS, LandmarkHead
from tf_slr.training.networks import build, stream_of, stream_under
from tf_slr.training.precision import computing_in, scaled, variables_of
from tf_slr.training.pretraining import LandmarkRegression, pretrain
from tf_slr.training.progress import Progress
from tf_slr.training.recipe import Recipe
from tf_slr.training.recogniser import Recogniser
from tf_slr.training.repeatable import make_repeatable
from tf_slr.training.runs import Run
from tf_slr.training.schedule import SCHEDULES, OneCycle
from tf_slr.training.strategy import (
    chief_first,
    is_chief,
    shared_dataset,
    sum_over_workers,
    worker_loss_told,
    workers_of,
)
from tf_slr.training.teacher import Teacher


def _weights_of(source: str) -> Mapping[str, np.ndarray]:
    """The weights of a .npz file, or the best ones of a run, by name."""
    if not Path(source).is_dir():
        return files.read_npz(source)
    return {name: variable.numpy() for name, variable in named_weights(Run(source).network()).items()}


class Trainer:
    """Trains the student of one recipe on one corpus into one run folder.

    Several processes may train together. Each makes a `Trainer` of the same corpus, recipe and run folder, and all
    must see one and the same folder; the chief alone writes to it. When one is lost the others give up, and all that
    are started again go on from the chief's checkpoint.

    Args:
        corpus: the corpus.
        recipe: all that is to be decided.
        run_root: the run folder.
        strategy: where replicas are, see `strategy_here`; None for one process.

    Raises:
        UsageError: the folder holds another run, there are fewer clips than replicas or than the recipe wants, or a
            worker was lost.
        DataError: the corpus has no usable training or dev sample.
    """

    def __init__(
        self, corpus: Corpus, recipe: Recipe, run_root: Path | str, strategy: tf.distribute.Strategy | None = None
    ) -> None:
        self.corpus, self.recipe, self.run = corpus, recipe, Run(run_root)
        self.strategy = strategy or tf.distribute.get_strategy()
        self.is_chief = is_chief(self.strategy)
        options = recipe.training
        self.train, self.dev = (load_split(corpus, name, recipe.features.source) for name in ("train", "dev"))
        self.refused = self.train.refused + self.dev.refused
        if options.clips > len(self.train.samples):
            raise UsageError(
                f"training.clips: expected at most the {len(self.train.samples)} usable clips of "
                f"{corpus.root / 'train.csv'}, received {options.clips}"
            )
        if options.clips:
            self.train = self.train.part(range(options.clips))
        replicas = self.strategy.num_replicas_in_sync
        sizes = {"training.batch": options.batch}
        if recipe.pretrain.epochs:
            sizes["pretrain.clips"] = recipe.pretrain.clips
        for name, size in sizes.items():
            if min(size, len(self.train.samples)) < replicas:
                raise UsageError(
                    f"{name}: each of {replicas} replicas needs a clip in every batch, received batches of "
                    f"{size} from {len(self.train.samples)} clips"
                )
        # What the recipe names is looked at before the run folder is made.
        self.vocabulary = corpus.vocabulary()
        teacher = Teacher(recipe.distill.teacher, corpus, self.vocabulary) if recipe.distill.teacher else None
        channels = teacher.comparable_channels(recipe) if recipe.distill.features else 0
        self.landmarks = (
            stream_under(recipe.features.normalisation, corpus, self.train, LANDMARKS)
            if options.landmarks or recipe.pretrain.epochs
            else None
        )
        initial = _weights_of(options.init) if options.init and not self.run.last.is_file() else {}
        chief_first(self.strategy, lambda: self.run.start(corpus, recipe))
        make_repeatable(options.seed)
        self.pictures = KeptPictures(recipe.features.kept)
        streams = [stream_of(recipe.model, recipe.features, corpus, self.train, pictures=self.pictures)]
        online = teacher if recipe.distill.online else None
        if teacher:
            kept = None if online else chief_first(self.strategy, lambda: teacher.kept(self.train, bool(channels)))
            streams += kept or [teacher.seen(self.train, self.pictures)]
        if options.landmarks:
            streams.append(self.landmarks)
        self.batches = TrainingBatches(
            self.train, streams, self.vocabulary, recipe.features, options.batch, options.seed, replicas=replicas
        )
        with self.strategy.scope(), worker_loss_told(self.strategy):
            # Before anything is drawn: what training starts from does not depend on whom it learns from.
            watching = online and online.network
            with computing_in(options.precision):
                self.network = self._build()
            # Drawn before what a teacher needs; used where training itself has none.
            self._pretraining_head = None
            if recipe.pretrain.epochs and not options.landmarks:
                self._pretraining_head = LandmarkHead(recipe.model.frame_width)
            load_into(self.network, initial, options.init)
            total = options.epochs * len(self.batches)
            self.model = Recogniser(
                self.network,
                options.ctc_conv,
                recipe.distill,
                watching,
                options.landmarks,
                total,
                channels,
            )
            rate = SCHEDULES[options.schedule](options.learning_rate, total)
            self.model.compile(self._optimizer(rate))
            self.model.optimizer.build(self.model.learning)
        self.state = {"epoch": 0, "batch": 0, "sums": {}, "best_wer": None, "best_epoch": None, "seconds": 0.0}

    def _build(self) -> tf_keras.Model:
        """The network that is trained, with the weights it starts from."""
        # A teacher whose logits are not kept yet was built before, and drew from the same numbers.
        tf_keras.utils.set_random_seed(self.recipe.training.seed)
        return build(self.recipe.model, self.vocabulary.classes, self.recipe.training.seed)

    def _optimizer(self, rate: tf_keras.optimizers.schedules.LearningRateSchedule) -> tf_keras.optimizers.Optimizer:
        options = self.recipe.training
        optimizer = tf_keras.optimizers.AdamW(
            rate, weight_decay=options.weight_decay, global_clipnorm=options.clip_norm
        )
        return scaled(optimizer, options.precision)

    def fit(self) -> dict:
        """Train to the end, going on from the newest checkpoint; see `pretraining` for what may come first.

        Returns:
            The summary: "dev_wer", "blank_bias" with which it was reached, "best_epoch", "epochs", "parameters",
            "seconds".

        Raises:
            DataError: the loss became NaN or infinite, or a clip can no longer be read.
            UsageError: the run did not reach the WER its recipe promises; no summary is written. Or a worker
                was lost, or sees another run folder than this one. Or another process trains this run.
        """
        # Who was started while another is at work would go on from what that one has left so far.
        with locked(self.run.root) if self.is_chief else contextlib.nullcontext():
            return self._fit()

    def _fit(self) -> dict:
        if self.run.last.is_file():
            self.state = checkpoints.load(self.run.last, **self._variables())
        started = time.monotonic() - self.state["seconds"]
        if self.recipe.pretrain.epochs and not self.run.last.is_file():
            self._pretrain()
        self._check_agreement()
        epochs = self.recipe.training.epochs
        done = self.state["epoch"] * len(self.batches) + self.state["batch"]
        with tqdm(total=epochs * len(self.batches), initial=done, unit="step", disable=None) as bar:
            while self.state["epoch"] < epochs:
                bar.set_description(f"epoch {self.state['epoch'] + 1}/{epochs}")
                # With more replicas than before it was stopped an epoch may have fewer batches, and be over already.
                if self.state["batch"] < len(self.batches):
                    self._segment(bar)
                self.state["seconds"] = time.monotonic() - started
                if self.state["batch"] >= len(self.batches):
                    self._end_epoch(bar)
                if self.is_chief:
                    checkpoints.save(self.run.last, self.state, **self._variables())
        blank_bias, wer = self._blank_bias()
        summary = {
            "dev_wer": wer,
            "blank_bias": blank_bias,
            "best_epoch": self.state["best_epoch"],
            "epochs": epochs,
            "parameters": sum(math.prod(weight.shape) for weight in self.network.trainable_weights),
            "seconds": round(self.state["seconds"], 1),
        }
        promised = self.recipe.promised_wer
        if promised is not None and summary["dev_wer"] > promised:
            raise UsageError(
                f"{self.run.root}: the recipe promises a dev WER of {100 * promised:.1f} %, "
                f"the run reached {100 * summary['dev_wer']:.1f} %"
            )
        if self.is_chief:
            files.write_json(self.run.summary_path, summary)
        return summary

    def _pretrain(self) -> None:
        recipe, options = self.recipe, self.recipe.pretrain
        video = stream_of(recipe.model, recipe.features, self.corpus, self.train, pictures=self.pictures, every=1)
        streams, seed = [video, self.landmarks], recipe.training.seed
        batches = TrainingBatches(
            self.train, streams, self.vocabulary, recipe.features, options.clips, seed, options.pictures,
            self.strategy.num_replicas_in_sync,
        )  # fmt: skip
        with self.strategy.scope(), worker_loss_told(self.strategy):
            head = self.model.landmark_head or self._pretraining_head
            rate = OneCycle(options.learning_rate, options.epochs * len(batches))
            regression = LandmarkRegression(self.network, head, self._optimizer(rate))
        pretrain(regression, batches, options, self.run.pretrained, self.strategy)

    def _check_agreement(self) -> None:
        """See that all workers go on from the same position."""
        _, workers = workers_of(self.strategy)
        here = [self.state["epoch"], self.state["batch"]]
        if sum_over_workers(self.strategy, here) != [workers * value for value in here]:
            raise UsageError(f"{self.run.root}: workers found different checkpoints; all must see the same run folder")

    def _variables(self) -> dict[str, list[tf.Variable]]:
        groups = {"network": self.network.weights, "optimizer": variables_of(self.model.optimizer)}
        return groups | {"beside": self.model.beside}

    def _segment(self, bar: tqdm) -> None:
        """Train to the next checkpoint or the epoch's end, whichever comes first."""
        start = self.state["batch"]
        stop = min(len(self.batches), start + self.recipe.training.checkpoint_steps)
        data = shared_dataset(
            self.strategy, lambda share: self.batches.dataset(self.state["epoch"], start, stop, share)
        )
        progress = Progress(self.state, bar, "training.learning_rate")
        with worker_loss_told(self.strategy), self.batches.faults_told():
            self.model.fit(data, steps_per_epoch=stop - start, verbose=0, callbacks=[progress])

    def _end_epoch(self, bar: tqdm) -> None:
        """Evaluate on dev, keep the best weights, write the metrics line."""
        options, state = self.recipe.training, self.state
        line = {"epoch": state["epoch"] + 1, "step": int(self.model.optimizer.iterations.numpy())}
        line |= {name: round(total / len(self.batches), 5) for name, total in state["sums"].items()}
        line["learning_rate"] = float(self.model.optimizer.learning_rate.numpy())
        last = line["epoch"] == options.epochs
        if line["epoch"] % options.evaluate_every == 0 or last:
            line["dev_wer"] = self._dev_wer()
            self._keep_if_best(line["dev_wer"], line["epoch"])
        line["seconds"] = round(state["seconds"], 1)
        if self.is_chief:
            self.run.append_metrics(line)
        losses = f"loss {line['loss']:.3f}"
        dev = f", dev WER {100 * line['dev_wer']:.2f} %" if "dev_wer" in line else ""
        bar.write(f"epoch {line['epoch']:3d}  {losses}{dev}  ({line['seconds']:.0f} s)")
        state |= {"epoch": state["epoch"] + 1, "batch": 0, "sums": {}}

    def _keep_if_best(self, wer: float, epoch: int) -> None:
        if self.state["best_wer"] is None or wer < self.state["best_wer"]:
            self.state["best_wer"], self.state["best_epoch"] = wer, epoch
            if self.is_chief:
                checkpoints.save(self.run.best, {"epoch": epoch}, network=self.network.weights)

    def _dev_wer(self) -> float:
        """Word error rate on dev."""
        logits, samples = self._dev_logits()
        errors = evaluate(logits, samples, self.vocabulary).errors()
        return Errors(*sum_over_workers(self.strategy, dataclasses.astuple(errors))).wer

    def _blank_bias(self) -> tuple[float, float]:
        """The bias on the blank with which the best weights recognise dev best, and their word error rate then."""
        sum_over_workers(self.strategy, [0])  # the chief has written them
        checkpoints.load(self.run.best, network=self.network.weights)
        tally = Tally.of(*self._dev_logits(), self.vocabulary)
        return Tally.from_numbers(sum_over_workers(self.strategy, tally.numbers)).choice()

    def _dev_logits(self) -> tuple[Iterator[np.ndarray], Sequence[Sample]]:
        """Logits of this worker's part of dev, and its samples."""
        number, workers = workers_of(self.strategy)
        part = self.dev.part(range(number, len(self.dev.samples), workers))
        stream = stream_of(self.recipe.model, self.recipe.features, self.corpus, part, pictures=self.pictures)
        return network_logits(self.network, stream, part.frames, self.recipe.training.batch), part.samples
