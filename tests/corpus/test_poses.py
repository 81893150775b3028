import io
import struct
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpus.landmark_clips import assert_same, moving_figure
from tf_slr import cli
from tf_slr.corpus import foreign
from tf_slr.corpus.manifest import Corpus, CorpusInfo, Sample, landmark_path, write_clip, write_corpus
from tf_slr.corpus.poses import export_pose, nominal_size, prepare_pose, read_pose, write_pose
from tf_slr.errors import DataError, UsageError
from tf_slr.landmarks import LIPS, POSE

pose_format = pytest.importorskip("pose_format")
from pose_format.numpy import NumPyPoseBody  # noqa: E402
from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions  # noqa: E402

INFO = CorpusInfo("test", "a sign language")


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


def collection(folder, rows):
    """`.pose` files and an index of (name, glosses, split)."""
    folder.mkdir(exist_ok=True)
    lines = ["file\tglosses\tsplit\tsigner"]
    for seed, (name, glosses, split) in enumerate(rows):
        write_pose(folder / name, moving_figure(40, seed), 25)
        lines.append(f"{name}\t{glosses}\t{split}\tanna")
    (folder / "index.tsv").write_text("\n".join(lines) + "\n")
    return folder / "index.tsv"


ROWS = [("a.pose", "HELLO YOU", "train"), ("b.pose", "YOU", "dev"), ("c.pose", "HELLO", "test")]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_index_of_files_becomes_a_corpus(tmp_path, workers):
    index = collection(tmp_path / "in", ROWS)
    assert prepare_pose(index, tmp_path / "out", INFO, workers=workers) == []
    corpus = Corpus(tmp_path / "out")
    assert (corpus.info.fps, corpus.info.name) == (25.0, "test")
    (sample,) = corpus.split("dev")
    assert sample == Sample("b", "anna", 40, ("YOU",), landmarks="landmarks/b.npz")
    assert_same(corpus.clip(sample), moving_figure(40, 1))


def test_bad_files_are_named_and_the_rest_goes_on(tmp_path):
    rows = [*ROWS, ("bad.pose", "HELLO", "train"), ("short.pose", "HELLO", "train"), ("fast.pose", "YOU", "train")]
    index = collection(tmp_path / "in", rows)
    folder = index.parent
    (folder / "bad.pose").write_bytes(b"bad")
    write_pose(folder / "short.pose", moving_figure(1), 25)
    write_pose(folder / "fast.pose", moving_figure(40), 50)
    with index.open("a") as stream:
        stream.write("gone.pose\tHELLO\ttrain\tanna\nshort.pose\tYOU\ttrain\tanna\n")
    with (folder / "a.pose").open("wb") as stream:
        pose_format.Pose.read((folder / "b.pose").read_bytes()).remove_components(["FACE_LANDMARKS"]).write(stream)
    lines = prepare_pose(index, tmp_path / "out", INFO)
    assert lines[:2] == [
        f"{index}, row 8: gone.pose: does not exist",
        f"{index}, row 9: short.pose: the id 'short' stands twice",
    ]
    assert lines[2].startswith(f"{folder / 'bad.pose'}: is no readable .pose file")
    assert lines[3:] == [
        "note: 1 clips have from 25 to 50 frames per second, the corpus has 25 (fast)",
        "note: 1 clips lack 40 of 40 lip points (a)",
    ]
    assert [sample.id for sample in Corpus(tmp_path / "out").split("train")] == ["a", "short", "fast"]


def test_without_a_split_it_is_drawn(tmp_path):
    folder = tmp_path / "in"
    collection(folder, [(f"{i}.pose", "HELLO", "") for i in range(24)])
    lines = [line.rsplit("\t", 2)[0] for line in (folder / "index.tsv").read_text().splitlines()]
    (folder / "index.tsv").write_text("\n".join(lines))
    assert prepare_pose(folder / "index.tsv", tmp_path / "out", INFO, 0.3, 0.3) == []
    sizes = [len(Corpus(tmp_path / "out").split(name)) for name in ("train", "dev", "test")]
    assert sum(sizes) == 24
    assert min(sizes) > 1


def test_nothing_usable_leaves_no_corpus_behind(tmp_path):
    index = collection(tmp_path / "in", ROWS)
    prepare_pose(index, tmp_path / "out", INFO)
    (index.parent / "a.pose").write_bytes(b"bad")
    with pytest.raises(DataError, match=r"test: no usable training clip \(.*a\.pose: is no readable"):
        prepare_pose(index, tmp_path / "out", INFO)
    assert not (tmp_path / "out" / "corpus.toml").exists()


def test_an_index_without_training_rows_is_refused_before_the_work(tmp_path):
    index = collection(tmp_path / "in", ROWS[1:])
    with pytest.raises(DataError, match="no row is for training"):
        prepare_pose(index, tmp_path / "out", INFO)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def corpus(tmp_path):
    """A corpus with a text that holds a tab, and clips with and without shoulders."""
    root = tmp_path / "corpus"
    splits = {}
    text = 'Hallo,\tihr "da"!'
    for seed, (name, split, signer) in enumerate([("1", "train", "anna"), ("zwei", "dev", "ben"), ("3.5", "test", "")]):
        clip = moving_figure(30, seed, 210 / 260)
        write_clip(root / landmark_path(name), clip if seed else clip._replace(shoulders=None))
        splits[split] = [Sample(name, signer, 30, ("A", "B+C"), text, landmark_path(name))]
    write_corpus(root, CorpusInfo("of clips", "DGS", fps=25), splits)
    return Corpus(root)


def test_a_corpus_survives_export_and_preparing(tmp_path, corpus):
    assert export_pose(corpus, tmp_path / "poses") == []
    assert sorted(path.name for path in (tmp_path / "poses").iterdir()) == [
        "1.pose", "3.5.pose", "index.tsv", "zwei.pose",
    ]  # fmt: skip
    assert prepare_pose(tmp_path / "poses" / "index.tsv", tmp_path / "again", INFO) == []
    again = Corpus(tmp_path / "again")
    assert again.info.fps == 25
    for split in ("train", "dev", "test"):
        (before,), (after,) = corpus.split(split), again.split(split)
        assert (after.id, after.frames, after.glosses) == (before.id, 30, ("A", "B+C"))
        assert after.signer == (before.signer or "unknown")
        assert after.text == 'Hallo, ihr "da"!'
        clip = corpus.clip(before)
        if clip.shoulders is None:
            clip = clip._replace(shoulders=np.full((30, 2, 3), np.nan))
        assert_same(again.clip(after), clip)


def test_characters_survive_export_and_preparing(tmp_path):
    root = tmp_path / "corpus"
    write_clip(root / landmark_path("news"), moving_figure(60))
    info = CorpusInfo("news", "CSL", unit="character")
    write_corpus(root, info, {"train": [Sample("news", "", 60, tuple("新闻联播"), "", landmark_path("news"))]})
    export_pose(Corpus(root), tmp_path / "poses")
    assert "news.pose\t新闻联播\t" in (tmp_path / "poses" / "index.tsv").read_text(encoding="utf-8")
    prepare_pose(tmp_path / "poses" / "index.tsv", tmp_path / "again", info)
    assert Corpus(tmp_path / "again").split("train")[0].glosses == tuple("新闻联播")


def test_single_clips_are_exported_and_unknown_ones_named(tmp_path, corpus):
    export_pose(corpus, tmp_path / "poses", ("train", "dev"), ["zwei"])
    assert sorted(path.name for path in (tmp_path / "poses").iterdir()) == ["index.tsv", "zwei.pose"]
    with pytest.raises(UsageError, match=r"no clip 3\.5 in train, dev"):
        export_pose(corpus, tmp_path / "poses", ("train", "dev"), ["zwei", "3.5"])


def test_clips_that_cannot_be_exported_are_named_and_the_rest_goes_on(tmp_path, corpus):
    (corpus.root / "landmarks" / "1.npz").write_bytes(b"damaged")
    lists = (corpus.root / "dev.csv").read_text()
    (corpus.root / "dev.csv").write_text(lists.replace("zwei,", "../../zwei,", 1))
    lists = (corpus.root / "test.csv").read_text()
    (corpus.root / "test.csv").write_text(lists.replace("3.5,", "3\t5,", 1))
    one, two, three = export_pose(corpus, tmp_path / "poses")
    assert one.startswith(f"{corpus.root / 'landmarks/1.npz'}: ")
    assert "'../../zwei'" in two
    assert "'3\\t5' cannot stand in a table" in three
    assert (tmp_path / "poses" / "index.tsv").read_text() == "file\tglosses\tsigner\tsplit\ttext\tid\n"
    assert [path.name for path in (tmp_path / "poses").iterdir()] == ["index.tsv"]
    assert not (tmp_path.parent / "zwei.pose").exists()


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


def test_the_commands(tmp_path, corpus, capsys):
    poses = tmp_path / "poses"
    assert cli.main(["export-pose", str(corpus.root), "--out", str(poses), "--split", "train"]) == 0
    assert capsys.readouterr().out == f"wrote {poses}\n"
    out = tmp_path / "out"
    options = ["--unit", "character", "--name", "n", "--language", "l", "--licence", "free", "--workers", "1"]
    assert cli.main(["prepare", "pose", "--index", str(poses / "index.tsv"), "--out", str(out), *options]) == 0
    assert capsys.readouterr().out == f"wrote {out}\n"
    info = Corpus(out).info
    assert (info.unit, info.name, info.language, info.licence) == ("character", "n", "l", "free")
    assert ".pose" in info.landmark_source

    single = corpus.root / "landmarks" / "3.5.npz"
    assert cli.main(["export-pose", str(single), "--out", str(poses), "--fps", "50"]) == 0
    assert capsys.readouterr().out == f"wrote {poses / '3.5.pose'}\n"
    assert read_pose(poses / "3.5.pose").fps == 50
    assert cli.main(["export-pose", str(single), "--out", str(poses), "--split", "dev"]) == 1
    assert "is one landmark file" in capsys.readouterr().err
    assert cli.main(["export-pose", str(single), "--out", str(poses), "--fps", "0"]) == 1
    assert cli.main(["export-pose", str(tmp_path / "nowhere"), "--out", str(poses)]) == 1
    assert "holds no corpus.toml" in capsys.readouterr().err


def test_recognize_reads_pose_files_as_it_reads_landmark_files(tmp_path):
    from tf_slr.corpus.inputs import InputReader

    clip = moving_figure()
    write_pose(tmp_path / "clip.pose", clip, 12)
    found = InputReader(usual=25).read(tmp_path / "clip.pose")
    assert_same(found.clip, clip)
    np.testing.assert_allclose(found.times, np.arange(len(clip.landmarks)) / 12)


def test_without_the_package_the_extra_is_named_and_nothing_is_touched(tmp_path, monkeypatch, capsys):
    index = collection(tmp_path / "in", ROWS)
    prepare_pose(index, tmp_path / "out", INFO)
    monkeypatch.setitem(sys.modules, "pose_format", None)
    assert cli.main(["prepare", "pose", "--index", str(index), "--out", str(tmp_path / "out")]) == 1
    assert "tf_slr[pose]" in capsys.readouterr().err
    assert (tmp_path / "out" / "corpus.toml").exists()
