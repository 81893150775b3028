"""How many sentences are composed, and how often they are learnt from, in the minutes that are there.

Decided by counts alone, so that the same recordings and options always give the same recogniser.
"""

from dataclasses import dataclass

from tf_slr.apps.teach.division import REST, Division
from tf_slr.core.errors import UsageError
from tf_slr.corpus.compose import ComposeOptions

# Frames that the recipe `composed` learns from in a minute of two cores of a laptop.
FRAMES_A_MINUTE = 400_000
# Of the time, what is left when the rest was composed, exported and tested.
SHARE = 0.8
SENTENCES_A_SIGN = 100
FEWEST, MOST = 300, 3000
MIN_EPOCHS, MAX_EPOCHS = 5, 30
MIN_SIGNS, MAX_SIGNS = 1, 8
# One sentence of dev and of test for so many of training, but at least so many.
DEV_RATIO, TEST_RATIO, FEWEST_HELD = 10, 6, 100
# Mean length of a stretch of rest that composing puts into a sentence, in frames.
REST_FRAMES = 12


@dataclass(frozen=True)
class Budget:
    """What is done in the time.

    Attributes:
        sentences: composed for training.
        epochs: how often they are learnt from.
        frames: mean length of a sentence, estimated.
    """

    sentences: int
    epochs: int
    frames: float

    def compose_options(self, seed: int) -> ComposeOptions:
        """How the corpus is composed."""
        dev, test = (max(FEWEST_HELD, self.sentences // ratio) for ratio in (DEV_RATIO, TEST_RATIO))
        return ComposeOptions(train=self.sentences, dev=dev, test=test, min_signs=MIN_SIGNS, max_signs=MAX_SIGNS,
                              background=REST, ending=0.5, seed=seed)  # fmt: skip


def budget(division: Division, minutes: float) -> Budget:
    """Decide for some takes and minutes.

    Raises:
        UsageError: the minutes are none.
    """
    if not 0 < minutes <= 10_000:
        raise UsageError(f"--minutes: expected more than 0 and at most 10,000, received {minutes}")
    takes = [take for take in division.splits["train"] if take.gloss != REST]
    glosses = len({take.gloss for take in takes})
    usual = ComposeOptions()
    between = sum(usual.transition) / 2 + usual.pause * REST_FRAMES
    frames_a_sign = sum(len(take.clip.landmarks) for take in takes) / len(takes) + between
    frames = frames_a_sign * (MIN_SIGNS + MAX_SIGNS) / 2
    affordable = minutes * SHARE * FRAMES_A_MINUTE / frames
    # Of many signs more sentences are needed; of few signs, more epochs of fewer sentences teach the same.
    sentences = min(MOST, max(FEWEST, SENTENCES_A_SIGN * glosses), max(FEWEST, int(affordable / MIN_EPOCHS)))
    epochs = min(MAX_EPOCHS, max(MIN_EPOCHS, round(affordable / sentences)))
    return Budget(sentences, epochs, round(frames, 1))
