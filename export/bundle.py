"""The export as one step: fine-tune, convert, verify, write."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import tf_keras

from export.calibration import calibration_inputs, calibration_samples
from export.card import model_card
from export.convert import convert, deployed_graph, tileable
from export.qat import QatTrainer, qat_run
from export.request import require_exportable
from export.variants import DEFAULT, FP32, Variant, variant_of
from export.verify import (
    check_operators,
    check_parity,
    check_repeatable,
    check_size,
    check_wer,
    parity_clips,
    reader_of,
    tflite_evaluation,
)
from tf_slr.core import config, files
from tf_slr.core.errors import UsageError
from tf_slr.core.landmarks import Normalisation
from tf_slr.corpus.manifest import Corpus
from tf_slr.corpus.plausibility import has_depth, without_depth
from tf_slr.features.splits import UsableSplit, load_split
from tf_slr.features.streams import Stream
from tf_slr.models.mslr import Mslr
from tf_slr.runtime.bundle import FP32_STUDENT, write_bundle
from tf_slr.runtime.inputs import InputRule
from tf_slr.runtime.lengths import LENGTHS
from tf_slr.training.evaluation import Evaluation
from tf_slr.training.networks import input_rule, stream_under
from tf_slr.training.recipe import QatOptions
from tf_slr.training.runs import Run

# Which weights an INT8 file has: as training left them, or fine-tuned with quantisation in the loop.
POST_TRAINING, FINE_TUNED = "post-training", "fine-tuned"


@dataclass(frozen=True)
class _Candidate:
    """A student in INT8 and what it recognises in dev."""

    weights: str
    model: bytes
    dev: Evaluation


def export(
    run_root: Path | str,
    out: Path | str,
    variant: str = DEFAULT,
    qat: bool | None = None,
    corrector: Path | None = None,
) -> dict:
    """Export a run to a bundle; the FP32 model stays in the run, for comparison.

    Args:
        run_root: the trained run.
        out: folder of the bundle.
        variant: a name in `VARIANTS`.
        qat: whether to fine-tune with quantisation in the loop; None for what the recipe says. Of the weights as
            trained and the fine-tuned ones those are exported that in INT8 recognise dev better. Convolutions in
            tiles have other grids, and are exported as trained.
        corrector: folder of the corrector that goes into the bundle, or None.

    Returns:
        The metrics that were stored in the bundle.

    Raises:
        BundleError: the corrector is damaged.
        ExportError: a gate does not hold; then no bundle is written.
        DataError: the run or its corpus is not usable.
        UsageError: the run's network is a teacher, sees close-ups, or cannot have this variant or its
            fine-tuning.
    """
    run, form = Run(run_root), variant_of(variant)
    # Before the work, which a damaged or foreign corrector, or another's folder, would waste.
    correction = require_exportable(run, out, variant, qat, corrector)
    network, vocabulary, recipe = run.network(), run.vocabulary, run.recipe
    if form.tiled and not tileable(network):  # the same file, and its bundle names it as it is
        variant, form = DEFAULT, variant_of(DEFAULT)
    rule, corpus = input_rule(recipe.model, recipe.features), run.corpus()
    dev = load_split(corpus, "dev")
    stream = stream_under(rule, corpus, dev)
    few = parity_clips(dev)
    shown = stream_under(rule, corpus, few)

    fp32 = convert(network)
    check_operators(fp32, "FP32")
    difference = check_parity(network, fp32, shown, few.frames)
    reference = _Candidate(POST_TRAINING, fp32, _evaluation(fp32, variant_of(FP32), stream, dev, run))

    samples = calibration_samples(corpus, recipe.training.seed) if form.calibrated else []
    calibration = calibration_inputs(corpus, samples, rule) if form.calibrated else []
    networks = {POST_TRAINING: network}
    if recipe.qat.epochs > 0 and isinstance(network, Mslr) and not form.tiled if qat is None else qat:
        networks[FINE_TUNED] = fine_tuned(run, recipe.qat)
    candidates = []
    for weights, trained in networks.items():
        model = convert(trained, form, calibration)
        candidates.append(_Candidate(weights, model, _evaluation(model, form, stream, dev, run)))
    best = min(candidates, key=lambda candidate: candidate.dev.wer)

    operators = check_operators(best.model, "INT8")
    weights = deployed_graph(network, form).count_params()
    check_size(best.model, weights, len(LENGTHS) if form.bilstm == "lengths" else 1)
    check_repeatable(best.model, shown, len(few.samples), reader_of(form))
    check_wer(reference.dev, best.dev)
    metrics = {
        "dev_wer_fp32": reference.dev.wer,
        "dev_wer_int8": best.dev.wer,
        "dev_wer_without_depth": _wer_without_depth(best, form, rule, corpus, dev, run),
        "dev_sentences": len(dev.samples),
        "dev_groups": {name: _by_signers(found, corpus) for name, found in (("FP32", reference), ("INT8", best))},
        "fp32_keras_difference": difference,
        "bytes_fp32": len(fp32),
        "bytes_int8": len(best.model),
        "operators": operators,
    }
    about = {
        "corpus": dataclasses.asdict(corpus.info),
        "training": _extent(corpus),
        "recipe": config.to_table(recipe),
        "quantisation": {
            "variant": variant,
            "weights": best.weights,
            "dev_wer": {candidate.weights: candidate.dev.wer for candidate in candidates},
            "calibration": [sample.id for sample in samples],
        },
        "metrics": metrics,
    }
    files.write_bytes(run.root / FP32_STUDENT, fp32)
    write_bundle(out, best.model, vocabulary, rule, about, lambda told: model_card(told, correction), corrector)
    return metrics | about["quantisation"]


def _extent(corpus: Corpus) -> dict:
    """How much was there to learn from."""
    samples = corpus.split("train")
    return {
        "sentences": len(samples),
        "hours": round(sum(sample.frames for sample in samples) / corpus.info.fps / 3600, 4),
        "signers": len({sample.signer for sample in samples}),
    }


def _by_signers(candidate: _Candidate, corpus: Corpus) -> dict[str, dict]:
    """Errors in dev: of all signers, and of those that training has seen and has not."""
    groups = candidate.dev.summary({sample.signer for sample in corpus.split("train")})["groups"]
    return {"all signers": candidate.dev.errors().summary(), **groups}


def fine_tuned(run: Run, options: QatOptions) -> tf_keras.Model:
    """The student of a run after quantisation-aware fine-tuning, which is done unless its folder has it already.

    Raises:
        UsageError: the options say that there is none, or the run's network reads video.
        DataError: the corpus was changed since the training.
    """
    if not options.epochs:
        raise UsageError(f"{run.root}: its recipe has qat.epochs = 0; set more to fine-tune")
    tuned = qat_run(run, options)
    if not tuned.summary_path.is_file():
        QatTrainer(run, options).fit()
    return tuned.network()


def _wer_without_depth(
    best: _Candidate, form: Variant, rule: InputRule, corpus: Corpus, dev: UsableSplit, run: Run
) -> float | None:
    """WER in dev of clips whose z is not known, as many files of others have none; None where dev knows none either."""
    if not isinstance(rule, Normalisation) or not any(has_depth(clip.landmarks) for clip in dev.clips):
        return None
    stream = stream_under(rule, corpus, dev.seen_as(without_depth))
    return _evaluation(best.model, form, stream, dev, run).wer


def _evaluation(model: bytes, form: Variant, stream: Stream, dev: UsableSplit, run: Run) -> Evaluation:
    return tflite_evaluation(reader_of(form)(model, 1), stream, dev.samples, run.vocabulary)
