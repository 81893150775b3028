"""See that a TFLite file can be run before LiteRT is given it.

LiteRT trusts a file: a tensor number of -1 where none may be left out ends the process without a word, and a loop
whose limit was damaged never ends. Hashes find damage, but not in a file whose hash was made anew.
"""

import itertools
import math
from collections.abc import Sequence

from tf_slr.litert.flatbuffer import INT32, MalformedError
from tf_slr.litert.model_file import Model, Operator, Subgraph, Tensor, read_model
from tf_slr.litert.operators import KINDS, LARGEST_STEP, VARIABLES, Argument

# What is not known before a model runs is taken for so large; then no loop has more steps, and nothing that is made
# of given sizes more items.
LONGEST, MOST_STEPS, MOST_ITEMS = 2**10, 2**20, 2**28
# Of what a file says that is not constant, the bytes before it runs.
LARGEST_TENSOR = 2**28

_FORMS = {name: kind.arguments() for name, kind in KINDS.items()}


def check_model(content: bytes) -> Model:
    """Check a TFLite file.

    Args:
        content: all of it.

    Returns:
        What it holds.

    Raises:
        MalformedError: it is not one that an export of this project can have written.
    """
    model = read_model(content)
    for number in range(len(model.subgraphs)):
        try:
            _Check(model, number).run()
        except MalformedError as error:
            raise MalformedError(f"subgraph {number}: {error}") from error
    for signature in model.signatures:
        if signature.subgraph >= len(model.subgraphs):
            raise MalformedError(f"the signature {signature.name!r:.80} is of a subgraph that is not there")
        graph = model.subgraphs[signature.subgraph]
        if sorted(signature.inputs) != sorted(graph.inputs) or sorted(signature.outputs) != sorted(graph.outputs):
            raise MalformedError(f"the signature {signature.name!r:.80} has other arguments than its subgraph")
    return model


class _Check:
    """The check of one subgraph.

    Args:
        model: the file.
        number: of the subgraph in it.
    """

    def __init__(self, model: Model, number: int) -> None:
        self._model, self._number, self._graph = model, number, model.subgraphs[number]
        # Upper bounds of what integers there are in a tensor.
        self._bounds: dict[int, float] = {}

    def run(self) -> None:
        """Check what the subgraph reads and returns, and each operator in turn."""
        graph, count = self._graph, len(self._graph.tensors)
        for place in (*graph.inputs, *graph.outputs):
            if not 0 <= place < count:
                raise MalformedError(f"reads or returns tensor {place}, of which there are {count}")
        for place in graph.inputs:
            if graph.tensors[place].constant or graph.tensors[place].variable:
                raise MalformedError(f"reads tensor {place}, which is a constant or kept between calls")
        if len(set(graph.inputs)) < len(graph.inputs) or not graph.inputs or not graph.outputs or not graph.operators:
            raise MalformedError("reads or returns nothing, reads a tensor twice, or has no operator")
        given = set(graph.inputs)
        given |= {place for place, tensor in enumerate(graph.tensors) if tensor.constant or tensor.variable}
        inside = {place for operator in graph.operators for place in operator.intermediates}
        for place, tensor in enumerate(graph.tensors):
            if not tensor.constant and math.prod(abs(size) for size in tensor.shape) > LARGEST_TENSOR:
                raise MalformedError(f"tensor {place} has the shape {list(tensor.shape)}")
            if tensor.type in "QH" and not tensor.scales and place not in inside:
                raise MalformedError(f"tensor {place} of integers has no scale")
        for number, operator in enumerate(graph.operators):
            try:
                self._operator(operator, given)
            except MalformedError as error:
                raise MalformedError(f"operator {number} ({operator.name}): {error}") from error
        for place in graph.outputs:
            if place not in given:
                raise MalformedError(f"returns tensor {place}, which no operator has written")

    def _operator(self, operator: Operator, given: set[int]) -> None:
        count = len(self._graph.tensors)
        for place in (*operator.inputs, *operator.intermediates):
            if not -1 <= place < count:
                raise MalformedError(f"reads tensor {place}, of which there are {count}")
        for place in operator.inputs:
            if place >= 0 and place not in given:
                raise MalformedError(f"reads tensor {place} before it is written")
        if not operator.outputs:
            raise MalformedError("writes nothing")
        for place in operator.outputs:
            if not 0 <= place < count or place in given:
                raise MalformedError(f"writes tensor {place}, which is not there or is there already")
            given.add(place)
        self._types(operator)
        self._options(operator)
        if operator.intermediates and (operator.name != _LSTM or len(operator.intermediates) != 5):
            raise MalformedError(f"has {len(operator.intermediates)} tensors inside")
        self._constants(operator)
        special = _SPECIAL.get(operator.name)
        if special:
            special(self, operator)
        self._bound(operator)

    def _types(self, operator: Operator) -> None:
        """The tensors are of a form that the operator takes."""
        tensors = self._graph.tensors
        arguments = [tensors[place] if place >= 0 else None for place in operator.inputs]
        results = [tensors[place] for place in operator.outputs]
        for inputs, outputs in _FORMS[operator.name]:
            known: dict[str, str] = {}
            if operator.name == "WHILE":  # its types are those of its subgraphs
                return
            if _fit(inputs, arguments, known) and _fit(outputs, results, known):
                return
        raise MalformedError(
            f"reads {_described(arguments)} and writes {_described(results)}, "
            f"expected one of: {'; '.join(KINDS[operator.name].forms)}"
        )

    def _options(self, operator: Operator) -> None:
        """The numbers among its options are such as exports have."""
        kind = KINDS[operator.name]
        if not 1 <= operator.version <= kind.version:
            raise MalformedError(f"is of version {operator.version}, expected 1 to {kind.version}")
        if operator.options_type != kind.options or (operator.options is None) != (kind.options == 0):
            raise MalformedError(f"has options of kind {operator.options_type}, expected {kind.options}")
        unknown = operator.options.fields() - {field.number for field in kind.fields} if operator.options else ()
        if unknown:
            raise MalformedError(f"has the options {sorted(unknown)}, which no export writes")
        for field in kind.fields:
            value = operator.options.number(field.number, field.kind, field.default)
            if not field.low <= value <= field.high:
                raise MalformedError(f"has {value} as option {field.number}, expected {field.low} to {field.high}")

    def _constants(self, operator: Operator) -> None:
        """Dimensions are named that the data have; what sizes are made of is no larger than any clip needs."""
        kind, tensors = KINDS[operator.name], self._graph.tensors
        for place in kind.axes:
            values = tensors[operator.inputs[place]].values
            data = tensors[operator.inputs[0 if place else 1]]
            rank = len(data.shape) + (operator.name == "EXPAND_DIMS")
            if values is None or len(values) > rank or not all(-rank <= value < rank for value in values):
                raise MalformedError(f"names the dimensions {values}, of which there are {rank}")
        for place in kind.sizes:
            if math.prod(max(1, limit) for limit in self._limits(operator.inputs[place])) > MOST_ITEMS:
                raise MalformedError("makes something of a size that no clip needs")

    def _limits(self, place: int) -> tuple[float, ...]:
        """Upper bounds of the integers in a tensor: one for each, or one for all."""
        values = self._graph.tensors[place].values
        return tuple(map(abs, values)) if values is not None else self._bounds.get(place, (math.inf,))

    def _bound(self, operator: Operator) -> None:
        """Note how large the integers are that an operator writes."""
        written = self._graph.tensors[operator.outputs[0]]
        if written.type != "I":
            return
        read = self._graph.tensors[operator.inputs[0]]
        limits = [self._limits(place) for place in operator.inputs if place >= 0]
        most = tuple(max(each, default=0) for each in limits)
        if operator.name == "SHAPE":
            found = tuple(LONGEST if size < 0 else size for size in read.shape)
        elif operator.name in ("PACK", "CONCATENATION") and len(written.shape) == 1:
            found = tuple(itertools.chain(*limits))
        elif operator.name == "RESHAPE":
            found = limits[0]
        elif operator.name == "REDUCE_PROD":
            found = (math.prod(limits[0]),) if read.shape == (len(limits[0]),) and not written.shape else (math.inf,)
        elif operator.name == "CAST":
            found = (1,) if read.type == "B" else (math.inf,)
        elif operator.name == "CUMSUM":  # of at most so many
            found = (most[0] * LONGEST,)
        elif operator.name in _LARGEST:
            found = (_LARGEST[operator.name](most),)
        elif operator.name in ("GATHER", "STRIDED_SLICE"):
            found = self._chosen(operator, limits[0])
        else:
            found = (math.inf,)
        for place in operator.outputs:
            self._bounds[place] = found

    def _chosen(self, operator: Operator, limits: tuple[float, ...]) -> tuple[float, ...]:
        """The bounds of the numbers that are taken from a list; the largest where it is not known which."""
        read, *ways = (self._graph.tensors[place] for place in operator.inputs)
        if read.shape == (len(limits),) and ways[0].values:
            if operator.name == "GATHER":
                chosen = [limits[place] for place in ways[0].values if -len(limits) <= place < len(limits)]
                return tuple(chosen) or (math.inf,)
            (begin,), (end,), (stride,) = (way.values for way in ways)
            no_begin, no_end, *_, one = (operator.options.number(field, INT32) for field in range(5))
            stop = begin + 1 or None if one else end
            return limits[None if no_begin else begin : None if no_end and not one else stop : stride] or (math.inf,)
        return (max(limits, default=0),)

    def _as_many(self, operator: Operator) -> None:
        """The options say how many parts there are."""
        parts = operator.inputs if operator.name == "PACK" else operator.outputs
        if operator.options.number(0, KINDS[operator.name].fields[0].kind) != len(parts):
            raise MalformedError(f"has {len(parts)} parts, its options say another number")

    def _slice(self, operator: Operator) -> None:
        begin, end, strides = (self._graph.tensors[place].values for place in operator.inputs[1:])
        rank = len(self._graph.tensors[operator.inputs[0]].shape)
        if begin is None or end is None or strides is None or not len(begin) == len(end) == len(strides) <= rank + 1:
            raise MalformedError(f"slices {rank} dimensions from {begin} to {end} by {strides}")
        if not all(1 <= stride <= LARGEST_STEP for stride in strides):
            raise MalformedError(f"slices by {strides}")

    def _pad(self, operator: Operator) -> None:
        data, pads = (self._graph.tensors[place] for place in operator.inputs)
        if pads.shape != (len(data.shape), 2) or not all(0 <= value <= LARGEST_STEP for value in pads.values or (-1,)):
            raise MalformedError(f"pads {len(data.shape)} dimensions by {pads.values}")

    def _range(self, operator: Operator) -> None:
        start, _, step = (self._graph.tensors[place].values for place in operator.inputs)
        if start != (0,) or step != (1,):
            raise MalformedError(f"counts from {start} by {step}, expected from 0 by 1")

    def _permutation(self, operator: Operator) -> None:
        values = self._graph.tensors[operator.inputs[1]].values
        if sorted(values) != list(range(len(self._graph.tensors[operator.inputs[0]].shape))):
            raise MalformedError(f"brings dimensions into the order {values}")

    def _weights(self, operator: Operator) -> None:
        """Weights and biases have as many outputs, and weights the rank that the operator needs."""
        weights, bias = (self._graph.tensors[place] if place >= 0 else None for place in operator.inputs[1:])
        outputs = weights.shape[-1 if operator.name == "DEPTHWISE_CONV_2D" else 0] if weights.shape else 0
        rank = 2 if operator.name == "FULLY_CONNECTED" else 4
        if len(weights.shape) != rank or 0 in weights.shape or (bias is not None and bias.shape != (outputs,)):
            raise MalformedError(f"has weights of {list(weights.shape)} and a bias of {bias and list(bias.shape)}")
        if weights.type == "Q" and weights.scales not in (1, outputs):
            raise MalformedError(f"has {weights.scales} scales for {outputs} outputs")

    def _lstm(self, operator: Operator) -> None:
        tensors = [self._graph.tensors[place] if place >= 0 else None for place in operator.inputs]
        shape = tensors[1].shape
        if len(shape) != 2 or 0 in shape or len(tensors[0].shape) != 3 or tensors[0].shape[-1] != shape[1]:
            raise MalformedError(f"has weights of {list(shape)} for an input of {list(tensors[0].shape)}")
        cells = shape[0]
        expected = [*[shape] * 4, *[(cells, cells)] * 4, *[None] * 3, *[(cells,)] * 4, None, None, *[(1, cells)] * 2]
        found = [tensor and tensor.shape for tensor in tensors[1:20]]
        if found != expected:
            raise MalformedError(f"has weights of {found}, expected {expected}")
        if len(set(operator.inputs[18:20])) < 2 or (operator.intermediates and -1 in operator.intermediates):
            raise MalformedError("keeps both of its states in one tensor, or lacks one")

    def _loop(self, operator: Operator) -> None:
        """Both subgraphs take and give what goes round, and a counter ends the loop."""
        subgraphs, tensors = self._model.subgraphs, self._graph.tensors
        numbers = [operator.options.number(field.number, field.kind) for field in KINDS["WHILE"].fields]
        # They stand behind whatever runs them, so that none can run itself.
        if not all(self._number < number < len(subgraphs) for number in numbers) or numbers[0] == numbers[1]:
            raise MalformedError(f"runs the subgraphs {numbers}, of which there are {len(subgraphs)}")
        condition, body = (subgraphs[number] for number in numbers)
        if -1 in operator.inputs:
            raise MalformedError("lacks a value that goes round")
        types = "".join(tensors[place].type for place in operator.inputs)
        sides = [
            "".join(graph.tensors[place].type for place in ends)
            for graph, ends in ((condition, condition.inputs), (body, body.inputs), (body, body.outputs))
        ] + ["".join(tensors[place].type for place in operator.outputs)]
        if any(side != types for side in sides):
            raise MalformedError(f"takes values of types {types}, its subgraphs {', '.join(sides)}")
        counter, limit = _counted(condition, body)
        start = tensors[operator.inputs[counter]].values
        if start is None or len(start) != 1 or start[0] < 0:
            raise MalformedError(f"counts from {start}, expected a constant")
        if limit is not None and max(self._limits(operator.inputs[limit])) > MOST_STEPS:
            raise MalformedError("goes round for longer than any clip needs")


def _counted(condition: Subgraph, body: Subgraph) -> tuple[int, int | None]:
    """Which value of a loop is its counter, and which its limit; None for a limit that is a constant.

    Raises:
        MalformedError: the loop need not end.
    """
    uncounted = MalformedError("need not end: expected a counter below a limit, and one more each time")
    *views, below = condition.operators
    if below.name != "LESS" or len(condition.outputs) != 1 or below.outputs != condition.outputs:
        raise uncounted
    # The counter may be looked at in another shape.
    sources = {view.outputs[0]: view.inputs[0] for view in views if view.name in ("RESHAPE", "STRIDED_SLICE")}
    counted = below.inputs[0]
    while counted in sources:
        counted = sources[counted]
    if counted not in condition.inputs or math.prod(condition.tensors[counted].shape) != 1:
        raise uncounted
    counter = condition.inputs.index(counted)
    grown = body.outputs[counter]
    writers = [operator for operator in body.operators if grown in operator.outputs]
    if len(writers) != 1 or writers[0].name != "ADD" or sorted(writers[0].inputs)[:1] == [-1]:
        raise uncounted
    terms = set(writers[0].inputs) - {body.inputs[counter]}
    steps = [body.tensors[place].values for place in terms if 0 <= place < len(body.tensors)]
    if body.inputs[counter] not in writers[0].inputs or len(steps) != 1 or not steps[0] or steps[0] != (1,):
        raise uncounted
    if below.inputs[1] not in condition.inputs:
        values = condition.tensors[below.inputs[1]].values if 0 <= below.inputs[1] < len(condition.tensors) else None
        if values is None or len(values) != 1 or values[0] > MOST_STEPS:
            raise uncounted
        return counter, None
    limit = condition.inputs.index(below.inputs[1])
    if body.outputs[limit] != body.inputs[limit] or limit == counter:
        raise uncounted
    return counter, limit


def _fit(arguments: Sequence[Argument], tensors: Sequence[Tensor | None], known: dict[str, str]) -> bool:
    """Whether tensors are what a form expects; `known` are the types that its letters stand for."""
    if arguments[-1].repeated:
        arguments = [*arguments, *[arguments[-1]] * (len(tensors) - len(arguments))]
    pairs = itertools.zip_longest(arguments, tensors, fillvalue=False)
    return all(argument and tensor is not False and _fits(argument, tensor, known) for argument, tensor in pairs)


def _fits(argument: Argument, tensor: Tensor | None, known: dict[str, str]) -> bool:
    if tensor is None:
        return argument.optional or argument.type == "-"
    if argument.type in VARIABLES:
        if known.setdefault(argument.type, tensor.type) != tensor.type or tensor.type not in VARIABLES[argument.type]:
            return False
    elif argument.type != tensor.type:
        return False
    return (tensor.constant or not argument.constant) and tensor.variable == argument.variable


def _described(tensors: Sequence[Tensor | None]) -> str:
    """Types of tensors, in the letters of forms."""
    words = ["-" if one is None else one.type + "!" * one.constant + "~" * one.variable for one in tensors]
    return " ".join(words[:30]) or "nothing"


# How large what is written can be, of how large what is read can be.
_LARGEST = {
    "ADD": sum, "SUB": sum, "MUL": math.prod, "MAXIMUM": max,
    **dict.fromkeys(("BROADCAST_TO", "EXPAND_DIMS", "FLOOR_DIV", "REVERSE_V2", "TILE", "TRANSPOSE"),
                    lambda most: most[0]),
    **dict.fromkeys(("PACK", "CONCATENATION"), max), **dict.fromkeys(("RANGE", "SPLIT"), lambda most: most[1]),
}  # fmt: skip
_LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
_SPECIAL = {
    "CONV_2D": _Check._weights, "DEPTHWISE_CONV_2D": _Check._weights, "FULLY_CONNECTED": _Check._weights,
    "PACK": _Check._as_many, "PAD": _Check._pad, "RANGE": _Check._range, "SPLIT": _Check._as_many,
    "SPLIT_V": _Check._as_many, "STRIDED_SLICE": _Check._slice, "TRANSPOSE": _Check._permutation,
    _LSTM: _Check._lstm, "WHILE": _Check._loop,
}  # fmt: skip
