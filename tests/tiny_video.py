"""A tiny world of videos for tests: a bright square on grey moves in one of four directions; nobody tracked it."""

from pathlib import Path

import numpy as np

from tf_slr.corpus.manifest import NO_LANDMARKS, CorpusInfo, Sample, write_corpus
from tf_slr.corpus.signsynth import write_video

DIRECTIONS = {"UP": (-1, 0), "DOWN": (1, 0), "LEFT": (0, -1), "RIGHT": (0, 1)}  # rows, columns
SIZE, FRAMES = 64, 12  # pixels; frames of a gloss

RECIPE = """
[model]
kind = "lrinet"
size = 16
scale = 4
widths = [8, 12, 16]
channels = 24
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


def video(glosses: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    """A clip of some glosses, uint8 [T, 64, 64, 3]."""
    places = np.linspace(-1, 1, FRAMES)[:, None] * 16
    path = np.concatenate([places * DIRECTIONS[gloss] for gloss in glosses]) + 32 + rng.integers(-3, 4, 2)
    pictures = rng.integers(90, 110, (len(path), SIZE, SIZE, 3), np.uint8)
    for picture, (row, column) in zip(pictures, path.round().astype(int), strict=True):
        picture[row - 8 : row + 8, column - 8 : column + 8] = (250, 220, 60)
    return pictures


def write_tiny_video(root: Path, train: int = 24, dev: int = 8, test: int = 4, seed: int = 0) -> Path:
    """Write a corpus of sentences of two glosses; every gloss occurs in four training sentences."""
    rng, splits = np.random.default_rng(seed), {}
    for split, count in (("train", train), ("dev", dev), ("test", test)):
        splits[split] = []
        for number in range(count):
            pair = divmod((5 * number + len(split)) % 16, 4)
            glosses = tuple(list(DIRECTIONS)[i] for i in pair)
            name = f"video/{split}{number}.avi"
            write_video(root / name, video(glosses, rng))
            splits[split].append(Sample(f"{split}{number}", "a", 2 * FRAMES, glosses, video=name))
    info = CorpusInfo("tiny video", "test", fps=25.0, licence="none", landmark_source=NO_LANDMARKS)
    write_corpus(root, info, splits)
    return root
