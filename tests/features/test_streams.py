"""Streams: teacher and student see the same moments, and videos come with or without landmarks."""

import cv2
import numpy as np
import pytest

from tests.features.test_frames import clip_with_pictures, dots
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.glosses import Vocabulary
from tf_slr.core.landmarks import LEFT_HAND, Normalisation, normalise
from tf_slr.core.pictures import FrameOptions
from tf_slr.corpus.manifest import Corpus, Sample
from tf_slr.features.augment import AugmentOptions, draw
from tf_slr.features.batches import FeatureOptions, TrainingBatches
from tf_slr.features.splits import UsableSplit, load_split
from tf_slr.features.streams import Landmarks, Video, pad
from tf_slr.features.views import BELOW, View
from tf_slr.models.corrnet import CorrNetOptions
from tf_slr.training.networks import stream_of

FRAMES = FrameOptions(64, margin=1.0)


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """Three moving figures with video: (folder, split)."""
    root = tmp_path_factory.mktemp("streams")
    samples, clips = [], []
    for number, frames in enumerate((24, 30, 36)):
        clip, pictures = clip_with_pictures(96, 96, frames)
        path = root / f"{number}.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"FFV1"), 25, (96, 96))
        for picture in pictures:
            writer.write(np.ascontiguousarray(picture[..., ::-1]))
        writer.release()
        samples.append(Sample(str(number), "a", frames, ("A",), video=path.name))
        clips.append(clip)
    return root, UsableSplit(samples, clips, [])


def test_a_clip_as_it_is_is_what_the_runtime_sees(split):
    _, clips = split
    stream = Landmarks(clips.clips, Normalisation())
    assert np.array_equal(stream.shown(1, None), normalise(clips.clips[1], Normalisation()))


def test_both_streams_show_one_moment(split):
    """With tempo, flips and turns, the hand in the picture lies where the landmark says, in every frame."""
    root, clips = split
    options = AugmentOptions(rotate=1, translate=0.1, scale=0.1, fuse=0, speed=0.4, jitter=0, crop=False)
    landmarks, video = Landmarks(clips.clips, Normalisation()), Video(root, clips.samples, FRAMES, clips.clips)
    for seed in range(12):
        change = draw(options, 36, np.random.default_rng(seed))
        values, pictures = landmarks.shown(2, change), video.shown(2, change)
        assert len(values) == len(pictures) == len(change.positions)
        # A mirrored right hand is a left one.
        seen = dots(pictures, 2 if change.flip else 0)
        # The shoulders are 0.2 apart, with their middle at (0.5, 0.4).
        wrist = values.reshape(-1, 92, 3)[:, LEFT_HAND.start, :2] * 0.2 + (0.5, 0.4)
        assert np.abs(seen - wrist).max() < 0.03


def test_a_close_up_is_recognised_as_it_is_trained(split):
    """Without a change, too, the hand lies where the normalised landmark says."""
    root, clips = split
    wrist = Landmarks(clips.clips, Normalisation()).shown(1, None).reshape(-1, 92, 3)[:, LEFT_HAND.start, :2]
    pictures = Video(root, clips.samples, FRAMES, clips.clips, view=View(close_up=4.0)).shown(1, None)
    assert pictures.shape == (30, 64, 64, 3)
    assert np.abs(dots(pictures, 0) - (0.5 + (wrist - (0, BELOW)) / 4.0)).max() < 0.02


@pytest.mark.parametrize("view", [{"close_up": 3.0}, {"details": 0.7}])
def test_close_ups_and_details_need_landmarks(video_corpus, view):
    corpus = Corpus(video_corpus)
    with pytest.raises(UsageError, match="no landmarks"):
        stream_of(CorrNetOptions(), FeatureOptions(**view), corpus, load_split(corpus, "train"))


def test_without_landmarks_a_video_is_changed_about_its_own_centre(split):
    root, clips = split
    video = Video(root, clips.samples, FrameOptions(32), None, name="other")
    assert video.name == "other"
    assert video.shown(0, None).shape == (24, 32, 32, 3)
    silent = Video(root, [Sample("x", "a", 24, ("A",))], FRAMES, None)
    with pytest.raises(DataError, match="x: has no video"):
        silent.shown(0, None)


def test_batches_hold_every_stream_padded_alike(split):
    root, clips = split
    streams = [Landmarks(clips.clips, Normalisation()), Video(root, clips.samples, FrameOptions(16), clips.clips)]
    batches = TrainingBatches(clips, streams, Vocabulary(("A",)), FeatureOptions(), size=3, seed=0)
    (batch,) = batches.dataset(0, 0, 1)
    landmarks, video, frames = (batch[name].numpy() for name in ("landmarks", "video", "frames"))
    assert video.dtype == np.uint8
    assert landmarks.shape[:2] == video.shape[:2]
    for b, count in enumerate(frames):
        assert video[b, :count].any((1, 2, 3)).all()
        assert not video[b, count:].any()
        assert not landmarks[b, count:].any()


def test_steps_are_padded_by_the_stride():
    logits = [np.ones((3, 5), np.float16), np.ones((6, 5), np.float16)]
    assert pad(logits, 4, 6).shape == (2, 6, 5)
    assert pad(logits, 4, 6).sum(1).tolist() == [[3] * 5, [6] * 5]
    assert pad([np.ones((21, 2))], 1, 6).shape == (1, 24, 2)
