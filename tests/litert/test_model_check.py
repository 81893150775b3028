"""Altered TFLite files with valid hashes: they work, or are refused by one line that names the file."""

import copy
import json
import shutil
import time

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.model_mutations import packed, unpacked
from tests.mutated_models import CORRECTOR, REFUSED, WORKS, Victim, campaign, failures, write_models
from tf_slr.cli.main import main
from tf_slr.core.errors import BundleError
from tf_slr.litert.model_check import check_model
from tf_slr.litert.operators import KINDS
from tf_slr.runtime.bundle import STUDENT
from tf_slr.runtime.student import Student


@pytest.fixture(scope="module")
def student(tiny_bundle):
    return (tiny_bundle / STUDENT).read_bytes()


def operators(model, name, subgraph=0):
    code = getattr(schema.BuiltinOperator, name)
    codes = [max(one.builtinCode, one.deprecatedBuiltinCode) for one in model.operatorCodes]
    return [one for one in model.subgraphs[subgraph].operators if codes[one.opcodeIndex] == code]


def first(model, name, subgraph=0):
    return operators(model, name, subgraph)[0]


def no_input(model):
    for operator in model.subgraphs[0].operators:
        operator.inputs[0] = -1


def far_input(model):
    first(model, "CONCATENATION").inputs[0] = 10**6


def later_input(model):
    graph = model.subgraphs[0]
    graph.operators[0].inputs[0] = graph.operators[-1].outputs[0]


def written_twice(model):
    graph = model.subgraphs[0]
    graph.operators[-1].outputs[0] = graph.operators[0].outputs[0]


def no_result(model):
    model.subgraphs[0].outputs[0] = -1


def custom(model):
    model.operatorCodes[0].customCode = b"Digamma"


def another_operator(model):
    first(model, "LOGISTIC", 2).opcodeIndex = first(model, "MUL", 2).opcodeIndex


def endless_condition(model):
    below = first(model, "LESS", 1)
    below.inputs = below.inputs[::-1]


def own_constant(model, number, operator, place, value):
    """Give an operator a scalar of its own in place of one that others read too."""
    buffer, graph = schema.BufferT(), model.subgraphs[number]
    buffer.data = np.frombuffer(np.int32(value).tobytes(), np.uint8)
    tensor = copy.copy(graph.tensors[operator.inputs[place]])
    tensor.buffer, operator.inputs[place] = len(model.buffers), len(graph.tensors)
    model.buffers.append(buffer)
    graph.tensors.append(tensor)


def endless_step(model):
    for counter in operators(model, "ADD", 2)[:2]:  # of steps, and of places among them
        own_constant(model, 2, counter, 1, 0)


def early_start(model):
    loop = first(model, "WHILE")
    for place in (0, 1):
        own_constant(model, 0, loop, place, -(2**31))


def itself(model):
    first(model, "WHILE").builtinOptions.bodySubgraphIndex = 0


def cut_weights(model):
    weights = max(model.buffers, key=lambda buffer: 0 if buffer.data is None else len(buffer.data))
    weights.data = weights.data[:-8]


def large_weights(model):
    graph = model.subgraphs[0]
    graph.tensors[first(model, "FULLY_CONNECTED").inputs[1]].shape[0] *= 2


def strange_type(model):
    model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].type = schema.TensorType.STRING


def bad_scale(model):
    graph = model.subgraphs[0]
    quantised = [one for one in graph.tensors if one.quantization and one.quantization.scale is not None]
    quantised[0].quantization.scale[0] = float("nan")


def no_stride(model):
    operator = first(model, "STRIDED_SLICE")
    for place in operator.inputs[3:]:
        buffer = model.buffers[model.subgraphs[0].tensors[place].buffer]
        buffer.data = np.zeros_like(buffer.data)


def strange_option(model):
    first(model, "STRIDED_SLICE").builtinOptions.offset = True


def many_parts(model):
    first(model, "SPLIT", 2).builtinOptions.numSplits = -2


@pytest.mark.parametrize(
    ("alter", "expected"),
    [
        (no_input, "expected one of|reads tensor"), (far_input, "reads tensor 1000000"),
        (later_input, "before it is written"), (written_twice, "there already"), (no_result, "returns tensor -1"),
        (custom, "operator Digamma"), (another_operator, "expected one of"), (endless_condition, "need not end"),
        (endless_step, "need not end"), (early_start, "counts from"), (itself, "runs the subgraphs"),
        (cut_weights, "its buffer has"), (large_weights, "its buffer has"), (strange_type, "is of type 5"),
        (bad_scale, "scale"), (no_stride, "slices by"), (many_parts, "as option 0"),
        (strange_option, "has the options"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)  # fmt: skip
def test_what_litert_would_die_of_is_refused_before_it_is_asked(student, tmp_path, alter, expected):
    model = unpacked(student)
    alter(model)
    (tmp_path / STUDENT).write_bytes(packed(model))
    with pytest.raises(BundleError, match=expected) as refusal:
        Student(tmp_path / STUDENT)
    assert str(tmp_path / STUDENT) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_model_that_is_only_written_anew_gives_the_same(student, tiny_bundle):
    values = np.random.default_rng(0).normal(0, 1, (21, 276)).astype(np.float32)
    whole = Student(tiny_bundle / STUDENT).logits(values)
    assert np.array_equal(Student(packed(unpacked(student))).logits(values), whole)


def test_logits_that_are_no_numbers_are_refused(student, tmp_path):
    model = unpacked(student)
    scales = [
        one.quantization.scale
        for one in model.subgraphs[0].tensors
        if one.quantization is not None and one.quantization.scale is not None
    ]
    for scale in scales:
        scale[:] = 3e38
    (tmp_path / STUDENT).write_bytes(packed(model))
    student = Student(tmp_path / STUDENT)
    with pytest.raises(BundleError, match=r"student\.tflite.*finite"):
        student.logits(np.ones((21, 276), np.float32))


def test_operators_have_the_numbers_of_the_file_format():
    for name, kind in KINDS.items():
        assert kind.code == getattr(schema.BuiltinOperator, name), name


def test_the_check_takes_no_time_that_anybody_notices(student):
    started = time.process_time()
    check_model(student)
    assert time.process_time() - started < 0.3  # 0.03 on a quiet machine


def assert_none_dies(answers):
    verdicts = {answer["verdict"] for answer in answers}
    assert not failures(answers), json.dumps(failures(answers)[:5], indent=1)
    assert verdicts == {WORKS, REFUSED}


def test_altered_students_work_or_are_refused(tiny_bundle, tmp_path):
    shutil.copytree(tiny_bundle, tmp_path / "models/student")
    assert_none_dies(campaign(tmp_path / "models", tmp_path, [("student", str(i)) for i in range(60)], workers=1))


@pytest.mark.slow
def test_altered_models_of_several_forms_work_or_are_refused(tmp_path):
    forms = ("stateless", "dynamic", CORRECTOR)
    write_models(tmp_path / "models", forms)
    requests = [(forms[number % len(forms)], f"slow {number}") for number in range(450)]
    assert_none_dies(campaign(tmp_path / "models", tmp_path, requests))


def test_the_command_ends_with_one_line(tiny_bundle, tmp_path, capsys):
    bundle = tmp_path / "student"
    shutil.copytree(tiny_bundle, bundle)
    victim, model = Victim(bundle), unpacked((bundle / STUDENT).read_bytes())
    model.subgraphs[0].operators[3].inputs[0] = -1
    assert victim.verdict(packed(model)) == REFUSED
    np.savez(tmp_path / "clip.npz", landmarks=np.full((9, 92, 3), 0.5, np.float32))
    assert main(["recognize", "--bundle", str(bundle), str(tmp_path / "clip.npz")]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(f"error: {bundle / STUDENT}: ")
    assert printed.count("\n") == 1
