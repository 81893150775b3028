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
from export.toom_cook import algorithms
from export.variants import DEFAULT, VARIANTS
from tf_slr import files
from tf_slr.errors import UsageError
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


def stored_weights(model: bytes) -> list[np.ndarray]:
    """Every INT8 matrix of a file, in all its subgraphs, as the numbers it stands for; output channels first."""
    content = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    found = []
    for subgraph in content.subgraphs:
        for tensor in subgraph.tensors:
            data = content.buffers[tensor.buffer].data
            if tensor.type == schema.TensorType.INT8 and data is not None and len(tensor.shape) >= 2:
                values = np.frombuffer(bytes(data), np.int8).reshape(tensor.shape).astype(np.float64)
                scales = np.asarray(tensor.quantization.scale).reshape(-1, *[1] * (values.ndim - 1))
                found.append(values * scales)
    return found


def test_the_grid_of_the_forward_pass_is_that_of_the_converted_file():
    network = lively()
    stored = stored_weights(convert(network, VARIANTS[DEFAULT]))
    lstms = (network.bilstm.forward_lstm.cell, network.bilstm.backward_lstm.cell)
    expected = [
        fold(quantised_weights(product)[None, None].numpy(), 0, norm)[0][0, 0].T
        for convolution, norm, way in zip(
            network.convolutions, network.norms, algorithms(network.options.stack()), strict=True
        )
        for product in way.spectrum(convolution.kernel[0])
    ]
    kernels = [kernel for cell in lstms for kernel in (cell.kernel, cell.recurrent_kernel)]
    expected += [quantised_weights(kernel).numpy().T for kernel in (*kernels, network.dense.kernel)]
    expected.append(quantised_weights(network.classifier.folded()).numpy().T)
    for kernel in expected:
        alike = [weights for weights in stored if weights.shape == kernel.shape]
        assert min(np.abs(weights - kernel).max() for weights in alike) < 1e-6 * np.abs(kernel).max()
        # Half a step is what rounding may move, so that the bound above means the same level everywhere.
        assert np.abs(kernel).max() / 254 > 1e-4 * np.abs(kernel).max()


def test_the_fine_tuned_network_computes_what_the_file_computes():
    network, values = lively(), clip(90)
    inputs = {"landmarks": values[None], "frames": np.array([90])}
    exact = network(inputs)["sequence_logits"][0].numpy()
    found = Student(convert(network, VARIANTS[DEFAULT])).logits(values)
    order = [variable.name for variable in network.weights]
    quantised = FakeQuantised(network)
    assert [variable.name for variable in quantised.weights] == order
    simulated = quantised(inputs)["sequence_logits"][0].numpy()
    assert np.abs(simulated - found).mean() < 0.4 * np.abs(exact - found).mean()


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
    with pytest.raises(UsageError, match=r"qat\.epochs: expected 0 or more, received -1"):
        QatOptions(epochs=-1)
    with pytest.raises(UsageError, match=r"qat\.learning_rate: expected more than 0"):
        dataclasses.replace(QatOptions(), learning_rate=0.0)
    with pytest.raises(UsageError, match=r"qat\.epochs = 0"):
        exporting.fine_tuned(Run(tiny_run), QatOptions(epochs=0))
