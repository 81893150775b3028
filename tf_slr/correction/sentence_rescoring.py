"""A clip's sentence by student, gloss n-gram and corrector together (see `tf_slr.correction.rescoring`)."""

from collections.abc import Sequence

import numpy as np

from tf_slr.core.errors import BundleError
from tf_slr.core.glosses import Vocabulary
from tf_slr.correction.corrector import Corrector
from tf_slr.correction.evidence import untimed
from tf_slr.correction.lattice import sentence_scores
from tf_slr.correction.rescoring import Hypothesis, Rescoring, best, n_best
from tf_slr.decoding.alignment import forced_alignment
from tf_slr.decoding.greedy import Segment
from tf_slr.decoding.ngram import GlossModel, NGram


class Rescorer:
    """Decodes a student's logits.

    Args:
        corrector: what reads the evidence.
        ngram: of the same sentences.
        vocabulary: what the student's classes mean.

    Raises:
        BundleError: the corrector has another vocabulary, so that its symbols are not the student's classes.
    """

    def __init__(self, corrector: Corrector, ngram: NGram, vocabulary: Vocabulary) -> None:
        if corrector.symbols.vocabulary.glosses != vocabulary.glosses:
            raise BundleError(f"the corrector has {len(corrector.symbols.vocabulary.glosses)} glosses that are not the "
                              f"student's {len(vocabulary.glosses)}; train both on one corpus")  # fmt: skip
        self._corrector, self.vocabulary = corrector, vocabulary
        self._ngram = GlossModel(ngram, vocabulary)

    def n_best(self, logits: np.ndarray, options: Rescoring) -> list[Hypothesis]:
        """The n best sentences of a clip, [T, classes], with what is said of each."""

        def network(sentences: Sequence[tuple[int, ...]]) -> np.ndarray:
            slots = untimed(logits, self.vocabulary)
            return sentence_scores(*self._corrector.posteriors(slots), sentences)

        return n_best(logits, self._ngram, network if options.network else None, options)

    def glosses(self, logits: np.ndarray, options: Rescoring) -> tuple[str, ...]:
        """The best sentence of a clip, [T, classes]."""
        return self.vocabulary.decode(best(self.n_best(logits, options), options))

    def decode(self, logits: np.ndarray, options: Rescoring) -> list[Segment]:
        """The best sentence of a clip, [T, classes], with the times of its likeliest path."""
        return forced_alignment(logits, best(self.n_best(logits, options), options))
