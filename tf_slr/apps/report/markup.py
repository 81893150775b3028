"""HTML that cannot be broken by what stands in it: plain text is escaped, only markup made here is not."""

import html
import unicodedata
from collections.abc import Iterable


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | Markup | int | float | None | Iterable["Content"]


def tag(name: str, /, *content: Content, **attributes: str | float | None) -> Markup:
    """An element.

    Args:
        name: such as "td".
        content: text, which is escaped, or markup; None is left out, lists are opened.
        attributes: an underscore at the end of a name is dropped (`class_`), others become hyphens; None is left out.
    """
    return Markup(f"<{name}{_attributes(attributes)}>{join(content)}</{name}>")


def empty(name: str, /, **attributes: str | float | None) -> Markup:
    """An element without content, closed as SVG wants it."""
    return Markup(f"<{name}{_attributes(attributes)}/>")


def join(content: Content, between: str = "") -> Markup:
    """Pieces as one, plain text escaped."""
    if content is None:
        return Markup()
    if isinstance(content, Markup):
        return content
    if isinstance(content, str | int | float):
        return Markup(html.escape(_printable(str(content))))
    return Markup(between.join(join(piece) for piece in content))


def _attributes(attributes: dict[str, str | float | None]) -> str:
    return "".join(
        f' {name.removesuffix("_").replace("_", "-")}="{html.escape(_printable(str(value)))}"'
        for name, value in attributes.items()
        if value is not None
    )


def _printable(text: str) -> str:
    """Without control characters and halves of letters, which HTML forbids even as references."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" else c for c in text)
