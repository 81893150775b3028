"""The corrector's text from PHOENIX' own list, and what recognisers made of its dev sentences."""

from tf_slr.correction.symbols import recognised, text_slots
from tf_slr.correction.training.selection import dev_sentences, errors_of, summed
from tf_slr.correction.training.text import text_of_table
from tf_slr.formats.transcripts import read_ctm, read_stm
from tf_slr.scoring.cleanup import PHOENIX_2014


def test_phoenix_text_is_the_training_split_alone(real_data):
    text = text_of_table(real_data / "phoenix2014/train.corpus.csv", PHOENIX_2014)
    assert len(text.sentences) == 5671
    assert text.longest == 27
    assert len(text.vocabulary.glosses) == 1080
    dev = read_stm(real_data / "recognizer_outputs/phoenix2014.dev.stm")
    assert not dev.keys() & text.sentences.keys()


def test_errors_before_correction_are_those_of_the_corpus_scorer(real_data):
    outputs = real_data / "recognizer_outputs"
    references = read_stm(outputs / "phoenix2014.dev.stm")
    heard = {name: text_slots([token.gloss for token in tokens])
             for name, tokens in read_ctm(outputs / "phoenix2014.dev.TSRN-b.ctm").items()}  # fmt: skip
    dev = dev_sentences(heard, references, "TSRN-b")
    errors = summed(errors_of([recognised(one.slots) for one in dev], dev, PHOENIX_2014))
    assert (errors.substitutions, errors.deletions, errors.insertions) == (710, 538, 175)
