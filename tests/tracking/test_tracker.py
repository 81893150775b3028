"""The tracker, as far as it can be tried without a picture of anybody (see tests/real/test_tracker.py)."""

import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tf_slr.core.errors import DataError, UsageError
from tf_slr.tracking import pose_model
from tf_slr.tracking import tracker as tracker_module
from tf_slr.tracking.tracker import Tracker, holistic_class, landmark_source

ROOT = Path(__file__).parents[2]
FOUND = importlib.util.find_spec("mediapipe")
needs_mediapipe = pytest.mark.skipif(FOUND is None, reason="needs tf_slr[video]")


@pytest.fixture(scope="module")
def package():
    return Path(FOUND.origin).parent


@pytest.fixture(scope="module")
def tracker():
    return Tracker()


def noise(height=96, width=128, frames=3):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(frames)]


def test_without_mediapipe_the_extra_is_named(monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(UsageError, match=r"pip install 'tf_slr\[video\]'"):
        landmark_source()


@pytest.mark.parametrize("version", ["0.10.31", "0.10.20"])
def test_another_mediapipe_is_refused_before_it_is_imported(monkeypatch, version):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    holistic_class.cache_clear()
    for needs_it in (landmark_source, Tracker):
        with pytest.raises(UsageError, match=rf"need MediaPipe 0\.10\.21, found {version}: pip install"):
            needs_it()


@needs_mediapipe
def test_a_mediapipe_that_cannot_be_imported_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "mediapipe"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "tf_slr.tracking.holistic", raising=False)
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    holistic_class.cache_clear()
    with pytest.raises(UsageError, match=r"MediaPipe 0\.10\.21 cannot be imported \(.*: pip install 'tf_slr\[video\]'"):
        Tracker()


@needs_mediapipe
def test_the_tracker_brings_no_tensorflow_and_says_nothing():
    code = (
        "import sys, numpy; from tf_slr.tracking.tracker import Tracker; from tf_slr.core.errors import DataError\n"
        "try: Tracker().track([numpy.zeros((96, 96, 3), numpy.uint8)], 'dark')\n"
        "except DataError as error: print(error)\n"
        "print('mediapipe' in sys.modules, 'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "dark: no landmark was found in any frame (is a person in the picture?)",
        "True False",
    ]
    assert done.stderr == ""


@needs_mediapipe
@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (np.zeros((96, 128), np.uint8), r"expected a picture, uint8 \[H, W, 3\], received uint8 \[96, 128\]"),
        (np.zeros((96, 128, 1), np.uint8), r"received uint8 \[96, 128, 1\]"),
        (np.zeros((96, 128, 4), np.uint8), r"received uint8 \[96, 128, 4\]"),
        (np.zeros((96, 128, 3), np.float32), r"received float32 \[96, 128, 3\]"),
        (np.zeros((0, 128, 3), np.uint8), r"received uint8 \[0, 128, 3\]"),
        (None, "received NoneType"),
    ],
    ids=["grey", "1 channel", "4 channels", "float", "empty", "none"],
)
def test_what_is_no_picture_is_named_and_does_not_spoil_the_next_clip(tracker, frame, said):
    with pytest.raises(DataError, match=rf"^bad: frame 3: .*{said}"):
        tracker.track([*noise(frames=2), frame], "bad")
    with pytest.raises(DataError, match=r"^good: no landmark was found in any frame"):
        tracker.track(noise(), "good")


@needs_mediapipe
def test_a_failure_of_mediapipe_is_named_and_does_not_spoil_the_next_clip(monkeypatch):
    from tf_slr.tracking.holistic import Body, Holistic

    class Breakable(Holistic):
        """Gives MediaPipe a picture for a pose where a frame is white: its graph fails, and stays broken."""

        def find_body(self, frame):
            body = super().find_body(frame)
            return Body(body.image, body.image, body.face) if frame.min() == 255 else body

    monkeypatch.setattr(tracker_module, "holistic_class", lambda: Breakable)
    tracker = Tracker()
    for _ in range(2):
        with pytest.raises(DataError, match=r"^bad: frame 3: MediaPipe failed \(.*Packet type mismatch") as error:
            tracker.track([*noise(frames=2), np.full((96, 128, 3), 255, np.uint8)], "bad")
        assert "\n" not in str(error.value)
        with pytest.raises(DataError, match=r"^good: no landmark was found in any frame"):
            tracker.track(noise(), "good")


@needs_mediapipe
def test_an_error_of_the_video_passes_and_does_not_spoil_the_next_clip(tracker):
    def truncated():
        yield from noise()
        raise DataError("video: promised 30 frames, gives 3")

    with pytest.raises(DataError, match=r"^video: promised 30 frames, gives 3$"):
        tracker.track(truncated(), "clip")
    with pytest.raises(DataError, match=r"^good: no landmark was found in any frame"):
        tracker.track(noise(), "good")


@needs_mediapipe
def test_a_clip_without_a_frame_is_refused(tracker):
    with pytest.raises(DataError, match=r"^clip: has no frame"):
        tracker.track([], "clip")


def outputs_of(model, picture):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture)
    interpreter.invoke()
    return [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]


@needs_mediapipe
def test_the_pose_model_loses_its_mask_and_nothing_else(package):
    picture = np.random.default_rng(0).random((1, 256, 256, 3), np.float32)
    whole = outputs_of((package / pose_model.PATH).read_bytes(), picture)
    cut = outputs_of(pose_model.pose_model(package), picture)
    assert whole[pose_model.MASK].shape == (1, 256, 256, 1)
    assert [output.shape for output in cut] == [(1, 195), (1, 1), (1, 195), (1, 64, 64, 39), (1, 117)]
    for place in (0, 1, 3, 4):
        np.testing.assert_array_equal(cut[place], whole[place])


@needs_mediapipe
def test_only_operators_of_the_mask_are_left_out(package):
    from ai_edge_litert import schema_py_generated as schema

    def operators(model):
        graph = schema.ModelT.InitFromPackedBuf(model, 0).subgraphs[0]
        return [operator.outputs.tolist() for operator in graph.operators], graph.outputs.tolist()

    whole, outputs = operators((package / pose_model.PATH).read_bytes())
    cut, _ = operators(pose_model.pose_model(package))
    left_out = [made for made in whole if made not in cut]
    assert [made for made in whole if made in cut] == cut, "the order stays"
    assert len(left_out) == 46
    assert [outputs[pose_model.MASK]] in left_out


@needs_mediapipe
@pytest.mark.parametrize("fault", ["changed", "truncated", "missing"])
def test_a_damaged_pose_model_is_refused(package, tmp_path, fault):
    model = bytearray((package / pose_model.PATH).read_bytes())
    path = tmp_path / pose_model.PATH
    path.parent.mkdir(parents=True)
    if fault == "changed":
        model[len(model) // 2] ^= 1
    if fault != "missing":
        path.write_bytes(model[:1000] if fault == "truncated" else model)
    with pytest.raises(
        UsageError, match=r"pose_landmark_full\.tflite: .*pip install --force-reinstall --no-deps media"
    ):
        pose_model.pose_model(tmp_path)
