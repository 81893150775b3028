"""The gates of the export, by models so small that one knows what each must say."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from ai_edge_litert.interpreter import Interpreter

from export import verify
from export.convert import without_cell_clip
from export.variants import VARIANTS
from export.verify import check_operators, check_parity, check_repeatable, check_size, check_wer, parity_clips
from tf_slr.core.errors import ExportError
from tf_slr.core.glosses import Vocabulary
from tf_slr.core.landmarks import VALUES
from tf_slr.corpus.manifest import Sample
from tf_slr.features.splits import UsableSplit
from tf_slr.runtime.lengths import FixedLengthStudent
from tf_slr.runtime.student import Student
from tf_slr.training.evaluation import Evaluation

CLASSES = 5
# Which of a frame's values the network adds to the blank's logit, and the TFLite model does not.
ERROR = CLASSES


class Plain(tf.Module):
    """The first values of every fourth frame are a step's logits."""

    @tf.function(input_signature=[tf.TensorSpec((1, None, VALUES), tf.float32)])
    def __call__(self, x):
        return x[:, ::4, :CLASSES]


class Remembering(tf.Module):
    """The same through an LSTM, whose state LiteRT keeps from call to call if nobody resets it."""

    def __init__(self):
        super().__init__()
        self.lstm = tf_keras.layers.LSTM(CLASSES, return_sequences=True)
        self.lstm(tf.zeros((1, 2, CLASSES)))

    @tf.function(input_signature=[tf.TensorSpec((1, None, VALUES), tf.float32)])
    def __call__(self, x):
        return self.lstm(x[:, ::4, :CLASSES])


class Looping(tf.Module):
    """A loop, whose body is a subgraph of its own, with an operator that LiteRT lacks or with one that it has."""

    def __init__(self, lacking):
        super().__init__()
        self.operator = tf.math.digamma if lacking else lambda y: 3.0 * y

    @tf.function(input_signature=[tf.TensorSpec((3,), tf.float32)])
    def __call__(self, x):
        return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, self.operator(y)), (0, x))[1]


def tflite(module):
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.__call__.get_concrete_function()], module)
    converter.allow_custom_ops = True
    return without_cell_clip(converter.convert())


@pytest.fixture(scope="module")
def plain():
    return tflite(Plain())


@pytest.fixture(scope="module")
def remembering():
    module = Remembering()
    return module, tflite(module)


class Network(tf_keras.Model):
    """`Plain` in Keras, wrong by as much as each frame says; or `Remembering`."""

    def __init__(self, lstm=None):
        super().__init__()
        self.lstm = lstm

    def call(self, inputs, training=False):
        x = inputs["landmarks"][:, ::4]
        logits = self.lstm(x[:, :, :CLASSES]) if self.lstm else x[:, :, :CLASSES]
        wrong = x[:, :, ERROR : ERROR + 1] * tf.one_hot([0], CLASSES)
        return {"sequence_logits": logits + wrong, "steps": (inputs["frames"] + 3) // 4}


@pytest.fixture(scope="module")
def network():
    return Network()


class Frames:
    """A stream of clips that are there."""

    name, shape, dtype, stride = "landmarks", (VALUES,), np.float32, 1

    def __init__(self, *clips):
        self.clips = clips

    @property
    def frames(self):
        return list(map(len, self.clips))

    def shown(self, index, change):
        return self.clips[index]


def clip(error=0.0, frames=16, logits=(1.0, 0.0, 0.0, 0.0, 0.0), at=-1):
    """Equal frames, with a step at which the network errs."""
    values = np.zeros((frames, VALUES), np.float32)
    values[:, :CLASSES] = logits
    values[::4][at, ERROR] = error
    return values


def parity(network, model, *clips):
    stream = Frames(*clips)
    return check_parity(network, model, stream, stream.frames)


def test_parity_is_the_largest_difference_of_any_clip(network, plain):
    assert parity(network, plain, clip()) == 0
    found = parity(network, plain, clip(2e-5), clip(-8e-5, frames=27), clip(4e-5, at=0))
    assert found == pytest.approx(8e-5, rel=0.01)


@pytest.mark.parametrize("error", [1.2e-4, -1.2e-4, 5e-3])
def test_logits_may_differ_by_a_ten_thousandth(network, plain, error):
    with pytest.raises(ExportError, match=rf"differs from Keras by {abs(error):.2e}, allowed 1e-04"):
        parity(network, plain, clip(), clip(error))


def test_each_step_has_the_likeliest_class_of_keras(network, plain):
    nearly = (0.5, 0.50005, 0.0, 0.0, 0.0)
    assert parity(network, plain, clip(4e-5, logits=nearly)) == pytest.approx(4e-5, rel=0.01)
    with pytest.raises(ExportError, match="disagree on the likeliest class"):
        parity(network, plain, clip(), clip(6e-5, logits=nearly))


def test_a_second_run_gives_the_same_logits_to_the_bit(remembering, monkeypatch):
    module, model = remembering
    network = Network(module.lstm)
    assert parity(network, model, clip()) < 2e-5
    check_repeatable(model, Frames(clip(), clip()), 2)
    monkeypatch.setattr(Interpreter, "reset_all_variables", lambda _: None)
    with pytest.raises(ExportError, match="other logits the second time: state leaks between clips"):
        parity(network, model, clip())  # the first time all is as in Keras
    with pytest.raises(ExportError, match="INT8: the same clip gives other logits the second time"):
        check_repeatable(model, Frames(clip()), 1)


def test_parity_is_seen_on_clips_of_every_length():
    lengths = [*range(100, 60, -1), 7, 300]
    split = UsableSplit([Sample(str(i), "s", frames, ("A",)) for i, frames in enumerate(lengths)], lengths, [])
    part = parity_clips(split)
    assert len(part.samples) == 16
    assert part.frames == sorted(part.frames)
    assert (part.frames[0], part.frames[-1]) == (7, 300)
    assert 60 < part.frames[1] < 66
    assert 95 < part.frames[-2] <= 100
    assert part.clips[0] == 7
    few = parity_clips(UsableSplit(split.samples[:5], lengths[:5], []))
    assert few.frames == [96, 97, 98, 99, 100]
    equal = [Sample(str(i), "s", 50, ("A",)) for i in range(20)]
    ids = [int(sample.id) for sample in parity_clips(UsableSplit(equal, [50] * 20, [])).samples]
    assert ids == sorted(ids)


class Racing:
    """Recognises another class in two threads than in one, where a clip says so."""

    def __init__(self, _, threads):
        self.threads = threads

    def logits(self, values):
        return np.eye(4, dtype=np.float32)[[0, self.threads if values[0, ERROR] else 1]] * 9


def test_threads_that_change_what_is_recognised_are_seen():
    check_repeatable(b"", Frames(clip(), clip()), 2, Racing)
    check_repeatable(b"", Frames(clip(), clip(1.0, at=0)), 1, Racing)
    with pytest.raises(ExportError, match=r"2 threads recognise the classes \[2\] where 1 thread recognises \[1\]"):
        check_repeatable(b"", Frames(clip(), clip(1.0, at=0)), 2, Racing)


def test_operators_of_every_subgraph_are_counted(plain, remembering):
    assert check_operators(plain, "plain") == {"STRIDED_SLICE": 1}
    assert check_operators(remembering[1], "remembering")["UNIDIRECTIONAL_SEQUENCE_LSTM"] == 1
    looping = tflite(Looping(lacking=False))
    assert check_operators(looping, "looping") == {"WHILE": 1, "LESS": 1, "ADD": 1, "MUL": 1}
    with pytest.raises(ExportError, match=r"looping: subgraph [1-9].*Digamma"):
        check_operators(tflite(Looping(lacking=True)), "looping")


def test_what_runs_a_variants_file():
    assert verify.reader_of(VARIANTS["lengths"]) is FixedLengthStudent
    assert verify.reader_of(VARIANTS["stateless"]) is Student


def test_a_student_is_evaluated_by_what_it_recognises(plain):
    samples = [Sample(str(i), "s", 4, ("A",)) for i in range(2)]
    stream = Frames(clip(logits=(0, 1, 0, 0, 0)), clip(logits=(0, 0, 1, 0, 0)))
    found = verify.tflite_evaluation(Student(plain), stream, samples, Vocabulary(("A", "B", "C", "D")))
    assert found.hypotheses == (("A",), ("B",))


def test_wer_gate():
    def evaluation(errors):
        hypotheses = [("A",)] * (200 - errors) + [("B",)] * errors
        return Evaluation(tuple(Sample(str(i), "s", 9, ("A",)) for i in range(200)), tuple(hypotheses))

    check_wer(evaluation(20), evaluation(21))
    check_wer(evaluation(20), evaluation(0))
    with pytest.raises(ExportError, match=r"INT8 has a dev WER of 11\.00 %, FP32 10\.00 %; allowed are 0\.5 points"):
        check_wer(evaluation(20), evaluation(22))


def test_size_gate():
    check_size(bytes(10_550_000), 10_000_000)
    with pytest.raises(ExportError, match=r"INT8 takes 10\.55 MB, allowed are 10\.55 MB \(it has 10\.00 million"):
        check_size(bytes(10_550_001), 10_000_000)
    check_size(bytes(10_850_000), 10_000_000, signatures=3)
    with pytest.raises(ExportError, match=r"allowed are 10\.85 MB"):
        check_size(bytes(10_850_001), 10_000_000, signatures=3)
    check_size(bytes(12_930_000), 14_000_000)
    with pytest.raises(ExportError, match=r"INT8 takes 12\.93 MB, allowed are 12\.93 MB .* narrower model\.width"):
        check_size(bytes(12_930_001), 14_000_000)
