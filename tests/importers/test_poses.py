"""Single `.pose` files: landmarks come back, other layouts are understood, damage is refused."""

import io
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.landmark_clips import assert_same, moving_figure
from tf_slr.core.errors import DataError
from tf_slr.core.landmarks import LIPS, POSE
from tf_slr.corpus.manifest import write_clip
from tf_slr.importers import foreign
from tf_slr.importers.poses import nominal_size, read_pose, write_pose

pose_format = pytest.importorskip("pose_format")
from pose_format.numpy import NumPyPoseBody  # noqa: E402
from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions  # noqa: E402


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A file of the moving figure."""
    path = tmp_path_factory.mktemp("pose") / "figure.pose"
    write_pose(path, moving_figure(), 25)
    return path


def package_read(path):
    return pose_format.Pose.read(path.read_bytes())


def package_write(path, components, size=(1280, 720), fps=25, dimensions=3, people=1, frames=6):
    """Write a file with the package: point i of the file lies at (300 + i, 200 + 2 i, 0.001 i)."""
    header = PoseHeader(0.2, PoseHeaderDimensions(*size), components)
    count = header.total_points()
    lines = np.stack([300 + np.arange(count), 200 + 2 * np.arange(count), 0.001 * np.arange(count)], -1)
    data = np.tile(lines[:, :dimensions], (frames, people, 1, 1))
    body = NumPyPoseBody(fps, data, np.ones((frames, people, count)))
    with path.open("wb") as stream:
        pose_format.Pose(header, body).write(stream)
    return path


def component(name, points, form="XYZC"):
    return PoseHeaderComponent(name, list(points), [], [(255, 0, 0)], form)


def components_of(path):
    return {component.name: component for component in package_read(path).header.components}


SIZES = [(1280, 720), (210, 260), (720, 576), (97, 89), (3840, 2161)]


@settings(max_examples=25)
@given(st.integers(1, 30), st.integers(0, 9), st.sampled_from(SIZES), st.floats(1, 1000, width=32), st.booleans())
def test_a_clip_comes_back_as_it_was(tmp_path_factory, frames, seed, size, fps, half):
    rng = np.random.default_rng(seed)
    clip = moving_figure(frames, seed, size[0] / size[1])
    clip.landmarks[rng.random(clip.landmarks.shape[:2]) < 0.2] = np.nan
    clip.landmarks[0, 0] = (-3.5, 4.25, 0)  # outside the picture, where MediaPipe guesses
    if half:
        clip = clip._replace(landmarks=clip.landmarks.astype(np.float16), shoulders=np.full((frames, 2, 3), np.nan))
    path = tmp_path_factory.mktemp("round") / "clip.pose"
    write_pose(path, clip, fps)
    again = read_pose(path)
    assert_same(again.clip, clip)
    assert again.fps == fps
    assert again.lacks == ()


def test_depth_is_kept_as_mediapipe_gives_it(written):
    landmarks = moving_figure().landmarks
    place = package_read(written).header.get_point_index("POSE_LANDMARKS", "RIGHT_WRIST")
    point = package_read(written).body.data[0, 0, place]
    x, y, z = landmarks[0, POSE][6]
    np.testing.assert_allclose(point, (1280 * x, 720 * y, z), rtol=1e-6)


def test_unknown_depth_and_unknown_shoulders(tmp_path):
    clip = moving_figure()._replace(shoulders=None)
    clip.landmarks[..., 2] = np.nan
    write_pose(tmp_path / "flat.pose", clip, 25)
    again = read_pose(tmp_path / "flat.pose").clip
    assert np.isnan(again.shoulders).all()
    np.testing.assert_array_equal(np.isnan(again.landmarks[..., 2]), np.isnan(clip.landmarks[..., 0]))
    assert np.nanmax(np.abs(again.landmarks[..., 2])) == 0


def test_the_package_reads_and_draws_our_files(written):
    pytest.importorskip("cv2")
    from pose_format.pose_visualizer import PoseVisualizer
    from pose_format.utils.generic import detect_known_pose_format

    pose = package_read(written)
    assert (pose.header.dimensions.width, pose.header.dimensions.height) == (1280, 720)
    assert [(part.name, len(part.points)) for part in pose.header.components] == [
        ("POSE_LANDMARKS", 12), ("FACE_LANDMARKS", 40), ("LEFT_HAND_LANDMARKS", 21), ("RIGHT_HAND_LANDMARKS", 21),
    ]  # fmt: skip
    assert detect_known_pose_format(pose) == "holistic"
    for part in pose.header.components:
        assert len(part.limbs) >= len(part.points) - 1, part.name
        assert {end for limb in part.limbs for end in limb} == set(range(len(part.points)))
        assert np.asarray(part.colors).max() <= 255
    by_name = pose.header.components[0]
    assert ("LEFT_SHOULDER", "LEFT_ELBOW") in [(by_name.points[a], by_name.points[b]) for a, b in by_name.limbs]
    for part in pose.header.components[2:]:
        assert ("WRIST", "THUMB_CMC") in [(part.points[a], part.points[b]) for a, b in part.limbs]
    drawing = np.asarray(next(iter(PoseVisualizer(pose).draw())))
    assert drawing.shape == (720, 1280, 3)
    red = (drawing[..., 2] > 150) & (drawing[..., 0] < 80)
    x, y = moving_figure().landmarks[0, 0, :2]
    column, row = round(float(x) * 1280), round(float(y) * 720)
    assert red[row - 8 : row + 9, column - 8 : column + 9].any(), "no elbow where it lies"


NOMINAL = {
    16 / 9: (1280, 720), float(np.float32(16 / 9)): (1280, 720), 210 / 260: (588, 728), 1: (720, 720),
    720 / 576: (900, 720), 4096 / 2161: (4096, 2161), 0.1: (72, 720), 10: (7200, 720),
}  # fmt: skip


@pytest.mark.parametrize("aspect", NOMINAL)
def test_nominal_size(aspect):
    assert nominal_size(aspect) == NOMINAL[aspect]


def test_points_are_matched_by_name_whatever_the_layout(tmp_path, written):
    parts = components_of(written)
    rng = np.random.default_rng(3)

    def shuffled(name, *more):
        return component(name, rng.permutation([*parts[name].points, *more]))

    layout = [
        component("POSE_WORLD_LANDMARKS", parts["POSE_LANDMARKS"].points),
        shuffled("RIGHT_HAND_LANDMARKS"),
        shuffled("FACE_LANDMARKS", *map(str, range(468, 478))),
        component("OF_NOBODY", ["WRIST", "13"]),
        shuffled("POSE_LANDMARKS", "NOSE", "LEFT_HIP"),
        shuffled("LEFT_HAND_LANDMARKS"),
    ]
    path = package_write(tmp_path / "other.pose", layout, frames=2)
    clip = read_pose(path).clip
    header = package_read(path).header

    def expected(name, point):
        i = header.get_point_index(name, point)
        return (300 + i) / 1280, (200 + 2 * i) / 720, 0.001 * i

    # As the layout of landmarks says: right wrist (pose point 16), first and last lip point, and points of the hands.
    places = {
        6: ("POSE_LANDMARKS", "RIGHT_WRIST"), 10: ("FACE_LANDMARKS", "61"), 49: ("FACE_LANDMARKS", "308"),
        50: ("LEFT_HAND_LANDMARKS", "WRIST"), 71: ("RIGHT_HAND_LANDMARKS", "WRIST"),
        91: ("RIGHT_HAND_LANDMARKS", "PINKY_TIP"),
    }  # fmt: skip
    for place, point in places.items():
        np.testing.assert_allclose(clip.landmarks[0, place], expected(*point), atol=1e-6)
    np.testing.assert_allclose(clip.shoulders[0, 0], expected("POSE_LANDMARKS", "LEFT_SHOULDER"), atol=1e-6)
    np.testing.assert_allclose(clip.shoulders[0, 1], expected("POSE_LANDMARKS", "RIGHT_SHOULDER"), atol=1e-6)


def test_what_a_layout_has_no_place_for_is_missing_and_said(tmp_path, written):
    hands = [components_of(written)[f"{side}_HAND_LANDMARKS"] for side in ("LEFT", "RIGHT")]
    arms = component("POSE_LANDMARKS", ["RIGHT_ELBOW", "LEFT_ELBOW", "LEFT_WRIST", "RIGHT_WRIST"])
    clip, fps, lacks = read_pose(package_write(tmp_path / "few.pose", [*hands, arms], fps=29.97))
    assert lacks == ("6 of 10 pose points", "40 of 40 lip points", "2 of 2 shoulders")
    assert np.isnan(clip.landmarks[:, LIPS]).all()
    assert np.isnan(clip.landmarks[0, POSE, 0]).tolist() == [False, False, True, True, True] * 2
    assert fps == pytest.approx(29.97)


def test_points_without_depth(tmp_path, written):
    flat = [component(part.name, part.points, "XYC") for part in components_of(written).values()]
    clip, _, lacks = read_pose(package_write(tmp_path / "flat.pose", flat, dimensions=2))
    assert lacks == ("the depth that MediaPipe gives",)
    assert (clip.landmarks[..., 2] == 0).all()


def test_depth_in_other_units_is_dropped(tmp_path, written):
    pose = package_read(written)
    pose.body.data[..., 2] = pose.body.data[..., 2] * 2.5 + 625  # what scaling and centring a drawing leaves
    with (tmp_path / "shifted.pose").open("wb") as stream:
        pose.write(stream)
    clip, _, lacks = read_pose(tmp_path / "shifted.pose")
    assert lacks == ("the depth that MediaPipe gives",)
    np.testing.assert_allclose(clip.landmarks[..., :2], moving_figure().landmarks[..., :2], atol=1e-6)
    assert np.nanmax(np.abs(clip.landmarks[..., 2])) == 0


def test_positions_that_are_no_pixels_are_refused(tmp_path, written):
    pose = package_read(written)
    pose.body.data[..., :2] = pose.body.data[..., :2] / 1280 - 0.5
    with (tmp_path / "normalised.pose").open("wb") as stream:
        pose.write(stream)
    with pytest.raises(DataError, match=r"normalised\.pose: \|x\| and \|y\| are 0\.0\d+ picture sizes in the median"):
        read_pose(tmp_path / "normalised.pose")


def test_other_formats_are_refused_with_what_was_found(tmp_path):
    from pose_format.utils.openpose import OpenPose_Components

    path = package_write(tmp_path / "open.pose", OpenPose_Components, dimensions=2)
    with pytest.raises(
        DataError, match=r"expected the components POSE_LANDMARKS, .* found 'pose_keypoints_2d' of 25 p"
    ):
        read_pose(path)


def test_right_names_of_components_with_wrong_points_are_refused(tmp_path, written):
    parts = components_of(written)
    hands = [component(f"{side}_HAND_LANDMARKS", map(str, range(21))) for side in ("LEFT", "RIGHT")]
    path = package_write(tmp_path / "numbers.pose", [parts["POSE_LANDMARKS"], *hands])
    with pytest.raises(DataError, match="with MediaPipe's names of points"):
        read_pose(path)


def test_points_of_other_numbers_are_refused(tmp_path, written):
    parts = [component(part.name, part.points, "XYVC") for part in components_of(written).values()]
    with pytest.raises(DataError, match="expected points of XYC or XYZC or XYZKC, found 'XYVC'"):
        read_pose(package_write(tmp_path / "v.pose", parts))


def test_a_point_without_a_number_is_missing(tmp_path, written):
    body = bytearray(written.read_bytes())
    figures = 20 * 94 * 3 * 4
    start = len(body) - figures - 20 * 94 * 4
    body[start : start + 4] = struct.pack("<f", np.nan)  # x of the left shoulder
    (tmp_path / "nan.pose").write_bytes(body)
    clip = read_pose(tmp_path / "nan.pose").clip
    assert np.isnan(clip.shoulders[0, 0]).all()
    assert np.isfinite(clip.shoulders[0, 1]).all()


def body_offset(content):
    """Where the body starts in a file of ours: what follows is fps, frames, people, numbers."""
    return len(content) - 20 * 94 * 4 * 4 - 10


def patched(content, offset, form, *values):
    return content[:offset] + struct.pack(form, *values) + content[offset + struct.calcsize(form) :]


FAULTS = {
    "empty": (lambda c: b"", "damaged header"),
    "text": (lambda c: b"file\tglosses\n" * 50, "readable|components|picture|version"),
    "header cut": (lambda c: c[:100], "damaged header"),
    "body cut": (lambda c: c[:-1000], "truncated or damaged"),
    "one byte short": (lambda c: c[:-1], "truncated or damaged"),
    "no body": (lambda c: c[: body_offset(c) + 3], "ends before its first frame"),
    "more bytes": (lambda c: c + b"more", "truncated or damaged"),
    "four billion frames": (lambda c: patched(c, body_offset(c) + 4, "<I", 2**32 - 1), "4294967295 frames"),
    "no frame": (lambda c: patched(c, body_offset(c) + 4, "<I", 0)[: body_offset(c) + 10], "has no frame"),
    "65535 people": (lambda c: patched(c, body_offset(c) + 8, "<H", 65535), "65535 people, expected one"),
    "nobody": (lambda c: patched(c, body_offset(c) + 8, "<H", 0), "0 people, expected one"),
    "0 fps": (lambda c: patched(c, body_offset(c), "<f", 0), "1000 frames a second, found 0"),
    "nan fps": (lambda c: patched(c, body_offset(c), "<f", np.nan), "1000 frames a second, found nan"),
    "infinite fps": (lambda c: patched(c, body_offset(c), "<f", np.inf), "1000 frames a second, found inf"),
    "version 0": (lambda c: patched(c, 0, "<f", 0), "version 0, expected 0.1 or 0.2"),
    "version nan": (lambda c: patched(c, 0, "<f", np.nan), "version nan"),
    "no width": (lambda c: patched(c, 4, "<H", 0), "size of a picture, found 0 x 720"),
    "a line": (lambda c: patched(c, 6, "<H", 1), "size of a picture, found 1280 x 1 "),
    "65535 components": (lambda c: patched(c, 10, "<H", 65535), "damaged header"),
    "no component": (lambda c: patched(c, 10, "<H", 0), "found none"),
    "infinite x": (lambda c: patched(c, body_offset(c) + 10 + 24, "<f", np.inf), "infinite coordinates"),
    "far away": (lambda c: patched(c, body_offset(c) + 10 + 24, "<f", 1e30), "picture sizes away"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_damaged_files_are_refused_without_the_memory_they_declare(tmp_path, written, fault):
    damage, message = FAULTS[fault]
    path = tmp_path / "bad.pose"
    path.write_bytes(damage(written.read_bytes()))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=message) as raised:
            read_pose(path)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
    assert str(raised.value).startswith(f"{path}: ")


def test_headers_of_nothing_but_names_and_files_of_nothing_but_holes_are_refused(tmp_path, written):
    names = io.BytesIO()
    names.write(written.read_bytes()[:10] + struct.pack("<H", 65535))
    for _ in range(20):  # each declares 65,535 points with empty names
        names.write(struct.pack("<HHHHH", 0, 0, 65535, 0, 0) + bytes(2 * 65535))
    (tmp_path / "names.pose").write_bytes(names.getvalue())
    content = written.read_bytes()
    holes = tmp_path / "holes.pose"
    frames = 2**24
    with holes.open("wb") as stream:
        stream.write(patched(content, body_offset(content) + 4, "<I", frames)[: body_offset(content) + 10])
        stream.truncate(body_offset(content) + 10 + frames * 94 * 16)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="damaged header"):
            read_pose(tmp_path / "names.pose")
        with pytest.raises(DataError, match=f"{frames} frames are more than the {foreign.MAX_FRAMES} allowed"):
            read_pose(holes)
        assert tracemalloc.get_traced_memory()[1] < 200e6
    finally:
        tracemalloc.stop()


def test_missing_files_and_folders_are_named(tmp_path):
    for path in (tmp_path / "gone.pose", tmp_path):
        with pytest.raises(DataError, match=f"{path}: cannot be read"):
            read_pose(path)


@pytest.mark.parametrize("seed", range(60))
def test_mutations_are_clips_or_data_errors(tmp_path, written, seed):
    rng = np.random.default_rng(seed)
    content = bytearray(written.read_bytes())
    # Most of the harm is done where the file describes itself.
    span = body_offset(content) + 10 if seed % 3 else len(content)
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(span))
        match rng.integers(3):
            case 0:
                content[at] = rng.integers(256)
            case 1:
                content[at] ^= 1 << int(rng.integers(8))
            case 2:
                del content[at : at + int(rng.integers(1, 9))]
    path = tmp_path / "mutant.pose"
    path.write_bytes(content)
    try:
        found = read_pose(path)
    except DataError:
        return
    write_clip(tmp_path / "mutant.npz", found.clip)
    assert found.clip.landmarks.shape == (20, 92, 3)


def test_a_failed_write_leaves_the_old_file(tmp_path, written, monkeypatch):
    path = tmp_path / "clip.pose"
    path.write_bytes(b"old")

    def fail(pose, stream):
        stream.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(pose_format.Pose, "write", fail)
    with pytest.raises(OSError, match="disk full"):
        write_pose(path, moving_figure(), 25)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("clip.pose", b"old")]


def test_recognize_reads_pose_files_as_it_reads_landmark_files(tmp_path):
    from tf_slr.apps.inputs import InputReader

    clip = moving_figure()
    write_pose(tmp_path / "clip.pose", clip, 12)
    found = InputReader(usual=25).read(tmp_path / "clip.pose")
    assert_same(found.clip, clip)
    np.testing.assert_allclose(found.times, np.arange(len(clip.landmarks)) / 12)
