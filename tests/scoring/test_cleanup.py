"""The corpora's clean-up rules, rule by rule, and scoring by them from the command line."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.cli import main as cli
from tf_slr.scoring.cleanup import RULES

MARKED = st.sampled_from(
    ["loc-", "cl-", "poss-", "neg-", "__ON__", "__PU__", "NORD", "RAUM", "ZEIGEN", "-PLUSPLUS", "a"]
)
marked_glosses = st.lists(st.lists(MARKED, min_size=1, max_size=3).map("".join), max_size=6)


@pytest.mark.parametrize(
    ("glosses", "phoenix2014", "phoenix2014T"),
    [
        ("loc-REGION cl-KOMMEN", "REGION KOMMEN", "REGION KOMMEN"),
        ("poss-EUCH qu-WAS lh-IX", "EUCH WAS IX", "POSS-EUCH QU-WAS LH-IX"),
        ("neg-HABEN negalp-KEIN", "NEG-HABEN NEGALP-KEIN", "NEG-HABEN NEGALP-KEIN"),
        ("__ON__ A __OFF__", "__ON__ A __OFF__", "A"),
        ("__PU__ __EMOTION__ A __LEFTHAND__ __EPENTHESIS__", "A", "A"),
        ("S0NNE HABEN2", "SONNE HABEN", "S0NNE HABEN2"),
        ("ZEIGEN ANZEIGEN ZEIGEN-BILDSCHIRM", "ZEIGEN-BILDSCHIRM ANZEIGEN-BILDSCHIRM ZEIGEN-BILDSCHIRM",
         "ZEIGEN ANZEIGEN ZEIGEN-BILDSCHIRM"),
        ("NORDRAUM TRAUM RAUM", "NORD TRAUM RAUM", "NORD T RAUM"),
        ("loc-ORT-PLUSPLUS REGEN-PLUSPLUS", "ORT REGEN", "ORT REGEN"),
        # Neighbours that the clean-up makes equal: two glosses for one script, one for the other.
        ("NORD loc-NORD __PU__ NORDRAUM A", "NORD NORD NORD A", "NORD A"),
        # The scripts see one gloss a line, so their rules for two glosses never apply.
        ("WIE AUSSEHEN S H", "WIE AUSSEHEN S H", "WIE AUSSEHEN S H"),
        ("[EMPTY]", "", ""),
        ("__PU__", "", ""),
    ],
)  # fmt: skip
def test_rules_of_phoenix(glosses, phoenix2014, phoenix2014T):  # noqa: N803
    assert RULES["phoenix2014"].hypothesis(glosses.split()) == phoenix2014.split()
    assert RULES["phoenix2014T"].hypothesis(glosses.split()) == phoenix2014T.split()


def test_csl_daily_merges_repeats_and_changes_no_gloss():
    assert RULES["csl-daily"].hypothesis("爱-1 按 按 loc-A 按".split()) == "爱-1 按 loc-A 按".split()
    assert RULES["none"].hypothesis("按 按 loc-A __ON__".split()) == "按 按 loc-A __ON__".split()


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_references_are_left_as_they_come(rules):
    reference = ["loc-NORD", "NORD", "NORD", "__PU__"]
    assert [gloss.upper() for gloss in rules.reference(reference)] == [gloss.upper() for gloss in reference]


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
@given(glosses=marked_glosses)
def test_no_rules_leave_empty_glosses_or_what_they_should_have_merged(rules, glosses):
    cleaned = rules.hypothesis(glosses)
    assert "" not in cleaned
    if rules.merge_repeats:
        assert all(one != next_one for one, next_one in itertools.pairwise(cleaned))
    if rules.ignore_case:
        assert cleaned == rules.reference([gloss.lower() for gloss in cleaned])


@pytest.fixture
def transcripts(tmp_path):
    ctm, stm = tmp_path / "h.ctm", tmp_path / "r.stm"
    stm.write_text(
        "a 1 s 0.0 1.79769e+308 __ON__ NORD REGEN\nb 1 s 0.0 1.79769e+308 WIND WEHEN\nc 1 s 0.0 1.0 上海 热\n"
    )
    ctm.write_text("a 1 0.1 0.1 loc-NORD\na 1 0.0 0.1 __on__\na 1 0.2 0.1 SONNE\nc 1 0.0 0.1 上海\nc 1 0.5 0.1 多\n")
    return ctm, stm


def score(transcripts, *options, code=0):
    ctm, stm = transcripts
    assert cli.main(["score", "--hyp", str(ctm), "--ref", str(stm), *options]) == code


def test_score_by_rules(transcripts, capsys):
    score(transcripts, "--rules", "phoenix2014", "--json")
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert result["wer"] == 4 / 7
    assert (result["substitutions"], result["deletions"], result["insertions"]) == (2, 2, 0)
    assert (result["glosses"], result["sentences"], result["missing"]) == (7, 3, ["b"])
    assert result["results"][0] == {
        "id": "a", "wer": 1 / 3, "substitutions": 1, "deletions": 0, "insertions": 0, "glosses": 3,
        "alignment": [["__ON__", "__ON__"], ["NORD", "NORD"], ["REGEN", "SONNE"]],
    }  # fmt: skip
    assert result["results"][1]["alignment"] == [["WIND", None], ["WEHEN", None]]
    assert err == "note: 1 of 3 sentences have no hypothesis and count as deleted: b\n"
    score(transcripts, "--json")
    assert json.loads(capsys.readouterr().out)["wer"] == 6 / 7


def test_score_for_the_eye(transcripts, capsys):
    score(transcripts, "--rules", "phoenix2014T", "--sentences")
    out, err = capsys.readouterr()
    sentences = out.split("\n\n")
    assert sentences[0].splitlines() == [
        "a  WER  66.67 %  (1 substituted, 1 deleted, 0 inserted of 3 glosses)",
        "  REF  __ON__ NORD REGEN",
        "  HYP  ***    NORD SONNE",
        "       D           S",
    ]
    # Chinese characters are two columns wide.
    assert sentences[2].splitlines()[1:] == ["  REF  上海 热", "  HYP  上海 多", "            S"]
    assert sentences[3].startswith("WER  71.43 %  (2 substituted, 3 deleted, 0 inserted of 7 glosses)  3 sentences")
    assert "1 glosses of the references are not clean" in err
    assert "__ON__" in err


def test_a_hypothesis_without_reference_is_an_error(transcripts, capsys):
    with transcripts[0].open("a") as stream:
        stream.write("stranger 1 0.0 0.1 A\n")
    score(transcripts, code=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: the hypotheses have utterances that the references lack: stranger\n"


def test_nothing_recognised_at_all(transcripts, capsys):
    transcripts[0].write_text("")
    score(transcripts, "--rules", "csl-daily", "--json")
    result = json.loads(capsys.readouterr().out)
    assert result["wer"] == 1
    assert result["missing"] == ["a", "b", "c"]


def test_a_damaged_file_is_one_line(transcripts, capsys):
    transcripts[1].write_bytes(b"\0" * 1000)
    score(transcripts, code=1)
    assert capsys.readouterr().err == f"error: {transcripts[1]}, row 1: holds a NUL byte; expected text\n"
