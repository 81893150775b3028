"""Two processes at work in one folder."""

import errno
import os
import subprocess
import sys
import time

import pytest

from tf_slr.core import locks
from tf_slr.core.errors import UsageError
from tf_slr.core.locks import locked


def test_a_second_process_is_refused_while_the_first_is_at_work(tmp_path):
    refused = pytest.raises(UsageError, match="another process is at work here")
    with locked(tmp_path), refused, locked(tmp_path, grace=0.1):
        pass
    with locked(tmp_path, grace=0.1):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    script = (
        "import sys, time; from tf_slr.core.locks import locked\n"
        "with locked(sys.argv[1]): print('in', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "in\n"
    with pytest.raises(UsageError), locked(tmp_path, grace=0.1):
        pass
    process.kill()
    process.communicate()
    started = time.monotonic()
    with locked(tmp_path):
        assert time.monotonic() - started < locks.GRACE_SECONDS / 2


def test_where_there_are_no_locks_work_is_done_without(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    with locked(tmp_path), locked(tmp_path):
        pass
