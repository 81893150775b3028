"""From landmarks or pictures to glosses with times, on a device."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_slr.core.errors import BundleError
from tf_slr.core.landmarks import Clip
from tf_slr.correction.corrector import Corrector
from tf_slr.runtime.bundle import Bundle, read_bundle
from tf_slr.runtime.decoder import SentenceDecoder, Word
from tf_slr.runtime.inputs import prepare, shape_of
from tf_slr.runtime.student import Student


class Transcript(NamedTuple):
    """What was recognised in one clip."""

    words: tuple[Word, ...]

    @property
    def glosses(self) -> tuple[str, ...]:
        """The glosses alone."""
        return tuple(word.gloss for word in self.words)


class Recognizer:
    """A loaded bundle, ready to recognise.

    Args:
        bundle: the bundle.
        threads: number of CPU threads.
        correct: whether recognised sentences are repaired, if the bundle has a corrector.

    Attributes:
        corrects: whether they are.

    Raises:
        BundleError: the student's classes are not the vocabulary's, or its input is not the bundle's.
    """

    def __init__(self, bundle: Bundle, threads: int = 1, correct: bool = True) -> None:
        self.bundle = bundle
        corrector = Corrector.load(bundle.corrector, threads) if bundle.corrector and correct else None
        self.corrects, self._decoder = corrector is not None, SentenceDecoder(bundle.vocabulary, corrector)
        source = str(bundle.student_path)
        self._student = Student(bundle.student, threads, source)
        if self._student.classes != bundle.vocabulary.classes:
            raise BundleError(
                f"{source}: the student has {self._student.classes} classes, the vocabulary {bundle.vocabulary.classes}"
            )
        if self._student.shape != shape_of(bundle.input):
            raise BundleError(
                f"{source}: the student reads {list(self._student.shape)} of a frame, "
                f"the bundle promises {list(shape_of(bundle.input))}"
            )

    @classmethod
    def load(cls, root: Path | str, threads: int = 1, correct: bool = True) -> "Recognizer":
        """Check and load a bundle.

        Raises:
            BundleError: it is damaged, incomplete, or of another format.
        """
        return cls(read_bundle(root), threads, correct)

    def transcribe(self, clip: Clip | Iterable[np.ndarray], fps: float | None = None) -> Transcript:
        """Recognise one clip.

        Args:
            clip: landmarks as MediaPipe gives them; for a student that reads video its pictures, RGB uint8 [H, W, 3].
            fps: frames per second; those of the training corpus when None.

        Raises:
            DataError: landmarks or pictures are not of the layout, or nobody is in the picture.
            UsageError: the student reads the other of the two.
        """
        values = prepare(clip, self.bundle.input)
        return Transcript(self.decode(self.logits(values), len(values), fps))

    def logits(self, values: np.ndarray) -> np.ndarray:
        """What the student says of each step, float32 [ceil(T/4), classes], class 0 is the blank.

        Args:
            values: from `prepare`, or landmarks that were normalised by the bundle's rule.
        """
        return self._student.logits(values)

    def decode(self, logits: np.ndarray, frames: int, fps: float | None = None) -> tuple[Word, ...]:
        """The words of a sentence, repaired where there is a corrector.

        Args:
            logits: [T, classes] of its own steps.
            frames: its length.
            fps: frames per second; those of the training corpus when None.
        """
        return self._decoder(logits, frames, fps or self.bundle.fps)

    def uncorrected(self, logits: np.ndarray, frames: int, fps: float | None = None) -> tuple[Word, ...]:
        """What greedy decoding gives of logits that need not be a sentence; arguments as of `decode`."""
        return self._decoder.uncorrected(logits, frames, fps or self.bundle.fps)
