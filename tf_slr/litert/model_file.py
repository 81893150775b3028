"""What a TFLite file holds, as plain tuples: tensors, operators and subgraphs, each field within its bounds.

Every field that LiteRT follows is read here, or must not be there: what no export of this project writes is refused.
"""

import math
import struct
from typing import NamedTuple

from tf_slr.litert.flatbuffer import BOOL, FLOAT32, INT8, INT32, INT64, UINT8, UINT32, File, MalformedError, Table
from tf_slr.litert.operators import BYTES, MOST_DIMENSIONS, NAMES, TYPES

IDENTIFIER, VERSION = b"TFL3", 3
MOST_SUBGRAPHS, MOST_BYTES = 64, 2**31
# Constants of at most so many numbers are read: indices, axes, shapes, limits of loops.
MOST_NUMBERS = 4096
# The smallest and largest zero of each quantised type.
_ZEROS = {"Q": (-128, 127), "U": (0, 255), "H": (0, 0), "I": (0, 0)}


class Tensor(NamedTuple):
    """A tensor.

    Attributes:
        type: its letter, see `operators`.
        shape: -1 for what is known only when it runs.
        constant: whether its content is in the file.
        values: those of a small int32 constant, else None.
        variable: whether it is kept between calls.
        scales: how many it has.
    """

    type: str
    shape: tuple[int, ...]
    constant: bool
    values: tuple[int, ...] | None
    variable: bool
    scales: int


class Operator(NamedTuple):
    """An operator: its name in `operators.KINDS`, its tensors by number (-1 for none), its options."""

    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    intermediates: tuple[int, ...]
    options_type: int
    options: Table | None


class Subgraph(NamedTuple):
    """A subgraph: tensors, which of them it reads and returns, and operators in the order in which they run."""

    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]


class Signature(NamedTuple):
    """A function that a program may call: its name, its subgraph and the tensors of its arguments and results."""

    name: str
    subgraph: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Model(NamedTuple):
    """All of a file."""

    subgraphs: tuple[Subgraph, ...]
    signatures: tuple[Signature, ...]


def read_model(content: bytes) -> Model:
    """Read a TFLite file.

    Raises:
        MalformedError: it is none, or has what no export of this project has.
    """
    root = File(content, IDENTIFIER).root
    if root.number(0, UINT32) != VERSION:
        raise MalformedError(f"expected version {VERSION} of the format, found {root.number(0, UINT32)}")
    _without(root, (5, 8, 9), "the model")
    codes = [_code(table) for table in root.tables(1)]
    buffers = []
    for table in root.tables(4):
        _without(table, (1, 2), "a buffer")
        buffers.append(table.span(0))
    subgraphs = root.tables(2)
    if not 1 <= len(subgraphs) <= MOST_SUBGRAPHS:
        raise MalformedError(f"expected 1 to {MOST_SUBGRAPHS} subgraphs, found {len(subgraphs)}")
    for table in root.tables(6):
        table.text(0)
        if not table.number(1, UINT32) < len(buffers):
            raise MalformedError("its metadata name a buffer that is not there")
    root.text(3)
    found = []
    for number, table in enumerate(subgraphs):
        try:
            found.append(_subgraph(table, content, codes, buffers))
        except MalformedError as error:
            raise MalformedError(f"subgraph {number}: {error}") from error
    return Model(tuple(found), tuple(_signature(table) for table in root.tables(7)))


def _without(table: Table, fields: tuple[int, ...], what: str) -> None:
    for field in fields:
        if table.has(field):
            raise MalformedError(f"{what} has the field {field} of the format, which no export writes")


def _code(table: Table) -> tuple[str | None, int, str]:
    """Name of an operator's kind, None for one that no export writes, its version, and what a message calls it."""
    # Old files hold the number in the 8-bit field, new ones in the wide one.
    code = max(table.number(0, INT8), table.number(3, INT32))
    if table.has(1) or code not in NAMES:
        custom = table.text(1).decode(errors="replace")
        return None, 0, f"the operator {custom[:80] or code}"
    return NAMES[code], table.number(2, INT32, 1), NAMES[code]


def _subgraph(table: Table, content: bytes, codes: list, buffers: list[tuple[int, int]]) -> Subgraph:
    tensors = []
    for number, one in enumerate(table.tables(0)):
        try:
            tensors.append(_tensor(one, content, buffers))
        except MalformedError as error:
            raise MalformedError(f"tensor {number}: {error}") from error
    table.text(4)
    operators = []
    for number, one in enumerate(table.tables(3)):
        code = one.number(0, UINT32)
        if code >= len(codes):
            raise MalformedError(f"operator {number} is of kind {code}, of which there are {len(codes)}")
        name, version, called = codes[code]
        if name is None:
            raise MalformedError(f"operator {number} is {called}, which no export writes")
        _without(one, (5, 7, 9, 10, 11, 12), f"operator {number}")
        parts = [one.numbers(field, INT32) for field in (1, 2, 8)]
        operators.append(Operator(name, version, *parts, one.number(3, UINT8), one.table(4)))
    return Subgraph(tuple(tensors), table.numbers(1, INT32), table.numbers(2, INT32), tuple(operators))


def _tensor(table: Table, content: bytes, buffers: list[tuple[int, int]]) -> Tensor:
    _without(table, (6, 9, 10), "it")
    kind = TYPES.get(table.number(1, INT8))
    if kind is None:
        raise MalformedError(f"is of type {table.number(1, INT8)}, which no export writes")
    table.text(3)
    fixed = table.numbers(0, INT32)
    shape = table.numbers(7, INT32) if table.has(7) else fixed
    # Where a size is not known the plain shape has 1.
    agree = len(shape) == len(fixed) <= MOST_DIMENSIONS and all(
        here == there >= 0 or (here == -1 and there == 1) for here, there in zip(shape, fixed, strict=True)
    )
    size = math.prod(fixed) * BYTES[kind]
    if not agree or size > MOST_BYTES:
        raise MalformedError(f"has the shape {list(shape)}, {list(fixed)} before it runs")
    if not table.number(8, BOOL):
        raise MalformedError("has no rank")
    number, variable = table.number(2, UINT32), table.number(5, BOOL)
    if number >= len(buffers):
        raise MalformedError(f"has its content in buffer {number}, of which there are {len(buffers)}")
    place, count = buffers[number]
    if count and (count != size or -1 in shape or variable):
        raise MalformedError(f"of shape {list(shape)} needs {size} bytes, its buffer has {count}")
    scales = _scales(table.table(4), kind, shape, bool(count))
    values = None
    if kind == "I" and count <= 4 * MOST_NUMBERS:
        values = struct.unpack_from(f"<{count // 4}i", content, place)
    constant = bool(count) or (not size and not variable)
    return Tensor(kind, shape, constant, values if constant else None, variable, scales)


def _scales(table: Table | None, kind: str, shape: tuple[int, ...], constant: bool) -> int:
    """How many scales a tensor has: none, one, or for a constant one for each item of a dimension."""
    if table is None:
        return 0
    _without(table, (5,), "its quantisation")
    scales, zeros, dimension = table.numbers(2, FLOAT32), table.numbers(3, INT64), table.number(6, INT32)
    for field in (0, 1):
        table.numbers(field, FLOAT32)
    if not scales and not zeros:
        return 0
    if kind not in _ZEROS or not 0 <= dimension < max(1, len(shape)):
        raise MalformedError(f"of type {kind} and shape {list(shape)} is quantised along dimension {dimension}")
    allowed = {1, shape[dimension]} if constant and shape else {1}
    low, high = _ZEROS[kind]
    if len(scales) not in allowed or len(zeros) not in (1, len(scales)):
        raise MalformedError(f"of shape {list(shape)} has {len(scales)} scales and {len(zeros)} zeros")
    if not all(0 < scale < math.inf for scale in scales) or not all(low <= zero <= high for zero in zeros):
        raise MalformedError("has a scale that is not above 0, or a zero out of its type's range")
    return len(scales)


def _signature(table: Table) -> Signature:
    ends = []
    for field in (0, 1):
        maps = table.tables(field)
        names = [one.text(0) for one in maps]
        if len(set(names)) < len(names):
            raise MalformedError("a signature has two arguments of one name")
        ends.append(tuple(one.number(1, UINT32) for one in maps))
    return Signature(table.text(2).decode(errors="replace"), table.number(4, UINT32), *ends)
