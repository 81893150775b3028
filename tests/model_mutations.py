"""Damage of TFLite files that no hash finds: one field of a well-formed model changed, or bytes of its structure."""

import contextlib
import copy
import random
import struct

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

# What a field of 32 bits is changed to, beside neighbours of its own value.
EXTREMES = (-1, -2, 0, 1, 2, 3, 127, 255, 4096, 2**16, 2**20, 2**30, 2**31 - 1, -(2**31))
FLOATS = (0.0, -1.0, 1e-38, 1e38, float("nan"), float("inf"), float("-inf"))
SMALL = 256  # bytes of a constant that is more likely an index or a shape than weights


def unpacked(content: bytes) -> schema.ModelT:
    """A file as an object."""
    return schema.ModelT.InitFromPackedBuf(bytearray(content), 0)


def packed(model: schema.ModelT) -> bytes:
    """The file of an object."""
    builder = flatbuffers.Builder(2**16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class Mutator:
    """Changes one field of a model at a time.

    Args:
        content: a good file.
    """

    def __init__(self, content: bytes) -> None:
        self._content, self._model = content, unpacked(content)

    def mutation(self, seed: str) -> tuple[str, bytes]:
        """What was changed, and the file that came of it; the same for the same seed.

        Args:
            seed: any text.
        """
        rng = random.Random(seed)
        while True:
            kind = rng.choice(KINDS)
            if kind is raw:
                return raw(self._content, rng)
            model = self._copy()
            # What cannot be written as a flatbuffer is no file.
            with contextlib.suppress(TypeError, ValueError, IndexError, AttributeError, OverflowError, struct.error):
                what = kind(model, rng)
                if what:
                    return f"{kind.__name__}: {what}", packed(model)

    def _copy(self) -> schema.ModelT:
        """A copy that shares the content of large buffers, which nobody writes into."""
        memo = {id(one.data): one.data for one in self._model.buffers if isinstance(one.data, np.ndarray)}
        return copy.deepcopy(self._model, memo)


def _integer(old: int, rng: random.Random) -> int:
    return rng.choice((*EXTREMES, old + 1, old - 1, 2 * old, -old))


def _listed(values, rng: random.Random, few: int) -> list:
    """An array with one value changed, left out or added.

    Args:
        values: the array, or None.
        rng: randomness.
        few: numbers below this one are likely values.
    """
    values = [] if values is None else [int(value) for value in values]
    way = rng.randrange(6)
    if way == 0 and values:
        del values[rng.randrange(len(values))]
    elif way == 1:
        values.insert(rng.randint(0, len(values)), rng.randrange(-1, few))
    elif values:
        place = rng.randrange(len(values))
        values[place] = rng.choice((-1, rng.randrange(few), _integer(values[place], rng)))
    return values


def _operator(model, rng):
    graph = rng.choice(model.subgraphs)
    return graph, rng.choice(graph.operators)


def operator_inputs(model, rng):
    """Another tensor, none, or one that is not there."""
    graph, operator = _operator(model, rng)
    old = list(operator.inputs)
    operator.inputs = _listed(operator.inputs, rng, len(graph.tensors) + 1)
    return f"{old} -> {operator.inputs}" if operator.inputs != old else ""


def operator_outputs(model, rng):
    """The same of what an operator writes."""
    graph, operator = _operator(model, rng)
    old = list(operator.outputs)
    operator.outputs = _listed(operator.outputs, rng, len(graph.tensors) + 1)
    return f"{old} -> {operator.outputs}" if operator.outputs != old else ""


def operator_code(model, rng):
    """Another operator of the file."""
    _, operator = _operator(model, rng)
    old, operator.opcodeIndex = operator.opcodeIndex, rng.choice((rng.randrange(len(model.operatorCodes) + 1), 2**31))
    return f"{old} -> {operator.opcodeIndex}" if operator.opcodeIndex != old else ""


def table_of_codes(model, rng):
    """Another kind or version of operator for all of one kind."""
    code = rng.choice(model.operatorCodes)
    if rng.random() < 0.3:
        code.version = rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 99, -1))
        return f"version {code.version} of {code.builtinCode}"
    if rng.random() < 0.2:
        code.customCode = b"Odd"
        return "custom"
    code.builtinCode = rng.randrange(210)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    return f"code {code.builtinCode}"


def operators_order(model, rng):
    """Operators left out, exchanged or done twice."""
    graph, _ = _operator(model, rng)
    place, other = rng.randrange(len(graph.operators)), rng.randrange(len(graph.operators))
    way = rng.choice(("left out", "twice", "exchanged"))
    if way == "left out":
        del graph.operators[place]
    elif way == "twice":
        graph.operators.insert(other, copy.deepcopy(graph.operators[place]))
    elif place != other:
        graph.operators[place], graph.operators[other] = graph.operators[other], graph.operators[place]
    return f"{place} {way} {other}" if place != other else ""


def options(model, rng):
    """One number of an operator's options, or all of them."""
    _, operator = _operator(model, rng)
    if operator.builtinOptions is None or rng.random() < 0.1:
        operator.builtinOptionsType = rng.randrange(100)
        if rng.random() < 0.5:
            operator.builtinOptions, operator.builtinOptionsType = None, 0
        return f"type {operator.builtinOptionsType}"
    fields = [name for name, value in vars(operator.builtinOptions).items() if isinstance(value, int | float)]
    if not fields:
        return ""
    name = rng.choice(fields)
    old = getattr(operator.builtinOptions, name)
    if isinstance(old, bool):
        new = not old
    elif isinstance(old, float):
        new = rng.choice(FLOATS)
    else:
        new = _integer(old, rng)
    setattr(operator.builtinOptions, name, new)
    return f"{type(operator.builtinOptions).__name__}.{name} {old} -> {new}"


def _tensor(model, rng):
    return rng.choice(rng.choice(model.subgraphs).tensors)


def tensor_shape(model, rng):
    """A tensor's shape, or what is known of it."""
    tensor = _tensor(model, rng)
    field = rng.choice(("shape", "shape", "shapeSignature"))
    old = getattr(tensor, field)
    new = None if rng.random() < 0.05 else _listed(old, rng, 20)
    setattr(tensor, field, new)
    return f"{field} {old} -> {new}"


def tensor_type(model, rng):
    """A tensor's type."""
    tensor = _tensor(model, rng)
    old, tensor.type = tensor.type, rng.randrange(22)
    return f"{old} -> {tensor.type}" if tensor.type != old else ""


def tensor_flags(model, rng):
    """Whether a tensor is kept between calls, and has a rank."""
    tensor = _tensor(model, rng)
    field = rng.choice(("isVariable", "hasRank"))
    setattr(tensor, field, not getattr(tensor, field))
    return field


def tensor_buffer(model, rng):
    """Where a tensor's content lies."""
    tensor = _tensor(model, rng)
    old, count = tensor.buffer, len(model.buffers)
    tensor.buffer = rng.choice((0, count, 2**31, rng.randrange(count), rng.randrange(count)))
    return f"{old} -> {tensor.buffer}" if tensor.buffer != old else ""


def quantisation(model, rng):
    """How a tensor's integers become numbers."""
    tensor = _tensor(model, rng)
    if tensor.quantization is None or tensor.quantization.scale is None:
        if rng.random() > 0.2:
            return ""
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [0.5], [0]
        return "some where there was none"
    found, way = tensor.quantization, rng.randrange(6)
    scale = [float(value) for value in found.scale]
    if way == 0:
        tensor.quantization = None
    elif way == 1:
        scale[rng.randrange(len(scale))] = rng.choice(FLOATS)
    elif way == 2:
        scale = scale[: rng.randrange(len(scale) + 1)]
    elif way == 3:
        scale = scale * 2
    elif way == 4:
        found.quantizedDimension = _integer(found.quantizedDimension, rng)
    else:
        found.zeroPoint = _listed(found.zeroPoint, rng, 256)
    found.scale = scale
    return f"way {way}"


def graph_ends(model, rng):
    """What a subgraph reads and returns."""
    graph = rng.choice(model.subgraphs)
    field = rng.choice(("inputs", "outputs"))
    old = list(getattr(graph, field))
    setattr(graph, field, _listed(old, rng, len(graph.tensors) + 1))
    return f"{field} {old} -> {getattr(graph, field)}" if getattr(graph, field) != old else ""


def signature(model, rng):
    """The names by which a program finds what to run."""
    definition = rng.choice(model.signatureDefs)
    way = rng.randrange(3)
    if way == 0:
        definition.subgraphIndex = rng.choice((rng.randrange(len(model.subgraphs) + 1), 2**31))
        return f"subgraph {definition.subgraphIndex}"
    entry = rng.choice([*definition.inputs, *definition.outputs])
    if way == 1:
        entry.tensorIndex = rng.choice((rng.randrange(200), 2**31))
        return f"tensor {entry.tensorIndex}"
    entry.name = b"odd"
    return "name"


def subgraphs(model, rng):
    """A subgraph left out or put into another's place."""
    place, other = rng.randrange(len(model.subgraphs)), rng.randrange(len(model.subgraphs))
    if rng.random() < 0.3:
        del model.subgraphs[place]
        return f"{place} left out"
    model.subgraphs[place] = model.subgraphs[other]
    return f"{other} for {place}" if place != other else ""


def constants(model, rng):
    """What small constants hold: indices, shapes, axes, limits."""
    small = [one for one in model.buffers if one.data is not None and 4 <= len(one.data) <= SMALL]
    chosen = rng.choice(small)
    values = bytearray(bytes(chosen.data))
    place = rng.randrange(len(values) // 4)
    old = int.from_bytes(values[4 * place : 4 * place + 4], "little", signed=True)
    new = max(-(2**31), min(2**31 - 1, _integer(old, rng)))
    values[4 * place : 4 * place + 4] = new.to_bytes(4, "little", signed=True)
    chosen.data = np.frombuffer(bytes(values), np.uint8)
    return f"{old} -> {new}" if old != new else ""


def buffer_length(model, rng):
    """Buffers cut, emptied or prolonged."""
    chosen = rng.choice([one for one in model.buffers if one.data is not None and len(one.data)])
    values = bytes(chosen.data)
    kept = rng.choice((0, 1, len(values) // 2, len(values) - 1, len(values) - 4, len(values) + 4))
    chosen.data = np.frombuffer(values[: max(0, kept)] + bytes(max(0, kept - len(values))), np.uint8)
    return f"{len(values)} -> {kept}"


def raw(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Bytes changed in place, wherever they lie."""
    data, place = bytearray(content), rng.randrange(len(content))
    way = rng.randrange(4)
    if way == 0:
        data[place] ^= 1 << rng.randrange(8)
    elif way == 1:
        for _ in range(20):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif way == 2:
        place -= place % 4
        data[place : place + 4] = (rng.choice(EXTREMES) % 2**32).to_bytes(4, "little")
    else:
        del data[place:]
    return f"raw: way {way} at {place}", bytes(data)


KINDS = (
    operator_inputs, operator_inputs, operator_outputs, operator_code, table_of_codes, operators_order, options,
    options, tensor_shape, tensor_shape, tensor_type, tensor_flags, tensor_buffer, quantisation, graph_ends, signature,
    subgraphs, constants, constants, buffer_length, raw, raw,
)  # fmt: skip
