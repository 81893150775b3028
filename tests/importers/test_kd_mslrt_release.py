import sys

import numpy as np
import pytest

from tests.landmark_clips import assert_same, moving_figure
from tests.parquet_clips import ASPECT, columns_of, write
from tf_slr.cli import main as cli
from tf_slr.core.errors import DataError, UsageError
from tf_slr.corpus.manifest import SPLITS, Corpus, CorpusInfo, Sample
from tf_slr.importers.kd_mslrt import prepare_kd_mslrt

INFO = CorpusInfo("test", "DGS", fps=25)
HEADER = ",path,singer,gloss,ori_path\n"


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """A folder like the release's: train and dev, and the glosses of PHOENIX with what stands around them."""
    root = tmp_path_factory.mktemp("release")
    train = [
        "0,landmark_parquet/right_hand_landmarksPHOENIX_0.parquet,Signer04,__ON__ loc-NORD  REGEN,"
        "01April_2010_Thursday_heute_default-0/1",
        "1,landmark_parquet/right_hand_landmarksPHOENIX_1.parquet,Signer08,S+H REGEN,01May_2010_default-1/1",
    ]
    dev = ["0,landmark_dev/right_hand_landmarksdev_PHOENIX_0.parquet,Signer04,REGEN SONNE,01May_2010_default-2/1"]
    for seed, row in enumerate([*train, *dev]):
        write(root / row.split(",")[1], columns_of(moving_figure(40, seed, ASPECT)))
    (root / "PHOENIX_parquet.csv").write_text(HEADER + "\n".join(train) + "\n")
    (root / "PHOENIX_parquet_dev.csv").write_text(HEADER + "\n".join(dev) + "\n")
    return root


@pytest.mark.parametrize("workers", [1, 2])
def test_the_release_becomes_a_corpus(release, tmp_path, workers):
    assert prepare_kd_mslrt(release, tmp_path / "out", INFO, workers=workers) == [
        f"note: {release}: no list is of the test split, which is empty",
        "note: dev: 1 glosses in 1 clips are not in train, so that they cannot be learned (SONNE)",
    ]
    corpus = Corpus(tmp_path / "out")
    assert corpus.info.fps == 25
    first, second = corpus.split("train")
    assert first == Sample(
        "01April_2010_Thursday_heute_default-0", "Signer04", 40, ("__ON__", "loc-NORD", "REGEN"),
        landmarks="landmarks/01April_2010_Thursday_heute_default-0.npz",
    )  # fmt: skip
    assert second.glosses == ("S+H", "REGEN")
    assert [sample.id for sample in corpus.split("dev")] == ["01May_2010_default-2"]
    assert corpus.split("test") == []
    assert_same(corpus.clip(first), moving_figure(40, 0, ASPECT))


def test_dev_clips_in_the_training_list_stay_in_dev(release, tmp_path):
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for name in ("landmark_parquet", "landmark_dev", "PHOENIX_parquet_dev.csv"):
        (mixed / name).symlink_to(release / name)
    both = "".join((release / f"PHOENIX_parquet{name}.csv").read_text() for name in ("", "_dev")).replace(HEADER, "", 2)
    (mixed / "PHOENIX_parquet.csv").write_text(HEADER + both)
    lines = prepare_kd_mslrt(mixed, tmp_path / "out", INFO)
    assert f"note: {mixed / 'PHOENIX_parquet.csv'}: 1 clips of dev or test are not for train" in lines
    corpus = Corpus(tmp_path / "out")
    assert [len(corpus.split(name)) for name in SPLITS] == [2, 1, 0]


def folder_of(tmp_path, rows, name="list.csv", header=HEADER):
    """A folder with one list, and the landmarks of each row whose path is not 'gone'."""
    root = tmp_path / "in"
    root.mkdir(exist_ok=True)
    for row in rows:
        path = row.split(",")[1] if "," in row else ""
        if path.startswith("p/"):
            write(root / path, columns_of(moving_figure(40)))
    (root / name).write_text(header + "\n".join(rows), encoding="utf-8")
    return root


def test_sentences_become_characters(tmp_path):
    rows = ['0,p/0.parquet,主播,"新闻, 联播",CCTV\\2023\\0.mp4', "1,p/1.parquet,主播,天气预报,"]
    root = folder_of(tmp_path, rows, "train.csv")
    info = CorpusInfo("news", "CSL", "character", 25)
    notes = prepare_kd_mslrt(root, tmp_path / "out", info, 480 / 720)
    assert [note.rsplit("no list is of the ")[-1] for note in notes] == [
        "test split, which is empty", "dev split, which is empty",
    ]  # fmt: skip
    first, second = Corpus(tmp_path / "out").split("train")
    assert (first.id, first.glosses, first.text, first.signer) == (
        "CCTV-2023-0.mp4", tuple("新闻,联播"), "新闻, 联播", "主播",
    )  # fmt: skip
    assert (second.id, second.glosses) == ("1", tuple("天气预报"))
    assert Corpus(tmp_path / "out").clip(first).aspect == pytest.approx(2 / 3)


def test_without_a_word_in_its_name_a_list_is_dealt(tmp_path):
    root = folder_of(tmp_path, [f"{i},p/{i}.parquet,s,A B,clip{i}" for i in range(24)], "testimony.csv")
    lines = prepare_kd_mslrt(root, tmp_path / "out", INFO, dev_share=0.3, test_share=0.3)
    sizes = [len(Corpus(tmp_path / "out").split(name)) for name in SPLITS]
    assert lines == []
    assert sum(sizes) == 24
    assert min(sizes) > 1


@pytest.mark.parametrize("names", [("a_train.csv", "a-VAL.csv", "test_a.csv"), ("a.csv", "a.dev2.csv", "Test.csv")])
def test_names_of_lists_say_the_split(tmp_path, names):
    for number, name in enumerate(names):
        root = folder_of(tmp_path, [f"0,p/{number}.parquet,s,A,{number}"], name)
    prepare_kd_mslrt(root, tmp_path / "out", INFO)
    corpus = Corpus(tmp_path / "out")
    assert [[sample.id for sample in corpus.split(name)] for name in SPLITS] == [["0"], ["1"], ["2"]]


def test_bad_rows_and_files_are_named_and_the_rest_goes_on(tmp_path):
    rows = [
        "0,p/0.parquet,s,A,good",
        "1,p/1.parquet,s,,mute",
        "2,p/2.parquet,s,A,good",
        "3,gone/3.parquet,s,A,gone",
        "4,../in/p/0.parquet,s,A,outside",
        "5,p/0.parquet,s,A,again",
        "6,p/6.parquet,s,A",
        "7,p/7.parquet,s,A,.hidden",
        "8,p/8.parquet,s,A,broken",
        "9,p\0,s,A,nul",
    ]
    root = folder_of(tmp_path, rows)
    (root / "p/8.parquet").write_bytes(b"PAR1 broken PAR1")
    (root / "scores.csv").write_text("pred,gt\nA,A\n")
    lines = prepare_kd_mslrt(root, tmp_path / "out", INFO, dev_share=0, test_share=0)
    place = root / "list.csv"
    assert lines[:7] == [
        f"{place}, row 8: expected 5 columns, found 4",
        f"{place}, row 11: holds a NUL character",
        f"{place}, row 3: mute has no glosses",
        f"{place}, row 4: the id 'good' stands twice",
        f"{place}, row 6: expected a folder below {root}, found '../in/p/0.parquet'",
        f"{place}, row 7: the folder {root / 'p/0.parquet'} stands twice",
        f"{place}, row 9: expected an id that can be a file name, received '.hidden'",
    ]
    assert lines[7].startswith(f"{root / 'gone/3.parquet'}: is no readable Parquet file (No such file or directory)")
    assert lines[8].startswith(f"{root / 'p/8.parquet'}: is no ")
    assert lines[9:] == [f"note: {root / 'scores.csv'} is no list of clips: it has no columns path and gloss"]
    assert [sample.id for sample in Corpus(tmp_path / "out").split("train")] == ["good"]


def test_column_order_and_the_right_word_for_signers_do_not_matter(tmp_path):
    root = tmp_path / "in"
    write(root / "p/0.parquet", columns_of(moving_figure(40)))
    (root / "train.csv").write_text("\ufeffgloss, signer ,path\r\nA B,anna,p\\0.parquet\r\n", encoding="utf-8")
    prepare_kd_mslrt(root, tmp_path / "out", INFO)
    (sample,) = Corpus(tmp_path / "out").split("train")
    assert (sample.id, sample.signer, sample.glosses) == ("0", "anna", ("A", "B"))


def test_folders_without_lists_and_options_that_cannot_be_are_refused(tmp_path, release):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"expected lists of clips \(.* path and gloss\); found other"):
        prepare_kd_mslrt(tmp_path, tmp_path / "out", INFO)
    with pytest.raises(DataError, match="does not exist"):
        prepare_kd_mslrt(tmp_path / "nowhere", tmp_path / "out", INFO)
    with pytest.raises(UsageError, match=r"aspect \(width / height\) from 0\.1 to 10, received 0"):
        prepare_kd_mslrt(release, tmp_path / "out", INFO, aspect=0)
    with pytest.raises(UsageError, match="workers: expected from 0 to 1024"):
        prepare_kd_mslrt(release, tmp_path / "out", INFO, workers=-1)
    with pytest.raises(UsageError, match="leave some for train"):
        prepare_kd_mslrt(release, tmp_path / "out", INFO, dev_share=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("seed", range(60))
def test_damaged_lists_are_data_errors_or_listings(release, tmp_path, seed):
    rng = np.random.default_rng(seed)
    root = tmp_path / "in"
    root.mkdir()
    (root / "landmark_parquet").symlink_to(release / "landmark_parquet")
    content = bytearray((release / "PHOENIX_parquet.csv").read_bytes())
    for _ in range(rng.integers(1, 8)):
        at = int(rng.integers(len(content)))
        harm = (b'"', b"\0", b"\n", b",", b"\r", b"\xff", b"/..", b"\x1a")[rng.integers(8)]
        content[at : at + int(rng.integers(3))] = harm
    (root / "PHOENIX_parquet.csv").write_bytes(content)
    try:
        prepare_kd_mslrt(root, tmp_path / "out", INFO)
    except DataError:
        return
    assert Corpus(tmp_path / "out").split("train")


def test_the_command(release, tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--aspect", "1.25", "--fps", "50", "--name", "phoenix", "--language", "DGS", "--licence", "CC"]
    assert cli.main(["prepare", "kd-mslrt", "--root", str(release), "--out", str(out), "--workers", "1", *options]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"wrote {out}\n"
    assert captured.err.count("note: ") == 2
    corpus = Corpus(out)
    assert (corpus.info.fps, corpus.info.name, corpus.info.licence) == (50, "phoenix", "CC")
    assert "KD-MSLRT" in corpus.info.landmark_source
    assert corpus.clip(corpus.split("dev")[0]).aspect == 1.25


def test_without_pyarrow_the_extra_is_named_and_nothing_is_touched(release, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    prepare_kd_mslrt(release, out, INFO)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert cli.main(["prepare", "kd-mslrt", "--root", str(release), "--out", str(out)]) == 1
    assert "tf_slr[parquet]" in capsys.readouterr().err
    assert (out / "corpus.toml").exists()
