"""`tf-slr recognize` on real videos: people in them are found, drawn upon, and their times are the video's."""

import importlib.util
import json

import numpy as np
import pytest

from tests.cli.test_cli import tf_slr
from tf_slr.apps.drawing import ARMS, LEFT, RIGHT

pytestmark = pytest.mark.skipif(
    not (importlib.util.find_spec("mediapipe") and importlib.util.find_spec("cv2")), reason="needs tf_slr[video]"
)


def test_a_real_video_is_recognised_and_drawn(real_data, tmp_path, tiny_bundle):
    import cv2

    video = real_data / "videos" / "isl" / "address.mp4"
    stdout, _ = tf_slr("recognize", "--bundle", tiny_bundle, video, "gone.mp4", "--json", "--draw", tmp_path,
                            "--vtt", tmp_path, code=1)  # fmt: skip
    entry, missing = json.loads(stdout)
    assert (entry["frames"], entry["fps"]) == (20, 10)
    assert all(word["end"] <= 2.0 + 4 / 30 for word in entry["glosses"])
    assert "does not exist" in missing["error"]
    original, drawn = (cv2.VideoCapture(str(path)) for path in (video, tmp_path / "address.mp4"))
    for number in range(20):
        before, after = original.read()[1].astype(int), drawn.read()[1].astype(int)
        assert after.shape == before.shape or min(before.shape[:2]) % 2
        if number == 10:
            lines = [np.abs(after[..., ::-1] - colour).max(-1) < 60 for colour in (ARMS, LEFT, RIGHT)]
            was = [np.abs(before[..., ::-1] - colour).max(-1) < 60 for colour in (ARMS, LEFT, RIGHT)]
            assert sum((a & ~b).sum() for a, b in zip(lines, was, strict=True)) > 200
    assert not drawn.read()[0]
    assert "WEBVTT" in (tmp_path / "address.vtt").read_text()
