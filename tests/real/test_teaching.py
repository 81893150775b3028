"""Takes of real signing, cut out of video files."""

import importlib.util

import numpy as np
import pytest

from tf_slr.apps.teach.recordings import Recordings
from tf_slr.apps.teach.session import read_videos
from tf_slr.corpus.manifest import read_clip
from tf_slr.tracking.tracker import landmark_source

pytestmark = pytest.mark.skipif(
    not (importlib.util.find_spec("mediapipe") and importlib.util.find_spec("cv2")), reason="needs tf_slr[video]"
)


def test_a_filmed_sign_becomes_takes_once(real_data, tmp_path):
    video = real_data / "videos" / "isl" / "hello.mp4"
    recordings = Recordings.open(tmp_path / "r", landmark_source())
    recordings.name_signs(["hello"])
    written, refused = read_videos(recordings, "hello", [video])
    assert (written, refused) == (1, [])
    (path,) = recordings.takes("hello")
    clip = read_clip(path)
    seconds = len(clip.landmarks) / recordings.list.fps
    assert 0.5 < seconds < 2.5, "23 frames at 10 a second, without the rest"
    assert np.isfinite(clip.landmarks[..., 0]).any(-1).all()
    again, refused = read_videos(recordings, "hello", [video])
    assert again == 0
    assert refused == [f"{video}: take 1 is there already"]
