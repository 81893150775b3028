"""What a student's logits say: greedily, or repaired by a corrector. Everything that recognises decides here."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tf_slr.core import timing
from tf_slr.core.glosses import Vocabulary
from tf_slr.correction.corrector import Corrector
from tf_slr.correction.evidence import evidence, named
from tf_slr.correction.sentence_rescoring import Rescorer
from tf_slr.decoding.greedy import Segment, greedy
from tf_slr.formats.alternatives import Alternatives


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


def timed(segments: Sequence[Segment], vocabulary: Vocabulary, frames: int, fps: float) -> list[Word]:
    """Segments of a clip's output steps, as words at the seconds of its frames."""
    words = []
    for segment in segments:
        start, stop = timing.span(segment.start, segment.stop, frames)
        words.append(Word(vocabulary.glosses[segment.gloss - 1], start / fps, stop / fps, segment.confidence))
    return words


class SentenceDecoder:
    """Logits of a clip -> its words.

    Args:
        vocabulary: what the student's classes mean.
        corrector: what repairs sentences; None for greedy decoding as it is.

    Raises:
        BundleError: the corrector decides together with an n-gram, and has another vocabulary.
    """

    def __init__(self, vocabulary: Vocabulary, corrector: Corrector | None = None) -> None:
        self._vocabulary, self._corrector = vocabulary, corrector
        self._rescorer = None
        if corrector and corrector.ngram:
            self._rescorer = Rescorer(corrector, corrector.ngram, vocabulary)

    def __call__(self, logits: np.ndarray, frames: int, fps: float) -> tuple[Word, ...]:
        """Decode one clip.

        Args:
            logits: [T, classes], class 0 is the blank; only the clip's own steps.
            frames: length of the clip.
            fps: its frames per second.
        """
        if self._rescorer:
            return self._words(self._rescorer.decode(logits, self._corrector.description.rescoring), frames, fps)
        if self._corrector:
            return self._repaired(named(evidence(logits), self._vocabulary, frames, fps))
        return self.uncorrected(logits, frames, fps)

    def uncorrected(self, logits: np.ndarray, frames: int, fps: float) -> tuple[Word, ...]:
        """What greedy decoding gives, whether there is a corrector or not."""
        return self._words(greedy(logits), frames, fps)

    def _repaired(self, slots: Sequence[Alternatives]) -> tuple[Word, ...]:
        """What the corrector makes of a sentence; a gloss is as sure as the student was of it at its place, an
        inserted one 0.
        """
        words = []
        for corrected in self._corrector.correct(slots):
            gloss, start, duration = corrected.token(slots)
            slot = slots[corrected.first] if corrected.stop > corrected.first else None
            sure = dict(zip(slot.glosses, slot.probabilities, strict=True)).get(gloss, 0.0) if slot else 0.0
            words.append(_word(gloss, start, start + duration, sure))
        return tuple(words)

    def _words(self, segments: Sequence[Segment], frames: int, fps: float) -> tuple[Word, ...]:
        return tuple(_word(*word) for word in timed(segments, self._vocabulary, frames, fps))


def _word(gloss: str, start: float, end: float, confidence: float) -> Word:
    return Word(gloss, round(start, 3), round(end, 3), round(confidence, 4))
