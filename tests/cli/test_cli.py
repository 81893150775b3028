"""The command line as a user meets it: messages, exit codes, and the whole chain."""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import isolated
from tf_slr.cli import main as cli
from tf_slr.corpus.manifest import Corpus

ROOT = Path(__file__).parents[2]


def tf_slr(*arguments, code=0, **surroundings):
    """Run the command in a process of its own, as installed; returns (stdout, stderr)."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"} | surroundings
    command = [sys.executable, "-m", "tf_slr", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def test_prepare_check_and_its_faults(tmp_path):
    signs = isolated(tmp_path / "signs.npz")
    out = tmp_path / "corpus"
    arguments = ("--sentences", 5, "--dev-sentences", 2, "--test-sentences", 2, "--background", "REST")
    stdout, stderr = tf_slr("prepare", "isolated", "--train", signs, "--out", out, *arguments)
    assert stdout == f"wrote {out}\n"
    assert stderr == ""
    assert Corpus(out).info.name == "corpus"
    assert "no fault" in tf_slr("check", out)[0]
    (out / "landmarks/dev-00001.npz").unlink()
    stdout, stderr = tf_slr("check", out, code=1)
    assert stderr.count("\n") == 1
    assert "dev-00001.npz" in stderr
    (tmp_path / "broken.npz").write_bytes(b"broken")
    _, stderr = tf_slr("prepare", "isolated", "--train", tmp_path / "broken.npz", "--out", tmp_path / "no", code=1)
    assert stderr.startswith(f"error: {tmp_path / 'broken.npz'}: ")
    assert not (tmp_path / "no").exists()


def test_evaluate_a_run_and_its_bundle(tiny_run, tiny_bundle, tiny_corpus):
    float_result = json.loads(tf_slr("evaluate", "--run", tiny_run, "--split", "test", "--json")[0])
    int8_result = json.loads(
        tf_slr("evaluate", "--bundle", tiny_bundle, "--corpus", tiny_corpus, "--split", "test", "--json")[0]
    )
    assert float_result["sentences"] == int8_result["sentences"] == 16
    assert float_result["wer"] < 0.3
    assert abs(float_result["wer"] - int8_result["wer"]) < 0.1
    assert float_result["groups"].keys() == {"known signers"}
    stdout, _ = tf_slr("evaluate", "--run", tiny_run, "--split", "test", "--beam", "8")
    assert "WER" in stdout
    assert stdout.count("\n") == 2


def test_recognize_names_bad_clips_and_goes_on(tmp_path, tiny_bundle, tiny_corpus):
    good = tiny_corpus / "landmarks/test-00000.npz"
    empty, nobody, wrong = tmp_path / "empty.npz", tmp_path / "nobody.npz", tmp_path / "wrong.npz"
    empty.write_bytes(b"")
    np.savez(nobody, landmarks=np.full((9, 92, 3), np.nan, np.float32))
    np.savez(wrong, landmarks=np.zeros((9, 91, 3), np.float32))
    stdout, stderr = tf_slr("recognize", "--bundle", tiny_bundle, empty, good, nobody, wrong, "gone.npz", code=1)
    assert stdout.startswith(f"{good}: ")
    assert stdout.count(".npz: ") == 1
    lines = stderr.splitlines()
    assert len(lines) == 4
    assert all(str(path) in line for path, line in zip((empty, nobody, wrong, "gone.npz"), lines, strict=True))
    results = json.loads(tf_slr("recognize", "--bundle", tiny_bundle, good, "--json")[0])
    assert results[0]["clip"] == str(good)
    assert results[0]["glosses"][0].keys() == {"gloss", "start", "end", "confidence"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--corpus", "nowhere", "--run", "r"], "nowhere: does not exist; expected a corpus"),
        (["evaluate", "--run", "nowhere"], "nowhere"),
        (["evaluate"], "either --run or --bundle"),
        (["evaluate", "--bundle", "b"], "b: does not exist; expected a bundle"),
        (["recognize", "--bundle", "nowhere", "a.npz"], "nowhere: does not exist; expected a bundle"),
        (["check", "nowhere"], "nowhere: does not exist; expected a corpus"),
        (["prepare", "boston104", "--root", "nowhere", "--out", "o"], "nowhere: does not exist; expected a folder"),
    ],
)
def test_use_errors_are_one_line_and_exit_with_1(arguments, message):
    _, stderr = tf_slr(*arguments, code=1)
    assert message in stderr
    assert stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["prepare", "signsynth", "--out", "o", "--nothing"], "unrecognized arguments: --nothing"),
        (["prepare", "signsynth"], "the following arguments are required: --out"),
        (["prepare", "signsynth", "--out", "o", "--train", "many"], "invalid int value: 'many'"),
        (["prepare", "videos", "--shard", "3"], "argument --shard: expected two numbers such as 2/8"),
    ],
)
def test_arguments_that_do_not_parse_exit_with_1_too(capsys, arguments, message):
    with pytest.raises(SystemExit) as leaving:
        cli.main(arguments)
    assert leaving.value.code == 1
    usage, said = capsys.readouterr().err.split("error: ")
    assert usage.startswith("usage: tf-slr")
    assert message in said


def parsers(parser):
    """A parser and those of all its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from parsers(below)


def test_help_shows_defaults_where_there_are_any():
    for parser in parsers(cli._parser()):
        text = " ".join(parser.format_help().split())
        for nothing in ("(default: None)", "(default: [])", "(default: False)", "(default: )"):
            assert nothing not in text, parser.prog
    (train,) = (parser for parser in parsers(cli._parser()) if parser.prog == "tf-slr train")
    assert "--recipe RECIPE name of a shipped recipe, or path of a .toml file (default: default)" in " ".join(
        train.format_help().split()
    )


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [("--set", "model.widht=3", "did you mean model.width"), ("--recipe", "nothing", "no recipe 'nothing'")],
)
def test_an_unknown_recipe_or_key_is_refused(tiny_corpus, tmp_path, option, value, message):
    arguments = ("train", "--corpus", tiny_corpus, "--run", tmp_path / "r", option, value)
    assert message in tf_slr(*arguments, code=1)[1]
    assert not (tmp_path / "r").exists()


def test_an_empty_dev_split_is_refused_before_training(tiny_corpus, tmp_path):
    corpus = shutil.copytree(tiny_corpus, tmp_path / "corpus")
    header = (corpus / "dev.csv").read_text().splitlines(keepends=True)[0]
    (corpus / "dev.csv").write_text(header)
    _, stderr = tf_slr("train", "--corpus", corpus, "--run", tmp_path / "r", code=1)
    assert "dev split has no usable sample" in stderr
    assert not (tmp_path / "r").exists()


def test_a_reader_that_has_seen_enough_is_no_error(tiny_bundle, tiny_corpus):
    clips = sorted((tiny_corpus / "landmarks").glob("*.npz"))
    command = [sys.executable, "-m", "tf_slr", "recognize", "--bundle", tiny_bundle, *clips]
    process = subprocess.Popen(list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0


def test_a_bug_exits_with_2(capsys):
    assert cli.guarded(lambda: 1 // 0) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_full_memory_is_no_bug(capsys):
    def take():
        raise MemoryError

    assert cli.guarded(take) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: the memory is full; ")
    assert said.count("\n") == 1


def test_a_missing_extra_is_named(capsys):
    def need():
        raise ImportError("No module named 'mediapipe'", name="mediapipe")

    assert cli.guarded(need) == 1
    assert "tf_slr[video]" in capsys.readouterr().err


def test_a_read_only_output_is_a_plain_error(tmp_path, capsys):
    def write():
        from tf_slr.core import files

        (tmp_path / "file").write_text("")
        files.write_text(tmp_path / "file" / "below.txt", "x")
        return 0

    assert cli.guarded(write) == 1
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("arguments", [("check",), ("evaluate", "--split", "x"), ("nothing",)])
def test_a_wrong_option_is_the_users_mistake(arguments):
    _, stderr = tf_slr(*arguments, code=1)
    assert "error: " in stderr
