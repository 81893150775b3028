"""The pictures of README.md: all there, small, and made anew by their tool; and the links of the documents."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tf_slr.synth.signsynth import SignsynthOptions, write_signsynth

ROOT = Path(__file__).parents[2]
MADE = {"example.jpg", "teacher.jpg", "recognize.jpg", "live.jpg", "record.jpg"}


def test_every_picture_is_there_and_shown_and_small():
    shown = set(re.findall(r"!\[[^\]]+\]\((docs/[^)]+)\)", (ROOT / "README.md").read_text()))
    there = {f"docs/{path.name}": path.stat().st_size for path in (ROOT / "docs").iterdir() if path.suffix != ".md"}
    assert shown == set(there)
    assert {f"docs/{name}" for name in MADE} <= shown
    assert max(there.values()) < 150_000
    assert sum(there.values()) < 900_000


def anchors(document):
    """What a document's headings are called in links, as GitHub makes it of them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", ["README.md", "RESULTS.md", "docs/history.md"])
def test_every_link_leads_to_a_file_and_a_heading(name):
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text())
    found = [link.partition("#") for link in links if "://" not in link]
    assert found
    for path, _, anchor in found:
        target = ((ROOT / name).parent / path) if path else ROOT / name
        assert target.is_file(), path
        assert not anchor or anchor in anchors(target), anchor


def draw(bundle, corpus, out):
    command = [sys.executable, "tools/pictures.py", "--bundle", bundle, "--corpus", corpus, "--out", out]
    return subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)


@pytest.mark.slow
def test_the_tool_draws_them_of_any_bundle(tiny_bundle, tmp_path):
    image = pytest.importorskip("PIL.Image")
    for module in ("cv2", "matplotlib"):
        pytest.importorskip(module)
    write_signsynth(tmp_path / "filmed", SignsynthOptions(train=1, dev=0, test=3, frame_size=128))
    done = draw(tiny_bundle, tmp_path / "filmed", tmp_path / "docs")
    assert done.returncode == 0, done.stderr
    assert "wrote pictures of test-00002" in done.stdout, "the first one that is not squeezed"
    pictures = {path.name: image.open(path) for path in (tmp_path / "docs").glob("[!.]*")}
    assert set(pictures) == MADE
    for name in MADE - {"example.jpg", "teacher.jpg"}:
        assert pictures[name].size == (128, 128)


@pytest.mark.slow
def test_a_corpus_that_was_not_filmed_is_refused(tiny_bundle, tiny_corpus, tmp_path):
    done = draw(tiny_bundle, tiny_corpus, tmp_path / "docs")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tiny_corpus}: in no test clip")
    assert not (tmp_path / "docs").exists()
