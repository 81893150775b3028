"""LiteRT's interpreter, opened alike for students and correctors."""

from ai_edge_litert.interpreter import Interpreter

from tf_slr.core.errors import BundleError, UsageError
from tf_slr.core.quiet import silent_stderr
from tf_slr.litert.model_check import check_model

# LiteRT takes any number, and the process dies of a hundred thousand.
MOST_THREADS = 256
# What LiteRT and numpy raise where a model is not what its caller takes it for.
FAULTS = (ValueError, RuntimeError, IndexError, KeyError, TypeError, MemoryError)


def open_model(content: bytes, threads: int = 1, source: str = "the model") -> Interpreter:
    """An interpreter of a TFLite file's content, without LiteRT's greetings.

    Args:
        content: of the file, whose hash was checked: a damaged one often loads and gives other numbers.
        threads: number of CPU threads.
        source: what a message calls the file.

    Raises:
        UsageError: no such number of threads can be had.
        BundleError: it is no model that an export of this project can have written.
    """
    if not 1 <= threads <= MOST_THREADS:
        raise UsageError(f"threads: expected 1 to {MOST_THREADS}, received {threads}")
    try:
        check_model(content)
        with silent_stderr():
            return Interpreter(model_content=content, num_threads=threads)
    except FAULTS as error:
        raise unfit(source, error) from error


def unfit(source: str, error: Exception | str) -> BundleError:
    """The error that says that a file holds no model that can be run, in one line."""
    reason = " ".join(str(error).split())
    return BundleError(f"{source}: is not a TFLite model that this program can run ({reason:.300}); "
                       f"fetch or export it anew")  # fmt: skip
