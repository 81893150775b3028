"""What numbers among options may be, declared where the fields are."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from tf_slr.core.errors import UsageError

# Of a list of numbers, such as the channels of each stage.
MOST_ITEMS = 16


@dataclass(frozen=True)
class Bounds:
    """An interval of numbers.

    Attributes:
        low, high: its ends.
        above, below: whether the low, and the high, end itself is left out.
    """

    low: float
    high: float
    above: bool = False
    below: bool = False

    def __contains__(self, value: float) -> bool:
        # What is no number is within no bounds.
        lowest = value > self.low if self.above else value >= self.low
        return lowest and (value < self.high if self.below else value <= self.high)

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"at least {self.low}"
        low = f"more than {self.low} and" if self.above else f"from {self.low} to"
        return f"{low} {'below' if self.below else 'at most' if self.above else ''} {self.high}".replace("  ", " ")


def bounded(default: Any, low: float, high: float, above: bool = False, below: bool = False) -> Any:
    """A dataclass' field of a number, or of several, that lie within bounds; see `Bounds` and `check_bounds`."""
    return dataclasses.field(default=default, metadata={"bounds": Bounds(low, high, above, below)})


def check_bounds(options: Any, section: str = "") -> None:
    """Hold every number of a dataclass to its bounds; a field that is None has no number.

    Args:
        options: the dataclass, with fields of `bounded`.
        section: what messages put before a field's name, "training."; "--" where the fields are a command's options.

    Raises:
        UsageError: one lies without, or a list has more than 16 numbers.
    """
    for field in dataclasses.fields(options):
        bounds, value = field.metadata.get("bounds"), getattr(options, field.name)
        if bounds is None or value is None:
            continue
        name = section + (field.name.replace("_", "-") if section == "--" else field.name)
        values = value if isinstance(value, tuple) else (value,)
        if len(values) > MOST_ITEMS:
            raise UsageError(f"{name}: expected at most {MOST_ITEMS} numbers, received {len(values)}")
        for one in values:
            if one not in bounds:
                raise UsageError(f"{name}: expected {bounds}, received {one}")
