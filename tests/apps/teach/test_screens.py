"""What somebody sees who records, without a display."""

import numpy as np
import pytest

pytest.importorskip("cv2")
pytest.importorskip("PIL")

from tf_slr.apps.drawing import default_font
from tf_slr.apps.live.sources import Shot
from tf_slr.apps.live.tracking import Sight
from tf_slr.apps.teach.recorder import Prompt
from tf_slr.apps.teach.screens import drawn
from tf_slr.core.landmarks import POINTS, RIGHT_HAND


def seen(prompt, landmarks=None):
    """A grey picture of a webcam's shape with a prompt."""
    if landmarks is None:
        landmarks = np.full((POINTS, 3), np.nan, np.float32)
    sight = Sight(Shot(0.0, 0.0, np.full((480, 640, 3), 90, np.uint8)), landmarks, np.full((2, 3), np.nan, np.float32))
    return drawn(sight, prompt, default_font())


def test_what_became_of_the_last_take_never_pushes_the_task_out_of_the_picture():
    task = "thank you very much: sign now, then let your hands rest"
    alone = seen(Prompt(task, ""))
    told = seen(Prompt(task, "take 12 of 15 - the last take has no hands in most of its frames; again"))
    assert (alone[360:] != 90).any()
    assert np.array_equal(told[360:], alone[360:])
    assert not (alone[:40] != 90).any()
    assert (told[:40] != 90).any()


def test_it_is_a_mirror_whose_letters_are_not_mirrored():
    landmarks = np.full((POINTS, 3), np.nan, np.float32)
    landmarks[RIGHT_HAND] = [[0.1 + 0.005 * number, 0.3, 0] for number in range(21)]
    shown = seen(Prompt("", "take 1 of 15"), landmarks)
    assert (shown[100:200, 500:] != 90).any()
    assert not (shown[100:200, :500] != 90).any()
    assert (shown[:40, :300] != 90).any()
    assert not (shown[:40, 400:] != 90).any()
