"""From landmarks to glosses with times, on a device."""

from pathlib import Path
from typing import NamedTuple

from tf_slr import timing
from tf_slr.decoding.greedy import greedy
from tf_slr.errors import BundleError
from tf_slr.landmarks import Clip, check_clip, normalise
from tf_slr.runtime.bundle import Bundle, read_bundle
from tf_slr.runtime.student import Student


class Word(NamedTuple):
    """A recognised gloss.

    Attributes:
        gloss: its name.
        start, end: when it was recognised, in seconds of the clip.
        confidence: posterior at its peak, 0 to 1.
    """

    gloss: str
    start: float
    end: float
    confidence: float


class Transcript(NamedTuple):
    """What was recognised in one clip."""

    words: tuple[Word, ...]

    @property
    def glosses(self) -> tuple[str, ...]:
        """The glosses alone."""
        return tuple(word.gloss for word in self.words)


class Recognizer:
    """A loaded bundle, ready to recognise.

    Raises:
        BundleError: the student's classes are not the vocabulary's.
    """

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        self.bundle = bundle
        self._student = Student(bundle.student, threads)
        if self._student.classes != bundle.vocabulary.classes:
            raise BundleError(
                f"{bundle.root}: the student has {self._student.classes} classes, "
                f"the vocabulary {bundle.vocabulary.classes}"
            )

    @classmethod
    def load(cls, root: Path | str, threads: int = 1) -> "Recognizer":
        """Check and load a bundle.

        Raises:
            BundleError: it is damaged, incomplete, or of another format.
        """
        return cls(read_bundle(root), threads)

    def transcribe(self, clip: Clip, fps: float | None = None) -> Transcript:
        """Recognise one clip.

        Args:
            clip: landmarks as MediaPipe gives them.
            fps: frames per second; those of the training corpus when None.

        Raises:
            DataError: the landmarks are not of the layout, or nobody is in the picture.
        """
        check_clip(clip.landmarks)
        logits = self._student.logits(normalise(clip, self.bundle.normalisation))
        fps = fps or self.bundle.fps
        words = []
        for segment in greedy(logits):
            start, end = timing.span(segment.start, segment.stop, len(clip.landmarks))
            gloss = self.bundle.vocabulary.glosses[segment.gloss - 1]
            words.append(Word(gloss, round(start / fps, 3), round(end / fps, 3), round(segment.confidence, 4)))
        return Transcript(tuple(words))
