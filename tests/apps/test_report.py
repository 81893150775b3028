"""The report: a browser shows what was measured, whatever the glosses say, and asks nobody for anything."""

import itertools
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny_corrector import write_corrected_bundle
from tests.tiny_video import write_tiny_video
from tests.tools.test_tools import benched  # noqa: F401
from tests.training.test_crkd import TEACHER, untrained_run
from tf_slr.apps.report.charts import Line, line_chart
from tf_slr.apps.report.gather import CORRECTED, FP32, INT8, Example, Facts, gather
from tf_slr.apps.report.markup import join, tag
from tf_slr.apps.report.mistakes import Mistakes, telling
from tf_slr.apps.report.page import render
from tf_slr.core import files
from tf_slr.core.errors import DataError
from tf_slr.core.landmarks import Clip
from tf_slr.corpus.manifest import Corpus, CorpusInfo, Sample
from tf_slr.correction.edits import Margins
from tf_slr.features.batches import FeatureOptions
from tf_slr.runtime.decoder import Word
from tf_slr.runtime.recognizer import Recognizer
from tf_slr.scoring.wer import align
from tf_slr.training.evaluation import Evaluation
from tf_slr.training.reporting import evaluate_model
from tf_slr.training.runs import Run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
VOID = {"meta"}
HOSTILE = '<img src="http://evil.example/x.png" onerror=alert(1)>'


class Page(HTMLParser):
    """What a parser makes of a page: its elements and text; a tag that is not closed in its place fails."""

    def __init__(self, content):
        super().__init__()
        self.open, self.elements, self.attributes, self.texts = [], [], [], []
        self.feed(content)
        self.close()
        assert not self.open

    def handle_startendtag(self, name, attributes):
        self.elements.append(name)
        self.attributes += attributes

    def handle_starttag(self, name, attributes):
        self.handle_startendtag(name, attributes)
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, text):
        if self.open[-1:] != ["style"]:
            self.texts.append(text)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.texts))


def assert_self_contained(content):
    page = Page(content)
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "a", "base"} & set(page.elements)
    assert not any(name.startswith("on") or name in ("src", "href", "srcset") for name, _ in page.attributes)
    assert not re.search(r"url\(|@import|expression\(", re.search(r"<style>(.*?)</style>", content, re.S)[1])
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes
    return page


@pytest.fixture(scope="module")
def report(tmp_path_factory, tiny_run, tiny_bundle, benched):  # noqa: F811
    """The page of the tiny run, and every result as JSON."""
    out = tmp_path_factory.mktemp("report")
    command = [sys.executable, ROOT / "tools/html_report.py", "--run", tiny_run, "--bundle", tiny_bundle,
               "--bench", benched[0], "--out", out / "report.html", "--json", out / "results.json"]  # fmt: skip
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"wrote {out / 'report.html'}" in done.stdout
    return out / "report.html", json.loads((out / "results.json").read_text())


def test_the_page_tells_what_was_measured(report, benched, tiny_corpus):  # noqa: F811
    page = assert_self_contained(report[0].read_text(encoding="utf-8"))
    for split, by_model in report[1].items():
        for model, result in by_model.items():
            assert f"{100 * result['wer']:.1f} %" in page.text, (split, model)
    test = report[1]["test"]["INT8"]
    assert f" {test['substitutions']} {test['deletions']} {test['insertions']} {test['glosses']} 16 " in page.text
    bench = json.loads(benched[0].read_text())
    assert f"{bench['threads']['1']['INT8']['p50_ms']:.2f}" in page.text
    assert f"{bench['stages_ms']['network, INT8']:.3f}" in page.text
    for words in ("forced alignment", "Licence none", 'kind = "mslr"', "seed 0", "Held-out", "CTC, sequence"):
        assert words in page.text
    assert page.elements.count("polyline") >= 4
    assert ("class", "limb right") in page.attributes


chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def browse(folder, path, *options):
    """Run a headless browser on a page; its standard output, and every address that the page made it ask."""
    log = folder / "net.json"
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
               "--disable-background-networking", "--disable-component-update", "--disable-sync",
               "--disable-default-apps", f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", *options,
               path.as_uri()]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    # One event a line; what the browser asks by itself, such as for updates, has no origin.
    asked = re.findall(r'"initiator":"(?!not an origin)[^"]*".*?"url":"([^"]+)"', log.read_text(errors="replace"))
    return done.stdout, [address for address in asked if not address.startswith(("file:", "data:"))]


@pytest.mark.skipif(chromium is None, reason="no Chromium is installed")
def test_a_browser_shows_it_and_asks_nobody(report, tmp_path):
    dom, asked = browse(tmp_path, report[0], "--dump-dom")
    assert not asked
    page = Page(dom.replace("<!DOCTYPE html>", ""))
    assert f"{100 * report[1]['test']['INT8']['wer']:.1f} %" in page.text
    assert page.elements.count("section") == 7
    asking = tmp_path / "asking.html"
    asking.write_text('<img src="http://127.0.0.1:9/x.png">')
    assert browse(tmp_path, asking, "--dump-dom")[1] == ["http://127.0.0.1:9/x.png"]


# What a browser has laid out, told by itself; the page allows no script, so that its copy is given leave for this one.
MEASURE = """<script>addEventListener("load", () => {
  const box = one => { const r = one.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
  const all = selector => [...document.querySelectorAll(selector)];
  const rolling = one => one.closest(".scroll");
  const colour = (one, name) => getComputedStyle(one)[name].match(/[\\d.]+/g).slice(0, 3).map(Number);
  const card = document.querySelector("section");
  document.body.dataset.measured = JSON.stringify({
    width: innerWidth, page: document.documentElement.scrollWidth,
    sections: all("section").map(box), headings: all("h1, h2").map(box),
    drawings: all("svg, table, li, p, .card").filter(one => !rolling(one)).map(box),
    rolls: all(".scroll").map(box),
    columns: all(".columns").map(one => getComputedStyle(one).gridTemplateColumns.split(" ").length),
    paper: colour(document.body, "backgroundColor"), card: colour(card, "backgroundColor"),
    texts: all("h1, h2, p, td, th, .quiet").map(one => colour(one, "color")),
  });
});</script>"""


def measured(folder, page, *options):
    """The layout of a page in a browser, as `MEASURE` tells it."""
    content = page.read_text(encoding="utf-8")
    allowed = content.replace('content="default-src ', 'content="script-src &#39;unsafe-inline&#39;; default-src ')
    assert allowed != content
    (folder / "measured.html").write_text(allowed.replace("</body>", f"{MEASURE}</body>"), encoding="utf-8")
    dom, _ = browse(folder, folder / "measured.html", "--dump-dom", *options)
    return json.loads(dict(Page(dom.replace("<!DOCTYPE html>", "")).attributes)["data-measured"])


def luminance(colour):
    """Of an sRGB colour from 0 to 255, as WCAG defines it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.skipif(chromium is None, reason="no Chromium is installed")
@pytest.mark.parametrize(("where", "width", "options"), [
    ("desk", 1200, []), ("desk at night", 1200, ["--blink-settings=preferredColorScheme=0"]), ("phone", 500, []),
])  # fmt: skip
def test_it_is_laid_out_for_desks_and_phones_by_day_and_night(report, tmp_path, where, width, options):
    found = measured(tmp_path, report[0], f"--window-size={width},1600", *options)
    assert found["width"] == width
    assert found["page"] <= width  # what is too wide rolls within its own frame
    for kind in ("sections", "headings", "drawings", "rolls"):
        assert found[kind]
        for left, top, right, bottom in found[kind]:
            assert 0 <= left < right <= width, kind
            assert top < bottom, kind
    assert len(found["sections"]) == 7
    for (*_, bottom), (_, top, *_) in itertools.pairwise(found["sections"]):
        assert bottom < top
    assert max(found["columns"]) == (1 if where == "phone" else 2)
    for ground in (found["paper"], found["card"]):
        assert luminance(ground) < 0.1 if where == "desk at night" else luminance(ground) > 0.8
        for text in found["texts"]:
            dark, light = sorted((luminance(ground), luminance(text)))
            assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2, level AA


def test_the_network_is_loaded_once(tiny_run, tiny_bundle, monkeypatch):
    loaded = []
    network = Run.network
    monkeypatch.setattr(Run, "network", lambda run: loaded.append(run) or network(run))
    facts = gather(tiny_run, tiny_bundle)
    assert len(loaded) == 1
    for example in facts.examples:
        assert [word.gloss for word in example.hypothesis] == [b for _, b in example.pairs if b is not None]
        assert [word.gloss for word in example.reference] == list(example.sample.glosses)
        for words in (example.hypothesis, example.reference):
            assert all(0 <= a.start < a.end <= example.seconds for a in words)


def test_a_corrected_row_shows_what_people_get_from_the_bundle(tiny_run, tiny_bundle, tmp_path):
    bundle = write_corrected_bundle(tmp_path, tiny_bundle, Margins(-3, -3, -3, -3))
    facts = gather(tiny_run, bundle)
    people, corpus = Recognizer.load(bundle), Run(tiny_run).corpus()
    for split in ("dev", "test"):
        evaluated = facts.evaluations[split]
        assert evaluated[CORRECTED].hypotheses == tuple(
            people.transcribe(corpus.clip(sample)).glosses for sample in corpus.split(split)
        )
        assert facts.results()[split]["corrected"]["wer"] == evaluated[CORRECTED].wer > evaluated[INT8].wer
    # Mistakes and examples stay the student's.
    assert facts.mistakes["test"] == Mistakes.of(evaluated[INT8])
    page = assert_self_contained(render(facts, "python"))
    errors, plain = evaluated[CORRECTED].errors(), evaluated[FP32].wer
    rates = f"{100 * plain:.1f} % {100 * errors.wer:.1f} % {100 * (errors.wer - plain):+.1f}"
    counts = f"{errors.substitutions} {errors.deletions} {errors.insertions} {errors.reference} 16"
    assert f"test, corrected {rates} {counts} " in page.text


def test_without_a_bundle_the_float_model_is_shown(tiny_run):
    facts = gather(tiny_run)
    assert facts.used == FP32
    text = assert_self_contained(render(facts, "python")).text
    assert "INT8 WER" not in text
    assert "orrected" not in text
    assert "Speed and size" not in text


def test_what_another_tool_measured_is_refused(tmp_path, tiny_run):
    (tmp_path / "bench.json").write_text('{"streams": []}')
    with pytest.raises(DataError, match=r"bench\.json: expected what tools/bench\.py measured"):
        gather(tiny_run, bench=tmp_path / "bench.json")


def test_a_run_that_is_not_finished_is_refused(tmp_path, tiny_run):
    shutil.copytree(tiny_run, tmp_path / "run")
    (tmp_path / "run" / "summary.json").unlink()
    with pytest.raises(DataError, match=r"summary\.json"):
        gather(tmp_path / "run")


def evaluation(sentences):
    samples = tuple(
        Sample(f"clip{i}", f"signer{i % 2}", 60, tuple(reference.split()), landmarks="x")
        for i, (reference, _) in enumerate(sentences)
    )
    return Evaluation(samples, tuple(tuple(hypothesis.split()) for _, hypothesis in sentences))


def facts_of(sentences, synthetic=True, name="corpus", clip=None, times=True):
    """Facts as `gather` makes them, by hand."""
    evaluated = evaluation(sentences)
    mistakes = Mistakes.of(evaluated)

    def words(glosses):
        return tuple(Word(gloss, 0.3 * i, 0.3 * i + 0.1, 0.5) for i, gloss in enumerate(glosses))

    examples = tuple(
        Example(why, evaluated.samples[i], clip, 2.0, mistakes.sentences[i], words(evaluated.hypotheses[i]),
                words(evaluated.samples[i].glosses) if times else None)
        for i, why in telling(mistakes, 6).items()
    )  # fmt: skip
    size = {"sentences": 2, "glosses": 12345, "hours": 0.5, "signers": 1}
    return Facts(
        "run", f"{name} (synthetic)" if synthetic else name, CorpusInfo(name, "test", synthetic=synthetic),
        {"train": size, "test": size}, {"signer0"}, 9, "[model]\n", 0,
        {"parameters": 10, "epochs": 1, "best_epoch": 1, "seconds": 60.0}, [{"epoch": 1, "loss": 1.0}],
        {"test": {FP32: evaluated}}, {"test": mistakes}, examples, (), None, None,
    )  # fmt: skip


def test_whatever_a_gloss_says_stays_text():
    nasty = HOSTILE.replace(" ", "/")
    script = "</style></title><script>alert(1)</script>"
    facts = facts_of([(f"A {nasty} B", f"A {script} B"), ("&amp; C", "&amp; \x07\ud800")], name=script)
    content = render(facts, HOSTILE)
    content.encode()
    page = assert_self_contained(content)
    for words in (nasty, script, HOSTILE, "&amp;"):
        assert words in " ".join(page.texts)


TEXT = st.text(max_size=20)


@given(TEXT, TEXT, st.text("abc-_", min_size=1, max_size=5))
def test_markup_gives_every_text_back(text, value, name):
    page = Page(tag("p", text, [text, None, 3], title=value, **{f"data_{name}": 1.5}))
    clean = "".join("\ufffd" if (ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000
                    else c for c in text)  # fmt: skip
    assert "".join(page.texts) == f"{clean}{clean}3"
    assert page.elements == ["p"]
    assert str(join([tag("b", "x"), "<"])) == "<b>x</b>&lt;"


@pytest.mark.parametrize(
    ("sentences", "words"),
    [
        ([("A B", "A B")], "100.0 %"),
        ([("A B", "")], "100.0 %"),
        ([("", "A")], "undefined"),
        ([("A B", "C D E")], "150.0 %"),
    ],
)
def test_extreme_results_make_a_page(sentences, words):
    assert words in assert_self_contained(render(facts_of(sentences), "python")).text


def test_a_clip_without_landmarks_or_with_an_unknown_gloss_has_its_tracks():
    text = assert_self_contained(render(facts_of([("A B", "A C")], times=False), "python")).text
    assert "have no times" in text
    nobody = Clip(np.full((60, 92, 3), np.nan, np.float32), None, 1.0)
    nobody.landmarks[7, 3] = 0.5
    page = assert_self_contained(render(facts_of([("A B", "A C")], clip=nobody), "python"))
    assert "signed (aligned)" in page.text


def test_every_title_of_a_synthetic_corpus_says_so():
    for synthetic in (True, False):
        content = render(facts_of([("A B", "A C")], synthetic), "python")
        captions = re.findall(r"<caption>(.*?)</caption>", content)
        assert len(captions) >= 6
        assert all("corpus (synthetic)" in caption for caption in captions) == synthetic
        assert ("Nobody signed" in content) == synthetic


def test_mistakes_are_counted():
    mistakes = Mistakes.of(evaluation([("A B C", "A X C"), ("B C", "X C"), ("A", ""), ("C D", "C D"), ("D", "D C")]))
    assert mistakes.confused == {("B", "X"): 2}
    assert mistakes.missed == {"A": 1}
    assert mistakes.invented == {"C": 1}
    assert mistakes.signed == {"A": 2, "B": 2, "C": 3, "D": 2}
    assert mistakes.whole == 1
    assert mistakes.sentences[0] == tuple(align(("A", "B", "C"), ("A", "X", "C")))
    assert telling(mistakes, 6) == {3: "recognised without an error", 0: "B is recognised as X", 2: "A is missed",
                                    4: "C is invented"}  # fmt: skip


def test_the_interval_holds_the_rate_and_narrows_with_more_sentences():
    few = [("A B C", "A B C"), ("A B C", "A X C"), ("A B", "A"), ("A", "A")] * 5
    widths = []
    for sentences in (few, few * 20):
        evaluated = evaluation(sentences)
        low, high = Mistakes.of(evaluated).interval()
        assert low < evaluated.wer < high
        widths.append(high - low)
    assert widths[1] == pytest.approx(widths[0] / np.sqrt(20), rel=0.2)
    assert Mistakes.of(evaluation(few[:4])).interval() is None


POINTS = st.lists(st.tuples(st.integers(1, 200), st.floats(0, 1e6)), max_size=8)


@settings(max_examples=40)
@given(st.lists(POINTS, max_size=3), st.booleans())
def test_curves_stay_in_their_chart(curves, percent):
    content = line_chart(
        "losses", [Line(f"term {i}", sorted(points)) for i, points in enumerate(curves)], "epoch", percent
    )
    page = Page(content)
    assert page.elements.count("polyline") == sum(bool(points) for points in curves)
    places = [
        float(number) for name, value in page.attributes if name == "points" for number in re.split("[ ,]", value)
    ]
    assert all(0 <= number <= 460 for number in places)


def test_a_network_that_sees_close_ups_is_reported_as_it_is_evaluated(tmp_path):
    corpus = Corpus(write_tiny_video(tmp_path / "corpus", track=True))
    features = FeatureOptions(close_up=3.0, margin=1.0)
    run = untrained_run(tmp_path / "run", corpus, TEACHER, features=features)
    files.write_json(
        Run(run).summary_path, {"dev_wer": 1.0, "best_epoch": 1, "epochs": 1, "parameters": 1, "seconds": 1}
    )
    reported = gather(run).evaluations["test"][FP32].summary({"a"})["results"]
    evaluated, _ = evaluate_model(run, None, None, "test")
    assert reported == evaluated["results"]
    whole = untrained_run(tmp_path / "whole", corpus, TEACHER, features=FeatureOptions(margin=1.0))
    assert evaluate_model(whole, None, None, "test")[0]["results"] != evaluated["results"]
