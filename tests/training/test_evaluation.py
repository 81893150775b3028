"""Evaluation: scored by signer, and blind to the reference."""

import inspect

import numpy as np

from tf_slr.core.glosses import Vocabulary
from tf_slr.core.landmarks import POINTS, Clip, Normalisation
from tf_slr.corpus.manifest import Sample
from tf_slr.decoding import beam, greedy
from tf_slr.features.streams import Landmarks
from tf_slr.models.mslr import Mslr, MslrOptions
from tf_slr.runtime.recognizer import Recognizer
from tf_slr.runtime.student import Student
from tf_slr.training.evaluation import WINDOW, Evaluation, evaluate, network_logits


def sample(name, signer, *glosses):
    return Sample(name, signer, 40, glosses)


def test_summary_splits_known_and_held_out_signers():
    samples = (sample("1", "anna", "A", "B"), sample("2", "ben", "A"), sample("3", "cleo", "B", "B"))
    evaluation = Evaluation(samples, (("A", "B"), ("B",), ("B",)))
    summary = evaluation.summary({"anna", "ben"})
    assert summary["wer"] == 2 / 5
    assert summary["groups"]["known signers"]["wer"] == 1 / 3
    assert summary["groups"]["held-out signers"]["deletions"] == 1
    assert summary["signers"]["ben"]["substitutions"] == 1
    assert summary["results"][2] == {"id": "3", "reference": "B B", "hypothesis": "B"}


def test_decoding_reads_logits_only():
    logits = np.eye(3)[[0, 1, 0, 2]] * 9
    references = (sample("1", "a", "X", "Y"), sample("1", "a", "B"))
    found = [evaluate(iter([logits]), [reference], Vocabulary(("A", "B"))).hypotheses for reference in references]
    assert found[0] == found[1] == (("A", "B"),)


def test_logits_come_in_the_order_of_the_clips_and_no_more_clips_are_read_than_are_needed():
    rng = np.random.default_rng(0)
    clips = [Clip(rng.random((int(n), POINTS, 3), np.float32), None, 1.0) for n in rng.integers(9, 40, 2 * WINDOW + 5)]
    read = []

    class Counting(list):
        def __getitem__(self, index):
            read.append(index)
            return super().__getitem__(index)

    network = Mslr(MslrOptions(width=8, hidden=4), 5)
    frames = [len(clip.landmarks) for clip in clips]
    logits = network_logits(network, Landmarks(Counting(clips), Normalisation()), frames, batch=1)
    first = next(logits)
    assert len(read) == WINDOW
    found = [first, *logits]
    assert sorted(read) == list(range(len(clips)))
    for clip, rows in zip(clips, found, strict=True):
        (alone,) = network_logits(network, Landmarks([clip], Normalisation()), [len(clip.landmarks)])
        assert rows.shape == alone.shape
        assert np.allclose(rows, alone, atol=1e-5)


def test_no_inference_function_has_a_door_for_a_reference():
    functions = [greedy.greedy, beam.beam_search, network_logits, Recognizer.transcribe, Student.logits]
    for function in functions:
        names = set(inspect.signature(function).parameters)
        assert not names & {"reference", "references", "labels", "label", "sample", "samples", "target", "targets"}
