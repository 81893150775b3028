"""RWTH-BOSTON-104 from its three CSV files, made here in their format."""

import numpy as np
import pytest

from tf_slr.core.errors import DataError
from tf_slr.core.landmarks import LEFT_HAND, LEFT_WRIST, LIPS, POINTS, RIGHT_HAND, RIGHT_WRIST, Normalisation, normalise
from tf_slr.corpus.manifest import Corpus
from tf_slr.importers.boston104 import HEIGHT, WIDTH, prepare_boston104, to_clip


@pytest.fixture
def release(tmp_path):
    root = tmp_path / "release"
    root.mkdir()
    rows = ["video,frame,left-x,left-y,right-x,right-y,nose-x,nose-y"]
    # Frames stand out of order, as nothing promises an order.
    rows += [
        f"{video},{frame},{150 + frame},180,100,{170 - frame},156,62"
        for video in range(1, 13)
        for frame in (*range(20, 40), *range(20))
    ]
    (root / "hands_condensed.csv").write_text("\n".join(rows) + "\n")
    header = "video,speaker,word,startframe,endframe\n"
    train = "".join(f"{video},woman-1,WRITE,20,30\n{video},woman-1,JOHN,2,9\n" for video in range(1, 11))
    (root / "train_words.csv").write_text(header + train)
    (root / "test_words.csv").write_text(header + "11,man-1,JOHN,1,5\n99,man-1,JOHN,1,5\n")
    return root


def test_sentences_follow_the_start_of_their_words(tmp_path, release):
    lines = prepare_boston104(release, tmp_path / "out")
    assert len(lines) == 1
    assert "video 99 has no hand positions" in lines[0]
    corpus = Corpus(tmp_path / "out")
    train, dev, test = (corpus.split(name) for name in ("train", "dev", "test"))
    assert [len(split) for split in (train, dev, test)] == [9, 1, 1]
    assert train[0].glosses == ("JOHN", "WRITE")
    assert test[0].signer == "man-1"
    points = corpus.clip(train[0]).landmarks[:, LEFT_WRIST, 0] * WIDTH
    assert np.allclose(points, 150 + np.arange(40))


def test_three_points_take_their_places_and_the_rest_is_missing():
    track = np.array([[[200.0, 180], [100, 170], [156, 62]]] * 6)
    clip = to_clip(track)
    assert np.allclose(clip.landmarks[0, RIGHT_WRIST, :2] * (WIDTH, HEIGHT), [100, 170])
    assert np.allclose(clip.landmarks[0, LIPS, :2] * (WIDTH, HEIGHT), [156, 62])
    known = np.isfinite(clip.landmarks[0, :, 0])
    assert known.sum() == 42
    assert not known[LEFT_HAND].any()
    assert not known[RIGHT_HAND].any()
    values = normalise(clip, Normalisation()).reshape(-1, POINTS, 3)
    assert values[0, LEFT_WRIST, 0] > 0 > values[0, RIGHT_WRIST, 0]  # the signer's left is the picture's right
    assert values[0, LIPS.start, 1] < 0  # the face is above the shoulders


def test_a_damaged_row_or_file_is_named(tmp_path, release):
    text = (release / "hands_condensed.csv").read_text()
    (release / "hands_condensed.csv").write_text(text.replace("1,20,170,", "1,20,far,", 1))
    with pytest.raises(DataError, match=r"hands_condensed\.csv, row 2.*far"):
        prepare_boston104(release, tmp_path / "out")
    for wrong, message in (("inf", r"row 2: expected pixels, found .*inf"), ('"', "is not valid CSV")):
        (release / "hands_condensed.csv").write_text(text.replace("1,20,170,", f"1,20,{wrong},", 1))
        with pytest.raises(DataError, match=message):
            prepare_boston104(release, tmp_path / "out")
    (release / "hands_condensed.csv").write_text(text)
    sentences = next(path for path in release.glob("*.csv") if "startframe" in path.read_text())
    words = sentences.read_text()
    place = words.splitlines()[0].split(",").index("word")
    row = words.splitlines()[1].split(",")
    sentences.write_text(words.replace(",".join(row), ",".join([*row[:place], " ", *row[place + 1 :]]), 1))
    with pytest.raises(DataError, match="row 2: has no word"):
        prepare_boston104(release, tmp_path / "out")
    sentences.write_text(words)
    (release / "hands_condensed.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="expected columns"):
        prepare_boston104(release, tmp_path / "out")
    assert not (tmp_path / "out").exists()
