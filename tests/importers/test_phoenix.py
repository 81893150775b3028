"""RWTH-PHOENIX-Weather from releases of a few rows, made here in the official layouts."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tf_slr.cli import main as cli
from tf_slr.core.errors import DataError
from tf_slr.corpus.manifest import Corpus
from tf_slr.importers.assemble import Assembly, assemble
from tf_slr.importers.phoenix import BROKEN, FRAMES, read_phoenix2014, read_phoenix2014t

HEADER = "id|folder|signer|annotation"
HEADER_T = "name|video|start|end|speaker|orth|translation"
DAY = "01April_2010_Thursday_heute"


def write_lists(folder, name, lists, header=HEADER):
    """Lists of rows, one for each split, and a folder of frames for each split."""
    for split, rows in lists.items():
        path = folder / "annotations/manual" / name.format(split)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([header, *rows]) + "\n")
        (folder / FRAMES / split).mkdir(parents=True, exist_ok=True)


def write_frames(folder, *clips, count=20):
    for clip in clips:
        (folder / FRAMES / clip).mkdir(parents=True)
        for number in range(count):
            (folder / FRAMES / clip / f"images{number + 1:04d}.png").touch()


def row(sample_id, glosses="WETTER", signer="Signer01", folder=None):
    return f"{sample_id}|{folder or f'{sample_id}/1/*.png'}|{signer}|{glosses}"


LISTS = {"train": [row(f"{DAY}-0", "__ON__ loc-NORD S+H  IX ")], "dev": [row("d", "S+H")], "test": [row("t", "IX")]}
LIST_T = [f"{DAY}-1|{DAY}-1/*.png|-1|-1|Signer08|JETZT WETTER|und nun  das wetter für „morgen“ "]


@pytest.fixture
def release(tmp_path):
    """A release that holds both editions of 2014."""
    root = tmp_path / "phoenix2014-release"
    write_lists(root / "phoenix-2014-multisigner", "{}.corpus.csv", LISTS)
    lists = {split: [row(f"si5-{split}")] for split in ("train", "dev", "test")}
    write_lists(root / "phoenix-2014-signerindependent-SI5", "{}.SI5.corpus.csv", lists)
    return root


@pytest.fixture
def multisigner(release):
    return release / "phoenix-2014-multisigner"


def rewrite(folder, split, *rows, header=HEADER):
    write_lists(folder, "{}.corpus.csv", {split: rows}, header)
    return folder / f"annotations/manual/{split}.corpus.csv"


def test_the_lists_of_2014_become_entries_with_their_raw_glosses(multisigner):
    plan = read_phoenix2014(multisigner)
    assert (plan.info.name, plan.info.fps, plan.info.unit, plan.known_fps) == ("phoenix2014", 25.0, "gloss", True)
    assert (plan.refused, plan.notes) == ((), ())
    assert [(entry.id, entry.split) for entry in plan.entries] == [(f"{DAY}-0", "train"), ("d", "dev"), ("t", "test")]
    first = plan.entries[0]
    assert first.glosses == ("__ON__", "loc-NORD", "S+H", "IX")
    assert (first.signer, first.text, first.frames) == ("Signer01", "", None)
    assert first.video == multisigner / FRAMES / "train" / f"{DAY}-0"


def test_the_lists_of_2014t_bring_the_german_text(tmp_path):
    write_lists(tmp_path / "PHOENIX-2014-T", "PHOENIX-2014-T.{}.corpus.csv", {"train": LIST_T, "dev": []}, HEADER_T)
    for root in (tmp_path, tmp_path / "PHOENIX-2014-T"):
        plan = read_phoenix2014t(root)
        (entry,) = plan.entries
        assert (entry.id, entry.glosses, entry.signer) == (f"{DAY}-1", ("JETZT", "WETTER"), "Signer08")
        assert entry.text == "und nun das wetter für „morgen“"
        assert plan.info.name == "phoenix2014T"


def test_the_release_or_one_of_its_editions_may_be_named(release, multisigner):
    si5 = release / "phoenix-2014-signerindependent-SI5"
    assert read_phoenix2014(release) == read_phoenix2014(multisigner)
    expected = read_phoenix2014(release, signer_independent=True)
    assert expected.info.name == "phoenix2014-SI5"
    assert [entry.id for entry in expected.entries] == ["si5-train", "si5-dev", "si5-test"]
    assert read_phoenix2014(si5) == read_phoenix2014(si5, signer_independent=True) == expected
    with pytest.raises(DataError, match=r"expected train\.SI5\.corpus\.csv; found dev\.corpus\.csv"):
        read_phoenix2014(multisigner, signer_independent=True)


def test_the_broken_clip_is_left_out_with_a_note(release, multisigner):
    (broken,) = BROKEN
    path = rewrite(multisigner, "train", row("a"), row(broken, "A"), row("b"))
    plan = read_phoenix2014(release)
    assert [entry.id for entry in plan.entries[:2]] == ["a", "b"]
    assert plan.refused == ()
    assert plan.notes[0] == (
        f"note: {path}, row 3: {broken} is left out, as in published results: training on it gives no finite loss"
    )


@pytest.mark.parametrize("pattern", ["clip/1/*.png", "clip/*.png"])
@pytest.mark.parametrize("there", ["clip/1", "clip"])
def test_images_are_found_with_and_without_a_folder_1(tmp_path, pattern, there):
    rows = [f"clip|{pattern}|-1|-1|Signer08|A|a"]
    write_lists(tmp_path, "PHOENIX-2014-T.{}.corpus.csv", {"train": rows, "dev": []}, HEADER_T)
    write_frames(tmp_path, f"train/{there}")
    assert read_phoenix2014t(tmp_path).entries[0].video == tmp_path / FRAMES / "train" / there


def test_every_bad_row_is_named_and_the_rest_goes_on(multisigner):
    path = rewrite(
        multisigner, "train",
        row("good"), "short|short/1/*.png|Signer01", row("long") + "|A", row("mute", "  "),
        row("good", folder="x/1/*.png"), row("again", folder="good/1/*.png"),
        row("../../etc"), row("up", folder="../../../etc/1/*.png"), row("root", folder="/etc/*.png"),
        row("all", folder="*.png"), row("one", folder="1/*.png"), row("", folder="y/*.png"),
        row("no\0l"), row("x" * 300), row("anonymous", signer=""), row("last"),
    )  # fmt: skip
    dev = rewrite(multisigner, "dev", row("good"), row("d", folder="../train/good/1/*.png"), row("e"))
    plan = read_phoenix2014(multisigner)
    frames = multisigner / FRAMES / "train"
    example = "expected a folder of images such as ID/1/*.png, found"
    assert list(plan.refused) == [
        f"{path}, row 3: expected 4 fields separated by '|', found 3",
        f"{path}, row 4: expected 4 fields separated by '|', found 5",
        f"{path}, row 14: holds a NUL character",
        f"{path}, row 5: mute has no glosses",
        f"{path}, row 6: the id 'good' stands twice",
        f"{path}, row 7: the folder {frames / 'good'} stands twice",
        f"{path}, row 8: expected a folder below {frames}, found '../../etc/1/'",
        f"{path}, row 9: expected a folder below {frames}, found '../../../etc/1/'",
        f"{path}, row 10: expected a folder below {frames}, found '/etc/'",
        f"{path}, row 11: expected a folder below {frames}, found ''",
        f"{path}, row 12: {example} '1/*.png'",
        f"{path}, row 13: expected an id that can be a file name, received ''",
        f"{path}, row 15: {frames / ('x' * 300)}: cannot be read (File name too long)",
        f"{dev}, row 2: the id 'good' stands twice",
        f"{dev}, row 3: expected a folder below {multisigner / FRAMES / 'dev'}, found '../train/good/1/'",
    ]
    assert [(entry.id, entry.signer) for entry in plan.entries] == [
        ("good", "Signer01"), ("anonymous", "unknown"), ("last", "Signer01"), ("e", "Signer01"), ("t", "Signer01"),
    ]  # fmt: skip


def test_glosses_that_train_lacks_are_noted(multisigner):
    rewrite(multisigner, "dev", row("d1", "S+H NEU"), row("d2", "ANDERS NEU"), row("d3", "IX"))
    assert read_phoenix2014(multisigner).notes == (
        "note: dev: 2 glosses in 2 clips are not in train, so that they cannot be learned (ANDERS, NEU)",
    )


@pytest.mark.parametrize("absent", ["annotations/manual/test.corpus.csv", f"{FRAMES}/test"])
def test_a_release_without_test_gives_an_empty_test_split(tmp_path, multisigner, absent):
    path = multisigner / absent
    path.rmdir() if path.is_dir() else path.unlink()
    write_frames(multisigner, f"train/{DAY}-0/1")
    lines = assemble(read_phoenix2014(multisigner), tmp_path / "out", Assembly(landmarks=False))
    assert f"note: {path} is missing, so that the test split is empty" in lines
    assert Corpus(tmp_path / "out").split("test") == []


@pytest.mark.parametrize("absent", ["train", "dev"])
def test_a_missing_list_or_folder_of_frames_is_an_error(multisigner, absent):
    (multisigner / FRAMES / absent).rmdir()
    with pytest.raises(DataError, match=f"fullFrame-210x260px: expected {absent}; found "):
        read_phoenix2014(multisigner)
    (multisigner / f"annotations/manual/{absent}.corpus.csv").unlink()
    with pytest.raises(DataError, match=rf"annotations/manual: expected {absent}\.corpus\.csv; found .*test\.corpus"):
        read_phoenix2014(multisigner)


def test_another_folder_is_told_what_is_expected_and_what_is_there(tmp_path):
    layout = "annotations/manual and features/fullFrame-210x260px, or a folder phoenix-2014-multisigner with them"
    with pytest.raises(DataError, match=f"none: does not exist; expected {layout}"):
        read_phoenix2014(tmp_path / "none")
    with pytest.raises(DataError, match=f"expected {layout}; found an empty folder"):
        read_phoenix2014(tmp_path)
    for name in "hgfedcba":
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=f"expected {layout}; found a, b, c, d, e and 3 more"):
        read_phoenix2014(tmp_path)
    with pytest.raises(DataError, match=r"a: is no folder; expected .* or a folder PHOENIX-2014-T with them"):
        read_phoenix2014t(tmp_path / "a")
    (tmp_path / "phoenix-2014-multisigner/annotations/manual").mkdir(parents=True)
    with pytest.raises(DataError, match=f"phoenix-2014-multisigner: expected {layout}; found annotations"):
        read_phoenix2014(tmp_path)


def test_the_header_of_another_edition_is_an_error(multisigner):
    rewrite(multisigner, "dev", header=HEADER_T)
    with pytest.raises(
        DataError, match=r"dev\.corpus\.csv: expected the header id\|folder\|signer\|annotation, found "
    ):
        read_phoenix2014(multisigner)


def test_the_command_refuses_clips_without_images_and_writes_the_rest(
    tmp_path, release, multisigner, capsys, monkeypatch
):
    rewrite(multisigner, "train", row("here"), row("gone"), row("empty"), row("brief", "A B C D E F G"))
    write_frames(multisigner, "train/here/1", "train/brief/1", "dev/d/1", "test/t/1")
    (multisigner / FRAMES / "train/empty/1").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    code = cli.main(["prepare", "phoenix2014", "--root", release.name, "--out", "out", "--no-landmarks"])
    stdout, stderr = capsys.readouterr()
    frames = multisigner / FRAMES / "train"
    assert code == 1
    assert stdout == "wrote out (3 left out)\n"
    assert [line for line in stderr.splitlines() if not line.startswith(("note: ", "count: "))] == [
        f"{frames / 'gone'}: does not exist",
        f"{frames / 'empty' / '1'}: holds no image (.png, .jpg, .jpeg)",
        "train: brief: 20 frames are too few for 7 glosses (needs more than 24); left out",
    ]
    corpus = Corpus(tmp_path / "out")
    (sample,) = corpus.split("train")
    assert (sample.id, sample.frames, sample.video) == ("here", 20, str(frames / "here" / "1"))
    assert [len(corpus.split(split)) for split in ("dev", "test")] == [1, 1]
    assert corpus.info.fps == 25.0


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1), junk=st.binary(max_size=12), cut=st.integers(0, 40))
def test_damaged_lists_give_entries_below_the_release_or_a_data_error(multisigner, place, junk, cut):
    whole = "\n".join([HEADER, *(row(f"{DAY}-{number}", "WETTER MORGEN") for number in range(5))]).encode()
    at = int(place * len(whole))
    (multisigner / "annotations/manual/train.corpus.csv").write_bytes(whole[:at] + junk + whole[at + cut :])
    try:
        plan = read_phoenix2014(multisigner)
    except DataError:
        return
    assert all("train.corpus.csv, row " in line for line in plan.refused)
    for entry in plan.entries:
        assert entry.video.is_relative_to(multisigner / FRAMES / entry.split)
        assert ".." not in entry.video.parts
        assert entry.glosses
