"""Quantisation-aware fine-tuning: its grid is the converter's, it resumes exactly, and never makes a student worse."""

import dataclasses
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from export import bundle as exporting
from export.convert import convert
from export.grid import quantised_activations, quantised_weights
from export.qat import FakeQuantised, QatTrainer, fine_tuning, qat_run
from export.variants import DEFAULT, VARIANTS
from tf_slr.core import files
from tf_slr.core.errors import UsageError
from tf_slr.models.layers import fold
from tf_slr.models.mslr import Mslr, MslrOptions
from tf_slr.runtime.student import Student
from tf_slr.training import checkpoints
from tf_slr.training.options.distill import DistillOptions
from tf_slr.training.recipe import QatOptions, Recipe
from tf_slr.training.runs import Run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CLASSES = 24


def lively() -> Mslr:
    """A student whose weights and statistics are nowhere what they were initialised to."""
    tf.keras.utils.set_random_seed(3)
    network = Mslr(MslrOptions(width=48, hidden=40, dropout=0.0), CLASSES)
    rng = np.random.default_rng(3)
    for norm in network.norms:
        norm.gamma.assign(rng.uniform(-1.5, 1.5, 48))  # a negative factor turns a channel's grid around
        norm.moving_mean.assign(rng.normal(0, 0.2, 48))
        norm.moving_variance.assign(rng.uniform(0.5, 2, 48))
    return network


def clip(frames: int) -> np.ndarray:
    return np.random.default_rng(frames).normal(0, 0.5, (frames, 276)).astype(np.float32)


def stored_weights(model: bytes) -> list[tuple[np.ndarray, np.ndarray]]:
    """Levels and scale by output channel, the first axis, of every INT8 matrix of a file, in all its subgraphs."""
    content = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    found = []
    for subgraph in content.subgraphs:
        for tensor in subgraph.tensors:
            data = content.buffers[tensor.buffer].data
            if tensor.type == schema.TensorType.INT8 and data is not None and len(tensor.shape) >= 2:
                levels = np.frombuffer(bytes(data), np.int8).reshape(tensor.shape[0], -1)
                found.append((levels, np.asarray(tensor.quantization.scale)[:, None]))
    return found


def sigmoids_first(kernel: np.ndarray) -> np.ndarray:
    """The gates of an LSTM's kernel in the file's order."""
    enter, forget, candidate, leave = np.split(kernel, 4, -1)
    return np.concatenate([enter, forget, leave, candidate], -1)


def test_the_grid_of_the_forward_pass_is_that_of_the_converted_file():
    """Every weight is at most half a level from the real one: where rounding ties, a processor may take either."""
    network = lively()
    stored = stored_weights(convert(network, VARIANTS[DEFAULT]))
    cells = (network.bilstm.forward_lstm.cell, network.bilstm.backward_lstm.cell)
    layers = [
        [fold(value, 0, norm)[0] for value in (layer.kernel.numpy(), quantised_weights(layer.kernel).numpy())]
        for layer, norm in zip(network.convolutions, network.norms, strict=True)
    ]
    kernels = [(kernel, sigmoids_first) for cell in cells for kernel in (cell.kernel, cell.recurrent_kernel)]
    kernels += [(network.dense.kernel, np.asarray), (network.classifier.folded(), np.asarray)]
    layers += [[order(kernel.numpy()), order(quantised_weights(kernel).numpy())] for kernel, order in kernels]
    for exact, simulated in layers:
        exact, simulated = (np.moveaxis(value, -1, 0).reshape(value.shape[-1], -1) for value in (exact, simulated))
        alike = [one for one in stored if one[0].shape == exact.shape]
        levels, scale = min(alike, key=lambda one: np.abs(one[0] * one[1] - exact).max())
        assert np.abs(levels - exact / scale).max() < 0.501
        assert np.abs(simulated / scale - exact / scale).max() < 0.501
        assert np.abs(simulated / scale - (simulated / scale).round()).max() < 1e-3
        assert np.abs(levels).max(1).min() == 127


def test_the_fine_tuned_network_computes_what_the_file_computes():
    """Its errors go where the file's go. How far depends on the kernels that LiteRT has for a processor."""
    network = lively()
    clips = [clip(frames) for frames in (60, 75, 90)]
    inputs = [{"landmarks": values[None], "frames": np.array([len(values)])} for values in clips]
    exact = np.concatenate([network(one)["sequence_logits"][0] for one in inputs])
    student = Student(convert(network, VARIANTS[DEFAULT]))
    found = np.concatenate([student.logits(values) for values in clips])
    order = [variable.name for variable in network.weights]
    quantised = FakeQuantised(network)
    assert [variable.name for variable in quantised.weights] == order
    simulated = np.concatenate([quantised(one)["sequence_logits"][0] for one in inputs])
    assert 0.6 < (simulated - exact).std() / (found - exact).std() < 1.6
    assert np.corrcoef((simulated - exact).ravel(), (found - exact).ravel())[0, 1] > 0.5


def test_a_convolution_has_one_range_a_clip_and_a_product_one_a_row():
    network = lively()
    (kernel, dense), classifier = (network.convolutions[1].kernel, network.dense.kernel), network.classifier.folded()
    quantised = FakeQuantised(network).student
    values = np.random.default_rng(1).normal(0, 0.5, (2, 1, 30, 80)).astype(np.float32)
    clips, wide, rows = values[..., :48], values[:, 0], values[:, 0, :, :48]
    expected = tf.nn.conv2d(quantised_activations(clips, [1, 2, 3]), quantised_weights(kernel), 1, "SAME")
    assert np.abs(quantised.convolutions[1](clips) - expected).max() < 1e-5
    assert np.abs(tf.nn.conv2d(clips, quantised_weights(kernel), 1, "SAME") - expected).max() > 1e-3
    expected = tf.nn.relu(quantised_activations(wide, [-1]) @ quantised_weights(dense))
    assert np.abs(quantised.dense(wide) - expected).max() < 1e-5
    expected = quantised_activations(rows, [-1]) @ quantised_weights(classifier)
    assert np.abs(quantised.classifier(rows) - expected).max() < 1e-5


def test_every_weight_of_the_student_learns_through_the_grid():
    network = lively()
    trainable = {variable.ref() for variable in network.trainable_variables}
    quantised = FakeQuantised(network)
    assert {variable.ref() for variable in quantised.trainable_variables} == trainable
    with tf.GradientTape() as tape:
        outputs = quantised({"landmarks": clip(40)[None], "frames": tf.constant([40])}, training=True)
        loss = tf.reduce_mean(outputs["sequence_logits"] ** 2) + tf.reduce_mean(outputs["conv_logits"] ** 2)
    for gradient in tape.gradient(loss, quantised.trainable_variables):
        assert np.abs(gradient.numpy()).max() > 0


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e4))
def test_grids(seed, size):
    x = tf.constant(np.random.default_rng(seed).normal(0.3, size, (5, 7, 4)), tf.float32)
    weights = quantised_weights(x).numpy()
    steps = np.abs(x.numpy()).max((0, 1)) / 127
    assert np.abs(weights - x).max() <= 0.51 * steps.max()
    assert np.allclose(weights / steps, (weights / steps).round(), atol=1e-3)
    assert np.allclose(quantised_weights(tf.constant(weights)), weights, rtol=1e-5, atol=0)
    activations = quantised_activations(x, [-1]).numpy()
    low, high = np.minimum(x.numpy().min(-1), 0), np.maximum(x.numpy().max(-1), 0)
    assert (np.abs(activations - x).max(-1) <= 1.01 * (high - low) / 255).all()
    assert (quantised_activations(tf.zeros((2, 3)), [-1]).numpy() == 0).all()
    assert (quantised_weights(tf.zeros((2, 3))).numpy() == 0).all()


def test_losses_and_teacher_of_the_training_are_kept():
    recipe = Recipe(distill=DistillOptions(teacher="runs/teacher", sequence=5.0, inner=1.0, online=True))
    tuning = fine_tuning(recipe, QatOptions(3, 2e-5))
    assert (tuning.distill, tuning.features, tuning.model) == (recipe.distill, recipe.features, recipe.model)
    assert (tuning.training.epochs, tuning.training.learning_rate, tuning.training.schedule) == (3, 2e-5, "linear")
    assert tuning.training.ctc_conv == recipe.training.ctc_conv


def test_a_teacher_that_faded_does_not_come_back():
    """The student has outgrown it, which is why its word had come to count nothing."""
    fading = DistillOptions(teacher="runs/teacher", sequence=5.0, conv=5.0, inner=1.0, online=True, fade=True)
    assert fine_tuning(Recipe(distill=fading), QatOptions(3, 2e-5)).distill == DistillOptions(inner=1.0)


FIT = """
import sys
from pathlib import Path
from export.qat import QatTrainer
from tf_slr.training.recipe import QatOptions
from tf_slr.training.runs import Run
QatTrainer(Run(sys.argv[1]), QatOptions(epochs=1, learning_rate=1e-3)).fit()
"""
OPTIONS = QatOptions(epochs=1, learning_rate=1e-3)


def fit(run: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", FIT, str(run)], cwd=ROOT, stderr=subprocess.PIPE, text=True)


def test_a_killed_fine_tuning_resumes_exactly(tmp_path, tiny_run):
    killed, unbroken = (shutil.copytree(tiny_run, tmp_path / name) for name in ("killed", "unbroken"))
    process = fit(killed)
    folder = qat_run(Run(killed), OPTIONS)
    while not folder.last.is_file():  # written in the midst of the epoch
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not folder.summary_path.exists()
    for run in (killed, unbroken):
        process = fit(run)
        _, output = process.communicate()
        assert process.returncode == 0, output
    whole = qat_run(Run(unbroken), OPTIONS)
    for name in ("last", "best"):
        expected, found = (files.read_npz(getattr(run, name)) for run in (whole, folder))
        assert expected.keys() == found.keys()
        for key in expected.keys() - {"state"}:
            assert np.array_equal(expected[key], found[key]), key
    assert [line["dev_wer"] for line in whole.metrics()] == [line["dev_wer"] for line in folder.metrics()]
    # What it made is a run like any other.
    assert [v.shape for v in whole.network().weights] == [v.shape for v in Run(tiny_run).network().weights]


def test_fine_tuning_that_destroys_keeps_where_it_began(tmp_path, tiny_run):
    run = Run(shutil.copytree(tiny_run, tmp_path / "run"))
    summary = QatTrainer(run, QatOptions(epochs=1, learning_rate=2.0)).fit()
    assert summary["best_epoch"] == 0
    kept = qat_run(run, QatOptions(epochs=1, learning_rate=2.0)).network()
    for expected, found in zip(run.network().weights, kept.weights, strict=True):
        assert np.array_equal(expected, found)


def test_the_better_weights_on_dev_are_exported(tmp_path, tiny_run, monkeypatch):
    run = Run(shutil.copytree(tiny_run, tmp_path / "run"))
    good, bad = run.network(), run.network()
    noise = np.random.default_rng(0)
    for kernel in (bad.dense.kernel, bad.classifier.kernel):
        kernel.assign_add(noise.normal(0, 0.3, kernel.shape))
    monkeypatch.setattr(exporting, "fine_tuned", lambda *_: bad)
    metrics = exporting.export(run.root, tmp_path / "bundle", qat=True)
    assert metrics["weights"] == "post-training"
    assert metrics["dev_wer"]["post-training"] < metrics["dev_wer"]["fine-tuned"]
    assert metrics["dev_wer_int8"] == metrics["dev_wer"]["post-training"]
    checkpoints.save(run.best, {}, network=bad.weights)
    monkeypatch.setattr(exporting, "fine_tuned", lambda *_: good)
    metrics = exporting.export(run.root, tmp_path / "bundle", qat=True)
    assert metrics["weights"] == "fine-tuned"
    stored = files.read_json(tmp_path / "bundle/bundle.json")["quantisation"]
    assert stored == {"variant": DEFAULT, "weights": "fine-tuned", "dev_wer": metrics["dev_wer"], "calibration": []}


def test_wrong_options_are_refused(tmp_path, tiny_run):
    with pytest.raises(UsageError, match=r"qat\.epochs: expected from 0 to 10000, received -1"):
        QatOptions(epochs=-1)
    with pytest.raises(UsageError, match=r"qat\.learning_rate: expected more than 0"):
        dataclasses.replace(QatOptions(), learning_rate=0.0)
    with pytest.raises(UsageError, match=r"qat\.epochs = 0"):
        exporting.fine_tuned(Run(tiny_run), QatOptions(epochs=0))
