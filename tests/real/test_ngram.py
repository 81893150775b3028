"""Gloss n-grams of the true sentences of RWTH-PHOENIX-Weather."""

import pytest

from tests.cli.test_cli import tf_slr
from tf_slr.correction.training.text import text_of_table
from tf_slr.decoding.kneser_ney import estimate
from tf_slr.decoding.ngram import END, START, UNKNOWN, read_arpa
from tf_slr.scoring.cleanup import RULES


def test_longer_ngrams_predict_dev_better(real_data):
    train, dev = (
        list(text_of_table(real_data / f"phoenix2014/{name}.corpus.csv", RULES["phoenix2014"]).sentences.values())
        for name in ("train", "dev")
    )
    models = [estimate(train, order) for order in (1, 2, 3)]
    assert [model.perplexity(dev) for model in models] == pytest.approx([142, 52.6, 50.9], abs=0.5)
    outcomes = models[2].glosses | {END, UNKNOWN}
    for sentence in dev[:40]:
        history = [START, *sentence[:2]]
        assert sum(10 ** models[2].log10(gloss, history) for gloss in outcomes) == pytest.approx(1, abs=1e-9)


def test_the_command_reads_the_release_s_list(real_data, tmp_path):
    text, out = real_data / "phoenix2014T/PHOENIX-2014-T.train.corpus.csv", tmp_path / "t.arpa"
    stdout, _ = tf_slr("train-ngram", "--text", text, "--rules", "phoenix2014T", "--order", 4, "--out", out)
    assert stdout.endswith(f"wrote {out}\n")
    model = read_arpa(out)
    assert model.order == 4
    assert len(model.glosses) > 1000
    dev = text_of_table(real_data / "phoenix2014T/PHOENIX-2014-T.dev.corpus.csv", RULES["phoenix2014T"])
    assert model.perplexity(dev.sentences.values()) == pytest.approx(46.4, abs=0.5)
