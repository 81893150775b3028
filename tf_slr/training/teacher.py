"""The teacher of a distillation: its kept logits, or itself where it sees every batch."""

import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tf_keras
from tqdm import tqdm

from tf_slr import config, files, timing
from tf_slr.corpus.manifest import Corpus, Sample
from tf_slr.errors import DataError, UsageError
from tf_slr.features.augment import Change
from tf_slr.features.frames import KeptPictures
from tf_slr.features.splits import UsableSplit
from tf_slr.features.streams import Stream
from tf_slr.glosses import Vocabulary
from tf_slr.models.corrnet import CorrNetOptions
from tf_slr.models.lrinet import LriNetOptions
from tf_slr.models.mslr import MslrOptions
from tf_slr.training.evaluation import network_outputs
from tf_slr.training.networks import stream_of
from tf_slr.training.runs import Run

# Names of what a teacher adds to a batch: its kept logits, or the clip as it sees it.
CONV, SEQUENCE, SEEN = "teacher_conv", "teacher_sequence", "teacher_seen"


class KeptLogits:
    """A teacher's logits on one head, float16 [ceil(T/4), classes], read from disk when a batch is made."""

    dtype, stride = np.float16, timing.STRIDE

    def __init__(self, name: str, paths: Sequence[Path], frames: Sequence[int], classes: int) -> None:
        self.name, self.shape = name, (classes,)
        self._paths, self._frames = paths, frames

    def shown(self, index: int, change: Change | None) -> np.ndarray:
        """See `Stream`; a change of the pictures leaves the logits alone, one of the tempo moves them along."""
        rows = read_logits(self._paths[index], self._frames[index], self.shape[0])[self.name]
        return rows if change is None else follow(rows, change.positions)


class Teacher:
    """A trained run, opened to teach on a corpus.

    Raises:
        UsageError: it was trained on other glosses.
    """

    def __init__(self, root: Path | str, corpus: Corpus, vocabulary: Vocabulary) -> None:
        self.run, self.corpus = Run(root), corpus
        self.recipe = self.run.recipe
        if self.run.vocabulary != vocabulary:
            raise UsageError(f"{root}: was trained on other glosses than the student; train both on one corpus")

    @functools.cached_property
    def network(self) -> tf_keras.Model:
        """The frozen network, built when it is first needed: kept logits need none."""
        network = self.run.network(biased=False)
        network.trainable = False
        return network

    def check_features(self, student: CorrNetOptions | LriNetOptions) -> None:
        """See that the frame-level features of student and teacher can be compared.

        Raises:
            UsageError: the teacher has none, or theirs has another shape.
        """
        if isinstance(self.recipe.model, MslrOptions):
            raise UsageError(f"{self.run.root}: reads landmarks; distill.features needs a teacher that reads video")
        ours, theirs = student.feature_shape, self.recipe.model.feature_shape
        if ours != theirs:
            raise UsageError(
                f"distill.features: the student's frame-level features are {' x '.join(map(str, ours))}, those of the "
                f"teacher {self.run.root} {' x '.join(map(str, theirs))} (height, width, channels); "
                "change the student's model.scale, model.channels or model.widths"
            )
        if self.recipe.features.view.needs_landmarks:
            raise UsageError(
                f"distill.features: the teacher {self.run.root} sees close-ups (features.close_up, details), so that "
                "its features lie elsewhere than a student's; choose one that sees whole pictures"
            )
        looked_at = student.temporal.every, self.recipe.model.temporal.every
        if looked_at[0] != looked_at[1]:
            raise UsageError(
                f"distill.features: student and teacher must look at the same frames; model.temporal.every is "
                f"{looked_at[0]}, that of the teacher {self.run.root} {looked_at[1]}"
            )

    def seen(self, split: UsableSplit, pictures: KeptPictures) -> Stream:
        """The stream that the teacher sees, video or landmarks."""
        return stream_of(self.recipe.model, self.recipe.features, self.corpus, split, SEEN, pictures)

    def logits(self, split: UsableSplit) -> list[Stream]:
        """Both heads' logits of every clip as it is, computed once and kept beside the teacher's weights.

        What an interrupted run computed is kept. The folder carries the hash of the weights and of
        what decides what the teacher sees, so that logits of other weights or clips are never taken.
        """
        folder = self.run.root / "logits" / self._key(split.samples)
        paths = [folder / f"{sample.id}.npz" for sample in split.samples]
        frames = split.frames
        classes = self.run.vocabulary.classes
        missing = [i for i, path in enumerate(paths) if not _sound(path, frames[i], classes)]
        if missing:
            chosen = split.part(missing)
            stream = stream_of(self.recipe.model, self.recipe.features, self.corpus, chosen)
            batch = self.recipe.training.batch
            names = ["conv_logits", "sequence_logits"]
            outputs = network_outputs(self.network, stream, chosen.frames, names, batch)
            bar = tqdm(outputs, "teacher", len(missing), unit="clip", disable=None)
            for i, (conv, sequence) in zip(missing, bar, strict=True):
                arrays = {CONV: conv.astype(np.float16), SEQUENCE: sequence.astype(np.float16)}
                files.write_npz(paths[i], arrays, compress=False)
        return [KeptLogits(name, paths, frames, classes) for name in (CONV, SEQUENCE)]

    def _key(self, samples: Sequence[Sample]) -> str:
        # Not these: a clip as it is looks the same whatever they are.
        ignored = dict.fromkeys(("augment", "source", "kept", "workers"))
        facts = {
            "weights": files.sha256(self.run.best),
            "features": config.to_table(self.recipe.features) | ignored,
            "corpus": str(self.corpus.root.resolve()),
            "clips": [[sample.id, sample.frames, sample.video, sample.landmarks] for sample in samples],
        }
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def follow(rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """A teacher's logits on a clip that is played at another tempo.

    Each step of the new clip gets what the teacher said of the moment it shows, between two steps a mixture.

    Args:
        rows: logits [ceil(T/4), classes] of the clip as it is.
        positions: [T'] which of its T frames each new frame shows.

    Returns:
        Logits [ceil(T'/4), classes] of the same type.
    """
    new = np.arange(timing.steps(len(positions))) * timing.STRIDE
    # A step's moment is its first frame's; the other frames of the last step may lie beyond the clip.
    moments = np.clip(positions[new] / timing.STRIDE, 0, len(rows) - 1)
    before = np.minimum(moments.astype(int), len(rows) - 1)
    after = np.minimum(before + 1, len(rows) - 1)
    share = (moments - before)[:, None].astype(np.float32)
    return (rows[before] * (1 - share) + rows[after] * share).astype(rows.dtype)


def read_logits(path: Path, frames: int, classes: int) -> dict[str, np.ndarray]:
    """Read a clip's kept logits; the archive's own CRC-32 tells damage.

    Raises:
        DataError: missing, damaged, or of another clip or vocabulary.
    """
    arrays = files.read_npz(path)
    expected = (timing.steps(frames), classes)
    for name in (CONV, SEQUENCE):
        found = arrays.get(name)
        if found is None or found.shape != expected or found.dtype != np.float16:
            raise DataError(f"{path}: expected {name} of float16 {list(expected)}; remove it to compute it anew")
    return arrays


def _sound(path: Path, frames: int, classes: int) -> bool:
    try:
        read_logits(path, frames, classes)
    except DataError:
        return False
    return True
