"""The teacher of a distillation: what it said, kept, or itself where it sees every batch."""

import functools
from pathlib import Path

import numpy as np
import tf_keras
from tqdm import tqdm

from tf_slr.core import config, files, timing
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.glosses import Vocabulary
from tf_slr.corpus.manifest import Corpus, Sample
from tf_slr.features.frames import KeptPictures
from tf_slr.features.splits import UsableSplit
from tf_slr.features.streams import Stream
from tf_slr.models.options import MslrOptions
from tf_slr.training.evaluation import network_outputs
from tf_slr.training.kept import KeptOutput, Output, sound
from tf_slr.training.networks import stream_of
from tf_slr.training.recipe import Recipe
from tf_slr.training.runs import Run
from tf_slr.video.decoding import Mark, mark_of

# Names of what a teacher adds to a batch: its kept outputs, or the clip as it sees it.
CONV, SEQUENCE, FEATURES, SEEN = "teacher_conv", "teacher_sequence", "teacher_features", "teacher_seen"


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
        """The frozen network, built when it is first needed: what is kept needs none."""
        network = self.run.network(biased=False)
        network.trainable = False
        return network

    def comparable_channels(self, student: Recipe) -> int:
        """How many channels its frame-level features have, if a student's can be compared with them.

        Raises:
            UsageError: the teacher has none, or theirs has another scale, or shows something else.
        """
        if isinstance(self.recipe.model, MslrOptions):
            raise UsageError(f"{self.run.root}: reads landmarks; distill.features needs a teacher that reads video")
        ours, theirs = (recipe.model.feature_shape[:2] for recipe in (student, self.recipe))
        if ours != theirs:
            raise UsageError(
                f"distill.features: the student's frame-level features are {' x '.join(map(str, ours))}, those of the "
                f"teacher {self.run.root} {' x '.join(map(str, theirs))}; change the student's model.scale"
            )
        seen = [(f.close_up, f.details, f.margin) for f in (student.features, self.recipe.features)]
        if seen[0] != seen[1]:
            raise UsageError(
                "distill.features: student and teacher must see the same part of a picture, or its features lie "
                f"elsewhere; features.close_up, details and margin are {', '.join(map(str, seen[0]))}, those of the "
                f"teacher {self.run.root} {', '.join(map(str, seen[1]))}"
            )
        looked_at = student.model.temporal.every, self.recipe.model.temporal.every
        if looked_at[0] != looked_at[1]:
            raise UsageError(
                f"distill.features: student and teacher must look at the same frames; model.temporal.every is "
                f"{looked_at[0]}, that of the teacher {self.run.root} {looked_at[1]}"
            )
        return self.recipe.model.feature_shape[-1]

    def seen(self, split: UsableSplit, pictures: KeptPictures) -> Stream:
        """The stream that the teacher sees, video or landmarks."""
        return stream_of(self.recipe.model, self.recipe.features, self.corpus, split, SEEN, pictures)

    def kept(self, split: UsableSplit, features: bool = False) -> list[KeptOutput]:
        """What it says of every clip as it is, computed once and kept beside its weights: both heads' logits.

        What an interrupted run computed is kept, and what was computed for other parts of the corpus. The folder
        carries the hash of the weights and of what decides what the teacher sees, a file's name that of what the
        lists say of its clip and of when its files were written, so that outputs of other weights or clips, or of
        clips made anew, are never taken.

        Args:
            split: the clips.
            features: whether frame-level features are kept as well.
        """
        outputs = self._outputs(features)
        folder = self.run.root / "kept" / self._key()
        facts = [_clip_facts(self.corpus, sample) for sample in split.samples]
        names = [sample.id for sample in split.samples]
        paths = [folder / f"{name}-{files.sha256_of(fact)[:16]}.npz" for name, fact in zip(names, facts, strict=True)]
        frames = split.frames
        missing = [i for i, path in enumerate(paths) if not sound(path, frames[i], outputs)]
        if missing:
            chosen = split.part(missing)
            stream = stream_of(self.recipe.model, self.recipe.features, self.corpus, chosen)
            names, batch = [output.source for output in outputs], self.recipe.training.batch
            found = network_outputs(self.network, stream, chosen.frames, names, batch)
            bar = tqdm(found, "teacher", len(missing), unit="clip", disable=None)
            for i, arrays in zip(missing, bar, strict=True):
                said = zip(outputs, arrays, strict=True)
                halved = {output.name: array.astype(np.float16) for output, array in said}
                files.write_npz(paths[i], halved, compress=False)
        return [KeptOutput(output, paths, frames) for output in outputs]

    def _outputs(self, features: bool) -> list[Output]:
        classes = (self.run.vocabulary.classes,)
        heads = [(CONV, "conv_logits"), (SEQUENCE, "sequence_logits")]
        outputs = [Output(name, source, timing.STRIDE, classes) for name, source in heads]
        if features:
            model = self.recipe.model
            outputs.append(Output(FEATURES, "frame_features", model.temporal.every, model.feature_shape))
        return outputs

    def _key(self) -> str:
        # Not these: a clip as it is looks the same whatever they are.
        ignored = dict.fromkeys(("augment", "source", "kept", "workers"))
        facts = {
            "weights": files.sha256(self.run.best),
            "features": config.to_table(self.recipe.features) | ignored,
            "corpus": str(self.corpus.root.resolve()),
        }
        return files.sha256_of(facts)[:16]


def _clip_facts(corpus: Corpus, sample: Sample) -> list:
    """What tells whether still the same is seen of a clip."""
    return [sample.frames, *([name, _mark(corpus.root / name)] for name in (sample.video, sample.landmarks) if name)]


def _mark(path: Path) -> Mark | None:
    """The mark of a file or folder; None where nothing is, which whoever reads it will say."""
    try:
        return mark_of(path)
    except DataError:
        return None
