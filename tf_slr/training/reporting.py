"""Evaluating a run or a bundle on a split of a corpus."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_slr import timing
from tf_slr.corpus.manifest import Corpus, Sample
from tf_slr.decoding.alignment import forced_alignment
from tf_slr.decoding.beam import BeamOptions, beam_search
from tf_slr.decoding.greedy import Segment, greedy
from tf_slr.features.splits import load_split
from tf_slr.glosses import Vocabulary
from tf_slr.landmarks import normalise
from tf_slr.runtime.bundle import read_bundle
from tf_slr.runtime.student import Student
from tf_slr.training.evaluation import Decoder, Evaluation, network_logits
from tf_slr.training.networks import stream_of
from tf_slr.training.runs import Run
from tf_slr.transcripts import Reference, Token, write_ctm, write_stm


def evaluate_model(
    run_root: Path | None,
    bundle_root: Path | None,
    corpus_root: Path | None,
    split: str,
    beam: int,
    ctm: Path | None = None,
    stm: Path | None = None,
) -> tuple[dict, list[str]]:
    """Recognise a split and score it.

    Args:
        run_root: a run (float weights in Keras), or None.
        bundle_root: a bundle (INT8 in LiteRT), or None.
        corpus_root: the corpus; a run's own when None.
        split: which split.
        beam: width of the beam search, 0 for greedy decoding.
        ctm: where to write what was recognised, with times, or None.
        stm: where to write the references, or None.

    Returns:
        The summary as plain JSON, and one line for each clip that could not be used.

    Raises:
        DataError: nothing usable is in the split, or a gloss cannot stand in a CTM or STM.
    """
    if run_root is not None:
        run = Run(run_root)
        corpus = Corpus(corpus_root) if corpus_root else run.corpus()
        vocabulary, recipe, network = run.vocabulary, run.recipe, run.network()
        loaded = load_split(corpus, split, "files")
        stream = stream_of(recipe.model, recipe.features, corpus, loaded)
        logits = network_logits(network, stream, loaded.frames, recipe.training.batch)
    else:
        bundle = read_bundle(bundle_root)
        corpus = Corpus(corpus_root)
        vocabulary, rule, student = bundle.vocabulary, bundle.normalisation, Student(bundle.student)
        loaded = load_split(corpus, split, "files")
        logits = (student.logits(normalise(clip, rule)) for clip in loaded.clips)
    if stm is not None:  # before the work, which a gloss the format cannot hold would waste
        write_stm(stm, {sample.id: _reference(sample, corpus.info.fps) for sample in loaded.samples})
    decode = beam_decoder(BeamOptions(beam)) if beam else greedy
    recognised = [decode(rows) for rows in logits]
    if ctm is not None:
        clips = zip(loaded.samples, recognised, strict=True)
        write_ctm(ctm, {sample.id: _tokens(sample, found, vocabulary, corpus.info.fps) for sample, found in clips})
    evaluation = Evaluation.of(loaded.samples, recognised, vocabulary)
    training_signers = {sample.signer for sample in corpus.split("train")}
    return {"corpus": corpus.label, "split": split, **evaluation.summary(training_signers)}, loaded.refused


def beam_decoder(options: BeamOptions) -> Decoder:
    """A beam search whose sentence gets the times of its likeliest path."""

    def decode(logits: np.ndarray) -> list[Segment]:
        return forced_alignment(logits, beam_search(logits, options)[0].glosses)

    return decode


def _reference(sample: Sample, fps: float) -> Reference:
    return Reference(sample.glosses, sample.signer, 0.0, round(sample.frames / fps, 3))


def _tokens(sample: Sample, recognised: Sequence[Segment], vocabulary: Vocabulary, fps: float) -> list[Token]:
    names = vocabulary.decode(segment.gloss for segment in recognised)
    tokens = []
    for gloss, segment in zip(names, recognised, strict=True):
        start, stop = timing.span(segment.start, segment.stop, sample.frames)
        tokens.append(Token(gloss, start / fps, (stop - start) / fps))
    return tokens
