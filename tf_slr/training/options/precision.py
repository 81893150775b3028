"""What a network computes in."""

from typing import Literal

Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
