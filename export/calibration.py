"""Clips that show a converter which values activations take: always of the training split."""

import itertools

import numpy as np

from tf_slr.core.errors import DataError
from tf_slr.core.landmarks import Normalisation
from tf_slr.corpus.manifest import Corpus, Sample
from tf_slr.features.splits import UsableSplit
from tf_slr.features.streams import Landmarks

CLIPS = 64


def calibration_samples(corpus: Corpus, seed: int) -> list[Sample]:
    """The clips of the training split that calibrate: up to 64, drawn by a seed."""
    listed = [sample for sample in corpus.split("train") if sample.feasible]
    order = np.random.default_rng(seed).permutation(len(listed))
    usable = (i for i in order if _readable(corpus, listed[i]))
    return [listed[i] for i in sorted(itertools.islice(usable, CLIPS))]


def _readable(corpus: Corpus, sample: Sample) -> bool:
    """Whether a clip has landmarks; training has named and left out those that have not."""
    try:
        corpus.clip(sample)
    except DataError:
        return False
    return True


def calibration_inputs(corpus: Corpus, samples: list[Sample], rule: Normalisation) -> list[np.ndarray]:
    """Clips as a landmark student reads them, float32 [T, 276] each.

    Raises:
        DataError: one cannot be read.
    """
    split = UsableSplit(samples, [corpus.clip(sample) for sample in samples], [])
    stream = Landmarks(split.clips, rule)
    return [stream.shown(i, None) for i in range(len(samples))]
