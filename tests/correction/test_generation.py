"""Autoregressive search against an exhaustive one, on small random networks."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_slr.core.errors import UsageError
from tf_slr.correction.generation import SearchOptions, log_probabilities, search

SYMBOLS, BEGIN, END, LIMIT = 5, 3, 4, 3


def network(seed):
    """A network whose next symbol depends on all before: its state is the path walked so far."""
    rng = np.random.default_rng(seed)
    tables = {path: rng.normal(0, 2, SYMBOLS) for length in range(1, LIMIT + 2)
              for path in itertools.product(range(SYMBOLS), repeat=length)}  # fmt: skip

    def step(symbols, position, state):
        state = np.concatenate([state, symbols[:, None]], 1)
        assert state.shape[1] == position + 1
        return np.stack([tables[tuple(row)] for row in state.astype(int).tolist()]), state

    return step, np.zeros((1, 0), int)


FORBIDDEN = np.array([False, False, False, True, False])


def every_sentence():
    return [path for length in range(LIMIT + 1) for path in itertools.product(range(3), repeat=length)]


def probability(step, state, sentence):
    """Of a sentence by the definition, where the symbol of the begin can never follow."""
    total = 0.0
    for i, following in enumerate([*sentence, END]):
        logits, state = step(np.array([[BEGIN, *sentence][i]]), i, state)
        total += logits[0, following] - np.log(np.exp(logits[0]).sum())
    return total


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.7, 1.0]))
@settings(max_examples=25)
def test_a_wide_beam_finds_what_an_exhaustive_search_finds(seed, normalise):
    step, state = network(seed)
    scores = {s: probability(step, state, s) / (len(s) + 1) ** normalise for s in every_sentence()}
    found = search(step, state, BEGIN, END, LIMIT, SearchOptions(200, normalise), FORBIDDEN)
    expected = sorted(scores, key=lambda s: -scores[s])
    assert [sentence.symbols for sentence in found[:5]] == expected[:5]
    assert found[0].score == pytest.approx(scores[expected[0]])


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_greedy_takes_the_likeliest_symbol_of_each_step(seed):
    step, start = network(seed)
    (found,) = search(step, start, BEGIN, END, LIMIT, SearchOptions(1), FORBIDDEN)
    sentence, state, symbol = [], start, BEGIN
    while len(sentence) < LIMIT:
        logits, state = step(np.array([symbol]), len(sentence), state)
        symbol = int(np.where(FORBIDDEN, -np.inf, logits[0]).argmax())
        if symbol == END:
            break
        sentence.append(symbol)
    assert list(found.symbols) == sentence
    assert found.log_probability == pytest.approx(probability(step, start, sentence))


def test_sentences_of_any_lengths_are_judged_side_by_side():
    step, start = network(0)
    sentences = every_sentence()
    found = log_probabilities(step, start, BEGIN, END, sentences)
    assert found == pytest.approx([probability(step, start, sentence) for sentence in sentences])


def test_the_longest_sentence_is_ended_and_pays_for_it():
    step, state = (
        (lambda symbols, position, state: (np.array([[5.0, 0, 0, 0, -9]] * len(symbols)), state)),
        np.zeros((1, 1)),
    )
    (found,) = search(step, state, BEGIN, END, 2)
    assert found.symbols == (0, 0)
    assert found.log_probability < -9


def test_senseless_options_are_refused():
    with pytest.raises(UsageError, match="width"):
        SearchOptions(width=0)
    with pytest.raises(UsageError, match="normalise"):
        SearchOptions(normalise=float("nan"))
