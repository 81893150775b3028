from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def video_of_noise(tmp_path) -> Callable[..., Path]:
    """Make a real video file of coarse coloured noise, in which nobody is."""
    cv2 = pytest.importorskip("cv2")

    def make(name, frames=12, fps=25.0, size=(96, 80), codec="MJPG"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, size)
        assert writer.isOpened()
        rng = np.random.default_rng(frames)
        for _ in range(frames):
            coarse = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
            writer.write(cv2.resize(coarse, size, interpolation=cv2.INTER_NEAREST))
        writer.release()
        return path

    return make
