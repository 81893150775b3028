"""Everything a report says about a run, computed once: its network is built and loaded a single time."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf_slr.apps.report.mistakes import Mistakes, telling
from tf_slr.core import config, files
from tf_slr.core.errors import DataError
from tf_slr.core.glosses import Vocabulary
from tf_slr.core.landmarks import Clip
from tf_slr.corpus.manifest import SPLITS, Corpus, CorpusInfo, Sample
from tf_slr.correction.corrector import Corrector
from tf_slr.decoding.alignment import forced_alignment
from tf_slr.decoding.greedy import Segment, greedy
from tf_slr.features.splits import UsableSplit, load_split
from tf_slr.features.streams import Stream
from tf_slr.features.views import WHOLE, View
from tf_slr.runtime.bundle import Bundle, read_bundle
from tf_slr.runtime.decoder import SentenceDecoder, Word, timed
from tf_slr.runtime.inputs import InputRule
from tf_slr.runtime.student import Student
from tf_slr.scoring.wer import Pair
from tf_slr.training.evaluation import Evaluation, network_logits, student_logits
from tf_slr.training.networks import input_rule, stream_under
from tf_slr.training.runs import Run

# What the student alone recognises, and what the corrector of its bundle makes of the latter.
FP32, INT8, CORRECTED = "FP32", "INT8", "corrected"
EXAMPLES = 6


@dataclass(frozen=True)
class Example:
    """One clip with what was signed and what was recognised, over time.

    Attributes:
        why: what it shows.
        sample: its annotation.
        clip: its landmarks, or None in a corpus without.
        seconds: its length.
        pairs: the alignment of both sentences.
        hypothesis: what was recognised.
        reference: what was signed, at the times of the likeliest path through the recogniser's own output;
            None where the recogniser does not know a gloss of it.
    """

    why: str
    sample: Sample
    clip: Clip | None
    seconds: float
    pairs: tuple[Pair, ...]
    hypothesis: tuple[Word, ...]
    reference: tuple[Word, ...] | None


@dataclass(frozen=True)
class Facts:
    """A run, evaluated.

    Attributes:
        name: of the run's folder.
        label: the corpus' name as it stands beside every result.
        corpus: what the corpus is.
        sizes: split -> sentences, glosses, hours, signers.
        training_signers: who signs in the training split.
        classes: real glosses in the vocabulary.
        recipe: the resolved recipe, as TOML.
        seed: of the training.
        summary: the run's summary.json.
        metrics: the run's metrics.jsonl.
        evaluations: split -> "FP32" and, with a bundle, "INT8", and where that has a corrector, "corrected".
        mistakes: of the student that people use (INT8 where there is a bundle), by split.
        examples: from the last split that was evaluated.
        refused: a line for each clip that could not be used.
        bundle: bundle.json, or None.
        bench: what tools/bench.py measured, or None.
    """

    name: str
    label: str
    corpus: CorpusInfo
    sizes: dict[str, dict[str, float]]
    training_signers: set[str]
    classes: int
    recipe: str
    seed: int
    summary: dict
    metrics: list[dict]
    evaluations: dict[str, dict[str, Evaluation]]
    mistakes: dict[str, Mistakes]
    examples: tuple[Example, ...]
    refused: tuple[str, ...]
    bundle: dict | None
    bench: dict | None

    @property
    def used(self) -> str:
        """The student whose mistakes are shown."""
        return INT8 if self.bundle else FP32

    def results(self) -> dict:
        """Every result as plain JSON: split -> model -> the names of `tf-slr evaluate --json`."""
        return {
            split: {model: evaluation.summary(self.training_signers) for model, evaluation in by_model.items()}
            for split, by_model in self.evaluations.items()
        }


# A split's stream and the lengths of its clips -> logits of each.
_Recognise = Callable[[Stream, Sequence[int]], Iterator[np.ndarray]]


@dataclass(frozen=True)
class _Model:
    recognise: _Recognise
    rule: InputRule
    vocabulary: Vocabulary
    view: View = WHOLE

    def logits(self, corpus: Corpus, split: UsableSplit) -> Iterator[np.ndarray]:
        return self.recognise(stream_under(self.rule, corpus, split, view=self.view), split.frames)


def gather(run_root: Path, bundle_root: Path | None = None, bench: Path | None = None) -> Facts:
    """Evaluate a run, and its bundle, on dev and test.

    Args:
        run_root: a trained run.
        bundle_root: a bundle exported from it.
        bench: the result of tools/bench.py.

    Raises:
        DataError: the run, its corpus or the measurements are not usable.
        BundleError: the bundle is damaged.
    """
    run = Run(run_root)
    corpus, recipe, measured = run.corpus(), run.recipe, files.read_json(bench) if bench else None
    if measured and not {"threads", "stages_ms", "bytes", "machine"} <= measured.keys():
        raise DataError(f"{bench}: expected what tools/bench.py measured")
    summary = files.read_json(run.summary_path)
    bundle = read_bundle(bundle_root) if bundle_root else None
    models = {FP32: _network(run)} | ({INT8: _student(bundle)} if bundle else {})
    used = INT8 if bundle else FP32
    repair = (
        SentenceDecoder(bundle.vocabulary, Corrector.load(bundle.corrector)) if bundle and bundle.corrector else None
    )
    evaluations, mistakes, refused = {}, {}, []
    listed = {name: corpus.split(name) for name in SPLITS}
    examples: tuple[Example, ...] = ()
    for name in ("dev", "test"):
        if not listed[name]:
            continue
        split = load_split(corpus, name, "files")
        refused += split.refused
        evaluations[name] = _evaluations(corpus, split, models, repair)
        mistakes[name] = Mistakes.of(evaluations[name][used])
        examples = _examples(corpus, split, models[used], mistakes[name])
    return Facts(
        name=run_root.resolve().name,
        label=corpus.label,
        corpus=corpus.info,
        sizes={name: _size(samples, corpus.info.fps) for name, samples in listed.items()},
        training_signers={sample.signer for sample in listed["train"]},
        classes=len(run.vocabulary.glosses),
        recipe=config.to_toml(config.to_table(recipe)),
        seed=recipe.training.seed,
        summary=summary,
        metrics=run.metrics(),
        evaluations=evaluations,
        mistakes=mistakes,
        examples=examples,
        refused=tuple(refused),
        bundle=bundle.description if bundle else None,
        bench=measured,
    )


def _network(run: Run) -> _Model:
    network, recipe = run.network(), run.recipe

    def recognise(stream: Stream, frames: Sequence[int]) -> Iterator[np.ndarray]:
        return network_logits(network, stream, frames, recipe.training.batch)

    return _Model(recognise, input_rule(recipe.model, recipe.features), run.vocabulary, recipe.features.view)


def _student(bundle: Bundle) -> _Model:
    student = Student(bundle.student, source=str(bundle.student_path))
    return _Model(lambda stream, frames: student_logits(student, stream, len(frames)), bundle.input, bundle.vocabulary)


def _evaluations(
    corpus: Corpus, split: UsableSplit, models: dict[str, _Model], repair: SentenceDecoder | None
) -> dict[str, Evaluation]:
    """What each student recognises in a split and, from the INT8 student's very logits, its corrector."""
    found = {}
    for name, model in models.items():
        recognised, repaired = [], []
        for sample, logits in zip(split.samples, model.logits(corpus, split), strict=True):
            recognised.append(greedy(logits))
            if repair and name == INT8:
                repaired.append(tuple(word.gloss for word in repair(logits, sample.frames, corpus.info.fps)))
        found[name] = Evaluation.of(split.samples, recognised, model.vocabulary)
    if repair:
        found[CORRECTED] = Evaluation(tuple(split.samples), tuple(repaired))
    return found


def _size(samples: Sequence[Sample], fps: float) -> dict[str, float]:
    return {
        "sentences": len(samples),
        "glosses": sum(len(sample.glosses) for sample in samples),
        "hours": sum(sample.frames for sample in samples) / fps / 3600,
        "signers": len({sample.signer for sample in samples}),
    }


def _examples(corpus: Corpus, split: UsableSplit, model: _Model, mistakes: Mistakes) -> tuple[Example, ...]:
    """The telling sentences, recognised once more: keeping every clip's logits would take gigabytes."""
    chosen = telling(mistakes, EXAMPLES)
    clips = None if split.clips is None else [split.clips[number] for number in chosen]
    part = UsableSplit([split.samples[number] for number in chosen], clips, [])
    found = []
    rows = zip(chosen.items(), part.samples, clips or itertools.repeat(None), model.logits(corpus, part), strict=False)
    for (number, why), sample, clip, logits in rows:

        def words(segments: Sequence[Segment], sample: Sample = sample) -> tuple[Word, ...]:
            return tuple(timed(segments, model.vocabulary, sample.frames, corpus.info.fps))

        try:
            reference = words(forced_alignment(logits, model.vocabulary.encode(sample.glosses)))
        except DataError:  # a gloss that was never trained has no times
            reference = None
        seconds = sample.frames / corpus.info.fps
        found.append(Example(why, sample, clip, seconds, mistakes.sentences[number], words(greedy(logits)), reference))
    return tuple(found)
