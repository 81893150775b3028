"""What the live window shows, without a display."""

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("PIL")

from tests.tiny import sign
from tf_slr.apps.drawing import default_font
from tf_slr.apps.live.sources import Shot
from tf_slr.apps.live.tracking import Sight
from tf_slr.apps.live.window import drawn


@pytest.fixture
def sight():
    landmarks = sign("CLAP", np.random.default_rng(0))[4]
    shoulders = np.array([[0.6, 0.4, 0], [0.4, 0.4, 0]], np.float32)
    return Sight(Shot(0.0, 0.0, np.full((240, 320, 3), 90, np.uint8)), landmarks, shoulders)


def touched(picture, rows):
    return bool((picture[rows] != 90).any())


def test_status_stands_above_the_skeleton_and_the_caption_below(sight):
    top, bottom = slice(0, 20), slice(200, None)
    shown = drawn(sight, "HELLO WORLD", "25 fps, 0 dropped", default_font())
    assert shown.shape == sight.shot.picture.shape
    assert touched(shown, top)
    assert touched(shown, bottom)
    silent = drawn(sight, "", "", default_font())
    assert not touched(silent, top)
    assert not touched(silent, bottom)
    assert touched(silent, slice(20, 200)), "the skeleton"
    assert np.array_equal(shown[20:180], silent[20:180])


def test_the_cameras_picture_stays_as_it_was_and_nobody_is_drawn_as_nothing(sight):
    lost = sight._replace(landmarks=np.full_like(sight.landmarks, np.nan), shoulders=np.full((2, 3), np.nan))
    assert not touched(drawn(lost, "", "", default_font()), slice(None))
    drawn(sight, "HELLO", "25 fps", default_font())
    assert not touched(sight.shot.picture, slice(None))
