"""The command line: `tf-slr COMMAND`. Exit codes: 0 done, 1 data or use, 2 bug."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence

from tf_slr import __version__
from tf_slr.cli import (
    corpus,
    correction,
    evidence,
    export,
    live,
    poses,
    prepare,
    recognition,
    scoring,
    teaching,
    training,
)
from tf_slr.cli.common import EXIT_BUG, EXIT_FAULT, EXIT_OK, Parser
from tf_slr.core.errors import FULL, SlrError
from tf_slr.core.stdout import say


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""

    def work() -> int:
        arguments = _parser().read(argv)
        return arguments.command(arguments)

    return guarded(work)


def guarded(work: Callable[[], int]) -> int:
    """Run a command's work; errors become one line and an exit code."""
    # TensorFlow and MediaPipe would greet every user with pages of log.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GLOG_minloglevel", "3")
    # Whoever follows a long job through a pipe or a log file sees each line when it is written.
    # A file's name may be no text, and a terminal may lack a language's letters: neither ends a job.
    if sys.stdout is not None:
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    try:
        return work()
    except SlrError as error:
        say(f"error: {error}", file=sys.stderr)
        return EXIT_FAULT
    except KeyboardInterrupt:
        say("stopped; what was written is whole, and the same command can be run again", file=sys.stderr)
        return EXIT_FAULT
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except MemoryError:
        say("error: the memory is full; give this process more, or less to do: fewer or shorter clips, --workers "
              "1, a smaller training.batch or model.width, features.source=files", file=sys.stderr)  # fmt: skip
        return EXIT_FAULT
    except OSError as error:
        # A full disk, a missing permission: the user's to mend, and named by the system.
        room = "; make room and run the same command again: what was written before is whole"
        say(f"error: {error}{room if error.errno in FULL else ''}", file=sys.stderr)
        return EXIT_FAULT
    except ImportError as error:
        if error.name and error.name.split(".")[0] in _EXTRAS:
            extra = _EXTRAS[error.name.split(".")[0]]
            say(f"error: this needs {error.name}; install it with: pip install 'tf_slr[{extra}]'", file=sys.stderr)
            return EXIT_FAULT
        traceback.print_exc()
        return EXIT_BUG
    except Exception:
        traceback.print_exc()
        say("This is a bug in tf_slr; please report it with the lines above.", file=sys.stderr)
        return EXIT_BUG


_EXTRAS = {"tensorflow": "train", "tf_keras": "train", "mediapipe": "video", "cv2": "video", "matplotlib": "report",
    "av": "video", "PIL": "video", "fontTools": "video",
    "pose_format": "pose", "pyarrow": "parquet", "distributed": "cluster", "dask": "cluster",
    "keras_nlp": "train",
}  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="tf-slr", description="Continuous sign language recognition on a CPU.")
    parser.add_argument("--version", action="version", version=f"tf_slr {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (prepare, corpus, poses, training, export, recognition, scoring, evidence, correction, live, teaching):
        group.add(commands)
    return parser
