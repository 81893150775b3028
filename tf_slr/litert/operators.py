"""The operators that a TFLite file of this project may hold: what its exports are made of, and nothing else.

A form names the types of an operator's arguments, "F Q! F!? > F": F float32, I int32, Q int8, U uint8, H int16,
B bool; x, n and r stand for one type of those in `VARIABLES`, the same wherever the letter stands. Marks: ! a
constant, ~ a variable that is kept between calls, ? may be left out, * one or more.
"""

from dataclasses import dataclass

from tf_slr.litert.flatbuffer import BOOL, FLOAT32, INT8, INT32

# Letters of the types, by their numbers in the file format, and the bytes that each takes.
TYPES = {0: "F", 2: "I", 3: "U", 6: "B", 7: "H", 9: "Q"}
BYTES = {"F": 4, "I": 4, "U": 1, "B": 1, "H": 2, "Q": 1}
VARIABLES = {"x": "FIQUB", "n": "FIQ", "r": "FQ"}

MOST_DIMENSIONS = 6
# Of paddings, kernels and strides.
LARGEST_STEP = 4096


@dataclass(frozen=True)
class Field:
    """A number among an operator's options.

    Attributes:
        number: of the field in its table.
        kind: how it is stored.
        low, high: what it may be.
        default: what it is where it is not stored.
    """

    number: int
    kind: object
    low: float
    high: float
    default: float = 0


@dataclass(frozen=True)
class Argument:
    """One argument of a form: its type's letter and marks."""

    type: str
    constant: bool
    variable: bool
    optional: bool
    repeated: bool


@dataclass(frozen=True)
class Kind:
    """An operator.

    Attributes:
        code: its number in the file format.
        version: the latest that exports have.
        forms: the types it takes and gives.
        options: number of the type of its options; 0 for none.
        fields: what they hold.
        axes: its inputs that name dimensions.
        sizes: its inputs that say how large something becomes.
    """

    code: int
    version: int
    forms: tuple[str, ...]
    options: int = 0
    fields: tuple[Field, ...] = ()
    axes: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()

    def arguments(self) -> list[tuple[list[Argument], list[Argument]]]:
        """Inputs and outputs of each form."""
        return [tuple([_argument(word) for word in side.split()] for side in form.split(">")) for form in self.forms]


def _argument(word: str) -> Argument:
    return Argument(word[0], "!" in word, "~" in word, "?" in word, "*" in word)


def _axis(number: int) -> Field:
    return Field(number, INT32, -MOST_DIMENSIONS, MOST_DIMENSIONS)


def _step(number: int, default: int = 0) -> Field:
    return Field(number, INT32, 1, LARGEST_STEP, default)


def _flag(number: int) -> Field:
    return Field(number, BOOL, 0, 1)


def _activation(number: int) -> Field:
    """None, ReLU, or ReLU with an upper limit."""
    return Field(number, INT8, 0, 3)


def _binary(code: int, options: int, version: int = 2) -> Kind:
    return Kind(code, version, ("n n > n",), options, (_activation(0),))


def _reduction(code: int, form: str, version: int = 2) -> Kind:
    return Kind(code, version, (form,), 27, (_flag(0),), axes=(1,))


_WEIGHTED = ("F F! {} > F", "F Q! {} > F")
_MASK = [Field(number, INT32, 0, 2**MOST_DIMENSIONS - 1) for number in range(5)]

# The fused LSTM: input, weights of four gates for the input and for the state, no peepholes, biases, no projection,
# hidden and cell state, no layer normalisation.
_LSTM_FORMS = tuple(
    " ".join([data, *[f"{weights}!"] * 8, *"---", *[f"{bias}!"] * 4, "-", "-", hidden, cell, *"----", ">", data])
    for data, weights, bias, hidden, cell in (
        ("F", "F", "F", "F~", "F~"), ("F", "Q", "F", "F~", "F~"), ("Q", "Q", "I", "Q~", "H~"),
    )
)  # fmt: skip

KINDS = {
    "ADD": _binary(0, 11),
    "ADD_N": Kind(106, 2, ("F* > F",)),
    "BATCH_MATMUL": Kind(126, 4, ("F F > F", "F Q! > F"), 101, (_flag(0), _flag(1), _flag(2))),
    "BROADCAST_TO": Kind(130, 3, ("x I > x",), sizes=(1,)),
    "CAST": Kind(53, 1, ("B > F", "B > I", "I > F", "U > F")),
    "CONCATENATION": Kind(2, 2, ("x* > x",), 10, (_axis(0), _activation(1))),
    "CONV_2D": Kind(
        3, 5, (*(form.format("F!") for form in _WEIGHTED), "Q Q! I! > Q"), 1,
        (Field(0, INT8, 0, 1), _step(1), _step(2), _activation(3), _step(4, 1), _step(5, 1)),
    ),
    "CUMSUM": Kind(128, 1, ("n I! > n",), 102, (_flag(0), _flag(1)), axes=(1,)),
    "DEPTHWISE_CONV_2D": Kind(
        4, 7, (*(form.format("F!") for form in _WEIGHTED), "Q Q! I! > Q"), 2,
        (Field(0, INT8, 0, 1), _step(1), _step(2), _step(3), _activation(4), _step(5, 1), _step(6, 1)),
    ),
    "DEQUANTIZE": Kind(6, 2, ("Q > F",)),
    "DYNAMIC_UPDATE_SLICE": Kind(151, 2, ("x x I > x",)),
    "EQUAL": Kind(71, 2, ("n n > B",)),
    "EXPAND_DIMS": Kind(70, 1, ("x I! > x",), 52, axes=(1,)),
    "FILL": Kind(94, 3, ("I x! > x",), sizes=(0,)),
    "FLOOR_DIV": Kind(90, 2, ("I I! > I",)),
    "FULLY_CONNECTED": Kind(
        9, 12, (*(form.format("F!?") for form in _WEIGHTED), "Q Q! I!? > Q"), 8,
        (_activation(0), Field(1, INT8, 0, 0), _flag(2), _flag(3)),
    ),
    "GATHER": Kind(36, 3, ("x I > x",), 23, (_axis(0), Field(1, INT32, 0, MOST_DIMENSIONS))),
    "GREATER_EQUAL": Kind(62, 2, ("n n > B",)),
    "LESS": Kind(58, 2, ("n n > B",)),
    "LOG": Kind(73, 1, ("F > F",)),
    "LOGISTIC": Kind(14, 2, ("r > r",)),
    "MAXIMUM": Kind(55, 2, ("n n > n",)),
    "MAX_POOL_2D": Kind(
        17, 2, ("r > r",), 5, (Field(0, INT8, 0, 1), _step(1), _step(2), _step(3), _step(4), _activation(5))
    ),
    "MEAN": _reduction(40, "r I! > r"),
    "MUL": _binary(18, 21),
    "PACK": Kind(83, 2, ("x* > x",), 59, (Field(0, INT32, 1, 4096), _axis(1))),
    "PAD": Kind(34, 2, ("r I! > r",), 22, sizes=(1,)),
    "QUANTIZE": Kind(114, 2, ("F > Q", "Q > Q")),
    "RANGE": Kind(96, 2, ("I! I I! > I",), sizes=(1,)),
    "REDUCE_MAX": _reduction(82, "r I! > r"),
    "REDUCE_PROD": _reduction(81, "n I! > n"),
    "RELU": Kind(19, 2, ("F > F", "Q > Q")),
    "RESHAPE": Kind(22, 1, ("x I > x",)),
    "REVERSE_V2": Kind(105, 3, ("x I! > x",), axes=(1,)),
    "RSQRT": Kind(76, 2, ("r > r",)),
    "SCATTER_ND": Kind(122, 1, ("I F I > F",), 97, sizes=(2,)),
    "SELECT_V2": Kind(123, 1, ("B F F > F",), 98),
    "SHAPE": Kind(77, 1, ("x > I",), 55, (Field(0, INT8, 2, 2),)),
    "SOFTMAX": Kind(25, 2, ("r > r",), 9, (Field(0, FLOAT32, 1e-3, 1e3),)),
    "SPLIT": Kind(49, 2, ("I! x > x*",), 35, (Field(0, INT32, 1, 4096),), axes=(0,)),
    "SPLIT_V": Kind(102, 2, ("x I! I! > x*",), 79, (Field(0, INT32, 1, 4096),), axes=(2,)),
    "SQUARED_DIFFERENCE": Kind(99, 2, ("n n > n",)),
    "STRIDED_SLICE": Kind(45, 8, ("x I! I! I! > x",), 32, tuple(_MASK)),
    "SUB": _binary(41, 28, 3),
    "SUM": _reduction(74, "r I! > r"),
    "TANH": Kind(28, 2, ("r > r",)),
    "TILE": Kind(69, 2, ("x I > x",), sizes=(1,)),
    "TRANSPOSE": Kind(39, 2, ("x I! > x",), axes=(1,)),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Kind(
        44, 3, _LSTM_FORMS, 71,
        (Field(0, INT8, 4, 4), Field(1, FLOAT32, 0, 0), Field(2, FLOAT32, 0, 0), _flag(3), _flag(4)),
    ),
    # Its arguments are those of the subgraphs that it runs.
    "WHILE": Kind(119, 1, ("x* > x*",), 93, (Field(0, INT32, 0, 1000), Field(1, INT32, 0, 1000))),
}  # fmt: skip
NAMES = {kind.code: name for name, kind in KINDS.items()}
