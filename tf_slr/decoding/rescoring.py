"""Rescoring: the n best sentences of a beam search, ranked anew by something that sees each as a whole."""

from collections.abc import Callable, Sequence

from tf_slr.decoding.beam import Hypothesis

# A sentence, as ids -> its natural log probability, such as `GlossModel` and a Transformer give it.
Scorer = Callable[[tuple[int, ...]], float]


def rescore(
    hypotheses: Sequence[Hypothesis], scorer: Scorer, weight: float, insertion: float = 0.0
) -> list[Hypothesis]:
    """Add `weight * scorer(sentence) + insertion * length` to each score.

    Args:
        hypotheses: of one clip, such as `beam_search` gives without a language model.
        scorer: how likely a sentence is.
        weight: of what it says against the score that is there.
        insertion: what each gloss adds.

    Returns:
        The same sentences, best first; of equal scores the one that was better before.
    """
    scored = [
        Hypothesis(glosses, score + weight * scorer(glosses) + insertion * len(glosses))
        for glosses, score in hypotheses
    ]
    return sorted(scored, key=lambda hypothesis: -hypothesis.score)
