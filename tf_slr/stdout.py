"""Standard output, which may be a file, a pipe or a terminal of any encoding."""

import codecs
import json
import sys


def print_json(content: object, indent: int | None = None) -> None:
    """Print JSON; where the encoding lacks letters they are escaped, as JSON knows it."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    unicode = codecs.lookup(encoding).name == "utf-8"
    print(json.dumps(content, indent=indent, ensure_ascii=not unicode))
