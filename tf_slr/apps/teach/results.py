"""How good a taught recogniser is, on takes that it has not learnt from."""

import shlex
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from tf_slr.apps.teach.division import REST, Division
from tf_slr.corpus.manifest import Corpus
from tf_slr.runtime.recognizer import Recognizer
from tf_slr.scoring.wer import Errors, align, confusions, count, describe

# Pairs of signs that are shown.
PAIRS = 10
HONEST = (
    "Sentences were composed of takes that nothing was learnt from; nobody signed them continuously. "
    "Other people, places and cameras than the recorded ones were not tested."
)


class Results(NamedTuple):
    """What was recognised; glosses stand for signs.

    Attributes:
        sentences: how many composed sentences were recognised.
        errors: all errors in them.
        confused: (signed, recognised) -> how often, in sentences.
        alone: gloss -> what was recognised in each of its takes, when nothing stood before or after it.
    """

    sentences: int
    errors: Errors
    confused: Counter[tuple[str, str]]
    alone: dict[str, tuple[tuple[str, ...], ...]]

    def right(self, gloss: str) -> int:
        """Takes of a sign, or of rest, in which just that was recognised."""
        return self.alone[gloss].count(() if gloss == REST else (gloss,))

    def instead(self, gloss: str) -> Counter[str]:
        """What was recognised instead of a sign alone -> how often."""
        wrong = [found for found in self.alone[gloss] if found != (() if gloss == REST else (gloss,))]
        return Counter(" ".join(found) or "nothing" for found in wrong)

    @property
    def signs(self) -> list[str]:
        """The glosses that were tested, the worst first."""
        tested = [gloss for gloss in self.alone if gloss != REST]
        return sorted(tested, key=lambda gloss: (self.right(gloss) / len(self.alone[gloss]), gloss))

    @property
    def alone_right(self) -> tuple[int, int]:
        """Takes of signs that were recognised alone, and all of them."""
        return sum(map(self.right, self.signs)), sum(len(self.alone[gloss]) for gloss in self.signs)


def results_of(recognizer: Recognizer, corpus: Corpus, division: Division) -> Results:
    """Recognise the sentences of a composed corpus' test split, and each test take alone."""
    samples = corpus.split("test")
    bar = tqdm(samples, "recognise", unit="sentence", disable=None)
    found = [recognizer.transcribe(corpus.clip(sample)).glosses for sample in bar]
    pairs = [pair for sample, said in zip(samples, found, strict=True) for pair in align(sample.glosses, said)]
    alone: dict[str, tuple[tuple[str, ...], ...]] = {}
    for take in division.splits["test"]:
        alone[take.gloss] = (*alone.get(take.gloss, ()), recognizer.transcribe(take.clip).glosses)
    return Results(len(samples), count(pairs), confusions(pairs), alone)


def table(results: Results, division: Division) -> list[tuple[str, ...]]:
    """One row a sign: its name, usable takes, tested ones, right ones, and what was recognised instead."""
    rows = []
    for gloss in [*results.signs, *([REST] if REST in results.alone else [])]:
        instead = ", ".join(f"{what} ({count})" for what, count in results.instead(gloss).most_common())
        name = "(rest)" if gloss == REST else division.signs[gloss]
        numbers = (division.takes[gloss], len(results.alone[gloss]), results.right(gloss))
        rows.append((name, *map(str, numbers), instead))
    return rows


HEADER = ("sign", "takes", "tested", "right", "recognised instead")


def summary_lines(results: Results, division: Division) -> list[str]:
    """The results in few lines, for a terminal."""
    right, all_takes = results.alone_right
    lines = [f"{results.sentences} composed sentences: {describe(results.errors.summary())}",
             f"single takes: {right} of {all_takes} right ({100 * right / all_takes:.0f} %)"]  # fmt: skip
    rows = table(results, division)
    if wrong := [row for row in rows if row[-1]]:
        width = max(len(row[0]) for row in wrong)
        lines += [f"  {name:{width}s}  {right} of {tested} right, instead: {instead}"
                  for name, _, tested, right, instead in wrong]  # fmt: skip
    if results.confused:
        pairs = ", ".join(f"{signed} as {said} ({count})" for (signed, said), count in results.confused.most_common(5))
        lines.append(f"confused most in sentences: {pairs}")
    return [*lines, HONEST]


def to_json(results: Results, division: Division) -> dict:
    """The results as plain JSON."""
    right, all_takes = results.alone_right
    return {
        "composed": {**results.errors.summary(), "sentences": results.sentences},
        "alone": {"right": right, "takes": all_takes},
        "signs": [
            {"sign": division.signs[gloss], "gloss": gloss, "takes": division.takes[gloss],
             "tested": len(results.alone[gloss]), "right": results.right(gloss),
             "instead": dict(results.instead(gloss).most_common())}
            for gloss in results.signs
        ],
        "rest": {"tested": len(results.alone[REST]), "silent": results.right(REST)} if REST in results.alone else None,
        "confused": [
            {"signed": signed, "recognised": said, "times": count}
            for (signed, said), count in results.confused.most_common(PAIRS)
        ],
        "note": HONEST,
    }  # fmt: skip


def to_markdown(results: Results, division: Division, notes: list[str], bundle: Path) -> str:
    """The results as a page for people."""
    right, all_takes = results.alone_right
    lines = [
        "# What was taught, and how well",
        "",
        f"- {results.sentences} composed sentences: {describe(results.errors.summary())}",
        f"- {all_takes} takes recognised alone: {right} right ({100 * right / all_takes:.0f} %)",
        "",
        HONEST,
        *(["", *(f"- {note}" for note in notes)] if notes else []),
        "",
        *_rows(HEADER, table(results, division)),
    ]
    if results.confused:
        pairs = [(signed, said, str(count)) for (signed, said), count in results.confused.most_common(PAIRS)]
        lines += ["", "In sentences these were confused most:", "", *_rows(("signed", "recognised", "times"), pairs)]
    lines += ["", f"What to do next: `{next_command(bundle)}`; more takes of the signs at the top of the table.", ""]
    return "\n".join(lines)


def next_command(bundle: Path) -> str:
    """What to try with a bundle."""
    return f"tf-slr live --bundle {shlex.quote(str(bundle))} --camera 0"


def _rows(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """A table in Markdown, whose cells may hold anything."""
    shown = [header, ("---",) * len(header), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in shown]
