"""A recogniser's own errors: how often it makes each kind, and what evidence it leaves of each gloss.

Both are taken from evidence of training sentences that the recogniser did not learn from (cross-fitting): on
sentences it knows by heart it makes hardly an error, and dev is for choosing, not for training.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from tf_slr.core.errors import DataError, shown
from tf_slr.correction.symbols import Symbols, cleaned, recognised
from tf_slr.correction.training.examples import Example, item
from tf_slr.correction.training.noise import NoiseOptions
from tf_slr.correction.training.text import Text
from tf_slr.formats.alternatives import Alternatives
from tf_slr.scoring.cleanup import Rules
from tf_slr.scoring.wer import SCLITE, Errors, align, count


def evidence_examples(
    evidence: Mapping[str, Sequence[Alternatives]], text: Text, rules: Rules, source: str
) -> dict[str, Example]:
    """Recognised training sentences with their annotations, by id.

    Args:
        evidence: slots by the id of the clip.
        text: the annotations.
        rules: which cleaned the text, and clean the slots.
        source: what a message calls the evidence.

    Raises:
        DataError: evidence of a clip that is no training sentence, which would teach dev or test.
    """
    unknown = [name for name in evidence if name not in text.sentences and name not in text.emptied]
    if unknown:
        raise DataError(f"{source}: holds {len(unknown)} clips that are no training sentences: {shown(unknown)}; "
                        "a corrector learns from evidence of training clips only")  # fmt: skip
    return {
        name: Example(tuple(slot for slot in cleaned(slots, rules) if slot is not None), text.sentences[name])
        for name, slots in evidence.items()
        if name in text.sentences
    }


def fitted(options: NoiseOptions, examples: Sequence[Example]) -> NoiseOptions:
    """Noise with the error rates that a recogniser has on these sentences."""
    errors = sum((count(align(example.truth, recognised(example.slots), SCLITE)) for example in examples), Errors())
    glosses = max(1, errors.reference)
    rates = {"substitution": errors.substitutions, "deletion": errors.deletions, "insertion": errors.insertions}
    return dataclasses.replace(options, **{name: min(1.0, number / glosses) for name, number in rates.items()})


class Channel:
    """Says any sentence as the recogniser might have recognised it: each gloss leaves the slots it left elsewhere.

    Args:
        examples: recognised sentences.
        text: their annotations, and the vocabulary.
    """

    def __init__(self, examples: Sequence[Example], text: Text) -> None:
        symbols = Symbols(text.vocabulary)
        # For each gloss what it left: a slot, or None where it was missed. For no gloss: slots that were made up.
        self._left: dict[str, list[Alternatives | None]] = {}
        self._made_up: list[Alternatives] = []
        self._places = 0
        for example in examples:
            _, slots, gaps, _ = item(example, symbols)
            self._places += len(gaps)
            for slot, symbol in zip(example.slots, slots[1:-1], strict=True):
                if symbols.is_gloss(symbol):
                    self._left.setdefault(text.vocabulary.glosses[symbol - 1], []).append(slot)
                else:
                    self._made_up.append(slot)
            for symbol in filter(symbols.is_gloss, gaps):
                self._left.setdefault(text.vocabulary.glosses[symbol - 1], []).append(None)

    def __call__(self, sentence: Sequence[str], rng: np.random.Generator) -> tuple[Alternatives, ...]:
        """A sentence as it might have been recognised; a gloss without record is certain."""
        slots: list[Alternatives] = []
        rate = len(self._made_up) / max(1, self._places)
        for gloss in (*sentence, None):
            if rng.random() < rate:
                slots.append(self._made_up[rng.integers(len(self._made_up))])
            records = self._left.get(gloss, ())
            if records:
                slot = records[rng.integers(len(records))]
                slots += [slot] if slot is not None else []
            elif gloss is not None:
                slots.append(Alternatives(0.0, 0.0, (gloss,), (1.0,), True))
        return tuple(slots)
