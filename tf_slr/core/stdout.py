"""What is printed: lines for people, who may sit before a terminal, and JSON for programs."""

import codecs
import json
import re
import sys
import unicodedata
from typing import TextIO

# Marks that a script needs inside a word (Persian, Indic scripts, emoji).
_JOINERS = ("\u200c", "\u200d")
# Cc: control characters, with which a terminal is told to do things. Cf: invisible, some of which reverse what
# follows. Cs: bytes of a file's name that are no text. Zl, Zp: line ends of other kinds.
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def printable(text: str) -> str:
    """A text of the user's as one line that a terminal only shows: what would do something else is escaped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if unicodedata.category(c) in _HIDDEN and c not in _JOINERS else c for c in text)


def say(*lines: object, file: TextIO | None = None) -> None:
    """Print lines for people, each by `printable`; to standard output without `file`."""
    for line in lines:
        print(printable(str(line)), file=file or sys.stdout)


def print_json(content: object, indent: int | None = None) -> None:
    """Print JSON; where the encoding lacks letters they are escaped, as JSON knows it, and what a terminal obeys."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    unicode = codecs.lookup(encoding).name == "utf-8"
    text = json.dumps(content, indent=indent, ensure_ascii=not unicode)
    # JSON itself escapes control characters below a space only.
    print(re.sub(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", lambda m: f"\\u{ord(m[0]):04x}", text))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
