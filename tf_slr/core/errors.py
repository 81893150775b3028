"""The project's one exception family.

Every error a user can cause, and every fault in data, is a `SlrError`; the
command line prints it as one line and exits with 1. Anything else that
escapes is a bug and exits with 2.
"""

import errno
from collections.abc import Sequence

# Names that a message lists before it only counts the others.
LISTED = 5
# What the system says of a disk, or of a user's share of one, without room.
FULL = (errno.ENOSPC, errno.EDQUOT)


class SlrError(Exception):
    """Base of every error this project raises on purpose."""


class UsageError(SlrError):
    """The request cannot be carried out: wrong option, missing extra, unfit recipe."""


class DataError(SlrError):
    """A file or sample is missing, damaged or not what its place requires."""


class BundleError(SlrError):
    """A recognition bundle is damaged, incomplete or of another format."""


class ExportError(SlrError):
    """An exported model failed one of its gates."""


def shown(names: Sequence[str]) -> str:
    """Names in a message: 'a, b, c, d, e and 4 more'."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
