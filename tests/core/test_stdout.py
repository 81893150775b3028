"""What is printed: a terminal shows the user's names and obeys none of them."""

import io
import json
import sys

import pytest

from tf_slr.cli.main import main
from tf_slr.core.stdout import print_json, printable, say

RED = "\x1b[31mRED\x07"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (RED, r"\x1b[31mRED\x07"),
        ("a\nb\tc", r"a\nb\tc"),
        ("CSI \x9b2J", r"CSI \x9b2J"),
        ("gpj\u202e.exe", r"gpj\u202e.exe"),
        ("A\u200b", r"A\u200b"),
        ("\udcff.mp4", r"\udcff.mp4"),
        ("KÖNIG 天气 می\u200cروم", "KÖNIG 天气 می\u200cروم"),
        ("C:\\x1b", "C:\\x1b"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text, shown):
    stream = io.StringIO()
    say(text, file=stream)
    assert stream.getvalue() == shown + "\n"
    assert printable(shown) == shown


def test_json_is_exact_and_shows_only(capsys):
    content = {"gloss": RED, "other": "\x9b \x7f \u202e KÖNIG"}
    print_json(content)
    written = capsys.readouterr().out
    assert json.loads(written) == content
    assert written.rstrip("\n").isprintable()


@pytest.fixture
def transcripts(tmp_path):
    """A hypothesis and a reference whose names hold escape sequences."""
    ctm, stm = tmp_path / "x.ctm", tmp_path / "y.stm"
    ctm.write_text(f"clip{RED} 1 0.0 0.1 {RED}\n")
    stm.write_text(f"clip{RED} 1 s 0 1 WORD{RED}\nother{RED} 1 s 0 1 A\n")
    return ["score", "--hyp", str(ctm), "--ref", str(stm)]


@pytest.mark.parametrize("more", [(), ("--sentences",), ("--json",)])
def test_names_of_a_transcript_are_shown_only(transcripts, capsys, monkeypatch, more):
    monkeypatch.setattr(sys.stdout, "reconfigure", lambda **options: None, raising=False)
    assert main([*transcripts, *more]) == 0
    out, err = capsys.readouterr()
    assert (out + err).replace("\n", "").isprintable()
    assert r"other\x1b[31mRED\x07" in err
    if more == ("--sentences",):
        assert r"clip\x1b[31mRED\x07  WER" in out
    if more == ("--json",):
        assert json.loads(out)["results"][0]["alignment"] == [[f"WORD{RED}", RED]]


def test_a_name_in_an_error_is_shown_only(capsys):
    assert main(["check", f"gone{RED}"]) == 1
    said = capsys.readouterr().err
    assert r"gone\x1b[31mRED\x07" in said
    assert said.replace("\n", "").isprintable()
