"""LiteRT's interpreter, opened alike for students and correctors."""

from ai_edge_litert.interpreter import Interpreter

from tf_slr.errors import UsageError
from tf_slr.quiet import silent_stderr

# LiteRT takes any number, and the process dies of a hundred thousand.
MOST_THREADS = 256


def open_model(content: bytes, threads: int = 1) -> Interpreter:
    """An interpreter of a TFLite file's content, without LiteRT's greetings.

    Args:
        content: of the file, whose hash was checked: a damaged one often loads and gives other numbers.
        threads: number of CPU threads.

    Raises:
        UsageError: no such number of threads can be had.
        ValueError, RuntimeError: it is no TFLite model.
    """
    if not 1 <= threads <= MOST_THREADS:
        raise UsageError(f"threads: expected 1 to {MOST_THREADS}, received {threads}")
    with silent_stderr():
        return Interpreter(model_content=content, num_threads=threads)
