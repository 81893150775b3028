"""Keeping native libraries from writing to the terminal."""

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Send what native code writes to standard error nowhere.

    MediaPipe's graphs warn on every start and LiteRT announces its delegate,
    whatever log level they are told. What other threads of the process write
    in the meantime is lost too, so this should be short.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
