"""Evaluating a run or a bundle on a split of a corpus."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_slr.core.errors import UsageError
from tf_slr.core.glosses import Vocabulary
from tf_slr.corpus.manifest import Corpus, Sample
from tf_slr.correction.corrector import Corrector
from tf_slr.correction.evidence import evidence, named
from tf_slr.decoding.alignment import forced_alignment
from tf_slr.decoding.beam import BeamOptions, LanguageModel, beam_search
from tf_slr.decoding.greedy import Segment, greedy
from tf_slr.decoding.ngram import GlossModel, NGram, read_arpa
from tf_slr.features.splits import UsableSplit, load_split
from tf_slr.formats.alternatives import write_alternatives
from tf_slr.formats.logits import write_logits
from tf_slr.formats.transcripts import Reference, Token, write_ctm, write_stm
from tf_slr.runtime.bundle import read_bundle
from tf_slr.runtime.decoder import SentenceDecoder, timed
from tf_slr.runtime.student import Student
from tf_slr.scoring.mismatch import known_notes, look_alikes, name_notes
from tf_slr.training.evaluation import Decoder, Evaluation, network_logits, student_logits
from tf_slr.training.networks import stream_of, stream_under
from tf_slr.training.runs import Run


class Recognition(NamedTuple):
    """A model at work on a split.

    Attributes:
        corpus: the corpus.
        vocabulary: what the model's classes mean.
        split: the clips.
        logits: [ceil(T/4), classes] of each, computed as they are asked for.
        corrector: folder of the corrector that the model comes with, or None.
    """

    corpus: Corpus
    vocabulary: Vocabulary
    split: UsableSplit
    logits: Iterator[np.ndarray]
    corrector: Path | None = None


def recognition(run_root: Path | None, bundle_root: Path | None, corpus_root: Path | None, split: str) -> Recognition:
    """Set a model to work.

    Args:
        run_root: a run (float weights in Keras), or None.
        bundle_root: a bundle (INT8 in LiteRT), or None.
        corpus_root: the corpus; a run's own when None.
        split: which split.

    Raises:
        DataError: nothing usable is in the split.
    """
    if run_root is not None:
        run = Run(run_root)
        corpus = Corpus(corpus_root) if corpus_root else run.corpus()
        vocabulary, recipe, network = run.vocabulary, run.recipe, run.network()
        loaded = load_split(corpus, split, "files")
        stream = stream_of(recipe.model, recipe.features, corpus, loaded)
        logits = network_logits(network, stream, loaded.frames, recipe.training.batch)
        corrector = None
    else:
        bundle = read_bundle(bundle_root)
        corpus, corrector = Corpus(corpus_root), bundle.corrector
        vocabulary, student = bundle.vocabulary, Student(bundle.student, source=str(bundle.student_path))
        loaded = load_split(corpus, split, "files")
        logits = student_logits(student, stream_under(bundle.input, corpus, loaded), len(loaded.samples))
    return Recognition(corpus, vocabulary, loaded, logits, corrector)


def evaluate_model(
    run_root: Path | None,
    bundle_root: Path | None,
    corpus_root: Path | None,
    split: str,
    beam: BeamOptions | None = None,
    ngram: Path | None = None,
    ctm: Path | None = None,
    stm: Path | None = None,
    alternatives: Path | None = None,
    logits: Path | None = None,
    corrector: Path | None = None,
    correct: bool = True,
) -> tuple[dict, list[str]]:
    """Recognise a split and score it.

    Args:
        run_root: a run (float weights in Keras), or None.
        bundle_root: a bundle (INT8 in LiteRT), or None.
        corpus_root: the corpus; a run's own when None.
        split: which split.
        beam: how to search; None for greedy decoding.
        ngram: ARPA file of the language model that the beam search asks, or None.
        ctm: where to write what was recognised, with times, or None.
        stm: where to write the references, or None.
        alternatives: where to write what else may have been signed, or None.
        logits: where to write the logits of every step, or None.
        corrector: folder of a corrector that repairs what was recognised; None for a bundle's own.
        correct: whether to repair at all.

    Returns:
        The summary as plain JSON, and one line for each clip that could not be used.

    Raises:
        DataError: nothing usable is in the split, the language model is damaged, or a gloss cannot stand in a CTM
            or STM.
        UsageError: the language model knows none of the model's glosses.
    """
    language_model = read_arpa(ngram) if ngram else None
    model = recognition(run_root, bundle_root, corpus_root, split)
    corpus, vocabulary, loaded, fps = model.corpus, model.vocabulary, model.split, model.corpus.info.fps
    decode, repair = greedy, None
    if beam is not None:
        decode = beam_decoder(beam, language_model and gloss_model(language_model, vocabulary, ngram))
    elif correct and (corrector or model.corrector):
        repair = SentenceDecoder(vocabulary, Corrector.load(corrector or model.corrector))
    if stm is not None:  # before the work, which a gloss the format cannot hold would waste
        write_stm(stm, {sample.id: _reference(sample, fps) for sample in loaded.samples})
    recognised, confusions, said = {}, {}, {}
    for sample, rows in zip(loaded.samples, model.logits, strict=True):
        if logits:
            said[sample.id] = rows
        if alternatives:
            confusions[sample.id] = named(evidence(rows), vocabulary, sample.frames, fps)
        if repair:
            words = repair(rows, sample.frames, fps)
        else:
            words = timed(decode(rows), vocabulary, sample.frames, fps)
        recognised[sample.id] = [Token(word.gloss, word.start, word.end - word.start) for word in words]
    if alternatives is not None:
        write_alternatives(alternatives, confusions)
    if logits is not None:
        write_logits(logits, vocabulary, said)
    if ctm is not None:
        write_ctm(ctm, recognised)
    sentences = tuple(tuple(token.gloss for token in tokens) for tokens in recognised.values())
    evaluation = Evaluation(tuple(loaded.samples), sentences)
    training_signers = {sample.signer for sample in corpus.split("train")}
    notes = name_notes((sample.glosses for sample in loaded.samples), vocabulary.glosses, "the recogniser")
    if language_model:
        notes += known_notes(language_model.glosses, vocabulary.glosses, ngram, "the recogniser")
    facts = {"corpus": corpus.label, "split": split, "corrected": repair is not None, "notes": notes}
    return facts | evaluation.summary(training_signers), loaded.refused


def beam_decoder(options: BeamOptions, language_model: LanguageModel | None = None) -> Decoder:
    """A beam search whose sentence gets the times of its likeliest path."""

    def decode(logits: np.ndarray) -> list[Segment]:
        return forced_alignment(logits, beam_search(logits, options, language_model)[0].glosses)

    return decode


def gloss_model(ngram: NGram, vocabulary: Vocabulary, source: Path) -> GlossModel:
    """An n-gram over a vocabulary.

    Raises:
        UsageError: it knows none of the glosses, as when it was estimated from otherwise cleaned text.
    """
    if ngram.glosses.isdisjoint(vocabulary.glosses):
        alike = look_alikes(vocabulary.glosses, ngram.glosses)
        hint = "".join(f" (it has {other!r} for {gloss!r})" for gloss, other in list(alike.items())[:1])
        raise UsageError(f"{source}: knows none of the model's glosses, such as {vocabulary.glosses[0]}{hint}; "
                         "expected an n-gram of sentences written as the recogniser writes them")  # fmt: skip
    return GlossModel(ngram, vocabulary)


def _reference(sample: Sample, fps: float) -> Reference:
    return Reference(sample.glosses, sample.signer, 0.0, round(sample.frames / fps, 3))
