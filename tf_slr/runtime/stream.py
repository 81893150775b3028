"""Recognition while somebody signs: frames in, words out, soon after and for good.

A recogniser that reads a clip in both directions has to see what follows a
sign. While somebody signs it reads a window every `hop` seconds: from where
the signing began, or the last `window` seconds of it, to now. Words that
ended more than `look_ahead` seconds ago are committed. Hands at rest or out
of sight end the sentence and commit the rest. Then what the windows said of
the whole sentence is decoded once more as that of a clip would be, corrector
and all: what was committed stays, the corrected sentence stands beside it.

Nothing but the recogniser is shared between two streams, and it keeps no
state. Memory does not grow: frames beyond the longest window are forgotten,
and logits with their sentence.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tf_slr.core import timing
from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.landmarks import POINTS, BodyFrame, Clip, Normalisation, body_frame, normalise, to_square
from tf_slr.core.resampling import Resampler
from tf_slr.runtime.activity import PAUSE, Activity, ActivityOptions, wrists_in_sight
from tf_slr.runtime.decoder import Word
from tf_slr.runtime.recognizer import Recognizer
from tf_slr.runtime.sentence_logits import SentenceLogits
from tf_slr.runtime.stitching import Stitcher


@dataclass(frozen=True)
class StreamOptions:
    """How a stream is recognised; all times in seconds.

    Attributes:
        window: the most that is read at once.
        hop: from one window to the next.
        look_ahead: how much of what follows a word must be seen before it is committed.
        pause: how long hands rest at the end of a sentence.
        margin: how much rest is read before and after signing, as in the clips a recogniser learns from.
        memory: over how long the signer's place and size are found, as medians.
        longest: a sentence without pause is ended after this long.
        activity: what counts as signing.
    """

    window: float = bounded(6.0, 0, 600)
    hop: float = bounded(0.32, 0, 600, above=True)
    look_ahead: float = bounded(0.8, 0, 600)
    pause: float = bounded(PAUSE, 0, 600, above=True)
    margin: float = bounded(0.16, 0, 600)
    memory: float = bounded(10.0, 0, 600)
    longest: float = bounded(60.0, 0, 600)
    activity: ActivityOptions = field(default_factory=ActivityOptions)

    def __post_init__(self) -> None:
        check_bounds(self, "stream.")
        if self.window < self.look_ahead + 2 * self.hop:
            raise UsageError(f"stream.window: expected at least look_ahead and two hops, "
                             f"{self.look_ahead + 2 * self.hop:.2f} seconds, received {self.window}")  # fmt: skip
        if self.longest < self.window:
            raise UsageError(f"stream.longest: expected at least the window, received {self.longest}")


class Sentence(NamedTuple):
    """Words between two pauses.

    Attributes:
        words: as they were committed, with times of the stream's clock; never empty.
        end: when signing, or the last word, ended, or the sentence was cut, in seconds of the stream's clock.
        corrected: what the recogniser makes of the sentence as a whole, the way it decodes clips; `words` where the
            bundle has no corrector, and empty where it believes none of them.
    """

    words: tuple[Word, ...]
    end: float
    corrected: tuple[Word, ...]


class Stream:
    """One signer before one camera.

    Args:
        recognizer: may be shared by several streams of one thread.
        options: how it is recognised.
        on_sentence: called with every sentence when it ends, after its last word was committed.

    Attributes:
        ignored: frames without a usable time: not a number, or not later than the one before.

    Raises:
        UsageError: the recogniser reads video.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        options: StreamOptions | None = None,
        on_sentence: Callable[[Sentence], None] | None = None,
    ) -> None:
        self._recognizer = recognizer
        self._options = options = options or StreamOptions()
        self._on_sentence = on_sentence
        if not isinstance(recognizer.bundle.input, Normalisation):
            raise UsageError("a stream reads landmarks, the bundle's student video; choose another bundle")
        self._rule = recognizer.bundle.input
        self._fps = fps = recognizer.bundle.fps
        self._hop = _whole_steps(options.hop, fps)
        self._window = max(_whole_steps(options.window, fps), 2 * self._hop)
        self._pause, self._margin = max(1, round(options.pause * fps)), round(options.margin * fps)
        self._resampler = Resampler(fps, longest_gap=options.pause)
        self._begin()

    def _begin(self) -> None:
        """Forget all frames; moments are counted from 0 again."""
        self._now = -1  # number of the last moment
        # Points [96, 3] of the last moments: landmarks, shoulders, wrists in sight, in units of the picture's height.
        self._frames: deque[np.ndarray] = deque(maxlen=self._window + self._pause + self._margin)
        self._body: BodyFrame | None = None
        self._seen: deque[np.ndarray] = deque(maxlen=max(1, round(self._options.memory * self._fps / timing.STRIDE)))
        self._last_seen = 0  # last moment in which anything was found
        self._activity = Activity(self._options.activity, self._fps)
        self._start: int | None = None  # first moment of the signing that goes on
        self._signed = -1  # last moment with signing
        self._read_until = 0  # the moment after the last one that a finished sentence's windows held
        self._begin_signing()
        self._words: list[Word] = []
        self._sentence_start = 0

    def _begin_signing(self) -> None:
        """Forget what windows said of earlier signing."""
        self._stitcher = Stitcher()
        self._logits = SentenceLogits(self._window // timing.STRIDE, self._recognizer.bundle.vocabulary.classes)

    @property
    def ignored(self) -> int:
        """See the class."""
        return self._resampler.ignored

    def feed(
        self, time: float, landmarks: np.ndarray | None, aspect: float, shoulders: np.ndarray | None = None
    ) -> list[Word]:
        """Take the next frame.

        Times may be of any rate and clock; after a long gap, or when the clock is set back, a new sentence begins.

        Args:
            time: of the frame, in seconds.
            landmarks: [92, 3] as MediaPipe gives them, NaN where not found; None where nobody was found.
            aspect: width / height of the picture.
            shoulders: [2, 3] (left, right) in the same coordinates, where known.

        Returns:
            Words that were committed now, with times of the frames' clock.

        Raises:
            DataError: an array is not of the layout, or the aspect is no number from 0.1 to 10.
        """
        points = _points(landmarks, shoulders, aspect)
        words = self.finish() if self._resampler.breaks(time) else []
        for moment in self._resampler.push(time, points):
            words += self._step(moment)
        return words

    def finish(self) -> list[Word]:
        """Commit what was signed so far and end the sentence; what is fed next begins anew."""
        words = self._end() if self._start is not None else []
        self._resampler.restart()
        self._begin()
        return words

    def _step(self, points: np.ndarray) -> list[Word]:
        """Take the points of the next moment."""
        self._now += 1
        self._frames.append(points)
        self._find_body(points)
        if self._activity.signs(points[_WRISTS, :2], self._body):
            self._signed = self._now
            if self._start is None:
                self._start = self._sentence_start = max(self._read_until, self._now - self._margin)
                self._begin_signing()
        if self._start is None:
            return []
        if self._now - self._signed >= self._pause:
            return self._end()
        seen = self._now + 1
        if (seen - self._start) % self._hop:
            return []
        decided = self._time(seen) - self._options.look_ahead
        words = self._read(seen, decided)
        if seen - self._sentence_start >= self._options.longest * self._fps:
            self._sentence_start = seen
            self._tell(self._cut(decided))
        return words

    def _find_body(self, points: np.ndarray) -> None:
        """Follow the signer's place and size: those of everything seen lately, as in a clip, and not of one window."""
        if not np.isfinite(points[:POINTS, :2]).all(-1).any():
            # Who comes back after a pause may be another person.
            if self._start is None and self._now - self._last_seen >= self._pause:
                self._seen.clear()
                self._body = None
            return
        self._last_seen = self._now
        # A median needs no more than a frame of each step.
        if self._body is None or self._now % timing.STRIDE == 0:
            self._seen.append(points)
        if self._body is None or self._now % self._hop == 0:
            self._body = body_frame(_clip(self._seen))

    def _end(self) -> list[Word]:
        """Commit the rest of the sentence, and tell it."""
        stop = min(self._signed + 1 + self._margin, self._now + 1)
        words = self._read(stop, float("inf"))
        self._tell(stop)
        self._start, self._read_until = None, stop
        return words

    def _read(self, stop: int, until: float) -> list[Word]:
        """Recognise the last window before a moment; the words that are new and end by the time `until`."""
        # Windows are whole steps apart, so that all of them cut time into the same steps.
        late = -(-max(0, stop - self._start - self._window) // timing.STRIDE) * timing.STRIDE
        begin = self._start + late
        oldest = self._now + 1 - len(self._frames)
        clip = _clip(itertools.islice(self._frames, begin - oldest, stop - oldest))
        if self._body is None or not np.isfinite(clip.landmarks).any():
            return []
        values = normalise(clip, self._rule, self._body)
        logits = self._recognizer.logits(values)
        self._logits.add((begin - self._start) // timing.STRIDE, logits)
        words = self._stitcher.merge(
            _later(self._recognizer.uncorrected(logits, len(values)), self._time(begin)), until
        )
        self._words += words
        return words

    def _cut(self, decided: float) -> int:
        """The moment at which a sentence without pause is ended: after its last word, where nothing is signed.

        Args:
            decided: until when words were committed, in seconds of the stream's clock.
        """
        step = timing.STRIDE / self._fps
        last = self._words[-1].end if self._words else decided
        since = self._time(self._start)
        cut = self._logits.quietest(round((last - since) / step), int((decided - since) / step) + 1)
        return self._start + cut * timing.STRIDE

    def _tell(self, stop: int) -> None:
        """Tell the sentence that ends before a moment."""
        words, self._words = tuple(self._words), []
        first, logits = self._logits.take(timing.steps(stop - self._start))
        if words and self._on_sentence:
            corrected, begin = words, self._start + first * timing.STRIDE
            if self._recognizer.corrects:
                corrected = _later(self._recognizer.decode(logits, stop - begin), self._time(begin))
            # Signing goes on where a sentence was cut; a word may end in the rest that is read after signing.
            end = max(words[-1].end, round(self._time(min(self._signed + 1, stop)), 3))
            self._on_sentence(Sentence(words, end, corrected))

    def _time(self, moment: int) -> float:
        return self._resampler.origin + moment / self._fps


_SHOULDERS, _WRISTS = slice(POINTS, POINTS + 2), slice(POINTS + 2, POINTS + 4)


def _whole_steps(seconds: float, fps: float) -> int:
    """Frames in about so many seconds that make whole output steps."""
    return max(1, round(seconds * fps / timing.STRIDE)) * timing.STRIDE


def _later(words: Iterable[Word], seconds: float) -> tuple[Word, ...]:
    """Words of a window as words of the stream's clock."""
    return tuple(
        word._replace(start=round(word.start + seconds, 3), end=round(word.end + seconds, 3)) for word in words
    )


def _points(landmarks: np.ndarray | None, shoulders: np.ndarray | None, aspect: float) -> np.ndarray:
    """A frame as it is kept: landmarks, shoulders, wrists in sight [96, 3], in units of the picture's height."""
    if not 0.1 <= aspect <= 10:
        raise DataError(f"expected an aspect, width / height of the picture, from 0.1 to 10, received {aspect}")
    landmarks = _checked(landmarks, POINTS, "landmarks")
    parts = (landmarks, _checked(shoulders, 2, "shoulders"), wrists_in_sight(landmarks))
    return to_square(np.concatenate(parts), aspect)


# Picture sizes away from the picture: nobody's hand.
_FAR = 100


def _checked(points: np.ndarray | None, count: int, name: str) -> np.ndarray:
    """Points float32 [count, 3], NaN where not found."""
    if points is None:
        return np.full((count, 3), np.nan, np.float32)
    points = np.asarray(points)
    if points.shape != (count, 3) or points.dtype.kind != "f":
        raise DataError(f"expected floating-point {name} of shape [{count}, 3], received {points.dtype} "
                        f"{list(points.shape)}")  # fmt: skip
    return np.where(np.abs(points) < _FAR, points, np.nan).astype(np.float32)


def _clip(frames: Iterable[np.ndarray]) -> Clip:
    """Kept frames as a clip; they are in units of the picture's height, which is a picture as wide as high."""
    points = np.stack(list(frames))
    return Clip(points[:, :POINTS], points[:, _SHOULDERS], 1.0)
