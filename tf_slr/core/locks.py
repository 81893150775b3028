"""Locks that keep a second process out of a folder where one is at work."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tf_slr.core.errors import UsageError
from tf_slr.core.files import NO_LOCKS, fcntl

NAME = ".lock"
# A process that was killed, or whose parent was, ends within this time.
GRACE_SECONDS = 20.0


@contextlib.contextmanager
def locked(folder: Path | str, grace: float = GRACE_SECONDS) -> Iterator[BinaryIO]:
    """Keep other processes out of a folder, in which a file .lock is left.

    The lock lies on an open file that processes inherit to which it is passed: it is free when the last of them has
    ended, so nobody ever writes beside an orphan. File systems without locks, and Windows, have none: there it is the
    user who must not start two.

    Args:
        folder: made where it is not.
        grace: seconds to wait for the other's end.

    Raises:
        UsageError: another process is at work there.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / NAME).open("ab") as stream:
        deadline = time.monotonic() + grace
        while fcntl is not None:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise UsageError(f"{folder}: another process is at work here; wait for its end, or choose "
                                     "another folder") from None  # fmt: skip
                time.sleep(0.1)
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise
                break
        yield stream
