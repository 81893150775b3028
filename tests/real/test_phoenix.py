"""The true annotations of RWTH-PHOENIX-Weather in release folders around drawn or cut frames."""

import importlib.util
import itertools
import shutil

import numpy as np
import pytest

from tests.cli.test_cli import tf_slr
from tf_slr.core.glosses import GlossReader, tokenise
from tf_slr.core.landmarks import LEFT_HAND, RIGHT_HAND
from tf_slr.corpus.manifest import Corpus
from tf_slr.importers.assemble import Assembly, assemble
from tf_slr.importers.phoenix import ANNOTATIONS, BROKEN, FRAMES, read_phoenix2014, read_phoenix2014t

LISTS = "{}.corpus.csv"
LISTS_T = "PHOENIX-2014-T.{}.corpus.csv"
DRAWN = 240


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A clip of a few drawn frames, which stands in for every clip of a release."""
    cv2 = pytest.importorskip("cv2")
    folder = tmp_path_factory.mktemp("drawn")
    _, png = cv2.imencode(".png", np.full((260, 210, 3), 90, np.uint8))
    for number in range(1, DRAWN + 1):
        (folder / f"images{number:04d}.png").write_bytes(png.tobytes())
    return folder


def release(root, source, lists, below, drawn):
    """The release folder: the true lists of train and dev, and a link to the drawn clip for each of their rows."""
    (root / ANNOTATIONS).mkdir(parents=True)
    for split in ("train", "dev"):
        path = source / lists.format(split)
        shutil.copy(path, root / ANNOTATIONS / path.name)
        (root / FRAMES / split).mkdir(parents=True)
        for line in path.read_text().splitlines()[1:]:
            clip = root / FRAMES / split / line.split("|")[0] / below
            clip.parent.mkdir(exist_ok=True)
            clip.symlink_to(drawn)
    return root


@pytest.fixture(scope="module")
def multisigner(real_data, drawn, tmp_path_factory):
    root = tmp_path_factory.mktemp("phoenix2014-release") / "phoenix-2014-multisigner"
    return release(root, real_data / "phoenix2014", LISTS, "1", drawn)


def test_the_true_lists_of_2014_become_a_corpus(tmp_path, multisigner):
    lines = assemble(read_phoenix2014(multisigner.parent), tmp_path, Assembly(landmarks=False))
    assert [line[:5] for line in lines] == ["note:"] * 2
    assert "dev: 29 glosses in 32 clips are not in train" in lines[1]
    corpus = Corpus(tmp_path)
    train, dev = corpus.split("train"), corpus.split("dev")
    assert (len(train), len(dev), corpus.split("test")) == (5671, 540, [])
    assert {sample.signer for sample in train} == {f"Signer0{number}" for number in range(1, 10)}
    # The release's 1,295 signs count those of test too; __ON__ and loc-NORD are what annotators wrote.
    known = set(corpus.vocabulary().glosses)
    assert (len(known), len(known.union(*(sample.glosses for sample in dev)))) == (1231, 1260)
    assert {"__ON__", "__OFF__", "loc-NORD"} <= known
    assert train[0].glosses[:4] == ("__ON__", "LIEB", "ZUSCHAUER", "ABEND")
    assert {sample.frames for sample in train + dev} == {DRAWN}
    assert not BROKEN.keys() & {sample.id for sample in train}


def test_the_broken_clip_stands_in_row_2392_of_the_official_list(tmp_path, multisigner):
    (broken,) = BROKEN
    shutil.copytree(multisigner / ANNOTATIONS, tmp_path / ANNOTATIONS)
    (tmp_path / FRAMES).parent.mkdir()
    (tmp_path / FRAMES).symlink_to(multisigner / FRAMES)
    path = tmp_path / ANNOTATIONS / "train.corpus.csv"
    lines = path.read_text().splitlines(keepends=True)
    # Clips are numbered within a broadcast: it belongs between number 13 of this one and the next broadcast.
    at = 1 + max(number for number, line in enumerate(lines) if line.startswith(broken.removesuffix("14")))
    path.write_text("".join([*lines[:at], f"{broken}|{broken}/1/*.png|Signer05|WETTER\n", *lines[at:]]))
    plan = read_phoenix2014(tmp_path)
    assert sum(entry.split == "train" for entry in plan.entries) == 5671
    assert plan.notes[0].startswith(f"note: {path}, row 2392: {broken} is left out")


def test_the_true_lists_of_2014t_become_a_corpus(tmp_path, real_data, drawn):
    root = release(tmp_path / "PHOENIX-2014-T", real_data / "phoenix2014T", LISTS_T, "", drawn)
    lines = assemble(read_phoenix2014t(tmp_path), tmp_path / "out", Assembly(landmarks=False))
    assert [line[:5] for line in lines] == ["note:"] * 2
    corpus = Corpus(tmp_path / "out")
    train, dev = corpus.split("train"), corpus.split("dev")
    assert (len(train), len(dev), corpus.split("test")) == (7096, 519, [])
    assert len(corpus.vocabulary().glosses) == 1085
    assert train[0].text == "und nun die wettervorhersage für morgen donnerstag den zwölften august"
    assert train[0].video == str(root / FRAMES / "train" / "11August_2010_Wednesday_tagesschau-1")


@pytest.mark.skipif(not importlib.util.find_spec("mediapipe"), reason="needs tf_slr[video]")
def test_cut_frames_of_a_signer_go_through_mediapipe(tmp_path, real_data):
    cv2 = pytest.importorskip("cv2")
    from tf_slr.video.decoding import read_frames

    root = tmp_path / "PHOENIX-2014-T"
    frames = list(itertools.islice(read_frames(real_data / "videos" / "dictasign_lsf_S4.mp4"), 60, 98))
    for split, name, clip in (("train", "first", frames[:20]), ("dev", "second", frames[20:])):
        path = root / ANNOTATIONS / LISTS_T.format(split)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"name|video|start|end|speaker|orth|translation\n{name}|{name}/1/*.png|-1|-1|Signer04|ICH DU|ich und du\n"
        )
        (root / FRAMES / split / name).mkdir(parents=True)
        for number, frame in enumerate(clip, start=1):
            cv2.imwrite(str(root / FRAMES / split / name / f"images{number:04d}.png"), frame[..., ::-1])
    stdout, stderr = tf_slr("prepare", "phoenix2014T", "--root", tmp_path, "--out", tmp_path / "out")
    assert stdout == f"wrote {tmp_path / 'out'}\n"
    assert "the test split is empty" in stderr
    corpus = Corpus(tmp_path / "out")
    assert corpus.info.fps == 25.0
    assert "MediaPipe" in corpus.info.landmark_source
    for split, count in (("train", 20), ("dev", 18)):
        (sample,) = corpus.split(split)
        landmarks = corpus.clip(sample).landmarks
        assert landmarks.shape == (count, 92, 3)
        assert np.isfinite(landmarks[:, RIGHT_HAND]).mean() + np.isfinite(landmarks[:, LEFT_HAND]).mean() > 0.5


def test_no_name_of_the_releases_changes_by_reading(real_data):
    reader = GlossReader()
    for source, lists, column in (("phoenix2014", LISTS, 3), ("phoenix2014T", LISTS_T, 5)):
        for split in ("train", "dev"):
            for line in (real_data / source / lists.format(split)).read_text().splitlines()[1:]:
                annotation = line.split("|")[column]
                assert reader.read(annotation) == tokenise(annotation)
    assert reader.notes("lists") == []
