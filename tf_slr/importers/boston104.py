"""RWTH-BOSTON-104: 201 real sentences of American Sign Language, tracked at three points.

The annotation release gives the pixel positions of both hands and the nose.
The hands become the pose's wrists; the nose stands for the mouth, whose
place is all that is known of the face; shoulders are put at a typical place
below the nose. Everything else is missing, so results on this corpus say
what three points are worth, not what the recogniser can do.

Files: hands_condensed.csv (video, frame, left-x ... nose-y),
train_words.csv and test_words.csv (video, speaker, word, startframe, endframe).
"""

import csv
import io
from pathlib import Path

import numpy as np

from tf_slr.core import files
from tf_slr.core.errors import DataError
from tf_slr.core.landmarks import LEFT_WRIST, LIPS, POINTS, RIGHT_WRIST, Clip
from tf_slr.corpus.manifest import CorpusInfo, Sample, begin_corpus, landmark_path, write_clip, write_corpus

WIDTH, HEIGHT = 312, 242  # of the camera's picture, in pixels
# Shoulders relative to the nose in pixels, as read off a signer of average build.
SHOULDER_OFFSET = np.array([[35.0, 55.0], [-35.0, 55.0]])
FPS = 30.0

INFO = CorpusInfo(
    "boston104", "American Sign Language", fps=FPS, licence="research use; see RWTH-BOSTON-104",
    landmark_source="RWTH-BOSTON-104 hand and nose positions (3 points)",
)  # fmt: skip


def prepare_boston104(root: Path | str, out: Path | str, dev_share: float = 0.1) -> list[str]:
    """Make a corpus from the release's CSV files.

    Dev sentences are every n-th training sentence, since the release has no dev split.

    Returns:
        One line for each sentence that was left out.

    Raises:
        DataError: a file is missing or not of the release's format.
    """
    root, out = Path(root), Path(out)
    tracks = _tracks(root / "hands_condensed.csv")
    left_out: list[str] = []
    samples: dict[str, list[Sample]] = {"train": [], "dev": [], "test": []}
    every = round(1 / dev_share)
    sentences = {name: _sentences(root / f"{name}_words.csv") for name in ("train", "test")}
    begin_corpus(out)
    for name in ("train", "test"):
        for number, (video, (speaker, glosses)) in enumerate(sentences[name].items()):
            if video not in tracks:
                left_out.append(f"{root / f'{name}_words.csv'}: video {video} has no hand positions; left out")
                continue
            split = "dev" if name == "train" and number % every == every - 1 else name
            path = landmark_path(video)
            write_clip(out / path, to_clip(tracks[video]))
            samples[split].append(Sample(video, speaker, len(tracks[video]), glosses, landmarks=path))
    return left_out + write_corpus(out, INFO, samples)


def to_clip(track: np.ndarray) -> Clip:
    """Pixel positions [T, 3 (left hand, right hand, nose), 2] -> the project's layout."""
    size = np.array([WIDTH, HEIGHT])
    landmarks = np.full((len(track), POINTS, 3), np.nan, np.float32)
    landmarks[:, LEFT_WRIST, :2] = track[:, 0] / size
    landmarks[:, RIGHT_WRIST, :2] = track[:, 1] / size
    landmarks[:, LIPS, :2] = track[:, 2:] / size
    landmarks[:, [LEFT_WRIST, RIGHT_WRIST, *range(LIPS.start, LIPS.stop)], 2] = 0
    shoulders = np.zeros((len(track), 2, 3), np.float32)
    shoulders[..., :2] = (track[:, 2:] + SHOULDER_OFFSET) / size
    return Clip(landmarks, shoulders, WIDTH / HEIGHT)


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(files.read_text(path), newline=""), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise DataError(f"{path}: is not valid CSV ({error})") from error
    if not set(columns) <= set(reader.fieldnames or ()):
        raise DataError(f"{path}: expected columns {', '.join(columns)}, found {', '.join(reader.fieldnames or ())}")
    return rows


def _tracks(path: Path) -> dict[str, np.ndarray]:
    columns = ("left-x", "left-y", "right-x", "right-y", "nose-x", "nose-y")
    tracks: dict[str, list[tuple[int, list[float]]]] = {}
    for number, row in enumerate(_rows(path, ("video", "frame", *columns)), start=2):
        try:
            point = int(row["frame"]), [float(row[name]) for name in columns]
        except (TypeError, ValueError) as error:
            raise DataError(f"{path}, row {number}: {error}") from error
        if not np.isfinite(point[1]).all():
            raise DataError(f"{path}, row {number}: expected pixels, found {', '.join(row[name] for name in columns)}")
        tracks.setdefault(row["video"], []).append(point)
    return {
        video: np.array([values for _, values in sorted(points)]).reshape(-1, 3, 2) for video, points in tracks.items()
    }


def _sentences(path: Path) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Video -> (speaker, glosses in the order in which they start)."""
    words: dict[str, list[tuple[int, str]]] = {}
    speakers: dict[str, str] = {}
    for number, row in enumerate(_rows(path, ("video", "speaker", "word", "startframe")), start=2):
        if not (row["word"] or "").strip():
            raise DataError(f"{path}, row {number}: has no word")
        try:
            words.setdefault(row["video"], []).append((int(row["startframe"]), row["word"]))
        except (TypeError, ValueError) as error:
            raise DataError(f"{path}, row {number}: {error}") from error
        speakers[row["video"]] = row["speaker"]
    return {video: (speakers[video], tuple(word for _, word in sorted(found))) for video, found in words.items()}
