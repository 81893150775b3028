"""`.pose` files of the sign-language-processing community, in old and new layouts."""

import shutil

import numpy as np
import pytest

from tests.landmark_clips import assert_same
from tf_slr.core.errors import DataError
from tf_slr.core.landmarks import LEFT_HAND, LIPS, POSE, RIGHT_HAND, Normalisation, normalise
from tf_slr.corpus.manifest import Corpus, CorpusInfo
from tf_slr.importers.poses import prepare_pose, read_pose, write_pose

pose_format = pytest.importorskip("pose_format")

NEW = ("eval_colin-1-HOUSE", "eval_colin-SAD", "segmentation_example")
OLD = ("sgg_dummy_essen", "sgg_dummy_kinder", "sgg_dummy_kleine", "sgg_dummy_pizza", "slp_mediapipe")


@pytest.fixture(scope="module")
def folder(real_data):
    return real_data / "pose_files"


@pytest.mark.parametrize("name", NEW + OLD)
def test_points_are_those_the_package_finds_under_their_names(folder, name):
    pose = pose_format.Pose.read((folder / f"{name}.pose").read_bytes())
    clip, fps, lacks = read_pose(folder / f"{name}.pose")
    width, height = pose.header.dimensions.width, pose.header.dimensions.height
    assert clip.landmarks.shape == (len(pose.body.data), 92, 3)
    assert (fps, clip.aspect) == (pose.body.fps, width / height)
    places = {
        1: ("POSE_LANDMARKS", "LEFT_WRIST"), 5: ("POSE_LANDMARKS", "RIGHT_ELBOW"), 10: ("FACE_LANDMARKS", "61"),
        15: ("FACE_LANDMARKS", "0"), 49: ("FACE_LANDMARKS", "308"), 58: ("LEFT_HAND_LANDMARKS", "INDEX_FINGER_TIP"),
        91: ("RIGHT_HAND_LANDMARKS", "PINKY_TIP"), 92: ("POSE_LANDMARKS", "LEFT_SHOULDER"),
    }  # fmt: skip
    points = np.concatenate([clip.landmarks, clip.shoulders], axis=1)
    for place, point in places.items():
        index = pose.header.get_point_index(*point)
        found = pose.body.confidence[:, 0, index] > 0
        np.testing.assert_array_equal(np.isfinite(points[:, place, 0]), found)
        x, y, _ = pose.body.data.data[:, 0, index].T
        np.testing.assert_allclose(points[found, place, 0], x[found] / width, rtol=1e-6)
        np.testing.assert_allclose(points[found, place, 1], y[found] / height, rtol=1e-6)
    assert ("6 of 10 pose points" in lacks) == (name in OLD)
    assert np.isfinite(clip.landmarks[:, LIPS]).all()


def test_depth_has_the_scale_of_x_unless_another_tool_moved_it(folder):
    clip = read_pose(folder / "eval_colin-SAD.pose").clip
    for part in (LIPS, LEFT_HAND, RIGHT_HAND):
        x, z = (np.nanmax(np.ptp(clip.landmarks[:, part, axis], axis=1)) for axis in (0, 2))
        assert 0.2 < z / x < 2
    clip, _, lacks = read_pose(folder / "slp_mediapipe.pose")
    assert "the depth that MediaPipe gives" in lacks
    assert np.nanmax(np.abs(clip.landmarks[..., 2])) == 0


@pytest.mark.parametrize("name", NEW + OLD)
def test_the_round_trip_is_exact_to_a_float(folder, name, tmp_path):
    clip, fps, _ = read_pose(folder / f"{name}.pose")
    write_pose(tmp_path / "again.pose", clip, fps)
    again = read_pose(tmp_path / "again.pose")
    # Points outside the picture lie at up to 3, where the next float is 2.4e-7 away.
    assert_same(again.clip, clip, 2.4e-7)
    assert again.fps == fps
    pose_format.Pose.read((tmp_path / "again.pose").read_bytes())


def test_signers_of_all_layouts_look_alike_to_a_network(folder):
    for name in NEW + OLD:
        clip = read_pose(folder / f"{name}.pose").clip
        values = normalise(clip, Normalisation()).reshape(-1, 92, 3)
        elbows = values[:, [POSE.start, POSE.start + 5], :2]
        # Elbows hang below the shoulders, the left one on the picture's right.
        assert 0.2 < np.median(elbows[..., 1]) < 2, name
        assert np.median(elbows[:, 0, 0]) > 0.3, name
        assert np.median(elbows[:, 1, 0]) < -0.3, name


def test_the_files_become_a_corpus(folder, tmp_path):
    rows = [f"{folder / name}.pose\tSIGN {number % 3}\ttrain" for number, name in enumerate(NEW + OLD)]
    (tmp_path / "index.tsv").write_text("file\tglosses\tsplit\n" + "\n".join(rows))
    lines = prepare_pose(tmp_path / "index.tsv", tmp_path / "out", CorpusInfo("poses", "several"))
    assert lines == [
        "note: 4 of 8 clips were brought to 24 frames per second: 1 from 25, 1 from 30, 1 from 30.05, 1 from 30.1"
        " (eval_colin-1-HOUSE, eval_colin-SAD, segmentation_example, sgg_dummy_kleine)",
        "note: 5 clips lack 6 of 10 pose points (sgg_dummy_essen, sgg_dummy_kinder, sgg_dummy_kleine,"
        " sgg_dummy_pizza, slp_mediapipe)",
        "note: 1 clips lack the depth that MediaPipe gives (slp_mediapipe)",
    ]
    assert len(Corpus(tmp_path / "out").split("train")) == 8


@pytest.mark.parametrize("seed", range(60))
def test_damaged_files_are_clips_or_data_errors(folder, tmp_path, seed):
    rng = np.random.default_rng(seed)
    path = tmp_path / "damaged.pose"
    shutil.copyfile(folder / f"{(NEW + OLD)[seed % 8]}.pose", path)
    content = bytearray(path.read_bytes())
    for _ in range(rng.integers(1, 5)):
        content[rng.integers(2800 if seed % 2 else 15000)] = rng.integers(256)
    path.write_bytes(content[: None if seed % 4 else rng.integers(len(content))])
    try:
        found = read_pose(path)
    except DataError:
        return
    assert found.clip.landmarks.shape[1:] == (92, 3)
