"""How well two models of one student recognise dev and test, through LiteRT alone (KD-MSLRT's tables 2 and 3)."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tf_slr.core import files
from tf_slr.core.errors import DataError
from tf_slr.core.landmarks import Clip, Normalisation
from tf_slr.corpus.manifest import Corpus, Sample
from tf_slr.decoding.greedy import greedy
from tf_slr.runtime.bundle import Bundle
from tf_slr.runtime.inputs import InputRule, prepare
from tf_slr.runtime.student import Student
from tf_slr.scoring.wer import Errors, score
from tf_slr.video.decoding import read_frames

SPLITS = ("dev", "test")


def corpus_of(run: Path) -> Corpus | None:
    """The corpus a run names, or None where it is no longer there."""
    try:
        return Corpus(files.read_json(run / "corpus.json")["path"])
    except (DataError, KeyError):
        return None


def accuracy(corpus: Corpus, bundle: Bundle, students: Mapping[str, Student]) -> dict:
    """Errors of each model in dev and test, without corrector: it is the models that are compared.

    Clips that cannot be used are counted and left out, for all models alike.
    """
    result: dict = {"corpus": corpus.label}
    for split in SPLITS:
        references, refused = [], 0
        found: dict[str, list[tuple[str, ...]]] = {name: [] for name in students}
        for sample in tqdm(corpus.split(split), f"recognise {split}", unit="clip", disable=None):
            try:
                values = prepare(_shown(corpus, sample, bundle.input), bundle.input)
            except DataError:
                refused += 1
                continue
            references.append(sample.glosses)
            for name, student in students.items():
                found[name].append(_glosses(student.logits(values), bundle))
        errors: dict[str, Errors] = {name: score(references, sentences) for name, sentences in found.items()}
        result[split] = {"sentences": len(references), "refused": refused,
                         **{name: one.summary() for name, one in errors.items()}}  # fmt: skip
    return result


def _shown(corpus: Corpus, sample: Sample, rule: InputRule) -> Clip | Iterator[np.ndarray]:
    """What a student reads of a clip: its landmarks, or the pictures of its video."""
    return corpus.clip(sample) if isinstance(rule, Normalisation) else read_frames(corpus.root / sample.video)


def _glosses(logits: np.ndarray, bundle: Bundle) -> tuple[str, ...]:
    return bundle.vocabulary.decode(segment.gloss for segment in greedy(logits))


def table(result: dict, sizes: Mapping[str, int], speeds: Mapping[str, Mapping], ratio: float) -> list[str]:
    """Markdown lines: WER, size and speed of FP32 and INT8 and what lies between them.

    Args:
        result: what `accuracy` gave.
        sizes: bytes of each model.
        speeds: what one thread needs, by model.
        ratio: how much faster INT8 is.
    """
    head = f"WER on {result['corpus']}"
    counts = ", ".join(f"{split} {result[split]['sentences']} sentences" for split in SPLITS)
    lines = [
        f"| {head} | dev % | test % | MB | frames/s, one thread |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name in ("FP32", "INT8"):
        rates = " | ".join(_percent(result[split][name]["wer"]) for split in SPLITS)
        lines.append(f"| {name} | {rates} | {sizes[name] / 1e6:.2f} | {speeds[name]['frames_per_second']} |")
    changes = []
    for split in SPLITS:
        before, after = (result[split][name]["wer"] for name in ("FP32", "INT8"))
        changes.append("" if before is None or after is None else f"{100 * (after - before):+.2f}")
    lines.append(
        f"| INT8 against FP32 | {' | '.join(changes)} | {sizes['INT8'] / sizes['FP32']:.2f} x | {ratio:.2f} x |"
    )
    return [*lines, "", f"{head}: {counts}; greedy decoding, no corrector."]


def _percent(wer: float | None) -> str:
    return "undefined" if wer is None else f"{100 * wer:.2f}"
