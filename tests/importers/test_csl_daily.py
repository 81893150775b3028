"""CSL-Daily from releases of a few rows, made here in the official layout."""

import os

import pytest

from tf_slr.cli import main as cli
from tf_slr.core.errors import DataError
from tf_slr.corpus.manifest import Corpus
from tf_slr.importers.csl_daily import FRAMES, MAP, SPLIT, UNMAPPED, UNSPLIT, read_csl_daily

HEADER = "index|name|length|gloss|char|word|postag"
NAMES = ("S000000_P0000_T00", "S000001_P0004_T00", "S000002_P0008_T01")
ROWS = (
    f"000000|{NAMES[0]}|40|他 今天 年龄 50|他 今 年 5 0 岁 。|他 今年 50 岁 。|r t m q w",
    f"000001|{NAMES[1]}|41|他 今天|他 今 天 。|他 今天 。|r t w",
    f"000002|{NAMES[2]}|42|今天 50|今 天 5 0 。|今天 50 。|t m w",
)
SPLITS = tuple(f"{name}|{split}" for name, split in zip(NAMES, ("train", "dev", "test"), strict=True))


def write_release(root, rows=ROWS, splits=SPLITS, header=HEADER):
    for path, lines in ((MAP, [header, *rows]), (SPLIT, ["name|split", *splits])):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("\n".join(lines))
    (root / FRAMES).mkdir(parents=True, exist_ok=True)
    return root


def write_frames(root, name, count):
    (root / FRAMES / name).mkdir()
    for number in range(count):
        (root / FRAMES / name / f"{number:06d}.jpg").touch()


def test_the_lists_become_entries(tmp_path):
    plan = read_csl_daily(write_release(tmp_path))
    assert (plan.info.name, plan.info.fps, plan.info.unit, plan.known_fps) == ("csl-daily", 30.0, "gloss", True)
    assert (plan.refused, plan.notes) == ((), ())
    assert [(entry.id, entry.split, entry.signer, entry.frames) for entry in plan.entries] == [
        (NAMES[0], "train", "P0000", 40), (NAMES[1], "dev", "P0004", 41), (NAMES[2], "test", "P0008", 42),
    ]  # fmt: skip
    first = plan.entries[0]
    assert first.glosses == ("他", "今天", "年龄", "50")
    assert first.text == "他今年50岁。"
    assert first.video == tmp_path / FRAMES / NAMES[0]


def test_characters_are_those_of_the_sentence(tmp_path):
    plan = read_csl_daily(write_release(tmp_path), "character")
    assert plan.info.unit == "character"
    assert plan.entries[0].glosses == ("他", "今", "年", "5", "0", "岁", "。")
    assert plan.notes == (
        "note: dev: 1 glosses in 1 clips are not in train, so that they cannot be learned (天)",
        "note: test: 1 glosses in 1 clips are not in train, so that they cannot be learned (天)",
    )


def test_the_slip_of_the_release_is_mended_as_published_results_do(tmp_path):
    stray = f"000003|{UNSPLIT}|55|他 谁|他 是 谁 。|他 是 谁 。|r v v w"
    root = write_release(tmp_path, (*ROWS, stray), (*SPLITS, f"{UNMAPPED}|train"))
    plan = read_csl_daily(root)
    assert (plan.entries[-1].id, plan.entries[-1].split) == (UNSPLIT, "train")
    assert plan.refused == ()
    assert plan.notes == (
        f"note: {root / SPLIT} does not list {UNSPLIT}; it is used for training, as in published results",
        f"note: {root / SPLIT}: 1 clips are not in video_map.txt: {UNMAPPED} (a known slip of the release)",
    )
    plan = read_csl_daily(write_release(tmp_path, splits=(*SPLITS, "S9_P1_T0|train", "S8_P1_T0|dev")))
    assert plan.notes == (f"note: {root / SPLIT}: 2 clips are not in video_map.txt: S8_P1_T0, S9_P1_T0",)
    # A release in which that is put right is taken as it is.
    plan = read_csl_daily(write_release(tmp_path, (*ROWS, stray), (*SPLITS, f"{UNSPLIT}|dev")))
    assert (plan.entries[-1].split, plan.notes[0][:10]) == ("dev", "note: dev:")


def test_every_bad_row_is_named_and_the_rest_goes_on(tmp_path):
    rows = (
        ROWS[0], "000001|short|12|A", f"000002|{NAMES[1]}|12||他|他|r", f"000003|{NAMES[0]}|9|他|他|他|r",
        "000004|S000009_P0001_T00|12|他|他|他|r", f"000005|{NAMES[2]}|many|他|他|他|r",
        f"000005|{NAMES[2]}|0|他|他|他|r", f"000005|{NAMES[2]}|{'9' * 5000}|他|他|他|r",
        "000006|../../etc|12|他|他|他|r", "000007|own clip|12|他|他|他|r",
    )  # fmt: skip
    splits = (*SPLITS, "../../etc|train", "own clip|test", "x|validation", f"{NAMES[0]}|test", "lonely")
    root = write_release(tmp_path, rows, splits)
    plan = read_csl_daily(root)
    assert list(plan.refused) == [
        f"{root / SPLIT}, row 9: expected 2 fields separated by '|', found 1",
        f"{root / SPLIT}, row 7: x: expected split train, dev, test, found 'validation'",
        f"{root / SPLIT}, row 8: {NAMES[0]} is also in train",
        f"{root / MAP}, row 3: expected 7 fields separated by '|', found 4",
        f"{root / MAP}, row 4: {NAMES[1]} has no glosses",
        f"{root / MAP}, row 5: the id '{NAMES[0]}' stands twice",
        f"{root / MAP}, row 6: S000009_P0001_T00 is not in split_1.txt",
        f"{root / MAP}, row 7: {NAMES[2]}: expected a number of frames, found 'many'",
        f"{root / MAP}, row 8: {NAMES[2]}: expected a number of frames, found '0'",
        f"{root / MAP}, row 9: {NAMES[2]}: expected a number of frames, found '{'9' * 20}'",
        f"{root / MAP}, row 10: expected a folder below {root / FRAMES}, found '../../etc'",
    ]
    assert [(entry.id, entry.signer, entry.split) for entry in plan.entries] == [
        (NAMES[0], "P0000", "train"), ("own clip", "unknown", "test"),
    ]  # fmt: skip


@pytest.mark.parametrize("absent", [MAP, SPLIT, FRAMES])
def test_a_missing_list_or_folder_of_frames_is_an_error(tmp_path, absent):
    path = write_release(tmp_path) / absent
    path.rmdir() if path.is_dir() else path.unlink()
    with pytest.raises(
        DataError, match=rf"expected sentence_label/video_map.txt, .*\({absent} is missing\); found sentence"
    ):
        read_csl_daily(tmp_path)


def test_another_header_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"video_map\.txt: expected the header index\|name\|.*found 'name\|gloss'"):
        read_csl_daily(write_release(tmp_path, header="name|gloss"))


def test_the_pickle_is_never_opened(tmp_path):
    write_release(tmp_path)
    os.mkfifo(tmp_path / "sentence_label/csl2020ct_v2.pkl")  # to open it would wait for ever
    assert len(read_csl_daily(tmp_path).entries) == 3


def test_the_command_refuses_clips_with_another_number_of_images(tmp_path, capsys):
    root = write_release(tmp_path / "csl")
    for name, count in zip(NAMES, (40, 40, 42), strict=True):
        write_frames(root, name, count)
    (root / FRAMES / NAMES[2] / ".thumb.jpg").touch()
    out = tmp_path / "out"
    arguments = ["--root", str(root), "--out", str(out), "--no-landmarks", "--unit", "character"]
    assert cli.main(["prepare", "csl-daily", *arguments]) == 1
    stderr = capsys.readouterr().err.splitlines()
    assert f"{root / FRAMES / NAMES[1]}: expected 41 frames, found 40" in stderr
    corpus = Corpus(out)
    assert [len(corpus.split(split)) for split in ("train", "dev", "test")] == [1, 0, 1]
