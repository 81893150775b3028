"""Subtitles: what a strict reader of each format gets back is what was recognised, when it was."""

import html
import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.formats.subtitles import Cue, cues, shown_at, to_srt, to_webvtt

# What a reader cannot tell from our own replacements is left out.
LETTERS = st.characters(exclude_categories=("Cs", "Cc", "Z"), exclude_characters="\u200b\uff5b\uff5d")
GLOSS = st.text(LETTERS, min_size=1, max_size=8) | st.sampled_from(
    ["-->", "<i>", "A&B", "&lt;", "{\\an8}", "天气", "00:00:01,000-->00:00:02,000", "WEBVTT", "NOTE", "2"]
)
WORDS = st.lists(
    st.tuples(GLOSS, st.floats(0, 20_000), st.floats(0.0, 3)).map(lambda word: (word[0], word[1], word[1] + word[2])),
    max_size=12,
)


def plain(text):
    """A SubRip text without what keeps players from reading markup into it."""
    return text.replace("\u200b", "").translate({0xFF5B: "{", 0xFF5D: "}"})


def read_srt(text):
    """Cues of a SubRip text by its grammar; anything else fails."""
    for number, block in enumerate(text.split("\n\n") if text else [], start=1):
        name, times, *lines = block.removesuffix("\n").split("\n")
        assert name == str(number)
        found = re.fullmatch(r"(\d{2,}):([0-5]\d):([0-5]\d),(\d{3}) --> (\d{2,}):([0-5]\d):([0-5]\d),(\d{3})", times)
        assert len(lines) == 1
        assert "-->" not in lines[0]
        assert not re.search(r"<\w|[{}]", lines[0])
        yield Cue(*clock(found), plain(lines[0]))


def read_webvtt(text):
    """Cues of a WebVTT text by its grammar; anything else fails."""
    head, *blocks = text.split("\n\n")
    assert head.strip() == "WEBVTT"
    for block in blocks:
        times, *lines = block.removesuffix("\n").split("\n")
        found = re.fullmatch(r"(\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3}) --> (\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3})", times)
        assert len(lines) == 1
        assert "<" not in lines[0]
        assert "-->" not in lines[0]
        assert re.sub(r"&(amp|lt|gt);", "", lines[0]).count("&") == 0
        yield Cue(*clock(found), html.unescape(lines[0]))


def clock(found):
    hours, minutes, seconds, rest = (tuple(map(int, found.groups()))[part::4] for part in range(4))
    return [((hours[i] * 60 + minutes[i]) * 60 + seconds[i]) * 1000 + rest[i] for i in (0, 1)]


@given(WORDS)
def test_what_is_written_is_read_back(words):
    shown = cues(words)
    assert [cue.text for cue in read_webvtt(to_webvtt(shown))] == [cue.text for cue in shown]
    assert list(read_webvtt(to_webvtt(shown))) == shown
    assert list(read_srt(to_srt(shown))) == shown


@given(WORDS)
def test_no_cue_is_empty_or_overlaps_and_every_gloss_is_shown_at_its_beginning(words):
    shown = cues(words)
    assert all(cue.start < cue.end for cue in shown)
    assert all(a.end <= b.start for a, b in itertools.pairwise(shown))
    for gloss, start, _ in words:
        assert gloss in shown_at(shown, start)
    assert sum(len(cue.text.split(" ")) for cue in shown) == len(words)


def test_a_gloss_stays_until_it_was_read_or_the_next_one_begins():
    shown = cues([("B", 2.0, 2.1), ("A", 1.5, 1.6), ("C", 5.0, 7.5)])
    assert shown == [Cue(1500, 2000, "A"), Cue(2000, 2700, "B"), Cue(5000, 7500, "C")]
    assert [shown_at(shown, moment) for moment in (1.4, 1.5, 1.999, 2.0, 2.7, 7.5)] == ["", "A", "A", "B", "", ""]


def test_the_formats_to_the_letter():
    shown = cues([("KÖNIG", 0.08, 0.12), ("<VIEL>&", 3661.5, 3662.5)])
    assert to_srt(shown) == (
        "1\n00:00:00,080 --> 00:00:00,780\nKÖNIG\n\n2\n01:01:01,500 --> 01:01:02,500\n<\u200bVIEL>&\n"
    )
    assert to_webvtt(shown) == (
        "WEBVTT\n\n00:00:00.080 --> 00:00:00.780\nKÖNIG\n\n"
        "01:01:01.500 --> 01:01:02.500\n&lt;VIEL&gt;&amp;\n"
    )  # fmt: skip
    assert to_srt([]) == ""
    assert to_webvtt([]) == "WEBVTT\n"


# Its WebVTT reader mars braces by itself.
@pytest.mark.parametrize(("write", "suffix", "gloss"), [(to_srt, "srt", "{\\an8}X"), (to_webvtt, "vtt", "A&B")])
def test_ffmpeg_reads_the_same(tmp_path, write, suffix, gloss):
    av = pytest.importorskip("av")
    shown = cues([("A<i>B", 0.08, 0.2), ("-->", 1.0, 1.5), (gloss, 2.0, 3.0), ("天气&amp;", 3.0, 4.0)])
    path = tmp_path / f"cues.{suffix}"
    path.write_text(write(shown), encoding="utf-8")
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux() if packet.size]
    assert [(packet.pts, packet.pts + packet.duration) for packet in packets] == [(c.start, c.end) for c in shown]
    texts = [b"".join(part.dialogue for part in packet.decode()).decode() for packet in packets]
    assert [plain(text) for text in texts] == [cue.text for cue in shown]
