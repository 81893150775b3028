"""`tf-slr stats`: the numbers papers print, counted by hand here."""

import json

import numpy as np
import pytest

from tests.cli.test_cli import tf_slr
from tf_slr.core.landmarks import LEFT_HAND, LIPS, POINTS, RIGHT_HAND, Clip
from tf_slr.corpus.manifest import Corpus, CorpusInfo, Sample, landmark_path, to_csv, write_clip, write_corpus
from tf_slr.corpus.stats import Spread, corpus_stats, markdown

# Split, id, signer, frames, glosses.
ROWS = (
    ("train", "a", "anna", 100, "HELLO YOU HELLO"),
    ("train", "b", "anna", 50, "YOU GO"),
    ("train", "c", "bo", 150, "HELLO"),
    ("dev", "d", "bo", 60, "YOU NEW NEW GO"),
    ("dev", "e", "eve", 40, "OTHER HELLO"),
    ("test", "f", "zoe", 200, "HELLO"),
)


def write(root, landmarks=True, unit="gloss", rows=ROWS):
    splits = {"train": [], "dev": [], "test": []}
    for split, name, signer, frames, sentence in rows:
        path = landmark_path(name) if landmarks else ""
        if landmarks:
            points = np.zeros((frames, POINTS, 3), np.float16)
            points[: frames // 2, LEFT_HAND] = np.nan
            points[frames // 4 :, RIGHT_HAND] = np.nan
            points[:, LIPS.start, 0] = np.nan  # one lip point is missing, the others are there
            write_clip(root / path, Clip(points, None, 1.0))
        glosses = tuple(sentence.split()) if unit == "gloss" else tuple(sentence)
        splits[split].append(Sample(name, signer, frames, glosses, landmarks=path, video="" if landmarks else "v.mp4"))
    write_corpus(root, CorpusInfo("tiny", "test", unit=unit, fps=25.0), splits)
    return Corpus(root)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write(tmp_path_factory.mktemp("stats") / "corpus")


def test_lists_are_counted(corpus):
    stats, refused = corpus_stats(corpus, landmarks=False)
    assert refused == []
    train, dev, test = (stats.splits[name] for name in ("train", "dev", "test"))
    assert (train.sentences, train.running, train.vocabulary, train.singletons) == (3, 6, 3, 1)  # GO is signed once
    assert (train.unknown_types, train.unknown_running, train.unknown_signers) == (0, 0, ())
    assert (dev.unknown_types, dev.unknown_running, dev.unknown_signers) == (2, 3, ("eve",))  # NEW twice, OTHER once
    assert (test.unknown_types, test.signers, test.unknown_signers) == (0, 1, ("zoe",))
    assert (train.signers, train.frames) == (2, 300)
    assert train.hours == pytest.approx(300 / 25 / 3600)
    assert train.glosses_per_sentence == Spread(2.0, 1, 3)
    assert train.frames_per_sentence == Spread(100.0, 50, 150)
    assert train.found is None


def test_found_parts_are_shares_of_all_frames(corpus):
    stats, refused = corpus_stats(corpus)
    assert refused == []
    # The left hand is missing in the first half, the right hand after the first quarter.
    frames = (100, 50, 150)
    left, right = sum(n - n // 2 for n in frames) / 300, sum(n // 4 for n in frames) / 300
    expected = {"left hand": left, "right hand": right, "lips": 1.0, "pose": 1.0, "a hand": left + right}
    assert stats.splits["train"].found == pytest.approx(expected)


def test_infeasible_clips_are_counted(tmp_path, corpus):
    root = write(tmp_path / "c").root
    short = Sample("short", "anna", 8, ("A", "A", "B"), landmarks="landmarks/a.npz")
    (root / "test.csv").write_text(to_csv([short]))
    assert corpus_stats(Corpus(root), landmarks=False)[0].splits["test"].infeasible == 1


def test_a_damaged_clip_is_named_and_the_rest_counted(tmp_path):
    corpus = write(tmp_path)
    (tmp_path / "landmarks/b.npz").write_bytes(b"PK")
    stats, refused = corpus_stats(corpus)
    assert len(refused) == 1
    assert "b.npz" in refused[0]
    assert stats.splits["train"].found["pose"] == 1.0
    assert stats.splits["train"].sentences == 3


def test_lists_alone_are_enough(tmp_path):
    stats, refused = corpus_stats(write(tmp_path, landmarks=False))
    assert refused == []
    assert stats.splits["train"].found is None
    assert "left hand" not in markdown(stats)


def test_characters_are_called_characters(tmp_path):
    text = markdown(corpus_stats(write(tmp_path, unit="character", rows=[("train", "n", "a", 90, "你好")]))[0])
    assert "| running characters " in text


def cells_of(text):
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}


def test_the_table_is_aligned_and_says_what_was_counted(corpus):
    text = markdown(corpus_stats(corpus)[0])
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(line) for line in lines}) == 1
    cells = cells_of(text)
    assert cells["sentences"] == ["3", "2", "1"]
    assert cells["out of vocabulary"] == ["", "2", "0"]
    assert cells["out of vocabulary, running"] == ["", "3 (50.0 %)", "0 (0.0 %)"]
    assert cells["signers not in train"] == ["", "1", "1"]
    assert cells["glosses a sentence"][0] == "2.0 (1 to 3)"
    assert cells["frames with pose"] == ["100.0 %"] * 3
    assert text.startswith("tiny, test, 25 frames per second\n")


def test_command_prints_json_and_draws(corpus, tmp_path):
    pytest.importorskip("matplotlib")
    out = tmp_path / "stats"
    stdout, stderr = tf_slr("stats", corpus.root, "--json", "--out", out)
    printed = json.loads(stdout)
    assert printed == json.loads((out / "stats.json").read_text())
    assert printed["splits"]["dev"]["unknown_signers"] == ["eve"]
    assert printed["splits"]["train"]["glosses_per_sentence"] == {"mean": 2.0, "min": 1, "max": 3}
    assert stderr == f"wrote {out}\n"
    assert cells_of((out / "stats.md").read_text())["vocabulary"] == ["3", "5", "1"]
    picture = (out / "stats.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(picture) > 20_000


def test_command_draws_a_corpus_of_lists(tmp_path):
    pytest.importorskip("matplotlib")
    root = write(tmp_path / "c", landmarks=False, rows=ROWS[:3]).root  # and dev and test are empty
    stdout, _ = tf_slr("stats", root, "--out", tmp_path / "out")
    assert stdout.endswith(f"wrote {tmp_path / 'out'}\n")
    assert (tmp_path / "out/stats.png").stat().st_size > 10_000
