"""The training loop: seeded, resumable at any moment, best-on-dev kept."""

import math
import time
from pathlib import Path

import tensorflow as tf
import tf_keras
from tqdm import tqdm

from tf_slr import files
from tf_slr.corpus.manifest import Corpus
from tf_slr.errors import DataError, UsageError
from tf_slr.features.batches import TrainingBatches
from tf_slr.features.splits import load_split
from tf_slr.training import checkpoints
from tf_slr.training.evaluation import evaluate, network_logits
from tf_slr.training.networks import build, stream_of
from tf_slr.training.recipe import Recipe
from tf_slr.training.recogniser import Recogniser
from tf_slr.training.runs import Run
from tf_slr.training.schedule import SCHEDULES
from tf_slr.training.teacher import Teacher


class _Progress(tf_keras.callbacks.Callback):
    """Sums losses over an epoch, moves the bar, and stops at the first loss that is no number."""

    def __init__(self, state: dict, bar: tqdm) -> None:
        super().__init__()
        self.state, self.bar = state, bar

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite(logs["loss"]):
            raise DataError(
                f"the loss became {logs['loss']} in epoch {self.state['epoch'] + 1}, batch {self.state['batch'] + 1}; "
                "lower training.learning_rate, or look for damaged clips with 'tf-slr check'"
            )
        for name, value in logs.items():
            self.state["sums"][name] = self.state["sums"].get(name, 0.0) + float(value)
        self.state["batch"] += 1
        self.bar.update()
        self.bar.set_postfix(loss=f"{logs['loss']:.3f}", refresh=False)


class Trainer:
    """Trains the student of one recipe on one corpus into one run folder.

    Raises:
        UsageError: the folder holds another run.
        DataError: the corpus has no usable training or dev sample.
    """

    def __init__(self, corpus: Corpus, recipe: Recipe, run_root: Path | str) -> None:
        self.corpus, self.recipe, self.run = corpus, recipe, Run(run_root)
        options = recipe.training
        self.train, self.dev = (load_split(corpus, name, recipe.features.source) for name in ("train", "dev"))
        self.refused = self.train.refused + self.dev.refused
        self.run.start(corpus, recipe)
        self.vocabulary = self.run.vocabulary
        # Together with the batches' own seeds this makes two runs on a CPU bit-identical.
        tf_keras.utils.set_random_seed(options.seed)
        tf.config.experimental.enable_op_determinism()
        streams = [stream_of(recipe.model, recipe.features, corpus, self.train)]
        teacher = Teacher(recipe.distill.teacher, corpus, self.vocabulary) if recipe.distill.teacher else None
        online = teacher if recipe.distill.online else None
        if teacher:
            streams += [teacher.video(self.train)] if online else teacher.logits(self.train)
        self.batches = TrainingBatches(
            self.train, streams, self.vocabulary, recipe.features, options.batch, options.seed
        )
        self.network = build(recipe.model, self.vocabulary.classes, options.seed)
        self.model = Recogniser(self.network, options.ctc_conv, recipe.distill, online and online.network)
        steps = options.epochs * len(self.batches)
        self.model.compile(
            tf_keras.optimizers.AdamW(
                SCHEDULES[options.schedule](options.learning_rate, steps),
                weight_decay=options.weight_decay,
                global_clipnorm=options.clip_norm,
            )
        )
        self.model.optimizer.build(self.network.trainable_variables)
        self.state = {"epoch": 0, "batch": 0, "sums": {}, "best_wer": None, "best_epoch": None, "seconds": 0.0}

    def fit(self) -> dict:
        """Train to the end, going on from the newest checkpoint.

        Returns:
            The summary: "dev_wer", "best_epoch", "epochs", "parameters", "seconds".

        Raises:
            DataError: the loss became NaN or infinite, or a clip can no longer be read.
            UsageError: the run did not reach the WER its recipe promises; no summary is written.
        """
        if self.run.last.is_file():
            self.state = checkpoints.load(self.run.last, **self._variables())
        epochs = self.recipe.training.epochs
        started = time.monotonic() - self.state["seconds"]
        done = self.state["epoch"] * len(self.batches) + self.state["batch"]
        with tqdm(total=epochs * len(self.batches), initial=done, unit="step", disable=None) as bar:
            while self.state["epoch"] < epochs:
                bar.set_description(f"epoch {self.state['epoch'] + 1}/{epochs}")
                self._segment(bar)
                self.state["seconds"] = time.monotonic() - started
                if self.state["batch"] == len(self.batches):
                    self._end_epoch(bar)
                checkpoints.save(self.run.last, self.state, **self._variables())
        summary = {
            "dev_wer": self.state["best_wer"],
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
        files.write_json(self.run.summary_path, summary)
        return summary

    def _variables(self) -> dict[str, list[tf.Variable]]:
        return {"network": self.network.weights, "optimizer": self.model.optimizer.variables}

    def _segment(self, bar: tqdm) -> None:
        """Train to the next checkpoint or the epoch's end, whichever comes first."""
        start = self.state["batch"]
        stop = min(len(self.batches), start + self.recipe.training.checkpoint_steps)
        data = self.batches.dataset(self.state["epoch"], start, stop)
        try:
            self.model.fit(data, verbose=0, callbacks=[_Progress(self.state, bar)])
        except tf.errors.OpError:
            if self.batches.fault:
                raise self.batches.fault from None
            raise

    def _end_epoch(self, bar: tqdm) -> None:
        """Evaluate on dev, keep the best weights, write the metrics line."""
        options, state = self.recipe.training, self.state
        line = {"epoch": state["epoch"] + 1, "step": int(self.model.optimizer.iterations)}
        line |= {name: round(total / len(self.batches), 5) for name, total in state["sums"].items()}
        line["learning_rate"] = float(self.model.optimizer.learning_rate)
        last = line["epoch"] == options.epochs
        if line["epoch"] % options.evaluate_every == 0 or last:
            stream = stream_of(self.recipe.model, self.recipe.features, self.corpus, self.dev)
            logits = network_logits(self.network, stream, self.dev.frames, options.batch)
            wer = evaluate(logits, self.dev.samples, self.vocabulary).wer
            line["dev_wer"] = wer
            if state["best_wer"] is None or wer < state["best_wer"]:
                state["best_wer"], state["best_epoch"] = wer, line["epoch"]
                checkpoints.save(self.run.best, {"epoch": line["epoch"]}, network=self.network.weights)
        line["seconds"] = round(state["seconds"], 1)
        self.run.append_metrics(line)
        losses = f"loss {line['loss']:.3f}"
        dev = f", dev WER {100 * line['dev_wer']:.2f} %" if "dev_wer" in line else ""
        bar.write(f"epoch {line['epoch']:3d}  {losses}{dev}  ({line['seconds']:.0f} s)")
        state |= {"epoch": state["epoch"] + 1, "batch": 0, "sums": {}}
