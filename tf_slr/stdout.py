"""Standard output, which may be a file, a pipe or a terminal of any encoding."""

import json
import sys


def print_json(content: object, indent: int | None = None) -> None:
    """Print JSON; where the encoding lacks letters they are escaped, as JSON knows it."""
    unicode = sys.stdout.encoding.lower().replace("_", "-") in ("utf-8", "utf8")
    print(json.dumps(content, indent=indent, ensure_ascii=not unicode))
