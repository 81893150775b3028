"""A signer before a camera: clips of the tiny corpus in a row, with resting hands between them."""

from typing import NamedTuple

import numpy as np

from tests.tiny import FRAMES, sign
from tf_slr.core.landmarks import POINTS, Clip
from tf_slr.corpus.compose import BODY, place, transition
from tf_slr.corpus.manifest import Corpus
from tf_slr.runtime import Word

FPS = 30
REST = 45  # frames between clips


class Signing(NamedTuple):
    """Points [T, 94, 3] (landmarks, shoulders), width / height of the picture, and the clips: glosses, begin, end."""

    points: np.ndarray
    aspect: float
    clips: list[tuple[tuple[str, ...], int, int]]

    @property
    def glosses(self) -> list[str]:
        return [gloss for glosses, _, _ in self.clips for gloss in glosses]


def resting(frames: int, rng: np.random.Generator) -> np.ndarray:
    """Points of hands at rest, where the corpus' signers stand."""
    takes = [sign("REST", rng) for _ in range(-(-frames // FRAMES))]
    landmarks = np.concatenate(takes)[:frames]
    shoulders = np.tile(np.array([[0.6, 0.4, 0], [0.4, 0.4, 0]], np.float32), (frames, 1, 1))
    clip = place(Clip(landmarks, shoulders, 1.0), BODY)
    return np.concatenate([clip.landmarks, clip.shoulders], axis=1)


def signing(root, clips: int) -> Signing:
    """The first test clips of the tiny corpus in a row."""
    corpus, rng = Corpus(root), np.random.default_rng(0)
    parts, spans, length = [resting(20, rng)], [], 20
    for sample in corpus.split("test")[:clips]:
        clip = corpus.clip(sample)
        points = np.concatenate([clip.landmarks, clip.shoulders], axis=1).astype(np.float32)
        rest = resting(REST, rng)
        parts += [transition(parts[-1][-1], points[0], 5), points, transition(points[-1], rest[0], 5), rest]
        spans.append((sample.glosses, length + 5, length + 5 + len(points)))
        length += len(points) + len(rest) + 10
    return Signing(np.concatenate(parts), clip.aspect, spans)


def feed(stream, shown: Signing, times=None, start=0, stop=None) -> list[Word]:
    """Feed frames [start, stop) to a stream, at the corpus' rate or at given times; what it committed."""
    words = []
    for number in range(start, len(shown.points) if stop is None else stop):
        points = shown.points[number]
        time = number / FPS if times is None else times[number]
        words += stream.feed(time, points[:POINTS], shown.aspect, points[POINTS:])
    return words
