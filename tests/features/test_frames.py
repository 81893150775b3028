"""Pictures are changed as the landmarks of the same clip are."""

import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.landmarks import LEFT_HAND, RIGHT_HAND, Clip, to_square
from tf_slr.core.pictures import FrameOptions, squeezed
from tf_slr.features.augment import NONE, AugmentOptions, apply, draw
from tf_slr.features.frames import KeptPictures, read_pictures, show
from tf_slr.features.views import BELOW, View

FRAMES = FrameOptions(64, margin=1.0)
STRONG = AugmentOptions(
    rotate=1, rotate_degrees=20, translate=0.1, scale=0.1, fuse=0, speed=0.3, warp=0.4, stretch=0.1, jitter=0,
    drop_hand=0, crop=False,
)  # fmt: skip


def clip_with_pictures(width, height, frames=6):
    """A red dot at the left hand and a blue one at the right, moving, and landmarks that say where they are."""
    landmarks = np.full((frames, 92, 3), np.nan, np.float32)
    shoulders = np.tile(np.array([[0.6, 0.4, 0], [0.4, 0.4, 0]], np.float32), (frames, 1, 1))
    pictures = np.zeros((frames, height, width, 3), np.uint8)
    for t in range(frames):
        for part, colour, x, y in (
            (LEFT_HAND, 0, 0.6 + 0.06 * t / frames, 0.5),
            (RIGHT_HAND, 2, 0.4, 0.45 + 0.12 * t / frames),
        ):
            landmarks[t, part, :] = (x, y, 0)
            ys, xs = np.mgrid[:height, :width]
            distance = ((xs + 0.5) / width - x) ** 2 * (width / height) ** 2 + ((ys + 0.5) / height - y) ** 2
            pictures[t, ..., colour] = 255 * np.exp(-distance / (2 * 0.03**2))
    return Clip(landmarks, shoulders, width / height), pictures


def dots(pictures, colour):
    """Centre of mass of a colour in each picture, in shares of the picture."""
    weight = pictures[..., colour].astype(float)
    size = pictures.shape[1]
    places = (np.arange(size) + 0.5) / size
    total = weight.sum((1, 2))
    return np.stack([(weight.sum(1) * places).sum(1) / total, (weight.sum(2) * places).sum(1) / total], -1)


@st.composite
def changed(draw_from, options=FRAMES, **view):
    """A drawn change of a clip: its aspect and body, what is shown, and each hand's landmarks and colour."""
    shape = draw_from(st.sampled_from([(96, 96), (210, 260), (320, 180)]))
    clip, pictures = clip_with_pictures(*shape)
    change = draw(STRONG, 6, np.random.default_rng(draw_from(st.integers(0, 10**6))))
    moved, body = apply(clip, change)
    shown = show(pictures, options, change, clip, view=View(**view))
    assert len(shown) == len(moved.landmarks)
    # A mirrored left hand is a right hand.
    left, right = (2, 0) if change.flip else (0, 2)
    hands = (LEFT_HAND, left), (RIGHT_HAND, right)
    return clip.aspect, body, shown, [(moved.landmarks[:, part.start], colour) for part, colour in hands]


@settings(max_examples=40)
@given(changed())
def test_landmarks_and_pictures_undergo_the_same_change(clip):
    *_, shown, hands = clip
    for hand, colour in hands:
        assert np.abs(dots(shown, colour) - hand[:, :2]).max() < 0.02


@settings(max_examples=40)
@given(changed(close_up=5.0))
def test_a_close_up_shows_the_signer_at_one_place_in_one_size_whatever_the_camera(clip):
    aspect, body, shown, hands = clip
    for hand, colour in hands:
        # In shoulder widths from their middle, as a network that reads landmarks sees it.
        place = (to_square(hand, aspect)[:, :2] - body.origin) / body.scale
        assert np.abs(dots(shown, colour) - (0.5 + (place - (0, BELOW)) / 5.0)).max() < 0.02


def test_unchanged_pictures_are_squeezed_and_cropped_at_the_centre():
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (3, 8, 8, 3), np.uint8)
    pictures = small.repeat(32, 1).repeat(32, 2)  # 256 x 256
    change = draw(NONE, 3, rng)
    shown = show(pictures, FrameOptions(224), change, None)
    assert np.array_equal(shown, pictures[:, 16:240, 16:240])
    shown = show(pictures, FrameOptions(8, margin=1.0), change, None)
    assert np.abs(shown.astype(int) - small).max() <= 1


@pytest.mark.parametrize("shape", [(210, 260), (320, 180), (64, 64), (24, 30)])
@pytest.mark.parametrize("size", [16, 48])
def test_recognition_sees_what_training_shows_without_a_change(shape, size):
    clip, pictures = clip_with_pictures(*shape)
    unchanged = show(pictures, FrameOptions(size), draw(NONE, 6, np.random.default_rng(0)), clip)
    seen = squeezed(iter(pictures), FrameOptions(size))
    assert np.abs(seen.astype(int) - unchanged).max() <= 1  # the maps differ by rounding
    assert (seen != unchanged).mean() < 0.01


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        ([], "has no frame"),
        ([np.zeros((9, 9, 3))], r"frame 1: expected a picture of uint8 .*found float64 \[9, 9, 3\]"),
        ([np.zeros((9, 9), np.uint8)], r"found uint8 \[9, 9\]"),
        ([np.zeros((9, 9, 3), np.uint8), np.zeros((0, 9, 3), np.uint8)], "frame 2"),
    ],
)
def test_what_are_no_pictures_is_refused(pictures, message):
    with pytest.raises(DataError, match=message):
        squeezed(pictures, FrameOptions(16))


def test_a_random_crop_stays_inside():
    pictures = np.full((1, 64, 64, 3), 200, np.uint8)
    options = AugmentOptions(flip=0, rotate=0, translate=0, scale=0, fuse=0, speed=0)
    rng = np.random.default_rng(0)
    crops = [draw(options, 1, rng) for _ in range(50)]
    assert all((show(pictures, FrameOptions(48), change, None) == 200).all() for change in crops)
    assert len({change.crop for change in crops}) == 50
    assert 0 <= np.min([change.crop for change in crops]) < 0.1
    assert 0.9 < np.max([change.crop for change in crops]) <= 1


def test_fused_frames_are_mixed():
    pictures = np.stack([np.full((32, 32, 3), value, np.uint8) for value in (0, 100, 200)])
    change = draw(NONE, 3, np.random.default_rng(0))
    change.fusion[1] = 0.25
    shown = show(pictures, FrameOptions(16), change, None)
    assert shown[:, 8, 8, 0].tolist() == [0, 75, 200]


def test_frames_that_are_not_looked_at_stay_black_and_the_others_are_the_same():
    clip, pictures = clip_with_pictures(96, 96, frames=9)
    change = draw(replace(STRONG, fuse=0.5), 9, np.random.default_rng(3))
    every, second = (show(pictures, FrameOptions(32), change, clip, n) for n in (1, 2))
    assert second.shape == every.shape
    assert np.array_equal(second[::2], every[::2])
    assert not second[1::2].any()


def test_pictures_are_decoded_once_while_there_is_room(tmp_path):
    paths = [tmp_path / name for name in "abc"]
    for value, folder in enumerate(paths, start=1):
        folder.mkdir()
        for number in range(4):
            cv2.imwrite(str(folder / f"{number}.png"), np.full((250, 250, 3), 50 * value, np.uint8))
    kept = KeptPictures(2)  # two clips of 0.75 MB have room, a third has none
    for _ in range(2):
        for value, folder in enumerate(paths, start=1):
            assert (kept.read(folder, 4) == 50 * value).all()
        for folder in paths[:2]:
            shutil.rmtree(folder, ignore_errors=True)  # they are gone the second time
    with pytest.raises(DataError, match="expected 5 frames"):
        kept.read(paths[2], 5)


@pytest.mark.parametrize(("size", "have_room"), [(250, 2), (126, 2), (125, 10), (60, 43)])
def test_a_small_network_keeps_its_pictures_small(tmp_path, size, have_room):
    clip, pictures = clip_with_pictures(250, 250, frames=4)
    options, change = FrameOptions(size, 1.0), draw(STRONG, 4, np.random.default_rng(4))
    source = tmp_path / "pictures"
    source.mkdir()
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(source / f"{number}.png"), picture[..., ::-1])
    paths = [tmp_path / str(number) for number in range(44)]
    kept = KeptPictures(2)  # megabytes, of which these pictures have 0.75
    for path in paths:
        path.symlink_to(source)
        read = kept.read(path, 4, options)
        assert np.array_equal(squeezed(read, options), squeezed(pictures, options))
        assert np.array_equal(show(read, options, change, clip), show(pictures, options, change, clip))
        path.unlink()
    for path in paths[:have_room]:
        kept.read(path, 4, options)
    with pytest.raises(DataError, match="does not exist"):
        kept.read(paths[have_room], 4, options)
    # One that sees close-ups gets them as large as they are.
    paths[0].symlink_to(source)
    assert np.array_equal(kept.read(paths[0], 4), pictures)


def test_read_pictures_of_a_file_and_of_a_folder(tmp_path):
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 255, (5, 64, 80, 3), np.uint8)
    folder = tmp_path / "images"
    folder.mkdir()
    writer = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter_fourcc(*"FFV1"), 25, (80, 64))
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number}.png"), picture[..., ::-1])
        writer.write(np.ascontiguousarray(picture[..., ::-1]))
    writer.release()
    assert np.array_equal(read_pictures(folder, 5), pictures)
    assert np.abs(read_pictures(tmp_path / "clip.avi", 5).astype(int) - pictures).mean() < 40
    with pytest.raises(DataError, match="expected 6 frames, found 5"):
        read_pictures(folder, 6)


@pytest.mark.parametrize("fault", [{"size": 4}, {"size": 5000}, {"margin": 0.5}, {"margin": 3.0}])
def test_sizes_that_cannot_be_are_refused(fault):
    with pytest.raises(UsageError):
        FrameOptions(**fault)
