"""Judges of whole sentences."""

import math

from tf_slr.correction.rescoring import Hypothesis, Rescoring, best


def test_a_network_that_is_not_asked_has_no_say():
    """Also where it holds a sentence for impossible: minus infinity times nothing is no number."""
    sentences = [Hypothesis((1,), -5.0, -1.0, -2.0), Hypothesis((1, 2), -1.0, -1.0, -math.inf)]
    alone, asked = Rescoring(weight=1.0, insertion=0.0), Rescoring(weight=1.0, insertion=0.0, network=0.5)
    assert [one.score(alone) for one in sentences] == [-6.0, -2.0]
    assert best(sentences, alone) == (1, 2)
    assert best(sentences, asked) == (1,)
