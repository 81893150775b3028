"""Somebody before a camera, made up: landmarks of signs with rest between, by the embedded corpus' signer."""

import numpy as np

from tf_slr.apps.teach.recordings import Recordings
from tf_slr.apps.teach.session import cut_clip
from tf_slr.apps.teach.takes import SignCutter
from tf_slr.core.landmarks import Clip
from tf_slr.synth.defects import Defects, track
from tf_slr.synth.motion import FPS, perform
from tf_slr.synth.signer import SIGNERS

REST = 25  # frames between two signs
USUAL = Defects(1.0, 0.3)


def seated(glosses, seed=0, rest=REST, defects=USUAL):
    """A clip with one sign after the other from one seat, with `rest` frames of rest around each."""
    rng = np.random.default_rng(seed)
    parts = []
    for gloss in glosses:
        # Without variation the camera stays where it is.
        clean = perform((gloss,), SIGNERS[0], 0.0, rng).clip()
        still = [np.repeat(part, rest, axis=0) for part in (_points(clean)[:1], _points(clean)[-1:])]
        parts.append(np.concatenate([still[0], _points(clean), still[1]]))
    points = np.concatenate(parts)
    return track(Clip(points[:, :-2], points[:, -2:], clean.aspect), defects, rng)


def _points(clip):
    return np.concatenate([clip.landmarks, clip.shoulders], axis=1)


def frames(clip, fps=FPS, start=0.0):
    """A clip as a recorder sees it: time, points [94, 3], aspect."""
    for number, points in enumerate(_points(clip)):
        yield start + number / fps, points, clip.aspect


def cut(clip, fps=FPS):
    """The takes of signs in a clip of a steady rate."""
    return cut_clip(clip, np.arange(len(clip.landmarks)) / fps, SignCutter(FPS))


def recorded(root, signs, takes, rest=0):
    """A folder of recordings of some glosses."""
    recordings = Recordings.open(root, "signsynth", fps=FPS)
    recordings.name_signs(signs)
    for place, sign in enumerate(signs):
        for clip in cut(seated([sign] * takes, seed=place)):
            assert recordings.add(sign, clip)
    for number in range(rest):
        idle = seated(["ONE"], seed=100 + number, rest=20)
        assert recordings.add(None, Clip(idle.landmarks[:20], idle.shoulders[:20], idle.aspect))
    return recordings
