"""Choosing on dev how a corrector works: which method, and how sure it must be before it changes anything.

Every proposal on a dev sentence is made alone and scored, which gives pairs of margin and gain (errors before
minus errors after).

A network that learned from evidence has met a recogniser's real doubts on clips it had not learned from, so that its
own posteriors are believed: a kind of edit is made where it is likelier than none (margin 0), unless dev speaks
against it. One that learned from made-up errors must prove itself: a kind gets the margin that maximises its total
gain minus two standard deviations of that total, because what a few lucky edits win on dev is not counted on
elsewhere; a kind without such a margin is never used.

Where the recogniser's logits are at hand, a beam search with a gloss n-gram is tried as well, alone and with the
corrector as one of the scores of its n best sentences (`tf_slr.correction.rescoring`): their weights are those of a
small grid with the fewest errors on dev.

Of a corrector that learned from evidence the way that errs least on dev is taken,
and of equal ones the simpler: on larger tests all three scores together beat the n-gram with every seed, while the dev
set of a small community is too small to prove it each time. With one that did not, what is simpler is kept unless the
other gains more than chance, by the same two standard deviations: the n-gram against nothing, the corrector's own edits
against the n-gram, both together against either.
"""

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tf_slr.core.errors import DataError, shown
from tf_slr.core.glosses import Vocabulary
from tf_slr.correction.corrector import EDIT, GENERATE, Corrected, Corrector, Description, Proposals
from tf_slr.correction.edits import KINDS, Margins
from tf_slr.correction.rescoring import Hypothesis, Rescoring
from tf_slr.correction.sentence_rescoring import Rescorer
from tf_slr.correction.symbols import recognised
from tf_slr.decoding.ngram import NGram
from tf_slr.formats.alternatives import Alternatives
from tf_slr.formats.transcripts import Reference
from tf_slr.scoring.cleanup import RULES, Rules
from tf_slr.scoring.wer import Errors, align, count

# Standard deviations of a total gain that are not believed.
CAUTION = 2.0
# Margins are kept with this many decimals, rounded down.
DECIMALS = 3
# What is tried of an n-gram's weight, a gloss' bonus and the network's weight.
WEIGHTS, INSERTIONS, NETWORKS = (0.2, 0.4, 0.6, 0.8, 1.0), (0.0, 1.0, 2.0, 3.0), (0.25, 0.5, 0.75, 1.0)


class DevSentence(NamedTuple):
    """A recognised dev sentence and its annotation, which is met only after correction, by the scorer.

    Attributes:
        slots: what may have been signed at each place.
        reference: the annotation.
        logits: [T, classes] of the corrector's glosses that the slots come from, or None.
        name: of the utterance. What several systems make of one is no several utterances, where chance is asked for.
    """

    slots: Sequence[Alternatives]
    reference: Sequence[str]
    logits: np.ndarray | None = None
    name: str = ""


class Candidate(NamedTuple):
    """One proposal on dev: its kind, its margin, how many errors it saves, and in which utterance (a number)."""

    kind: str
    margin: float
    gain: int
    utterance: int


def dev_sentences(
    hypotheses: Mapping[str, Sequence[Alternatives]], references: Mapping[str, Reference], source: str
) -> list[DevSentence]:
    """Join recognised sentences with their annotations; a reference without hypothesis was recognised as nothing.

    Raises:
        DataError: a hypothesis belongs to no reference.
    """
    unknown = [name for name in hypotheses if name not in references]
    if unknown:
        raise DataError(f"{source}: has utterances that the references lack: {shown(unknown)}")
    return [DevSentence(hypotheses.get(name, ()), reference.glosses, name=name)
            for name, reference in references.items()]  # fmt: skip


def utterances(dev: Sequence[DevSentence]) -> list[int]:
    """A number for the utterance of each sentence; one without a name is an utterance of its own."""
    numbers: dict[str | int, int] = {}
    return [numbers.setdefault(one.name or place, len(numbers)) for place, one in enumerate(dev)]


def least_margin(candidates: Sequence[Candidate], caution: float = CAUTION) -> float:
    """The margin from which on edits pay; infinite if they never do."""
    best, margin, total, squares = 0.0, math.inf, 0, 0
    of_utterance: Counter[int] = Counter()
    ordered = sorted(candidates, key=lambda one: -one.margin)
    for rank, one in enumerate(ordered, start=1):
        # What is saved in one utterance goes together.
        before = of_utterance[one.utterance]
        of_utterance[one.utterance] += one.gain
        total, squares = total + one.gain, squares + (before + one.gain) ** 2 - before**2
        below = ordered[rank].margin if rank < len(ordered) else -math.inf
        # Candidates of one margin are taken or left together.
        if below == one.margin:
            continue
        value = total - caution * math.sqrt(squares)
        if value > best:
            rounded = math.floor(one.margin * 10**DECIMALS) / 10**DECIMALS
            best, margin = value, rounded if rounded > below else one.margin
    return margin


def own_margin(candidates: Sequence[Candidate]) -> float:
    """0, where edits are likelier than none; infinite if those lose on dev."""
    return math.inf if sum(one.gain for one in candidates if one.margin >= 0) < 0 else 0.0


def errors_of(sentences: Sequence[Sequence[str]], dev: Sequence[DevSentence], rules: Rules) -> list[Errors]:
    """Errors of each of the dev sentences in some version."""
    return [_errors(sentence, one.reference, rules) for sentence, one in zip(sentences, dev, strict=True)]


def summed(errors: Sequence[Errors]) -> Errors:
    """Errors of all sentences together."""
    return sum(errors, Errors())


def gains(
    before: Sequence[Errors], after: Sequence[Errors], utterance: Sequence[int], caution: float = CAUTION
) -> bool:
    """Whether the errors of the same sentences, one by one, became fewer by more than chance.

    Args:
        before: of each sentence.
        after: of each.
        utterance: the number of each one's; see `utterances`.
        caution: standard deviations that are not believed.
    """
    saved: Counter[int] = Counter()
    for old, new, number in zip(before, after, utterance, strict=True):
        saved[number] += old.total - new.total
    return saved.total() > caution * math.sqrt(sum(one**2 for one in saved.values()))


def select(
    models: Sequence[bytes],
    plain: Description,
    dev: Sequence[DevSentence],
    ways: Sequence[tuple[str, int]] | None = None,
    calibrated: bool = False,
    ngram: NGram | None = None,
) -> Description:
    """Choose method, number of networks and margins.

    Args:
        models: every trained network, in LiteRT.
        plain: the description without choice.
        dev: recognised sentences of any number of systems; best of another set than any later report is made on.
        ways: (method, number of networks) to choose from, the preferred one first; all when None.
        calibrated: whether the networks learned from evidence.
        ngram: of the training sentences; it takes part where every dev sentence has its logits.

    Returns:
        The description of the choice, with what was measured in its metrics: generation in full as the paper does
        it ("always"), and each method with its margins.
    """
    rules, measured, best = RULES[plain.rules], {}, None
    greedy = errors_of([recognised(one.slots) for one in dev], dev, rules)
    before = summed(greedy)
    for method, networks in ways or [(EDIT, 1), *((GENERATE, number) for number in range(1, len(models) + 1))]:
        trial = dataclasses.replace(plain, method=method, networks=networks, margins=Margins.never())
        corrector = Corrector(models, trial)
        proposals = [corrector.proposals(one.slots) for one in dev]
        margins = _margins(corrector, proposals, dev, rules, own_margin if calibrated else least_margin)
        always = errors_of(_with(corrector, proposals, Margins(0, 0, 0, 0)), dev, rules)
        after = errors_of(_with(corrector, proposals, margins), dev, rules)
        if summed(after).total >= before.total:
            margins, after = Margins.never(), greedy
        measured[f"{method} {networks}"] = {
            "always": summed(always).summary(),
            "with margins": summed(after).summary(),
        }
        if best is None or summed(after).total < summed(best[0]).total:
            best = after, dataclasses.replace(trial, margins=margins)
    edited, chosen = best
    if ngram is not None and all(one.logits is not None for one in dev):
        rescorer = Rescorer(Corrector(models, plain), ngram, Vocabulary(plain.glosses, plain.unit))
        rescoring, errors = _rescoring(rescorer, dev, rules, greedy, edited, calibrated)
        chosen = dataclasses.replace(chosen, rescoring=rescoring)
        measured |= errors
    metrics = {"dev_sentences": len(dev), "before": before.summary(), "methods": measured}
    return dataclasses.replace(chosen, metrics=plain.metrics | metrics)


def _rescoring(
    rescorer: Rescorer,
    dev: Sequence[DevSentence],
    rules: Rules,
    greedy: Sequence[Errors],
    edited: Sequence[Errors],
    calibrated: bool,
) -> tuple[Rescoring | None, dict]:
    """Whether an n-gram decides, alone or with the network; None where neither gains.

    Args:
        rescorer: what scores n-best hypotheses.
        dev: sentences with logits.
        rules: clean-up of the scorer.
        greedy: errors of each sentence as it was recognised.
        edited: the same as the corrector alone leaves it.
        calibrated: whether the network learned from evidence; else a gain must be more than chance.

    Returns:
        The choice, and what was measured.
    """
    tried, measured = [], {}
    for name, options in tuned(rescorer, dev, rules).items():
        errors = errors_of([rescorer.glosses(one.logits, options) for one in dev], dev, rules)
        measured[name] = {"tuned": summed(errors).summary()}
        tried.append((options, errors))
    chosen, errors, numbers = None, edited, utterances(dev)
    if calibrated:
        for options, found in tried:
            if gains(errors, found, numbers, caution=0.0):
                chosen, errors = options, found
        return chosen, measured
    (alone, by_ngram), (together, by_both) = tried
    if gains(greedy, by_ngram, numbers) and not gains(by_ngram, edited, numbers):
        chosen, errors = alone, by_ngram
    return together if gains(errors, by_both, numbers) else chosen, measured


def tuned(rescorer: Rescorer, dev: Sequence[DevSentence], rules: Rules) -> dict[str, Rescoring]:
    """The weights that err least on dev sentences with logits, of "n-gram" alone and of "n-gram and network"."""
    lists = [rescorer.n_best(one.logits, Rescoring(network=1.0)) for one in dev]
    return {name: _tuned(lists, dev, rescorer.vocabulary, rules, networks)
            for name, networks in (("n-gram", (0.0,)), ("n-gram and network", NETWORKS))}  # fmt: skip


def _tuned(
    lists: Sequence[Sequence[Hypothesis]],
    dev: Sequence[DevSentence],
    vocabulary: Vocabulary,
    rules: Rules,
    networks: Sequence[float],
) -> Rescoring:
    """The weights by which the best of each dev sentence's candidates err least; of equal ones the smallest."""
    errors = [[_errors(vocabulary.decode(one.glosses), sentence.reference, rules).total for one in candidates]
              for candidates, sentence in zip(lists, dev, strict=True)]  # fmt: skip
    grid = [Rescoring(weight=weight, insertion=insertion, network=network)
            for network, weight, insertion in itertools.product(networks, WEIGHTS, INSERTIONS)]  # fmt: skip

    def total(options: Rescoring) -> int:
        return sum(wrong[int(np.argmax([one.score(options) for one in candidates]))]
                   for candidates, wrong in zip(lists, errors, strict=True))  # fmt: skip

    return min(grid, key=total)


def _margins(
    corrector: Corrector,
    proposals: Sequence[Proposals],
    dev: Sequence[DevSentence],
    rules: Rules,
    choose: Callable[[Sequence[Candidate]], float],
) -> Margins:
    found: dict[str, list[Candidate]] = {kind: [] for kind in KINDS}
    for one, sentence, number in zip(proposals, dev, utterances(dev), strict=True):
        before = _errors(_names(corrector.corrected(one, [])), sentence.reference, rules).total
        for change in one.candidates:
            after = _errors(_names(corrector.corrected(one, [change])), sentence.reference, rules).total
            found[change.kind].append(Candidate(change.kind, change.margin, before - after, number))
    return Margins(**{kind: choose(candidates) for kind, candidates in found.items()})


def _with(corrector: Corrector, proposals: Sequence[Proposals], margins: Margins) -> list[list[str]]:
    """The sentences after the proposals that margins accept."""
    sentences = []
    for one in proposals:
        accepted = [change for change in one.candidates if margins.accept(change.kind, change.margin)]
        sentences.append(_names(corrector.corrected(one, accepted)))
    return sentences


def _names(sentence: Sequence[Corrected]) -> list[str]:
    return [word.gloss for word in sentence]


def _errors(sentence: Sequence[str], reference: Sequence[str], rules: Rules) -> Errors:
    return count(align(rules.reference(reference), rules.hypothesis(sentence), rules.weights))
