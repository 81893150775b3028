"""KD-MSLRT's table 5: one Transformer or two, with and without pre-processed text, in an honest setting.

The paper compares single and double networks, and training text as it is with text that was made wrong on
purpose. Here each kind of noise also has a row of its own. What is corrected are the outputs of recognisers the
corrector knows nothing of; every sentence is written by the network alone. Margins are chosen on one half of
the dev sentences and measured on the other, and the other way round, so that no sentence decides how it is
itself corrected.
"""

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tf_slr.core import files
from tf_slr.correction.corrector import EDIT, GENERATE, MODELS, Corrector, Description
from tf_slr.correction.edits import Margins
from tf_slr.correction.symbols import recognised
from tf_slr.correction.training.noise import NoiseOptions
from tf_slr.correction.training.recipe import CorrectorRecipe
from tf_slr.correction.training.run import CorrectorRun
from tf_slr.correction.training.selection import DevSentence, errors_of, select, summed
from tf_slr.correction.training.text import Text
from tf_slr.correction.training.trainer import CorrectionTrainer
from tf_slr.scoring.cleanup import RULES
from tf_slr.scoring.wer import Errors

RATES = ("shuffle", "deletion", "insertion", "substitution")
RAW = "raw"
# A folder of a run -> the description of what was exported into it.
Export = Callable[[Path], Description]
# Row -> the kinds of noise it is trained with.
PREPROCESSING = {RAW: (), **{kind: (kind,) for kind in RATES}, "all": RATES}
# How a row is measured: what is used of its run, and whether margins hold it back.
WAYS = ("single, always", "dual, always", "single, margins", "dual, margins", "edits, margins")


def row_recipe(recipe: CorrectorRecipe, name: str, seed: int) -> CorrectorRecipe:
    """The recipe of a row: only its kinds of noise, each at the recipe's rate."""
    silent = {kind: getattr(recipe.noise, kind) if kind in PREPROCESSING[name] else 0.0 for kind in RATES}
    noise: NoiseOptions = dataclasses.replace(recipe.noise, **silent)
    return dataclasses.replace(recipe, noise=noise, training=dataclasses.replace(recipe.training, seed=seed))


def run_row(
    text: Text,
    recipe: CorrectorRecipe,
    name: str,
    seed: int,
    systems: Mapping[str, Sequence[DevSentence]],
    out: Path,
    export: Export,
) -> dict[str, dict[str, float]]:
    """Train one row with one seed, or go on with it, and measure it; what was trained and measured is only read.

    Returns:
        WER by way of measuring and system.

    Raises:
        UsageError: the folder holds a row of another text or recipe.
    """
    folder = out / f"{name}-seed{seed}"
    result = folder / "result.json"
    trainer = CorrectionTrainer(text, row_recipe(recipe, name, seed), folder)
    known = files.read_json(result) if result.is_file() else {}
    marks = {system: _mark(sentences) for system, sentences in systems.items()}
    missing = [system for system in systems if known.get(system, {}).get("sentences") != marks[system]]
    if missing:
        if not trainer.run.summary_path.is_file():
            trainer.fit()
        plain = export(folder)
        models = [(folder / model).read_bytes() for model in MODELS[: CorrectorRun(folder).recipe.networks]]
        for system in missing:
            wer = {way: _measured(way, models, plain, systems[system]).wer for way in WAYS}
            known[system] = {"sentences": marks[system], "wer": wer}
            files.write_json(result, known)
    return {way: {system: known[system]["wer"][way] for system in systems} for way in WAYS}


def _mark(sentences: Sequence[DevSentence]) -> str:
    """Hash of a system's sentences and their references."""
    return files.sha256_of([(one.slots, one.reference) for one in sentences])


def _measured(way: str, models: Sequence[bytes], plain: Description, sentences: Sequence[DevSentence]) -> Errors:
    what, how = way.split(", ")
    method, networks = (EDIT, 1) if what == "edits" else (GENERATE, 1 if what == "single" else len(models))
    trial = dataclasses.replace(plain, method=method, networks=networks)
    if how == "always":
        return _errors(models, dataclasses.replace(trial, margins=Margins(0, 0, 0, 0)), sentences)
    halves = sentences[::2], sentences[1::2]
    return sum(
        (_errors(models, select(models, trial, seen, [(method, networks)]), unseen)
         for seen, unseen in (halves, halves[::-1])),
        Errors(),
    )  # fmt: skip


def _errors(models: Sequence[bytes], description: Description, sentences: Sequence[DevSentence]) -> Errors:
    corrector = Corrector(models, description)
    corrected = [[word.gloss for word in corrector.correct(one.slots)] for one in sentences]
    return summed(errors_of(corrected, sentences, RULES[description.rules]))


def table5(
    text: Text,
    recipe: CorrectorRecipe,
    names: Sequence[str],
    seeds: int,
    systems: Mapping[str, Sequence[DevSentence]],
    out: Path,
    export: Export,
) -> dict:
    """Every row with every seed; what is finished in `out` is not computed again.

    Args:
        text: the training sentences.
        recipe: of every row, but for its kinds of noise and its seed.
        names: which rows.
        seeds: how many of each.
        systems: recognised dev sentences of each system.
        out: folder of the runs.
        export: turns a run folder into a corrector in LiteRT.

    Returns:
        "before" by system, and for each row the WERs by way, system and seed.
    """
    rules = RULES[text.rules]
    before = {
        name: summed(errors_of([recognised(one.slots) for one in dev], dev, rules)).wer for name, dev in systems.items()
    }
    rows = {}
    for name in names:
        results = [run_row(text, recipe, name, seed, systems, out, export) for seed in range(seeds)]
        rows[name] = {way: {system: [one[way][system] for one in results] for system in systems} for way in WAYS}
    return {"before": before, "rows": rows, "seeds": seeds, "sentences": len(text.sentences)}


def markdown(result: dict) -> str:
    """The table, one row a kind of text and system: mean and standard deviation over seeds, in per cent."""
    lines = [
        "| text | system | before | " + " | ".join(WAYS) + " |",
        "| --- | --- | --- |" + " --- |" * len(WAYS),
    ]
    for name, ways in result["rows"].items():
        for system, before in result["before"].items():
            cells = [_cell(ways[way][system]) for way in WAYS]
            lines.append(f"| {name} | {system} | {100 * before:.2f} | " + " | ".join(cells) + " |")
    seeds = result["seeds"]
    lines.append(
        f"\nWER in per cent, {f'mean and standard deviation over {seeds} seeds' if seeds > 1 else 'one seed'}."
    )
    return "\n".join(lines)


def _cell(rates: Sequence[float]) -> str:
    spread = f" ± {100 * statistics.stdev(rates):.2f}" if len(rates) > 1 else ""
    return f"{100 * statistics.mean(rates):.2f}{spread}"
