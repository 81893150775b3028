"""Recording from a camera until there are enough takes, and taking takes from video files."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tf_slr.apps.live.sources import Source
from tf_slr.apps.live.tracking import LiveTracker
from tf_slr.apps.teach.recorder import Recorder, Wish, keep
from tf_slr.apps.teach.recordings import Recordings
from tf_slr.apps.teach.screens import Screen
from tf_slr.apps.teach.takes import Cutter, RestCutter, SignCutter
from tf_slr.core.errors import DataError
from tf_slr.core.landmarks import Clip
from tf_slr.core.quiet import silent_stderr
from tf_slr.tracking.tracker import Tracker


def record(recorder: Recorder, source: Source, screen: Screen, notice: Callable[[str], None]) -> None:
    """Record until all takes are there, the source ends, or somebody stops; what was kept stays.

    Args:
        recorder: says what to do.
        source: the camera.
        screen: shows it.
        notice: told when face and pose are looked for more or less often, to keep pace.

    Raises:
        DataError: frames stopped coming, or MediaPipe failed.
        UsageError: MediaPipe is not installed.
    """
    wish = Wish.NOTHING
    try:
        with silent_stderr(), LiveTracker(source, notice) as tracker:
            for sight in tracker.sights():
                points = np.concatenate([sight.landmarks, sight.shoulders])
                prompt = recorder.step(sight.shot.time, points, sight.aspect, wish is Wish.BEGIN)
                wish = screen.show(sight, prompt)
                if recorder.done or wish is Wish.STOP:
                    break
    finally:
        screen.close()


def read_videos(recordings: Recordings, sign: str | None, paths: Sequence[Path]) -> tuple[int, list[str]]:
    """Cut takes of a sign (None: stretches of rest) out of videos, each of one take or of several with rest between.

    Returns:
        How many takes were kept, and one line for each file or take that was not.

    Raises:
        UsageError: MediaPipe or OpenCV is not installed.
    """
    written = 0
    refused: list[str] = []
    tracker = Tracker()
    for path in tqdm(paths, "videos", unit="file", disable=None):
        try:
            tracked = tracker.extract(path)
        except DataError as error:
            refused.append(str(error))
            continue
        fps = recordings.list.fps
        cutter = RestCutter(fps) if sign is None else SignCutter(fps)
        times = tracked.times
        if times is None:
            times = np.arange(len(tracked.clip.landmarks)) / (tracked.fps or fps)
        found = cut_clip(tracked.clip, times, cutter)
        if not found:
            refused.append(f"{path}: {'is too short' if sign is None else 'nobody signs in it'}")
        for number, clip in enumerate(found, start=1):
            fault = keep(recordings, sign, clip)
            written += not fault
            if fault:
                refused.append(f"{path}: take {number} {fault}")
    return written, refused


def cut_clip(clip: Clip, times: np.ndarray, cutter: Cutter) -> list[Clip]:
    """The takes in a clip with shoulders, whose frames are shown at `times` in seconds, [T]."""
    takes = []
    for time, points in zip(times, np.concatenate([clip.landmarks, clip.shoulders], axis=1), strict=True):
        takes += cutter.feed(float(time), points, clip.aspect)
    return takes + cutter.finish()
