"""Text files as editors and spreadsheets save them: UTF-8, or UTF-16 with its mark, or a code page of Western Europe.

A code page does not say which one it is, and a wrong guess turns letters into others. Windows-1252 alone is
accepted, where what comes out is spelled with the letters of one language, and the caller is given a note to show.
"""

import codecs
import re
from pathlib import Path
from typing import NamedTuple

from tf_slr.core import files
from tf_slr.core.errors import DataError
from tf_slr.core.files import SAVE_AS_UTF8

# Far above any list of clips, far below what fills the memory.
MAX_BYTES = 64 * 2**20

# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Letters beyond ASCII of languages that Windows-1252 is used for; a text of one of them stays within one set.
_ALPHABETS = {
    "German": "äöüß", "French": "àâæçéèêëîïôœùûü", "Spanish": "áéíñóúü", "Portuguese": "àáâãçéêíóôõúü",
    "Italian": "àèéìíîòóùú", "Dutch": "áéëïíóöúü", "Swedish": "åäöé", "Danish and Norwegian": "åæøéòó",
}  # fmt: skip
# Marks that may stand beside a word. Between two letters they are letters of another code page.
_MARKS_BESIDE_WORDS = frozenset("«»“”„\u2013…€°¿¡\xa0")


class Text(NamedTuple):
    """What a file holds, and a note on how it was read; empty for UTF-8 and UTF-16."""

    text: str
    note: str = ""


def read_plain_text(path: Path | str) -> Text:
    """Read a text file of a user's, without the byte order mark.

    Raises:
        DataError: the file cannot be read, is larger than any list, or its encoding cannot be told for sure.
    """
    path = Path(path)
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise DataError(f"{path}: has {path.stat().st_size} bytes, more than the {MAX_BYTES} of a list")
    content = files.read_bytes(path)
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return Text(content.decode(encoding).removeprefix("\ufeff"))
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path}: begins as {encoding.upper()} and is none from byte {error.start} on; {SAVE_AS_UTF8}"
                ) from error
    if b"\0" in content:
        raise DataError(f"{path}: holds NUL bytes, as UTF-16 without a byte order mark does; {SAVE_AS_UTF8}")
    try:
        return Text(content.decode())
    except UnicodeDecodeError as error:
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError:
            text = ""
        languages = _languages(text)
        if not languages:
            raise DataError(
                f"{path}: is not UTF-8 text (byte {error.start}), and its encoding cannot be told; {SAVE_AS_UTF8}"
            ) from error
    letters = " ".join(sorted({character for character in text if not character.isascii() and character.isalpha()}))
    return Text(
        text,
        f"{path}: is not UTF-8; read as Windows-1252 with the letters {letters}; if these are wrong, {SAVE_AS_UTF8}",
    )


def _languages(text: str) -> list[str]:
    """The languages in whose letters a text is spelled; none where it holds no letter beyond ASCII."""
    letters: set[str] = set()
    for match in re.finditer(r"[^\W\d_]+", text):
        beyond = [character for character in match[0] if not character.isascii()]
        # In Cyrillic, Greek or Chinese code pages nearly every letter is beyond ASCII.
        if 2 * len(beyond) > max(len(match[0]), 2):
            return []
        letters.update(beyond)
    for position, character in enumerate(text):
        if character.isascii() or character.isalpha():
            continue
        around = text[max(0, position - 1) : position] + text[position + 1 : position + 2]
        if character not in _MARKS_BESIDE_WORDS or (len(around) == 2 and around.isalpha()):
            return []
    lowered = {character.lower() for character in letters}
    return [name for name, alphabet in _ALPHABETS.items() if lowered and lowered <= set(alphabet)]
