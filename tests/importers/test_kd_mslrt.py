import random
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.landmark_clips import assert_same, moving_figure
from tests.parquet_clips import ASPECT, columns_of, pa, pq, write
from tf_slr.core.errors import DataError
from tf_slr.core.landmarks import LEFT_HAND, LIPS
from tf_slr.importers import foreign
from tf_slr.importers.kd_mslrt import read_landmarks


@pytest.fixture(scope="module")
def clip():
    return moving_figure(aspect=ASPECT)


@pytest.fixture(scope="module")
def file(clip, tmp_path_factory):
    return write(tmp_path_factory.mktemp("kd") / "clip.parquet", columns_of(clip))


def test_columns_become_points(clip, file):
    found = read_landmarks(file)
    assert_same(found.clip, clip)
    assert found.fps is None
    assert found.lacks == ()
    assert read_landmarks(file, aspect=1.5).clip.aspect == 1.5


def test_columns_are_found_by_name_in_any_order_among_others(clip, tmp_path):
    columns = columns_of(clip) | {"frame": np.arange(20), "row_id": [f"row-{i}" for i in range(20)]}
    for name in ("x_0_pose_landmarks", "z_400_face_landmarks", "x_16_pose_world_landmarks", "x_16"):
        columns[name] = np.full(20, 9.0)
    names = sorted(columns)
    random.Random(5).shuffle(names)
    assert_same(read_landmarks(write(tmp_path / "a.parquet", {name: columns[name] for name in names})).clip, clip)


@pytest.mark.parametrize("absent", [np.nan, 0.0, None])
def test_what_was_not_found_is_missing_however_it_is_written(clip, tmp_path, absent):
    columns = {
        name: [absent if np.isnan(value) else value for value in values] for name, values in columns_of(clip).items()
    }
    assert_same(read_landmarks(write(tmp_path / "a.parquet", columns)).clip, clip)


def test_a_hand_that_is_never_found_may_have_columns_without_a_type(clip, tmp_path):
    columns = {
        name: [None] * 20 if "left_hand" in name else values for name, values in columns_of(clip).items()
    }  # fmt: skip
    found = read_landmarks(write(tmp_path / "a.parquet", columns)).clip.landmarks
    assert np.isnan(found[:, LEFT_HAND]).all()
    np.testing.assert_allclose(found[:, LIPS], clip.landmarks[:, LIPS], atol=1e-6)


def test_a_wrist_without_depth_is_no_missing_point(clip, tmp_path):
    columns = columns_of(clip)
    columns["z_0_right_hand_landmarks"] = np.zeros(20, int)  # as MediaPipe's nearly is, and a careless table may say
    found = read_landmarks(write(tmp_path / "a.parquet", columns)).clip.landmarks
    np.testing.assert_array_equal(np.isnan(found[:, 71]), np.isnan(clip.landmarks[:, 71]))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_other_number_types(clip, tmp_path, dtype):
    columns = {name: values.astype(dtype) for name, values in columns_of(clip).items()}
    path = write(tmp_path / "a.parquet", columns, compression="none", row_group_size=7, use_dictionary=False)
    assert_same(read_landmarks(path).clip, clip, 1e-3)


def test_lips_shoulders_and_depth_may_be_absent_and_are_named(clip, tmp_path):
    columns = {
        name: values for name, values in columns_of(clip).items()
        if not name.startswith("z_") and not name.endswith(("face_landmarks", "11_pose_landmarks", "12_pose_landmarks"))
    }  # fmt: skip
    found = read_landmarks(write(tmp_path / "a.parquet", columns))
    assert found.lacks == ("40 of 40 lip points", "2 of 2 shoulders", "the depth of some points")
    assert np.isnan(found.clip.landmarks[:, LIPS]).all()
    np.testing.assert_allclose(found.clip.landmarks[:, 6, :2], clip.landmarks[:, 6, :2], atol=1e-6)
    assert (found.clip.landmarks[:, 6, 2] == 0).all()


def bad(path, name, damage):
    columns = {name: np.array(values) for name, values in columns_of(moving_figure()).items()}
    damage(columns)
    return write(path / f"{name}.parquet", columns)


def drop(columns):
    del columns["x_13_pose_landmarks"], columns["y_4_left_hand_landmarks"]


def kaggle(columns):
    columns.clear()
    columns |= {"frame": [0, 0], "row_id": ["a", "b"], "type": ["face", "pose"], "landmark_index": [0, 0], "x": [0, 1]}


def words(columns):
    columns["x_13_pose_landmarks"] = ["left"] * 20


def lists(columns):
    columns["x_13_pose_landmarks"] = [[0.5]] * 20


def pixels(columns):
    for values in columns.values():
        values *= 210


def infinite(columns):
    columns["x_13_pose_landmarks"][3] = 1e300


def nobody(columns):
    for values in columns.values():
        values[:] = 0


def no_frame(columns):
    columns |= {name: values[:0] for name, values in columns.items()}


FAULTS = {
    drop: r"lacks 2 columns of arms and hands \(x_13_pose_landmarks, y_4_left_hand_landmarks\)",
    kaggle: r"lacks 104 columns of arms and hands .*; found 'frame', 'row_id', 'type', 'landmark_index', 'x'",
    words: "column x_13_pose_landmarks: expected numbers, found string",
    lists: r"column x_13_pose_landmarks: expected numbers, found list",
    pixels: "picture sizes in the median, expected about 0.5",
    infinite: "infinite coordinates",
    nobody: "no landmark was found in any frame",
    no_frame: "has no frame",
}


@pytest.mark.parametrize("damage", FAULTS)
def test_files_that_hold_no_clip_are_refused(tmp_path, damage):
    path = bad(tmp_path, damage.__name__, damage)
    with pytest.raises(DataError, match=FAULTS[damage]) as raised:
        read_landmarks(path)
    assert str(raised.value).startswith(f"{path}: ")


def test_a_column_that_stands_twice_is_refused(clip, tmp_path):
    columns = columns_of(clip)
    names, values = [*columns, "y_0_left_hand_landmarks"], [*columns.values(), np.zeros(20)]
    pq.write_table(pa.Table.from_arrays(list(map(pa.array, values)), names), tmp_path / "twice.parquet")
    with pytest.raises(DataError, match="column y_0_left_hand_landmarks stands twice"):
        read_landmarks(tmp_path / "twice.parquet")


NO_PARQUET = [b"", b"PAR1", b"PAR1" * 4, b"x,y\n" * 100, b"PAR1" + bytes(90) + b"\xff\xff\xff\x7fPAR1"]


@pytest.mark.parametrize("content", NO_PARQUET)
def test_what_is_no_parquet_file_is_refused(tmp_path, content):
    path = tmp_path / "no.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{path}: is no (readable )?Parquet file"):
        read_landmarks(path)
    with pytest.raises(DataError, match=f"{tmp_path}"):
        read_landmarks(tmp_path)


def test_a_footer_too_large_for_a_clip_is_refused_unread(tmp_path):
    path = tmp_path / "large.parquet"
    with path.open("wb") as stream:
        stream.truncate(2**30)
        stream.seek(0, 2)
        stream.write(struct.pack("<I", 2**29) + b"PAR1")
    with pytest.raises(DataError, match="describes itself in 536870912 bytes, more than the 2097152 allowed"):
        read_landmarks(path)


def test_too_many_frames_are_refused(tmp_path):
    frames = foreign.MAX_FRAMES + 1
    path = write(tmp_path / "long.parquet", dict.fromkeys(columns_of(moving_figure(4)), np.zeros(frames, np.float32)))
    with pytest.raises(DataError, match=f"{frames} frames are more than the {foreign.MAX_FRAMES} allowed"):
        read_landmarks(path)


def varint(number, size=0):
    """A Thrift number of a footer, in at least `size` bytes."""
    number, encoded = 2 * number, []
    while number or len(encoded) < size:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded[-1] &= 127
    return bytes(encoded)


def with_lies(path, lies, times=-1):
    """Replace numbers in the footer of a Parquet file, each wherever it stands, or the first few times."""
    content = path.read_bytes()
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    footer = content[start:]
    for number, lie in lies.items():
        footer = footer.replace(varint(number), varint(lie, len(varint(number))), times)
    path.write_bytes(content[:start] + footer)
    return pq.ParquetFile(path).metadata


def test_footers_that_cannot_be_true_are_refused(tmp_path):
    path = write(tmp_path / "lie.parquet", columns_of(moving_figure(12345)), compression="none", use_dictionary=False)
    content = path.read_bytes()
    assert with_lies(path, {12345: 20}, times=1).num_rows == 20
    with pytest.raises(DataError, match="row groups hold other numbers of rows"):
        read_landmarks(path)
    path.write_bytes(content)
    size = pq.ParquetFile(path).metadata.row_group(0).column(0).total_uncompressed_size
    with_lies(path, {size: 2**20 - 1})
    with pytest.raises(DataError, match=f"declares more bytes than {foreign.MAX_FRAMES} numbers need"):
        read_landmarks(path)


def test_files_that_unfold_to_more_than_they_say_take_no_memory(tmp_path):
    """A page of 25 million numbers in a few bytes, of which the footer promises 20."""
    count = 25_000_000
    bomb = tmp_path / "bomb.parquet"
    one_page = dict.fromkeys(("write_batch_size", "row_group_size", "max_rows_per_page"), count)
    one_page |= {"data_page_size": 2**31 - 1, "use_dictionary": False}
    write(bomb, {"x_13_pose_landmarks": np.zeros(count)}, compression="zstd", **one_page)
    assert bomb.stat().st_size < 20_000
    size = pq.ParquetFile(bomb).metadata.row_group(0).column(0).total_uncompressed_size
    assert with_lies(bomb, {count: 20, size: 200}).num_rows == 20
    # Of a clip it has one column only; what matters is whether that is read.
    code = f"""
import resource
from tf_slr.importers import kd_mslrt
from tf_slr.core.errors import DataError
kd_mslrt._OPTIONAL.update(range(94))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    kd_mslrt.read_landmarks({str(bomb)!r})
except DataError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    message, megabytes = done.stdout.splitlines()
    assert "is compressed by ZSTD, expected UNCOMPRESSED or SNAPPY" in message
    assert int(megabytes) < 80


@pytest.mark.parametrize("seed", range(60))
def test_damaged_files_are_clips_or_data_errors(file, tmp_path, seed):
    rng = np.random.default_rng(seed)
    content = bytearray(file.read_bytes())
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    # Half of the harm is done to what the file says of itself, which is at its end.
    first = start if seed % 2 else 0
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(first, len(content)))
        match rng.integers(4):
            case 0:
                content[at] = rng.integers(256)
            case 1:
                content[at] ^= 1 << int(rng.integers(8))
            case 2:
                content[at : at + 8] = rng.bytes(8)
            case 3:
                del content[at : at + int(rng.integers(1, 9))]
    path = tmp_path / "damaged.parquet"
    path.write_bytes(content)
    try:
        found = read_landmarks(path)
    except DataError:
        return
    assert found.clip.landmarks.shape[1:] == (92, 3)
