"""Run pytest again and again in processes forked from this one, which has loaded the heavy libraries once.

Reads one JSON object a line from standard input, {"tests": [...], "cpu_s": N}, and answers with one,
{"code": N, "cpu_s": N}: the exit code of pytest, negative where a signal ended it. Nothing of the project is imported
here, so that every child imports it as its files are at that moment. Started by `mutation.py`.
"""

import importlib
import json
import os
import resource
import signal
import sys
import time

HEAVY = ("numpy", "pytest", "hypothesis", "hypothesis.extra.numpy", "tensorflow", "tf_keras")
# A mutant may ask for more and more memory; beyond what the libraries have mapped it gets so much.
MEMORY = 4 * 2**30
# A child that waits, for a lock or a subprocess, uses no processor time.
WAIT_SECONDS = 300


def _run(tests: list[str], cpu_s: float) -> int:
    """The child: pytest without output, within bounds of processor time and memory."""
    import pytest
    from hypothesis import Phase, settings

    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    limit = int(time.process_time() + cpu_s) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    # A mutant that fails is killed: nobody wants its smallest example, nor should the next one start from it.
    settings.register_profile("mutation", deadline=None, database=None, phases=[Phase.explicit, Phase.generate])
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-profile=mutation"]
    return int(pytest.main([*options, "--hypothesis-seed=0", *tests]))


def _fork(tests: list[str], cpu_s: float) -> tuple[int, float]:
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            silence = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(silence, stream)
            code = _run(tests, cpu_s)
        except BaseException:
            code = 99
        os._exit(code)
    deadline = time.monotonic() + WAIT_SECONDS
    while not (done := os.wait4(child, os.WNOHANG))[0]:
        if time.monotonic() > deadline:
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.02)
    _, status, usage = done
    return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime


def main() -> None:
    """Load what is heavy, then serve."""
    for name in sys.argv[1:] or HEAVY:
        importlib.import_module(name)
    for line in sys.stdin:
        code, cpu_s = _fork(**json.loads(line))
        sys.stdout.write(json.dumps({"code": code, "cpu_s": round(cpu_s, 2)}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
