"""A lesson: from recorded takes to a recogniser in INT8, in stages of which each goes on where it was stopped.

lesson.json   what is learnt, from what      corpus/   sentences composed of the takes
run/          the training                   bundle/   the recogniser
teach.json    how good it is                 teach.md  the same for people
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from tf_slr.apps.teach.budget import Budget, budget
from tf_slr.apps.teach.division import divide, notes_on
from tf_slr.apps.teach.recordings import Recordings
from tf_slr.apps.teach.results import Results, results_of, to_json, to_markdown
from tf_slr.core import config, files
from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.errors import ExportError, UsageError
from tf_slr.corpus.compose import compose
from tf_slr.corpus.manifest import Corpus, CorpusInfo
from tf_slr.runtime.bundle import DESCRIPTION
from tf_slr.runtime.recognizer import Recognizer
from tf_slr.training.recipe import load_recipe

LICENCE = "that of the recordings"
# After how many steps nothing is lost.
CHECKPOINT_STEPS = 50


@dataclass(frozen=True)
class LessonOptions:
    """What a lesson is to be.

    Attributes:
        minutes: of learning, on two cores; see `budget`.
        test_takes: last takes of each sign that are kept for the test; None for one in five.
        recipe: whose network, augmentation and learning rate are taken.
        seed: of all chance.
    """

    minutes: float = 12.0
    test_takes: int | None = bounded(None, 1, 1000)
    recipe: str = "composed"
    seed: int = bounded(0, 0, 2**31 - 1)

    def __post_init__(self) -> None:
        check_bounds(self, "--")


class Lesson:
    """A lesson in a folder, begun or gone on with.

    Args:
        recordings: what is learnt.
        out: the folder.
        options: how.

    Attributes:
        notes: what a person should know before, as lines that begin with 'note: '.
        left_out: one line for each take that cannot be used.
        plan: what is done in the time.
        bundle: where the recogniser is when all stages are done.

    Raises:
        DataError: there are too few signs or takes.
        UsageError: the options cannot be kept, or the folder holds a lesson of other takes or options.
    """

    def __init__(self, recordings: Recordings, out: Path | str, options: LessonOptions) -> None:
        self.recordings, self.out, self.options = recordings, Path(out), options
        self.recipe = load_recipe(options.recipe)
        self.division, self.left_out = divide(recordings, options.test_takes)
        self.notes = notes_on(recordings, self.division)
        self.plan: Budget = budget(self.division, options.minutes)
        self._corpus, self.run, self.bundle = self.out / "corpus", self.out / "run", self.out / "bundle"
        self._begin()

    def _begin(self) -> None:
        """Begin the lesson, or see that this one can go on."""
        path = self.out / "lesson.json"
        facts = {"options": config.to_table(self.options), "takes": dict(self.division.takes), "content": self._hash()}
        if path.is_file():
            there = files.read_json(path)
            changed = [name for name in facts if there.get(name) != facts[name]]
            if changed:
                what = "options" if changed == ["options"] else "takes"
                raise UsageError(f"{self.out}: holds a lesson with other {what}; choose another --out")
            return
        files.sweep(self.out)  # what a killed process left
        if self.out.is_dir() and any(self.out.iterdir()):
            raise UsageError(f"{self.out}: holds other things than a lesson; choose another --out")
        files.write_json(path, facts)

    def _hash(self) -> str:
        """Hash of the list of signs and of every take, in their order."""
        there = self.recordings
        paths = [path for sign in (*there.list.signs, None) for path in there.takes(sign)]
        return files.sha256_of([config.to_table(there.list), [(path.name, files.sha256(path)) for path in paths]])

    @property
    def learnt(self) -> bool:
        """Whether the recogniser is there."""
        return (self.bundle / DESCRIPTION).is_file()

    def compose(self) -> list[str]:
        """Compose the corpus, unless it is there; it costs seconds and is begun anew when it was stopped.

        Returns:
            One line for each sentence that was left out.
        """
        if (self._corpus / "corpus.toml").is_file():
            return []
        there = self.recordings.list
        info = CorpusInfo(self.recordings.root.resolve().name, there.language, fps=there.fps, licence=LICENCE,
                          landmark_source=there.landmark_source)  # fmt: skip
        lines = compose(self.division.splits, self._corpus, self.plan.compose_options(self.options.seed), info)
        return [f"note: {line}" for line in lines]

    def train(self) -> None:
        """Train, going on from the newest checkpoint."""
        from tf_slr.training.trainer import Trainer

        if (self.run / "summary.json").is_file():
            return
        recipe = self.recipe
        training = dataclasses.replace(
            recipe.training,
            epochs=self.plan.epochs,
            # The last epoch is kept: dev shows few takes again and again, and what is best on them is so by luck.
            evaluate_every=self.plan.epochs,
            checkpoint_steps=CHECKPOINT_STEPS,
            seed=self.options.seed,
        )
        recipe = dataclasses.replace(recipe, training=training, promised_wer=None)
        Trainer(Corpus(self._corpus), recipe, self.run).fit()

    def export(self) -> None:
        """Make the bundle.

        Raises:
            ExportError: INT8 does not recognise as well as FP32, also not after fine-tuning.
        """
        from export.bundle import export

        try:
            export(self.run, self.bundle, qat=False)
        except ExportError:
            # Fine-tuning costs as much as some epochs and is rarely needed.
            export(self.run, self.bundle, qat=True)

    def evaluate(self) -> Results:
        """Recognise takes that nothing was learnt from, and write how good that was."""
        corpus = Corpus(self._corpus)
        results = results_of(Recognizer.load(self.bundle), corpus, self.division)
        facts = {"options": config.to_table(self.options), "plan": config.to_table(self.plan), "notes": self.notes}
        # JSON comes last: a folder with one is complete.
        files.write_text(self.out / "teach.md", to_markdown(results, self.division, self.notes, self.bundle))
        files.write_json(self.out / "teach.json", to_json(results, self.division) | facts)
        return results
