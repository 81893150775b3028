"""Evaluating a run or a bundle on a split of a corpus."""

from pathlib import Path

from tf_slr.corpus.manifest import Corpus
from tf_slr.decoding.beam import BeamOptions, beam_search
from tf_slr.features.batches import load_split
from tf_slr.landmarks import normalise
from tf_slr.runtime.bundle import read_bundle
from tf_slr.runtime.student import Student
from tf_slr.training.evaluation import evaluate, greedy_ids, network_logits
from tf_slr.training.runs import Run


def evaluate_model(
    run_root: Path | None, bundle_root: Path | None, corpus_root: Path | None, split: str, beam: int
) -> tuple[dict, list[str]]:
    """Recognise a split and score it.

    Args:
        run_root: a run (float weights in Keras), or None.
        bundle_root: a bundle (INT8 in LiteRT), or None.
        corpus_root: the corpus; a run's own when None.
        split: which split.
        beam: width of the beam search, 0 for greedy decoding.

    Returns:
        The summary as plain JSON, and one line for each clip that could not be used.
    """
    if run_root is not None:
        run = Run(run_root)
        corpus = Corpus(corpus_root) if corpus_root else run.corpus()
        vocabulary, rule, network = run.vocabulary, run.recipe.features.normalisation, run.network()
        loaded = load_split(corpus, split)
        logits = network_logits(network, loaded.clips, rule)
    else:
        bundle = read_bundle(bundle_root)
        corpus = Corpus(corpus_root)
        vocabulary, rule, student = bundle.vocabulary, bundle.normalisation, Student(bundle.student)
        loaded = load_split(corpus, split)
        logits = (student.logits(normalise(clip, rule)) for clip in loaded.clips)
    options = BeamOptions(beam) if beam else None
    decode = (lambda rows: beam_search(rows, options)[0].glosses) if options else greedy_ids
    evaluation = evaluate(logits, loaded.samples, vocabulary, decode)
    training_signers = {sample.signer for sample in corpus.split("train")}
    return {"corpus": corpus.label, "split": split, **evaluation.summary(training_signers)}, loaded.refused
