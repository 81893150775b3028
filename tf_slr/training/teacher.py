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
from tf_slr.features.splits import UsableSplit
from tf_slr.features.streams import Stream
from tf_slr.glosses import Vocabulary
from tf_slr.models.mslr import MslrOptions
from tf_slr.training.evaluation import network_outputs
from tf_slr.training.networks import stream_of
from tf_slr.training.runs import Run

# Names of what a teacher adds to a batch: its kept logits, or the video it sees.
CONV, SEQUENCE, VIDEO = "teacher_conv", "teacher_sequence", "teacher_video"


class KeptLogits:
    """A teacher's logits on one head, float16 [ceil(T/4), classes], read from disk when a batch is made."""

    dtype, stride = np.float16, timing.STRIDE

    def __init__(self, name: str, paths: Sequence[Path], frames: Sequence[int], classes: int) -> None:
        self.name, self.shape = name, (classes,)
        self._paths, self._frames = paths, frames

    def shown(self, index: int, change: Change | None) -> np.ndarray:
        """See `Stream`; a change of the pictures leaves the logits alone, one of time is refused by the recipe."""
        return read_logits(self._paths[index], self._frames[index], self.shape[0])[self.name]


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
        network = self.run.network()
        network.trainable = False
        return network

    def video(self, split: UsableSplit) -> Stream:
        """The stream that the teacher sees.

        Raises:
            UsageError: the teacher reads landmarks.
        """
        if isinstance(self.recipe.model, MslrOptions):
            raise UsageError(f"{self.run.root}: reads landmarks; distill.online needs a teacher that reads video")
        return stream_of(self.recipe.model, self.recipe.features, self.corpus, split, VIDEO)

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
            chosen = UsableSplit([split.samples[i] for i in missing], _some(split.clips, missing), [])
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
        facts = {
            "weights": files.sha256(self.run.best),
            "features": config.to_table(self.recipe.features) | {"augment": None, "source": None, "workers": None},
            "corpus": str(self.corpus.root.resolve()),
            "clips": [[sample.id, sample.frames, sample.video, sample.landmarks] for sample in samples],
        }
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


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


def _some(clips: Sequence | None, chosen: Sequence[int]) -> Sequence | None:
    return None if clips is None else [clips[i] for i in chosen]
