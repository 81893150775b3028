"""What each level of `tf-slr live` costs and loses on real videos: processor time, hands found, landmarks moved.

python tools/bench_live.py VIDEO... --out bench_live.json
"""

import argparse
import itertools
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from publish import add_out, publish
from tqdm import tqdm
from turns import machine

from tf_slr.apps.live.effort import LEVELS, Level
from tf_slr.apps.live.tracking import BodyFinder
from tf_slr.cli.common import Parser, within
from tf_slr.core.landmarks import LEFT_HAND, LEFT_WRIST, LIPS, POINTS, POSE, RIGHT_HAND, RIGHT_WRIST
from tf_slr.core.pictures import opencv
from tf_slr.core.quiet import silent_stderr
from tf_slr.tracking.tracker import holistic_class, points_of
from tf_slr.video.decoding import read_frames

HANDS = ((LEFT_HAND, LEFT_WRIST), (RIGHT_HAND, RIGHT_WRIST))
PARTS = {"pose": [*range(POSE.start, POSE.stop)], "lips": [*range(LIPS.start, LIPS.stop)],
         "hands": [*range(LEFT_HAND.start, RIGHT_HAND.stop)]}  # fmt: skip


def track(clips: Sequence[list[np.ndarray]], level: Level) -> tuple[list[np.ndarray], float]:
    """Points float32 [T, 94, 3] of clips at a level, in one thread, and the processor's milliseconds a frame."""
    holistic, tracked, seconds = holistic_class()(), [], 0.0
    with silent_stderr():
        for frames in clips:
            holistic.reset()
            finder, points = BodyFinder(holistic), []
            started = time.process_time()
            for frame in frames:
                points.append(points_of(holistic.find_hands(finder.find(frame, level))))
            seconds += time.process_time() - started
            tracked.append(np.array(points))
    return tracked, 1e3 * seconds / sum(map(len, clips))


def recall(tracked: Sequence[np.ndarray], whole: Sequence[np.ndarray]) -> float:
    """Share of the hands whose wrist, by the pose of all frames, is in the picture that were found."""
    found = visible = 0
    for points, reference in zip(tracked, whole, strict=True):
        for hand, wrist in HANDS:
            inside = ((reference[:, wrist, :2] >= 0) & (reference[:, wrist, :2] <= 1)).all(-1)
            visible += inside.sum()
            found += (inside & np.isfinite(points[:, hand.start, 0])).sum()
    return round(float(found / max(visible, 1)), 4)


def moved(tracked: Sequence[np.ndarray], whole: Sequence[np.ndarray], aspects: Sequence[float]) -> dict[str, float]:
    """Mean distance of each part's points from those of level 0, in shoulder widths, where both found them."""
    distances: dict[str, list[np.ndarray]] = {name: [] for name in PARTS}
    for points, reference, aspect in zip(tracked, whole, aspects, strict=True):
        square = np.array([aspect, 1.0])
        left, right = np.moveaxis(reference[:, POINTS:, :2] * square, 1, 0)
        width = np.nanmedian(np.linalg.norm(left - right, axis=-1))
        apart = np.linalg.norm((points[..., :2] - reference[..., :2]) * square, axis=-1) / width
        for name, places in PARTS.items():
            distances[name].append(apart[:, places].ravel())
    return {name: round(float(np.nanmean(np.concatenate(parts))), 4) for name, parts in distances.items()}


def bench(videos: Sequence[Path], frames: int) -> list[dict]:
    """Track the beginnings of videos at every level."""
    opencv().setNumThreads(1)
    clips = [list(itertools.islice(read_frames(video), frames)) for video in videos]
    aspects = [clip[0].shape[1] / clip[0].shape[0] for clip in clips]
    rows, whole = [], None
    for number, level in enumerate(tqdm(LEVELS, "levels", unit="level", disable=None)):
        tracked, cost = track(clips, level)
        whole = whole or tracked
        rows.append({
            "level": number, "what": str(level), "processor_ms_a_frame": round(cost, 1),
            "hand_recall": recall(tracked, whole), "moved": moved(tracked, whole, aspects),
        })  # fmt: skip
    return rows


def table(result: dict) -> str:
    """The result as Markdown."""
    lines = [
        f"{', '.join(result['videos'])}; up to {result['frames']} frames each; {result['machine']['cpu']}",
        "",
        "| level | what | processor ms a frame | hands found | pose moved | lips moved | hands moved |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in result["levels"]:
        shift = row["moved"]
        lines.append(
            f"| {row['level']} | {row['what']} | {row['processor_ms_a_frame']:.1f} | {100 * row['hand_recall']:.1f} % "
            f"| {shift['pose']:.4f} | {shift['lips']:.4f} | {shift['hands']:.4f} |"
        )
    return "\n".join([*lines, "", "Moved: mean distance from level 0 in shoulder widths."])


def main() -> int:
    """Measure, print the table, write the JSON."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO", help="video file or folder of images")
    add_out(parser)
    parser.add_argument("--frames", type=within(int, 1, 10**6), default=250, help="of the beginning of each video")
    arguments = parser.parse_args()
    if arguments.frames < 1:
        parser.error("expected at least 1 frame")

    def measure() -> dict:
        return {
            "videos": [video.name for video in arguments.videos],
            "frames": arguments.frames,
            "machine": machine(),
            "levels": bench(arguments.videos, arguments.frames),
        }

    return publish(measure, table, arguments)


if __name__ == "__main__":
    sys.exit(main())
