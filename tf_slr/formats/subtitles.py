"""Subtitles of recognised glosses: SubRip (.srt) and WebVTT (.vtt).

SubRip has no specification; what is written here is what its own program
wrote. WebVTT: https://www.w3.org/TR/webvtt1/, sections 4.1 to 4.3.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# A gloss that was recognised within a tenth of a second could not be read.
SHOWN_AT_LEAST = 0.7


_WIDE_BRACES = str.maketrans("{}", "\uff5b\uff5d")


class Cue(NamedTuple):
    """A text and when it is shown, in whole milliseconds: from `start` until just before `end`."""

    start: int
    end: int
    text: str


def cues(words: Iterable[tuple[str, float, float]], shown_at_least: float = SHOWN_AT_LEAST) -> list[Cue]:
    """One cue for each gloss, at its time.

    A cue begins with its gloss and stays for a moment that can be read, but
    never into the next one; glosses that begin in one millisecond share a cue.

    Args:
        words: gloss, start and end in seconds, in any order.
        shown_at_least: seconds that a cue stays where the next one leaves it the time.

    Returns:
        Cues in order, none empty in time, none overlapping another.
    """
    beginnings: dict[int, list[tuple[str, int]]] = {}
    for gloss, start, end in sorted(words, key=lambda word: word[1]):
        beginnings.setdefault(_milliseconds(start), []).append((gloss, _milliseconds(end)))
    made = []
    for start, following in itertools.zip_longest(beginnings, list(beginnings)[1:]):
        spoken = beginnings[start]
        end = max(start + max(_milliseconds(shown_at_least), 1), *(end for _, end in spoken))
        made.append(
            Cue(start, end if following is None else min(end, following), " ".join(gloss for gloss, _ in spoken))
        )
    return made


def shown_at(shown: Sequence[Cue], seconds: float) -> str:
    """The text on screen at a moment; empty where there is none."""
    moment = _milliseconds(seconds)
    return next((cue.text for cue in shown if cue.start <= moment < cue.end), "")


def to_srt(shown: Sequence[Cue]) -> str:
    """Cues as SubRip.

    It knows no escapes. Players take '<' for the beginning of a tag, and lenient
    ones search every line for '-->': a space of no width keeps them from it.
    What stands in braces is a command to most of them, whatever it says: wide
    braces stand for the ordinary ones.
    """
    blocks = []
    for number, cue in enumerate(shown, start=1):
        text = _one_line(cue.text).replace("<", "<\u200b").replace("-->", "--\u200b>").translate(_WIDE_BRACES)
        blocks.append(f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{text}\n")
    return "\n".join(blocks)


def to_webvtt(shown: Sequence[Cue]) -> str:
    """Cues as WebVTT; '&', '<' and '>' are escaped, and with '>' the forbidden '-->'."""
    blocks = ["WEBVTT\n"]
    for cue in shown:
        text = _one_line(cue.text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        blocks.append(f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{text}\n")
    return "\n".join(blocks)


def _one_line(text: str) -> str:
    """The text without what would end its line or its cue; a cue must hold something."""
    return " ".join(text.replace("\0", "\ufffd").split()) or "\u200b"


def _milliseconds(seconds: float) -> int:
    return max(round(1000 * seconds), 0)


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{rest:03d}"
