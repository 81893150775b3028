"""Words of overlapping windows -> one sequence, each word once and for good."""

from collections.abc import Sequence

from tf_slr.runtime.decoder import Word

# How far two windows may disagree about when a word was signed; two signs of one gloss begin further apart. In seconds.
TOLERANCE = 0.4


class Stitcher:
    """Decides which words of a window are new.

    A word is decided when it ends before the window's limit, after which too
    little is known of what follows. A later window that sees more may differ;
    its words from there on are appended to what was decided before.
    """

    def __init__(self) -> None:
        self._last: Word | None = None
        self._decided = float("-inf")

    def merge(self, words: Sequence[Word], until: float) -> list[Word]:
        """The new words of a window.

        Args:
            words: everything recognised in it, in order, in seconds of the stream.
            until: its limit, in seconds of the stream.

        Returns:
            Words that follow all that were returned before.
        """
        new = [word for word in self._following(words) if self._decided - TOLERANCE < word.end <= until]
        self._decided = max(self._decided, until)
        if new:
            self._last = new[-1]
        return new

    def _following(self, words: Sequence[Word]) -> Sequence[Word]:
        """The words after the last decided one, which a window that moved may have placed a little differently."""
        last = self._last
        if last is None:
            return words
        same = [i for i, word in enumerate(words)
                if word.gloss == last.gloss and abs(word.start - last.start) <= TOLERANCE]  # fmt: skip
        if same:
            return words[min(same, key=lambda i: abs(words[i].start - last.start)) + 1 :]
        return [word for word in words if word.start >= last.end]
