"""The painter: the picture shows what the landmarks say."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("cv2")

from tests.shared import room_for
from tf_slr.core.landmarks import LEFT_HAND, LIPS, RIGHT_HAND
from tf_slr.synth.motion import perform
from tf_slr.synth.render import render
from tf_slr.synth.scenery import look_of
from tf_slr.synth.signer import SIGNERS, Performance, lip_points
from tf_slr.synth.signsynth import SignsynthOptions, write_signsynth, write_video
from tf_slr.video.decoding import open_video, read_frames

SIZE = 112


@pytest.fixture(scope="module")
def signed() -> Performance:
    return perform(("ONE", "WIND", "MOTHER"), SIGNERS[0], 0.5, np.random.default_rng(4))


@pytest.fixture(scope="module")
def frames(signed) -> np.ndarray:
    return render(signed, SIZE)


def box_mask(points: np.ndarray, margin: int) -> np.ndarray:
    """Pixels [SIZE, SIZE] of the box around points (x, y) in pixels."""
    low, high = np.floor(points.min(0)).astype(int) - margin, np.ceil(points.max(0)).astype(int) + margin
    mask = np.zeros((SIZE, SIZE), bool)
    mask[max(low[1], 0) : max(high[1], 0), max(low[0], 0) : max(high[0], 0)] = True
    return mask


def test_one_frame_a_moment_and_the_same_again(signed, frames):
    assert frames.shape == (len(signed.hands), SIZE, SIZE, 3)
    assert frames.dtype == np.uint8
    np.testing.assert_array_equal(frames, render(signed, SIZE))


def test_gloves_change_hands_alone(signed, frames):
    """A thumb that is not behind the hand shows its colour, and all that is far from hands is as it was."""
    gloved = render(signed, SIZE, gloves=True)
    points = signed.clip().landmarks[..., :2] * SIZE
    thumbs = 0
    for index in range(len(frames)):
        hands = box_mask(points[index, LEFT_HAND], 8) | box_mask(points[index, RIGHT_HAND], 8)
        np.testing.assert_array_equal(gloved[index][~hands], frames[index][~hands])
        red, green, blue = gloved[index].astype(int)[box_mask(points[index, RIGHT_HAND][1:5], 1)].T
        thumbs += bool(((red > 120) & (green < red - 60) & (blue < red - 60)).any())
    assert thumbs > 0.4 * len(frames)


def test_the_palm_is_skin_where_the_landmarks_say(signed, frames):
    points = signed.clip().landmarks[..., :2] * SIZE
    speed = np.linalg.norm(np.gradient(points[:, RIGHT_HAND.start], axis=0), axis=1)
    light = look_of(signed.look, 8).light
    checked = 0
    for index in np.flatnonzero(speed < 1):
        x, y = points[index, [RIGHT_HAND.start, RIGHT_HAND.start + 5, RIGHT_HAND.start + 17]].mean(axis=0).astype(int)
        if 2 < x < SIZE - 2 and 2 < y < SIZE - 2:
            pixel = frames[index, y - 1 : y + 2, x - 1 : x + 2].astype(float).max(axis=(0, 1)) / light
            ratio = pixel / signed.signer.skin
            assert ratio.min() > 0.75, index
            assert ratio.max() < 1.35, index
            checked += 1
    assert checked > 10


def test_fingers_show(signed):
    """Closing the fingers changes the picture at the hand, and nowhere else."""
    index = sum(signed.spans[1]) // 2
    hands = signed.hands.copy()
    hands[:, 1, 6:] = hands[:, 1, 5:6]
    still = [render(dataclasses.replace(signed, hands=h), SIZE)[index] for h in (signed.hands, hands)]
    change = np.abs(still[0].astype(float) - still[1]).sum(axis=-1)
    near = box_mask(signed.clip().landmarks[index, RIGHT_HAND, :2] * SIZE, margin=6)
    assert change[near].mean() > 8
    assert change[~near].max() < 6


def test_moving_hands_move_pixels(signed, frames):
    points = signed.clip().landmarks[..., :2] * SIZE
    first, second = 0, sum(signed.spans[1]) // 2
    change = np.abs(frames[first].astype(float) - frames[second]).sum(axis=-1)
    for hand in (LEFT_HAND, RIGHT_HAND):
        there = box_mask(points[second, hand], margin=2)
        assert change[there].mean() > 3 * np.median(change)


def test_an_open_mouth_shows(signed):
    """Only the mouth's pixels follow the lips, and an open mouth is darker inside."""
    pictures = []
    for opening in (0.0, 1.0):
        mouth = np.tile([opening, 0.0, 0.0, 0.0], (len(signed.hands), 1))
        local = lip_points(mouth, signed.signer.head) + signed.signer.head * np.array([0, 0.28, -0.40])
        lips = signed.head[:, None] + local @ np.swapaxes(signed.head_turn, 1, 2)
        changed = dataclasses.replace(signed, mouth=mouth, lips=lips)
        pictures.append(render(changed, SIZE)[0].astype(float))
    points = changed.clip().landmarks[0, LIPS, :2] * SIZE
    change = np.abs(pictures[0] - pictures[1]).sum(axis=-1)
    near = box_mask(points, margin=3)
    assert change[near].max() > 100
    assert change[~near].max() < 6
    inside = box_mask(points[[22, 28, 32, 37]], margin=0)  # well within the inner lips
    assert pictures[1][inside].sum(axis=-1).min() < 0.5 * np.median(pictures[1][near].sum(axis=-1))


def test_signers_and_clips_look_different():
    pictures = [perform(("ONE",), signer, 0.0, np.random.default_rng(1)) for signer in SIGNERS[:2]]
    pictures.append(dataclasses.replace(pictures[0], look=pictures[0].look + 1))
    one, other_signer, other_look = (render(each, 64)[0].astype(float) for each in pictures)
    assert np.abs(one - other_signer).mean() > 10
    assert np.abs(one - other_look).mean() > 10


def test_a_video_gives_its_frames_back(frames, tmp_path):
    write_video(tmp_path / "clip.avi", frames)
    back = np.stack(list(read_frames(tmp_path / "clip.avi")))
    assert back.shape == frames.shape
    assert np.abs(back.astype(float) - frames).mean() < 6  # swapped colours would differ by far more
    assert np.abs(back[..., ::-1].astype(float) - frames).mean() > 6
    assert open_video(tmp_path / "clip.avi").fps == 25
    assert [path.name for path in tmp_path.iterdir()] == ["clip.avi"]


def test_a_video_that_a_full_disk_cuts_short_is_none(frames, tmp_path):
    write_video(tmp_path / "clip.avi", frames)
    whole = (tmp_path / "clip.avi").read_bytes()
    for share in (0.3, 0.9):
        with room_for(int(share * len(whole))), pytest.raises(OSError, match=r"frames could be written .*clip\.avi"):
            write_video(tmp_path / "clip.avi", frames)
    assert (tmp_path / "clip.avi").read_bytes() == whole


def test_the_corpus_names_its_videos_and_they_fit_the_landmarks(tmp_path):
    from tf_slr.corpus.manifest import Corpus

    write_signsynth(tmp_path, SignsynthOptions(train=2, dev=1, test=1, frame_size=64))
    for sample in Corpus(tmp_path).split("train"):
        assert sample.video == f"video/{sample.id}.avi"
        assert len(list(read_frames(tmp_path / sample.video))) == sample.frames
