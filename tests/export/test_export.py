"""Export: the gates, and the bundle they guard."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from export import bundle as exporting
from export.convert import convert
from export.variants import DEFAULT, VARIANTS
from export.verify import check_parity, check_repeatable, parity_clips
from tf_slr.core import config, files
from tf_slr.core.errors import ExportError, UsageError
from tf_slr.core.landmarks import Normalisation
from tf_slr.features.splits import load_split
from tf_slr.features.streams import Landmarks
from tf_slr.models.corrnet import CorrNetOptions
from tf_slr.models.mslr import Mslr, MslrOptions
from tf_slr.models.temporal import TemporalOptions
from tf_slr.runtime.bundle import FP32_STUDENT, read_bundle
from tf_slr.runtime.student import Student
from tf_slr.training import checkpoints
from tf_slr.training.networks import build
from tf_slr.training.recipe import Recipe
from tf_slr.training.runs import Run

ROOT = Path(__file__).parents[2]


def test_bundle_says_what_it_is(tiny_run, tiny_bundle):
    bundle = read_bundle(tiny_bundle)
    assert bundle.description["corpus"]["name"] == "tiny"
    assert bundle.description["recipe"]["model"]["width"] == 48
    metrics = bundle.description["metrics"]
    assert metrics["dev_wer_fp32"] == files.read_json(tiny_run / "summary.json")["dev_wer"]
    assert metrics["dev_wer_int8"] <= metrics["dev_wer_fp32"] + 0.005
    assert metrics["fp32_keras_difference"] <= 1e-4
    assert metrics["bytes_int8"] == (tiny_bundle / "student.tflite").stat().st_size
    assert "WHILE" in metrics["operators"]
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" not in metrics["operators"]
    assert bundle.description["quantisation"]["variant"] == DEFAULT


def test_what_a_missing_depth_costs_is_measured_where_dev_has_depth(tiny_run, tiny_bundle):
    bundle, run = read_bundle(tiny_bundle), Run(tiny_run)
    assert bundle.description["metrics"]["dev_wer_without_depth"] is None  # the tiny corpus has z = 0
    dev = load_split(run.corpus(), "dev")

    def deepened(clip):
        return clip._replace(landmarks=clip.landmarks + np.float32([0, 0, 0.1]) * np.arange(92)[:, None])

    candidate = exporting._Candidate("any", bundle.student, None)
    form = VARIANTS[DEFAULT]
    found = exporting._wer_without_depth(candidate, form, bundle.input, run.corpus(), dev.seen_as(deepened), run)
    assert found == bundle.description["metrics"]["dev_wer_int8"]  # what was added was taken away


def test_calibration_names_clips_of_the_training_split(tmp_path, tiny_run, monkeypatch):
    monkeypatch.setattr(exporting, "check_wer", lambda *_: None)  # which clips is asked here, not how well
    metrics = exporting.export(tiny_run, tmp_path / "b", "integer", qat=False)
    used = read_bundle(tmp_path / "b").description["quantisation"]["calibration"]
    assert used == metrics["calibration"]
    assert len(used) == 64
    assert set(used) <= {sample.id for sample in Run(tiny_run).corpus().split("train")}
    with pytest.raises(UsageError, match="'fp32' is there to be compared with"):
        exporting.export(tiny_run, tmp_path / "c", "fp32")


def test_parity_gate_sees_a_wrong_model(tiny_run):
    run = Run(tiny_run)
    network, clips = run.network(), parity_clips(load_split(run.corpus(), "dev"))
    stream = Landmarks(clips.clips, Normalisation())
    model = (tiny_run / FP32_STUDENT).read_bytes()
    assert check_parity(network, model, stream, clips.frames) <= 1e-4
    network.norms[2].moving_mean.assign_add(0.05 * np.ones(48, np.float32))
    with pytest.raises(ExportError, match="differs from Keras"):
        check_parity(network, model, stream, clips.frames)


def test_lstm_cells_that_grow_beyond_ten_keep_parity():
    """The converter clips LSTM cells at 10; here they count to about 20 and are then let go."""
    network = Mslr(MslrOptions(width=8, hidden=4, temporal="K1-P2-K1-P2", batch_norm=False), 5)
    kernel, bias = np.zeros((1, 1, 276, 8), np.float32), np.zeros(8, np.float32)
    kernel[0, 0, 0, 0] = 1  # the first value of a frame reaches the LSTM as it is
    for convolution, values in zip(
        network.convolutions, (kernel, np.eye(8, dtype=np.float32)[None, None]), strict=True
    ):
        convolution.set_weights([values, bias])
    inputs, recurrent, gates = (np.zeros_like(weight) for weight in network.bilstm.forward_lstm.get_weights())
    # Cells count steps; where the value is not 0, input and forget gates of two of the four close.
    inputs[0, 0:2], inputs[0, 4:6] = -12, -6
    gates[0:4], gates[4:8], gates[8:12], gates[12:16] = 6, 6, 3, 6
    network.bilstm.forward_lstm.set_weights([inputs, recurrent, gates])
    network.bilstm.backward_lstm.set_weights([0 * inputs, recurrent, 0 * gates])
    # Dense layer and classifier as identities, so that nothing amplifies or hides the cells.
    network.dense.set_weights([np.eye(8, dtype=np.float32), np.full(8, 5, np.float32)])
    network.classifier.kernel.assign(np.eye(8, 5))
    frames = np.zeros((100, 276), np.float32)
    frames[80:, 0] = 0.9
    expected = network({"landmarks": frames[None], "frames": np.array([100])})["sequence_logits"][0]
    assert np.abs(Student(convert(network)).logits(frames) - expected).max() < 1e-4


class Fixed:
    """Stands for a stream of one clip."""

    def __init__(self, values):
        self.values = values

    def shown(self, index, change):
        return self.values


def test_state_that_leaks_between_clips_is_seen(tiny_run, monkeypatch):
    model = convert(Run(tiny_run).network(), VARIANTS["dynamic"])
    stream = Fixed(np.random.default_rng(0).normal(0, 0.5, (60, 276)).astype(np.float32))
    check_repeatable(model, stream, 1)
    monkeypatch.setattr(Interpreter, "reset_all_variables", lambda _: None)
    with pytest.raises(ExportError, match="other logits the second time: state leaks"):
        check_repeatable(model, stream, 1)


@pytest.mark.parametrize("gate", ["check_operators", "check_parity", "check_size", "check_repeatable", "check_wer"])
def test_a_failed_gate_leaves_no_bundle(tmp_path, tiny_run, monkeypatch, gate):
    def fail(*_):
        raise ExportError(gate)

    # Conversion is not what is looked at here: every gate gets the model that is there already.
    fp32 = (tiny_run / FP32_STUDENT).read_bytes()
    monkeypatch.setattr(exporting, "convert", lambda *_: fp32)
    monkeypatch.setattr(exporting, "check_size", lambda *_: None)
    monkeypatch.setattr(exporting, gate, fail)
    with pytest.raises(ExportError, match=gate):
        exporting.export(tiny_run, tmp_path / "bundle", qat=False)
    assert not (tmp_path / "bundle").exists()


def test_command_line(tmp_path, tiny_run):
    command = [sys.executable, "-m", "export", "--run", str(tiny_run), "--out", str(tmp_path / "b"), "--no-qat"]
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert f"wrote {tmp_path / 'b'}" in done.stdout
    assert f"exported: post-training weights, variant {DEFAULT}" in done.stdout
    failed = subprocess.run([*command[:4], str(tmp_path), *command[5:]], cwd=ROOT, capture_output=True, text=True,
                            env=environment)  # fmt: skip
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert "is a folder of other things, not a run" in failed.stderr


def test_exporting_twice_gives_the_same_bundle(tmp_path, tiny_run, tiny_bundle):
    exporting.export(tiny_run, tmp_path / "again", qat=False)
    first, second = (json.loads((root / "bundle.json").read_text()) for root in (tiny_bundle, tmp_path / "again"))
    assert first == second


def test_a_teacher_is_refused_by_name(tmp_path, tiny_run):
    run = Run(shutil.copytree(tiny_run, tmp_path / "run"))
    temporal = TemporalOptions(width=8, lstm_layers=1)
    teacher = CorrNetOptions(size=16, stem="small", widths=(8, 4), blocks=(1, 1), correlated=(), temporal=temporal)
    files.write_text(run.root / "recipe.toml", config.to_toml(config.to_table(Recipe(model=teacher))))
    checkpoints.save(run.best, {}, network=build(teacher, run.vocabulary.classes).weights)
    with pytest.raises(UsageError, match=r"holds a corrnet; only students \(mslr, lrinet\)"):
        exporting.export(run.root, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
