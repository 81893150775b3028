"""The corrector's training: two networks, one after the other; seeded, resumable at any moment."""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tf_keras
from tqdm import tqdm

from tf_slr.core import files
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.locks import locked
from tf_slr.correction.symbols import Symbols, recognised, text_slots
from tf_slr.correction.training.channel import Channel, evidence_examples, fitted
from tf_slr.correction.training.examples import Example, Item, batches, fitting, item
from tf_slr.correction.training.learner import CorrectionLearner, Writer
from tf_slr.correction.training.noise import Noise
from tf_slr.correction.training.recipe import CorrectorRecipe
from tf_slr.correction.training.run import STAGES, CorrectorRun
from tf_slr.correction.training.text import Text
from tf_slr.formats.alternatives import Alternatives
from tf_slr.models.corrector import CorrectorNetwork
from tf_slr.scoring.cleanup import RULES
from tf_slr.training import checkpoints
from tf_slr.training.repeatable import make_repeatable
from tf_slr.training.schedule import SCHEDULES

# Streams of random numbers, so that none depends on how far another has gone.
_SPLIT, _HELD_OUT, _DRAFTS, _EPOCH = range(4)


class CorrectionTrainer:
    """Trains the corrector of one recipe on one text into one run folder.

    Args:
        text: right sentences.
        recipe: how.
        run_root: the folder; a run that was stopped there goes on.
        evidence: what a recogniser made of training clips it had not learned from, by the id of the clip; its
            error rates then replace those of the recipe.
        source: what a message calls the evidence.

    Raises:
        UsageError: the folder holds another run, or a sentence is longer than the network's positions.
        DataError: the evidence is of clips that are no training sentences.
    """

    def __init__(
        self,
        text: Text,
        recipe: CorrectorRecipe,
        run_root: Path | str,
        evidence: Mapping[str, Sequence[Alternatives]] | None = None,
        source: str = "evidence",
    ) -> None:
        self.text, self.recipe, self.run = text, recipe, CorrectorRun(run_root)
        options, sentences = recipe.training, text.sentences
        self.examples = evidence_examples(evidence or {}, text, RULES[text.rules], source)
        self.limit = recipe.model.positions - 2
        if text.longest > self.limit:
            raise UsageError(f"model.positions: expected at least {text.longest + 2} for the longest sentence and its "
                             f"marks, received {recipe.model.positions}")  # fmt: skip
        longest = max([text.longest, *(len(example.slots) for example in self.examples.values())])
        self.run.start(text, recipe, _mark(self.examples), min(longest, self.limit))
        self.symbols = Symbols(text.vocabulary)
        order = self._rng(_SPLIT).permutation(sorted(sentences)).tolist()
        self.held_out = sorted(_first(order, sentences, round(options.held_out * len(sentences))))
        self.learned = sorted(set(sentences).difference(self.held_out))
        # What is held out must not be known from the channel either.
        known = [self.examples[name] for name in self.learned if name in self.examples]
        self.noise = Noise(fitted(recipe.noise, known) if known else recipe.noise,
                           (sentences[name] for name in self.learned))  # fmt: skip
        self.channel = Channel(known, text) if known else None
        self.state = {"network": 0, "epoch": 0, "batch": 0, "sums": {}, "best": None, "best_epoch": [], "seconds": 0.0}

    def fit(self) -> dict:
        """Train both networks to the end, going on from the newest checkpoint.

        Returns:
            The summary: "parameters" of all networks, "seconds", "best_epoch" of each, and the "noise" learned from.

        Raises:
            DataError: the loss became NaN or infinite.
            UsageError: another process trains this run.
        """
        with locked(self.run.root):
            return self._fit()

    def _fit(self) -> dict:
        make_repeatable(self.recipe.training.seed)
        if self.run.last.is_file():
            self.state = checkpoints.load(self.run.last)
        started = time.monotonic() - self.state["seconds"]
        parameters = 0
        for number in range(self.recipe.networks):
            if self.state["network"] == number:
                parameters = self._train(number, started)
                self.state |= {"network": number + 1, "epoch": 0, "batch": 0, "sums": {}, "best": None}
                checkpoints.save(self.run.last, self.state)
        parameters = parameters or sum(math.prod(weight.shape) for weight in self.run.network().trainable_weights)
        summary = {
            "networks": self.recipe.networks,
            "parameters": parameters * self.recipe.networks,
            "best_epoch": self.state["best_epoch"],
            "seconds": round(self.state["seconds"], 1),
            "noise": {name: round(float(getattr(self.noise.options, name)), 4)
                      for name in ("substitution", "deletion", "insertion", "shuffle")},
        }  # fmt: skip
        files.write_json(self.run.summary_path, summary)
        return summary

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng([self.recipe.training.seed, *stream])

    def _train(self, number: int, started: float) -> int:
        """Train one network; returns its number of parameters."""
        options, state = self.recipe.training, self.state
        network = CorrectorNetwork(self.recipe.model, self.symbols.count, options.seed)
        if number:
            checkpoints.load(self.run.weights(0), network=network.weights)
        drafts = self._drafts(network) if number else None
        epochs = options.second_epochs if number else options.epochs
        held_out = self._held_out(drafts)
        steps = epochs * math.ceil(len(self.learned) / options.batch)
        learner = CorrectionLearner(network, options.generation, options.smoothing)
        rate = SCHEDULES[options.schedule](options.learning_rate / (2 if number else 1), steps)
        learner.compile(
            tf_keras.optimizers.AdamW(rate, weight_decay=options.weight_decay, global_clipnorm=options.clip_norm)
        )
        learner.optimizer.build(network.trainable_variables)
        groups = {"network": network.weights, "optimizer": learner.optimizer.variables}
        if state["epoch"] or state["batch"]:
            self.state = state = checkpoints.load(self.run.last, **groups)
        done = state["epoch"] * (steps // epochs) + state["batch"]
        with tqdm(total=steps, initial=done, unit="step", disable=None) as bar:
            while state["epoch"] < epochs:
                bar.set_description(f"{STAGES[number]} network, epoch {state['epoch'] + 1}/{epochs}")
                losses = self._epoch(learner, self._items(number, drafts), number, bar, groups, started)
                self._end_epoch(learner, losses, held_out, bar)
                state["seconds"] = time.monotonic() - started
                checkpoints.save(self.run.last, state, **groups)
        return sum(math.prod(weight.shape) for weight in network.trainable_weights)

    def _epoch(
        self, learner: CorrectionLearner, items: list[Item], number: int, bar: tqdm, groups: dict, started: float
    ) -> dict[str, float]:
        """Learn what is left of an epoch; returns the mean losses of all of it."""
        options, state = self.recipe.training, self.state
        first, sums = state["batch"], state["sums"]
        rng = self._rng(_EPOCH, number, state["epoch"], 1)
        for place, batch in enumerate(batches(items, self.symbols, options.batch, rng)):
            if place < first:
                continue
            for name, value in learner.learn(batch).items():
                sums[name] = sums.get(name, 0.0) + float(value)
            if not math.isfinite(sums["loss"]):
                raise DataError(f"the loss became {sums['loss']} in epoch {state['epoch'] + 1}; "
                                "lower training.learning_rate")  # fmt: skip
            state["batch"] += 1
            bar.update()
            if state["batch"] % options.checkpoint_steps == 0:
                state["seconds"] = time.monotonic() - started
                checkpoints.save(self.run.last, state, **groups)
        return {name: total / state["batch"] for name, total in sums.items()}

    def _end_epoch(self, learner: CorrectionLearner, losses: dict[str, float], held_out: list[Item], bar: tqdm) -> None:
        """Evaluate the network on what was held out, keep the best weights, write the metrics line."""
        state, number = self.state, self.state["network"]
        line = {"network": number + 1, "epoch": state["epoch"] + 1}
        line |= {name: round(value, 5) for name, value in losses.items()}
        if held_out:
            found = [
                {name: float(value) for name, value in learner.evaluate_batch(batch).items()}
                for batch in batches(held_out, self.symbols, self.recipe.training.batch)
            ]
            line |= {f"held_out_{name}": round(float(np.mean([one[name] for one in found])), 5) for name in found[0]}
        # Without anything held out the last epoch is the best one.
        value = line.get("held_out_loss", -line["epoch"])
        if state["best"] is None or value < state["best"]:
            state["best"] = value
            state["best_epoch"] = [*state["best_epoch"][:number], line["epoch"]]
            checkpoints.save(self.run.weights(number), {"epoch": line["epoch"]}, network=learner.network.weights)
        self.run.append_metrics(line)
        bar.write(f"{STAGES[number]} network, epoch {line['epoch']:3d}  loss {line.get('loss', math.nan):.3f}"
                  + (f", held out {line['held_out_loss']:.3f}" if held_out else ""))  # fmt: skip
        state |= {"epoch": state["epoch"] + 1, "batch": 0, "sums": {}}

    def _items(self, number: int, drafts: list[dict[str, list[str]]] | None) -> list[Item]:
        """One epoch's examples."""
        rng = self._rng(_EPOCH, number, self.state["epoch"], 0)
        if drafts is None:
            examples = [self._wrong(name, rng) for name in self.learned]
        else:
            written = drafts[self.state["epoch"] % len(drafts)]
            examples = [self._drafted(name, written) for name in self.learned]
        return [item(self._renamed(example, rng), self.symbols) for example in examples]

    def _held_out(self, drafts: list[dict[str, list[str]]] | None) -> list[Item]:
        rng = self._rng(_HELD_OUT)
        if drafts is None:
            return [item(self._wrong(name, rng), self.symbols) for name in self.held_out]
        return [item(self._drafted(name, drafts[0]), self.symbols) for name in self.held_out]

    def _wrong(self, name: str, rng: np.random.Generator) -> Example:
        """A sentence as it was or might have been recognised, or made wrong by noise."""
        truth, kind = self.text.sentences[name], rng.random()
        if self.channel and kind < self.recipe.training.evidence / 2 and name in self.examples:
            slots = self.examples[name].slots
        elif self.channel and kind < self.recipe.training.evidence:
            slots = self.channel(truth, rng)
        else:
            slots = text_slots(self.noise(truth, rng))
        return Example(fitting(slots, self.limit), truth)

    def _drafted(self, name: str, written: Mapping[str, list[str]]) -> Example:
        return Example(fitting(text_slots(written[name]), self.limit), self.text.sentences[name])

    def _renamed(self, example: Example, rng: np.random.Generator) -> Example:
        """Now and then the example with one of its glosses under a name that nobody knows."""
        if rng.random() >= self.recipe.training.rename:
            return example
        shared = sorted(set(recognised(example.slots)) & set(example.truth))
        if not shared:
            return example
        gloss = shared[rng.integers(len(shared))]
        new = f"?{gloss}"
        slots = (slot._replace(glosses=tuple(new if name == gloss else name for name in slot.glosses))
                 for slot in example.slots)  # fmt: skip
        return Example(tuple(slots), tuple(new if name == gloss else name for name in example.truth))

    def _drafts(self, network: CorrectorNetwork) -> list[dict[str, list[str]]]:
        """What the first network writes of wrong sentences by itself, once for every round; kept in the run."""
        if self.run.drafts_path.is_file():
            return files.read_json(self.run.drafts_path)["drafts"]
        writer, drafts = Writer(network, self.symbols), []
        names, size = sorted(self.text.sentences), 2 * self.recipe.training.batch
        total = self.recipe.training.drafts * len(names)
        with tqdm(total=total, unit="sentence", desc="drafts for the second network", disable=None) as bar:
            for number in range(self.recipe.training.drafts):
                rng = self._rng(_DRAFTS, number)
                items = {name: item(self._wrong(name, rng), self.symbols) for name in names}
                # Alike in length, so that no sentence waits for a longer one.
                order = sorted(names, key=lambda name: len(items[name].slots))
                written: dict[str, list[str]] = {}
                for start in range(0, len(order), size):
                    members = order[start : start + size]
                    for name, ids in zip(members, writer([items[name] for name in members]), strict=True):
                        glosses = self.text.vocabulary.decode(filter(self.symbols.is_gloss, ids))
                        written[name] = list(glosses)
                    bar.update(len(members))
                drafts.append(written)
        files.write_json(self.run.drafts_path, {"drafts": drafts})
        return drafts


def _first(order: Sequence[str], sentences: Mapping[str, tuple[str, ...]], count: int) -> list[str]:
    """The first clips of an order, up to a count; those of one sentence together, or it would be learned as well."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for name in order:
        alike.setdefault(sentences[name], []).append(name)
    chosen: list[str] = []
    for names in alike.values():
        if len(chosen) + len(names) <= count:
            chosen += names
    return chosen


def _mark(examples: Mapping[str, Example]) -> str:
    """Hash of recognised examples; empty without any."""
    return files.sha256_of([(name, example.slots) for name, example in examples.items()]) if examples else ""
