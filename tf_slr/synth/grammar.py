"""The sentences of signsynth: word classes, topics, and two agreements across the sentence.

A bigram sees none of the last three, as little as it does in a language that
people speak or sign: what a sentence is about, which time its end answers to,
and the person who is named again at its end, as signers do with pronouns.
"""

import numpy as np

from tf_slr.synth.lexicon import GLOSSES, SIGN_OF, SIGNS

# Which word class follows which, and how often; STOP ends the sentence.
_FOLLOW = {
    "START": {"TIME": 0.55, "PLACE": 0.10, "PERSON": 0.35},
    "TIME": {"PLACE": 0.35, "PERSON": 0.45, "NOUN": 0.10, "ADJ": 0.10},
    "PLACE": {"ADJ": 0.35, "NOUN": 0.40, "NUMBER": 0.15, "PERSON": 0.10},
    "PERSON": {"VERB": 0.45, "NUMBER": 0.10, "ADJ": 0.25, "NOUN": 0.20},
    "NUMBER": {"NOUN": 0.75, "ADJ": 0.25},
    "ADJ": {"NOUN": 0.80, "ADJ": 0.20},
    "NOUN": {"VERB": 0.55, "PLACE": 0.10, "END": 0.20, "STOP": 0.15},
    "VERB": {"PLACE": 0.20, "ADJ": 0.10, "NUMBER": 0.10, "END": 0.25, "STOP": 0.35},
    "END": {"STOP": 1.0},
}
SHORTEST, LONGEST = 3, 9

# How unevenly a word chooses its follower within a class; 0 would leave no more than class order to learn.
TASTE = 1.0
# Sentences have one of so many topics; a word belongs to some, and is rarer by a factor in sentences of the others.
TOPICS, OF_TOPIC, STRAY = 5, 0.4, 0.05
# The end that answers to a time, and how often it is the one that stands there.
_ANSWERS = {
    "YESTERDAY": "FINISHED", "MORNING": "FINISHED", "TOMORROW": "MAYBE", "LATER": "MAYBE", "WEEK": "MAYBE",
    "MONTH": "NOT", "WINTER": "NOT", "NIGHT": "NOT", "NOW": "QUESTION", "TODAY": "QUESTION",
}  # fmt: skip
ANSWERED = 0.9
# How often the first person of a sentence is named again at its end.
TAKEN_UP = 0.7


class Grammar:
    """Draws sentences of 3 to 9 glosses; the grammar itself is a constant."""

    def __init__(self) -> None:
        words, chance = len(SIGNS), np.random.default_rng(2501)
        taste = np.exp(TASTE * chance.normal(size=(words + 1, words + 1)))
        taste[-1] **= 0.4  # sentences begin in many ways
        np.fill_diagonal(taste[:-1, :-1], 0)  # no word follows itself
        own = chance.integers(TOPICS, size=words) == np.arange(TOPICS)[:, None]
        belongs = own | (chance.random((TOPICS, words)) < OF_TOPIC)
        kinds = [sign.kind for sign in SIGNS]
        # Running sums of P(next | this) for each topic: [words + 1, words + 1]; the last row is the beginning of
        # a sentence, the last column its end.
        self._cumulative = []
        for topic in range(TOPICS):
            weight = taste * np.append(np.where(belongs[topic], 1.0, STRAY), 1.0)
            table = np.zeros_like(weight)
            for row, kind in enumerate([*kinds, "START"]):
                for following, share in _FOLLOW[kind].items():
                    members = [column for column, other in enumerate([*kinds, "STOP"]) if other == following]
                    table[row, members] = share * weight[row, members] / weight[row, members].sum()
            self._cumulative.append(np.cumsum(table / table.sum(1, keepdims=True), axis=1))

    def sentence(self, rng: np.random.Generator) -> tuple[str, ...]:
        """Draw a sentence."""
        while True:
            glosses = _agreeing(self._by_bigrams(rng), rng)
            if SHORTEST <= len(glosses) <= LONGEST:
                return glosses

    def _by_bigrams(self, rng: np.random.Generator) -> list[str]:
        """A sentence of one topic, of any length up to a little above the longest."""
        cumulative = self._cumulative[rng.integers(TOPICS)]
        glosses, here = [], len(SIGNS)
        while len(glosses) <= LONGEST:
            here = int(np.searchsorted(cumulative[here], rng.random() * cumulative[here, -1], "right"))
            if here == len(SIGNS):
                break
            glosses.append(GLOSSES[here])
        return glosses


def _agreeing(glosses: list[str], rng: np.random.Generator) -> tuple[str, ...]:
    """The sentence with its end answering to its time, and its person taken up again."""
    kinds = [SIGN_OF[gloss].kind for gloss in glosses]
    answers, persists = rng.random() < ANSWERED, rng.random() < TAKEN_UP
    if answers and kinds and kinds[0] == "TIME" and kinds[-1] == "END":
        glosses = [*glosses[:-1], _ANSWERS[glosses[0]]]
    if persists and "PERSON" in kinds[:-1]:
        person = glosses[kinds.index("PERSON")]
        if glosses[-1] != person:
            glosses = [*glosses, person]
    return tuple(glosses)
