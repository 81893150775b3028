"""A recipe's stack over time, such as K5-P2-K5-P2."""

from tf_slr.core import timing
from tf_slr.core.errors import UsageError

MOST_PARTS = 32


def temporal_stack(text: str, field: str, shrink: int = timing.STRIDE) -> list[tuple[str, int]]:
    """Parse a stack over time such as K5-P2-K5-P2: ("K", kernel) or ("P", 2).

    Args:
        text: "K5" for a convolution of kernel 5, "P2" for pooling by 2.
        field: the recipe's field, for errors.
        shrink: by how much it must shrink time.

    Raises:
        UsageError: it cannot be read, has no convolution, or does not shrink time so.
    """
    parts = [(part[:1], part[1:]) for part in text.split("-")]
    written = all(kind in ("K", "P") and size.isdecimal() and len(size) <= 2 and int(size) > 0 for kind, size in parts)
    if not written or len(parts) > MOST_PARTS:
        raise UsageError(f"{field}: expected e.g. K5-K5-K5-P2-K5-P2, of sizes up to 99 and at most {MOST_PARTS} parts, "
                         f"received {text!r:.200}")  # fmt: skip
    stack = [(kind, int(size)) for kind, size in parts]
    pools = [size for kind, size in stack if kind == "P"]
    if set(pools) != {2} or 2 ** len(pools) != shrink:
        times = {2: "once", 4: "twice"}[shrink]
        raise UsageError(f"{field}: must pool {times} by 2 (time shrinks by {shrink}), received {text!r}")
    kernels = [size for kind, size in stack if kind == "K"]
    if not kernels or any(size % 2 == 0 for size in kernels):
        raise UsageError(f"{field}: expected convolutions of odd kernels, received {text!r}")
    return stack
