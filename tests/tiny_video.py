"""A tiny world of videos for tests: a bright square moves on grey in one of four directions, maybe with landmarks."""

from pathlib import Path

import numpy as np

from tf_slr.core.landmarks import POINTS, RIGHT_HAND, Clip
from tf_slr.corpus.manifest import NO_LANDMARKS, CorpusInfo, Sample, landmark_path, write_clip, write_corpus
from tf_slr.synth.signsynth import write_video

DIRECTIONS = {"UP": (-1, 0), "DOWN": (1, 0), "LEFT": (0, -1), "RIGHT": (0, 1)}  # rows, columns
SIZE, FRAMES = 64, 12  # pixels; frames of a gloss

RECIPE = """
[model]
kind = "lrinet"
size = 16
scale = 4
widths = [8, 12, 16]
blocks = [1, 1, 1]
plain_blocks = 1

[model.temporal]
width = 32
lstm_layers = 1
dropout = 0.1

[features.augment]
flip = 0.0
rotate = 0.0
fuse = 0.0
speed = 0.0

[training]
epochs = 25
evaluate_every = 5
batch = 4
learning_rate = 1e-2
"""


def video(glosses: tuple[str, ...], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A clip of some glosses, uint8 [T, 64, 64, 3], and the square's rows and columns [T, 2]."""
    places = np.linspace(-1, 1, FRAMES)[:, None] * 16
    path = np.concatenate([places * DIRECTIONS[gloss] for gloss in glosses]) + 32 + rng.integers(-3, 4, 2)
    pictures = rng.integers(90, 110, (len(path), SIZE, SIZE, 3), np.uint8)
    for picture, (row, column) in zip(pictures, path.round().astype(int), strict=True):
        picture[row - 8 : row + 8, column - 8 : column + 8] = (250, 220, 60)
    return pictures, path


def tracked(path: np.ndarray) -> Clip:
    """Landmarks of a clip in which only the right hand was found, and is where the square is."""
    landmarks = np.full((len(path), POINTS, 3), np.nan, np.float32)
    landmarks[:, RIGHT_HAND] = np.column_stack([path[:, 1] / SIZE, path[:, 0] / SIZE, np.zeros(len(path))])[:, None]
    shoulders = np.broadcast_to(np.array([[0.75, 0.25, 0], [0.25, 0.25, 0]], np.float32), (len(path), 2, 3))
    return Clip(landmarks, shoulders, 1.0)


def write_tiny_video(
    root: Path, train: int = 24, dev: int = 8, test: int = 4, seed: int = 0, track: bool = False
) -> Path:
    """Write a corpus of sentences of two glosses; every gloss occurs in four training sentences."""
    rng, splits = np.random.default_rng(seed), {}
    for split, count in (("train", train), ("dev", dev), ("test", test)):
        splits[split] = []
        for number in range(count):
            pair = divmod((5 * number + len(split)) % 16, 4)
            glosses = tuple(list(DIRECTIONS)[i] for i in pair)
            name = f"video/{split}{number}.avi"
            pictures, path = video(glosses, rng)
            write_video(root / name, pictures)
            where = landmark_path(f"{split}{number}") if track else ""
            if track:
                write_clip(root / where, tracked(path))
            splits[split].append(Sample(f"{split}{number}", "a", 2 * FRAMES, glosses, landmarks=where, video=name))
    source = "the square" if track else NO_LANDMARKS
    info = CorpusInfo("tiny video", "test", fps=25.0, licence="none", landmark_source=source)
    write_corpus(root, info, splits)
    return root
