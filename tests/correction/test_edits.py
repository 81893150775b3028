"""Edits: what is proposed, with which margin, and the sentence they give."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.core.errors import UsageError
from tf_slr.correction.edits import DELETE, INSERT, LEAST, REPLACE, Edit, Margins, apply, propose
from tf_slr.correction.symbols import NOTHING


def rows(*likeliest, classes=6):
    """Log posteriors where one class of each row is `gap` likelier than all others."""
    table = np.zeros((len(likeliest), classes))
    for row, (symbol, gap) in zip(table, likeliest, strict=True):
        row[symbol] = gap
    return table


def test_every_kind_of_edit_is_proposed_with_its_log_odds():
    slots = rows((1, 3.0), (3, 2.0), (NOTHING, 1.5), (2, 0.5))
    gaps = rows((NOTHING, 4.0), (NOTHING, 4.0), (4, 1.0), (NOTHING, 4.0), (NOTHING, 4.0))
    edits = propose(slots, gaps, [1, 2, 2, NOTHING], 5)
    assert edits == [
        Edit(REPLACE, 1, False, 3, 2.0),
        Edit(DELETE, 2, False, NOTHING, 1.5),
        Edit(INSERT, 3, False, 2, 0.5),
        Edit(INSERT, 2, True, 4, 1.0),
    ]
    assert [placed.symbol for placed in apply([1, 2, 2, NOTHING], edits)] == [1, 3, 4, 2]


def test_symbols_that_are_no_gloss_are_never_proposed():
    assert propose(rows((5, 9.0)), rows((NOTHING, 9.0), (NOTHING, 9.0)), [5], 5) == []


@given(st.lists(st.integers(0, 4), max_size=8), st.integers(0, 1000))
def test_edits_change_their_places_and_nothing_else(sentence, seed):
    rng = np.random.default_rng(seed)
    edits = propose(rng.normal(size=(len(sentence), 5)), rng.normal(size=(len(sentence) + 1, 5)), sentence, 5)
    assert all(edit.margin > LEAST for edit in edits)
    unchanged = apply(sentence, [])
    assert [placed.symbol for placed in unchanged] == [symbol for symbol in sentence if symbol != NOTHING]
    for edit in edits:
        changed = apply(sentence, [edit])
        assert len(changed) - len(unchanged) == {INSERT: 1, DELETE: -1, REPLACE: 0}[edit.kind]
        places = {placed.first: placed.symbol for placed in changed if placed.stop > placed.first}
        kept = {place: symbol for place, symbol in enumerate(sentence) if symbol != NOTHING and place != edit.place}
        assert kept.items() <= places.items()


def test_margins_decide_by_kind():
    margins = Margins(replace=1.0, delete=math.inf)
    assert margins.accept(REPLACE, 1.0)
    assert not margins.accept(REPLACE, 0.999)
    assert not margins.accept(DELETE, 1e9)
    assert not any(Margins.never().accept(kind, 1e9) for kind in (REPLACE, DELETE, INSERT))
    for value in (2 * LEAST, math.nan):
        with pytest.raises(UsageError, match="insert"):
            Margins(insert=value)
