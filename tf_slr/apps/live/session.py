"""One session: what is tracked goes into a stream, what the stream says to the terminal and the window."""

import os
import time
from collections import deque

import numpy as np

from tf_slr.apps.live.effort import LEVELS
from tf_slr.apps.live.sources import Source
from tf_slr.apps.live.tracking import LiveTracker, Sight
from tf_slr.apps.live.window import Window
from tf_slr.core.errors import SlrError
from tf_slr.core.quiet import silent_stderr
from tf_slr.core.stdout import print_json, say
from tf_slr.runtime.decoder import Word
from tf_slr.runtime.recognizer import Recognizer
from tf_slr.runtime.stream import Sentence, Stream, StreamOptions

# Delays that percentiles are taken of: those of the last words, so that a session may last for days.
REMEMBERED = 10_000
# Frames over which the shown rate is taken.
RATE_FRAMES = 50


class Printer:
    """What a session writes: words and sentences to standard output, notes and the summary beside them.

    Args:
        lines: write JSON lines, the summary among them, instead of text.
    """

    def __init__(self, lines: bool) -> None:
        self._lines = lines
        # Standard error is shut while MediaPipe works, whose warnings are not for users.
        self._aside = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")

    def word(self, word: Word, delay: float) -> None:
        """A word was committed, `delay` seconds after it ended."""
        if self._lines:
            self._line("word", word._asdict() | {"delay": round(delay, 3)})
        else:
            say(f"{word.start:8.2f} s  {word.gloss}")

    def sentence(self, sentence: Sentence) -> None:
        """A sentence ended; it is written as it reads after correction."""
        glosses = [word.gloss for word in sentence.corrected]
        if self._lines:
            self._line("sentence", {"glosses": glosses, "start": sentence.words[0].start, "end": sentence.end})
        else:
            say(f"{sentence.end:8.2f} s  = {' '.join(glosses)}")

    def note(self, text: str) -> None:
        """Something a user should know."""
        say(f"note: {text}", file=self._aside)

    def summary(self, facts: dict) -> None:
        """What became of the session."""
        if self._lines:
            self._line("summary", facts)
            return
        share = 100 * facts["dropped"] / max(facts["frames"], 1)
        parts = [
            f"{facts['frames']} frames in {facts['seconds']:.1f} s, {facts['dropped']} dropped ({share:.1f} %), "
            f"{facts['fps']:.1f} a second",
            f"{facts['words']} words in {facts['sentences']} sentences",
        ]
        if facts["words"]:
            parts.append(f"delay p50 {facts['delay_p50_s']:.2f} s, p95 {facts['delay_p95_s']:.2f} s")
        say("; ".join([*parts, f"at the end {facts['level']}"]), file=self._aside)

    @staticmethod
    def _line(kind: str, content: dict) -> None:
        print_json({"type": kind} | content)


class Session:
    """Recognises what a source shows until it ends or somebody ends it.

    Args:
        recognizer: recognises.
        source: where frames come from.
        options: of the stream.
        printer: writes.
        window: shows; None for a terminal alone.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        source: Source,
        options: StreamOptions,
        printer: Printer,
        window: Window | None = None,
    ) -> None:
        self._source, self._printer, self._window = source, printer, window
        self._ended: list[Sentence] = []  # sentences that are not told yet
        self._stream = Stream(recognizer, options, self._ended.append)
        self._caption: list[str] = []  # of the sentence that is signed, or of the last one until another begins
        self._over = True  # whether that sentence has ended
        self._words = self._sentences = 0
        self._delays: deque[float] = deque(maxlen=REMEMBERED)
        self._seen: deque[float] = deque(maxlen=RATE_FRAMES)  # when the last frames were seen

    def run(self) -> None:
        """Recognise until the source ends, the window is closed, or Ctrl-C; then write the summary.

        Raises:
            DataError: frames stopped coming or are damaged, or MediaPipe failed; what was said before is written.
            UsageError: MediaPipe is not installed.
        """
        started, tracked, fault, sight = time.monotonic(), 0, None, None
        with silent_stderr(), LiveTracker(self._source, self._printer.note) as tracker:
            try:
                # Loading MediaPipe took seconds; only from here on is anybody seen.
                self._printer.note(f"watching {self._source.name}; Ctrl-C ends")
                started = time.monotonic()
                for sight in tracker.sights():
                    tracked += 1
                    words = self._stream.feed(sight.shot.time, sight.landmarks, sight.aspect, sight.shoulders)
                    self._tell(sight, words)
                    self._seen.append(time.monotonic())
                    if self._window and not tracker.late and not self._show(sight, tracker):
                        break
            except KeyboardInterrupt:
                pass
            except SlrError as error:
                fault = error
            seconds = time.monotonic() - started
        if self._window:
            self._window.close()
        if sight:
            self._tell(sight, self._stream.finish())
        p50, p95 = np.percentile(self._delays, (50, 95)).round(3).tolist() if self._delays else (None, None)
        self._printer.summary({
            "frames": tracker.frames, "dropped": tracker.dropped, "seconds": round(seconds, 2),
            "fps": round(tracked / seconds, 2), "words": self._words, "sentences": self._sentences,
            "delay_p50_s": p50, "delay_p95_s": p95, "level": str(LEVELS[tracker.level]),
        })  # fmt: skip
        if fault:
            raise fault

    def _tell(self, sight: Sight, words: list[Word]) -> None:
        shot = sight.shot
        # A source that waits has no time of its own but that of its frames.
        now = shot.time if self._source.waits else time.monotonic() - shot.taken + shot.time
        for word in words:
            if self._over:
                self._caption, self._over = [], False
            self._caption.append(word.gloss)
            self._words += 1
            self._delays.append(now - word.end)
            self._printer.word(word, now - word.end)
        # The stream tells a sentence before it hands over the last of its words.
        for sentence in self._ended:
            self._sentences += 1
            self._over = True
            self._printer.sentence(sentence)
            self._caption = [word.gloss for word in sentence.corrected]
        self._ended.clear()

    def _show(self, sight: Sight, tracker: LiveTracker) -> bool:
        elapsed = self._seen[-1] - self._seen[0]
        rate = (len(self._seen) - 1) / elapsed if elapsed else 0.0
        return self._window.show(sight, " ".join(self._caption), f"{rate:.0f} fps, {tracker.dropped} dropped")
