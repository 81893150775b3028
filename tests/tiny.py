"""A tiny world for tests: isolated signs that differ clearly, and a run trained on sentences of them."""

import numpy as np

from tf_slr.core.landmarks import LEFT_HAND, LEFT_WRIST, POINTS, POSE, RIGHT_HAND, RIGHT_WRIST

GLOSSES = ("UP", "DOWN", "CIRCLE", "CLAP")
FRAMES = 16


def sign(gloss: str, rng: np.random.Generator) -> np.ndarray:
    """One take of a sign, [16, 92, 3]."""
    s = np.linspace(0, 1, FRAMES)
    right = {
        "UP": np.stack([0.4 + 0 * s, 0.7 - 0.4 * s], -1),
        "DOWN": np.stack([0.4 + 0 * s, 0.3 + 0.4 * s], -1),
        "CIRCLE": np.stack([0.4 + 0.1 * np.cos(6.28 * s), 0.5 + 0.1 * np.sin(6.28 * s)], -1),
        "CLAP": np.stack([0.35 + 0.12 * np.abs(np.sin(9 * s)), 0.55 + 0 * s], -1),
        "REST": np.stack([0.38 + 0 * s, 0.85 + 0 * s], -1),
    }[gloss]
    left = np.stack([1 - right[:, 0], right[:, 1]], -1) if gloss == "CLAP" else np.tile([0.62, 0.85], (FRAMES, 1))
    landmarks = np.full((FRAMES, POINTS, 3), np.nan, np.float32)
    landmarks[:, POSE] = 0
    landmarks[:, 0, :2], landmarks[:, 5, :2] = (0.66, 0.7), (0.34, 0.7)
    for hand, wrist, place in ((LEFT_HAND, LEFT_WRIST, left), (RIGHT_HAND, RIGHT_WRIST, right)):
        landmarks[:, [wrist, wrist + 1, wrist + 2, wrist + 3], :2] = place[:, None]
        landmarks[:, hand, :2] = place[:, None] + np.linspace(0, 0.05, 21)[:, None]
        landmarks[:, hand, 2] = 0
    landmarks[..., :2] += rng.normal(0, 0.004, (FRAMES, POINTS, 2))
    return landmarks


def isolated(path, takes=8, seed=0, glosses=(*GLOSSES, "REST"), first_take=0):
    """Write a set of isolated signs."""
    rng = np.random.default_rng(seed)
    labels = [(gloss, first_take + take) for gloss in glosses for take in range(takes)]
    landmarks = np.stack([sign(gloss, rng) for gloss, _ in labels])
    shoulders = np.tile(np.array([[0.6, 0.4, 0], [0.4, 0.4, 0]], np.float32), (*landmarks.shape[:2], 1, 1))
    np.savez(path, landmarks=landmarks.astype(np.float16), shoulders=shoulders.astype(np.float16),
             gloss=np.array([gloss for gloss, _ in labels]), take=np.array([take for _, take in labels]))  # fmt: skip
    return path


RECIPE = """
[model]
width = 48
hidden = 40
dropout = 0.1

[features.augment]
flip = 0.0

[training]
epochs = 8
batch = 8
learning_rate = 4e-3
checkpoint_steps = 4
"""
