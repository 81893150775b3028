"""The export as one step: convert, verify, write."""

from pathlib import Path

from export.convert import convert
from export.verify import check_operators, check_parity, check_wer, tflite_evaluation
from tf_slr import config, files
from tf_slr.errors import UsageError
from tf_slr.features.splits import load_split
from tf_slr.models.mslr import Mslr
from tf_slr.runtime.bundle import FP32_STUDENT, write_bundle
from tf_slr.training.runs import Run


def export(run_root: Path | str, out: Path | str) -> dict:
    """Export a run to a bundle; the FP32 model stays in the run, for comparison.

    Returns:
        The metrics that were stored in the bundle.

    Raises:
        ExportError: a gate does not hold; then no bundle is written.
        DataError: the run or its corpus is not usable.
        UsageError: the run's network reads video.
    """
    run = Run(run_root)
    network, vocabulary, recipe = run.network(), run.vocabulary, run.recipe
    if not isinstance(network, Mslr):
        raise UsageError(f"{run_root}: holds a {recipe.model.kind}; only landmark students (mslr) can be exported")
    rule = recipe.features.normalisation
    corpus = run.corpus()
    dev = load_split(corpus, "dev")
    fp32, int8 = convert(network, int8=False), convert(network, int8=True)
    operators = {name: check_operators(model, name) for name, model in (("FP32", fp32), ("INT8", int8))}
    difference = check_parity(network, fp32, dev.clips, rule)
    evaluations = [tflite_evaluation(model, dev.clips, dev.samples, vocabulary, rule) for model in (fp32, int8)]
    check_wer(*evaluations)
    metrics = {
        "dev_wer_fp32": evaluations[0].wer,
        "dev_wer_int8": evaluations[1].wer,
        "dev_sentences": len(dev.samples),
        "fp32_keras_difference": difference,
        "bytes_fp32": len(fp32),
        "bytes_int8": len(int8),
        "operators": operators["INT8"],
    }
    info = corpus.info
    about = {
        "corpus": {key: getattr(info, key) for key in ("name", "language", "unit", "fps", "licence", "synthetic")},
        "recipe": config.to_table(recipe),
        "metrics": metrics,
    }
    files.write_bytes(run.root / FP32_STUDENT, fp32)
    write_bundle(out, int8, vocabulary, rule, about)
    return metrics
