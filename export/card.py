"""The model card: what a bundle is, for the people who choose it and those it is used on.

Mitchell et al., "Model Cards for Model Reporting" (arXiv 1810.03993). It is a function of what the bundle holds and
names neither day nor machine, so that the same export gives the same bytes.
"""

import math
from collections.abc import Iterable, Sequence

from tf_slr import __version__
from tf_slr.core.landmarks import POINTS
from tf_slr.correction.corrector import Description

# A group of `Evaluation.summary`.
HELD_OUT = "held-out signers"


def model_card(description: dict, corrector: Description | None = None) -> str:
    """Write the card of a bundle.

    Args:
        description: the content of `bundle.json`: files, corpus, training, quantisation, metrics.
        corrector: what the bundle's corrector does, or None.

    Returns:
        Markdown. Where the corpus is synthetic, every line with a figure of it says so.
    """
    corpus = {name: _plain(value) for name, value in description["corpus"].items()}
    label = corpus["name"] + (" (synthetic)" if description["corpus"]["synthetic"] else "")
    sections = {
        f"Model card: sign language recogniser, {label}": [f"Made by tf_slr {__version__}."],
        "What it recognises": _purpose(description, corpus, label),
        "What it was trained on": _training(description, corpus, label),
        "How well it recognises": _accuracy(description["metrics"], label),
        "On whom it was not tested": _untested(description, label),
        "Input": _input(description),
        "Quantisation": _quantisation(description, label),
        "Corrector": _correction(corrector, label),
        "Files": _files(description),
        "Limits": _limits(description),
    }
    parts = []
    for number, (title, lines) in enumerate(sections.items()):
        parts += [f"#{'#' * (number > 0)} {title}", "", *lines, ""]
    return "\n".join(parts)


def _purpose(description: dict, corpus: dict, label: str) -> list[str]:
    unit = corpus["unit"]
    return [
        f"- Language: {corpus['language']}",
        f"- Unit: {unit}; {description['classes'] - 1} of them in `vocabulary.json`, from {label}",
        f"- What comes out: the {unit} sequence of a sentence with times; no translation into a spoken language",
    ]


def _training(description: dict, corpus: dict, label: str) -> list[str]:
    training = description["training"]
    return [
        f"- Corpus: {label}; licence: {corpus['licence']}; landmarks: {corpus['landmark_source']}",
        f"- Training split of {label}: {training['sentences']} sentences, {training['hours']:.2f} hours, "
        f"signers: {training['signers']}",
    ]


def _accuracy(metrics: dict, label: str) -> list[str]:
    groups = metrics["dev_groups"]
    rows = [
        [f"{name}, {label}", figures["glosses"], _percent(figures["wer"]), _percent(groups["INT8"][name]["wer"])]
        for name, figures in groups["FP32"].items()
    ]
    flat = metrics.get("dev_wer_without_depth")
    found = f"INT8 where z is missing or 0, as in many files of others: WER {_percent(flat)} on dev, {label}"
    depth = [] if flat is None else [found, ""]
    return [
        *_table([f"dev ({metrics['dev_sentences']} sentences)", "glosses", "WER FP32", "WER INT8"], rows),
        "",
        *depth,
        "Weights, variant and margins were chosen on dev, so that these figures flatter. The export never looks at "
        "test; measure it with:",
        "",
        "    tf-slr evaluate --bundle BUNDLE --corpus CORPUS --split test",
    ]


def _untested(description: dict, label: str) -> list[str]:
    lines = []
    if HELD_OUT not in description["metrics"]["dev_groups"]["FP32"]:
        lines.append(f"- Anybody who is not in the training split: dev of {label} has no held-out signer, and nothing "
                     "here tells how well unseen signers are recognised")  # fmt: skip
    if description["corpus"]["synthetic"]:
        lines.append("- Any person at all: the corpus is synthetic, nobody signed it")
    return [
        *lines,
        "- Signers, clothes, cameras, light, backgrounds and frame rates other than the corpus'",
        "- Dialects, ages, handedness and disabilities that the corpus does not name; nothing was measured by them",
    ]


def _input(description: dict) -> list[str]:
    if description["input"] == "landmarks":
        what = f"{POINTS} MediaPipe landmarks (x, y, z) of each frame, normalised as `bundle.json` says"
        rule = description["normalisation"]
    else:
        rule = description["frames"]
        what = f"RGB pictures, squeezed and cropped to {rule['size']} x {rule['size']} pixels"
    return [
        f"- {what}: {', '.join(f'{name} {value:g}' for name, value in rule.items())}",
        f"- Frame rate: {description['corpus']['fps']:g} a second; clips of any length, one signer in the picture",
    ]


def _quantisation(description: dict, label: str) -> list[str]:
    chosen = description["quantisation"]
    tried = "; ".join(f"{weights} weights {_percent(wer)}" for weights, wer in chosen["dev_wer"].items())
    clips = len(chosen["calibration"])
    calibrated = f"{clips} clips of the training split" if clips else "none, ranges are found in each clip"
    return [
        f"- Variant: {chosen['variant']}, INT8; weights: {chosen['weights']}",
        f"- dev WER of what was compared, {label}: {tried}",
        f"- Calibration: {calibrated}",
    ]


def _correction(corrector: Description | None, label: str) -> list[str]:
    if corrector is None:
        return ["None: sentences come out as the student recognises them."]
    margins = ", ".join(f"{kind} {'never' if margin is None else f'{margin:g}'}"
                        for kind, margin in corrector.table()["margins"].items())  # fmt: skip
    lines = [
        f"- Method: {corrector.method}, networks: {corrector.networks}, {len(corrector.glosses)} glosses",
        f"- Least margins: {margins}",
    ]
    metrics = corrector.metrics
    if "methods" not in metrics:
        return [*lines, "- Its margins were not chosen on dev; nothing here tells whether it helps"]
    after = metrics["methods"][f"{corrector.method} {corrector.networks}"]["with margins"]
    if rescoring := corrector.rescoring:
        scores = "n-gram and network" if rescoring.network else "n-gram"
        after = metrics["methods"][scores]["tuned"]
        lines.append(f"- Of a whole clip: the {rescoring.width} best sentences of a beam search, scored by student, "
                     f"{scores} (weights {rescoring.weight:g}, {rescoring.network:g}; "
                     f"a gloss adds {rescoring.insertion:g})")  # fmt: skip
    return [
        *lines,
        f"- dev WER of the sentences all this was chosen on, for {label}: {_percent(metrics['before']['wer'])} "
        f"before, {_percent(after['wer'])} after ({metrics['dev_sentences']} sentences)",
        "- It may change what was signed into what is usual; `Recognizer.load(..., correct=False)` shows what was seen",
    ]


def _files(description: dict) -> list[str]:
    rows = [[f"`{name}`", description["bytes"][name], f"`{digest}`"] for name, digest in description["files"].items()]
    size = description["metrics"]["bytes_fp32"] / 1e6
    return [*_table(["file", "bytes", "SHA-256"], rows), "", f"The same student in FP32 takes {size:.2f} MB."]


def _limits(description: dict) -> list[str]:
    unit = description["corpus"]["unit"]
    return [
        f"- Whatever is signed comes out as one of the {description['classes'] - 1} known units ({unit}) or not at "
        "all; names, numbers and signs it never saw are lost",
        "- It is no interpreter: do not use it where a mistake harms somebody, such as in medicine, in court or for "
        "safety, nor to watch or to judge people",
        "- Confidences are posteriors of the network and were not calibrated",
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(map(str, line))} |" for line in lines]


def _percent(wer: float | None) -> str:
    """A rate; none, or an infinite one, where nothing was signed."""
    return "undefined" if wer is None or math.isinf(wer) else f"{100 * wer:.2f} %"


def _plain(value: object) -> str:
    """A corpus' own words as one line that Markdown takes for text."""
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")
