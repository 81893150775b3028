"""Gloss n-grams with back-off, in ARPA files: the format of SRILM, KenLM and the rest of the field.

The probability of a gloss after a history is that of the longest n-gram of both that the model lists; for each gloss
by which the history had to be shortened, the back-off weight of what was shortened is multiplied in (Katz 1987):

    p(w | h) = p*(w | h)  if the model lists h w,  else  backoff(h) p(w | h without its first gloss)

Probabilities are decimal logarithms in the file and here, as is the custom; natural ones meet the beam search.
"""

import codecs
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from tf_slr.core import files
from tf_slr.core.errors import DataError
from tf_slr.core.glosses import BLANK, Vocabulary
from tf_slr.formats.transcripts import read_number

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
# What ARPA files write for a probability of zero, such as that of <s>; also of a gloss that the model has no place for.
ZERO = -99.0

MAX_ORDER = 6
# The trigrams of PHOENIX' 5,671 sentences take 3 MB.
MAX_BYTES = 128 * 2**20
MAX_LINE = 10_000
# SRILM and KenLM write seven digits of a logarithm, and so may exceed a certainty by their rounding.
ROUNDING = 1e-5

History = tuple[str, ...]


class NGram:
    """A gloss n-gram.

    Args:
        order: glosses in the longest n-gram.
        probabilities: for each history the listed glosses, with log10 p*(gloss | history); the empty history lists
            every gloss the model knows, and `</s>`.
        backoffs: log10 back-off weight of each history that is not 1.
    """

    def __init__(
        self, order: int, probabilities: Mapping[History, Mapping[str, float]], backoffs: Mapping[History, float]
    ) -> None:
        self.order, self.probabilities, self.backoffs = order, probabilities, backoffs

    @property
    def glosses(self) -> set[str]:
        """What the model knows, without its marks."""
        return self.probabilities[()].keys() - {START, END, UNKNOWN}

    def history(self, glosses: Sequence[str]) -> History:
        """The part of a history that matters: its longest end that the model knows as one."""
        kept = self._longest(glosses)
        while kept and kept not in self.probabilities and kept not in self.backoffs:
            kept = kept[1:]
        return kept

    def log10(self, gloss: str, history: Sequence[str]) -> float:
        """log10 p(gloss | history); a gloss that the model does not know counts as `<unk>`.

        Args:
            gloss: or `</s>`, for the end of the sentence.
            history: what came before; a sentence begins with `<s>`.
        """
        (gloss,), kept, weight = self._known((gloss,)), self._longest(history), 0.0
        while kept:
            found = self.probabilities.get(kept, {}).get(gloss)
            if found is not None:
                return max(ZERO, weight + found)
            weight += self.backoffs.get(kept, 0.0)
            kept = kept[1:]
        return max(ZERO, weight + self.probabilities[()].get(gloss, ZERO))

    def _longest(self, history: Sequence[str]) -> History:
        return self._known(history[max(0, len(history) - self.order + 1) :])

    def _known(self, glosses: Sequence[str]) -> History:
        known = self.probabilities[()]
        return tuple(gloss if gloss in known else UNKNOWN for gloss in glosses)

    def sentence_log10(self, glosses: Sequence[str]) -> float:
        """log10 p(sentence), its end included."""
        marked = [START, *glosses, END]
        return sum(self.log10(gloss, marked[:i]) for i, gloss in enumerate(marked) if i)

    def perplexity(self, sentences: Iterable[Sequence[str]]) -> float:
        """10 to the mean of -log10 p over all glosses and sentence ends."""
        sentences = list(sentences)
        places = sum(len(sentence) + 1 for sentence in sentences)
        return 10 ** (-sum(map(self.sentence_log10, sentences)) / places)


class GlossModel:
    """An n-gram over the ids of a vocabulary, as `beam_search` asks for it.

    A state is the number of a history; for each one that was met the probabilities of all classes are kept.

    Args:
        ngram: the model.
        vocabulary: names of the classes; those the model does not know count as `<unk>`.
    """

    # Some 20 MB for the largest vocabulary of the field.
    FIRST_ROWS = 4096

    def __init__(self, ngram: NGram, vocabulary: Vocabulary) -> None:
        self._ngram, self._vocabulary = ngram, vocabulary
        # Class 0 is the blank, which no sentence holds: its place is that of the sentence's end.
        self._names = (END, *vocabulary.glosses)
        known = ngram.glosses | {END}
        self._columns: dict[str, list[int]] = {}
        for column, name in enumerate(self._names):
            self._columns.setdefault(name if name in known else UNKNOWN, []).append(column)
        self._histories: list[History] = []
        self._states: dict[History, int] = {}
        self._table = np.empty((self.FIRST_ROWS, len(self._names)), np.float32)

    def begin(self) -> int:
        """The state of a sentence without gloss."""
        return self._state((START,))

    def advance(self, state: int, gloss: int) -> int:
        """The state after one more gloss."""
        return self._state((*self._histories[state], self._names[gloss]))

    def log_probabilities(self, states: Sequence[int], classes: Sequence[int]) -> np.ndarray:
        """Natural log probability [states, classes] of each next gloss; class 0 is the sentence's end."""
        return self._table[np.asarray(states)[:, None], np.asarray(classes)]

    def __call__(self, glosses: Sequence[int]) -> float:
        """Natural log probability of a sentence, its end included."""
        state, total = self.begin(), 0.0
        for gloss in glosses:
            total += float(self._table[state, gloss])
            state = self.advance(state, gloss)
        return total + float(self._table[state, BLANK])

    def _state(self, glosses: History) -> int:
        history = self._ngram.history(glosses)
        if history not in self._states:
            if len(self._histories) == len(self._table):
                self._table = np.concatenate([self._table, np.empty_like(self._table)])
            self._table[len(self._histories)] = self._row(history) * math.log(10)
            self._states[history] = len(self._histories)
            self._histories.append(history)
        return self._states[history]

    def _row(self, history: History) -> np.ndarray:
        """log10 p of each class after a history."""
        if history:
            row = self._row(history[1:]) + self._ngram.backoffs.get(history, 0.0)
        else:
            row = np.full(len(self._names), ZERO)
        for gloss, value in self._ngram.probabilities.get(history, {}).items():
            row[self._columns.get(gloss, [])] = value
        return np.maximum(row, ZERO)


def write_arpa(path: Path | str, ngram: NGram) -> None:
    """Write an ARPA file, atomically; the same model gives the same bytes."""
    entries: list[list[str]] = [[] for _ in range(ngram.order)]
    for history in sorted(ngram.probabilities):
        for gloss, value in sorted(ngram.probabilities[history].items()):
            whole = (*history, gloss)
            weight = f"\t{ngram.backoffs[whole]:.7g}" if whole in ngram.backoffs else ""
            entries[len(history)].append(f"{value:.7g}\t{' '.join(whole)}{weight}\n")
    lines = ["\\data\\\n", *(f"ngram {order}={len(rows)}\n" for order, rows in enumerate(entries, start=1))]
    for order, rows in enumerate(entries, start=1):
        lines += [f"\n\\{order}-grams:\n", *rows]
    files.write_text(path, "".join([*lines, "\n\\end\\\n"]))


def read_arpa(path: Path | str) -> NGram:
    """Read an ARPA file.

    Raises:
        DataError: it cannot be read or is not as it must be; a line is named by its number.
    """
    lines = _Lines(path)
    for line in lines:
        if line == "\\data\\":
            break
    else:
        raise DataError(f"{path}: has no line \\data\\; expected an ARPA language model (unpacked, if it was packed)")
    counts = _counts(lines)
    probabilities: dict[History, dict[str, float]] = {}
    backoffs: dict[History, float] = {}
    for order, count in enumerate(counts, start=1):
        if lines.current != f"\\{order}-grams:":
            raise DataError(f"{lines.place}: expected \\{order}-grams:, found {lines.current[:80]!r}")
        found = 0
        for line in lines:
            if line.startswith("\\") and len(line.split()) == 1:
                break
            _read_entry(line, order, len(counts), probabilities, backoffs, lines.place)
            found += 1
        else:
            raise DataError(f"{path}: ends within the {order}-grams, without \\end\\; is it complete?")
        if found != count:
            raise DataError(f"{lines.place}: expected {count} {order}-grams, as \\data\\ says, found {found}")
    if lines.current != "\\end\\":
        raise DataError(f"{lines.place}: expected \\end\\, found {lines.current[:80]!r}")
    absent = [mark for mark in (START, END) if mark not in probabilities.get((), {})]
    if absent:
        raise DataError(f"{path}: does not know {' and '.join(absent)}; expected a model of whole sentences")
    return NGram(len(counts), probabilities, backoffs)


class _Lines:
    """The lines of a file that are not empty, and where the last one stood."""

    def __init__(self, path: Path | str) -> None:
        self.path, self.number, self.current = path, 0, ""
        self._rows = self._read()

    @property
    def place(self) -> str:
        """Where the current line stands."""
        return f"{self.path}, line {self.number}"

    def __iter__(self) -> Iterator[str]:
        return self._rows

    def _read(self) -> Iterator[str]:
        size = 0
        try:
            with open(self.path, "rb") as stream:
                while line := stream.readline(MAX_LINE + 1):
                    self.number += 1
                    size += len(line)
                    if len(line) > MAX_LINE or size > MAX_BYTES:
                        raise DataError(f"{self.place}: lines of more than {MAX_LINE} bytes or files of more than "
                                        f"{MAX_BYTES // 2**20} MB are no gloss n-gram")  # fmt: skip
                    line = line.removeprefix(codecs.BOM_UTF8) if self.number == 1 else line
                    self.current = files.decoded(line, self.place).strip()
                    if self.current:
                        yield self.current
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read ({error.strerror})") from error


def _counts(lines: _Lines) -> list[int]:
    """How many n-grams of each order the header promises; the first line after it is left as the current one."""
    counts: list[int] = []
    for line in lines:
        if line.startswith("\\"):
            break
        name, _, number = line.partition("=")
        if name.split() != ["ngram", str(len(counts) + 1)] or not (number.strip().isdecimal() and len(number) < 20):
            raise DataError(f"{lines.place}: expected 'ngram {len(counts) + 1}=COUNT', found {line[:80]!r}")
        counts.append(int(number))
    if not 1 <= len(counts) <= MAX_ORDER:
        raise DataError(f"{lines.place}: expected a model of order 1 to {MAX_ORDER}, found {len(counts)}")
    return counts


def _read_entry(
    line: str, order: int, highest: int, probabilities: dict[History, dict[str, float]],
    backoffs: dict[History, float], place: str,
) -> None:  # fmt: skip
    """Read 'log10-probability gloss ... [log10-backoff]'."""
    fields = line.split()
    if len(fields) - order not in (1, 2) or (len(fields) - order == 2 and order == highest):
        tail = "" if order == highest else " [backoff]"
        raise DataError(f"{place}: expected 'log10{' gloss' * order}{tail}', found {len(fields)} fields")
    value, glosses = read_number(fields[0], place), tuple(fields[1 : order + 1])
    if value > ROUNDING:
        raise DataError(f"{place}: expected the logarithm of a probability, at most 0, found {fields[0]}")
    if order > 1:
        strange = [gloss for gloss in glosses if gloss not in probabilities.get((), {})]
        if strange:
            raise DataError(f"{place}: {strange[0][:80]!r} is not among the 1-grams")
    *history, gloss = glosses
    listed = probabilities.setdefault(tuple(history), {})
    if gloss in listed:
        raise DataError(f"{place}: the {order}-gram stands twice")
    listed[gloss] = min(value, 0.0)
    weight = read_number(fields[-1], place) if len(fields) - order == 2 else 0.0
    if weight:
        backoffs[glosses] = weight
