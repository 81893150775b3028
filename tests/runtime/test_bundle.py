"""Bundles: as they were written or not at all, and refused before a model is loaded."""

import contextlib
import json
import math
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from export.card import model_card
from export.convert import convert
from export.variants import DEFAULT, VARIANTS
from tests.tiny_corrector import write_untrained_corrector
from tf_slr.core.errors import BundleError, SlrError, UsageError
from tf_slr.core.glosses import Vocabulary
from tf_slr.core.landmarks import Normalisation
from tf_slr.correction.corrector import Corrector
from tf_slr.correction.edits import Margins
from tf_slr.correction.rescoring import Rescoring
from tf_slr.litert import interpreter
from tf_slr.models.mslr import Mslr, MslrOptions
from tf_slr.runtime import Recognizer
from tf_slr.runtime.bundle import DESCRIPTION, SEAL, read_bundle, seal_of, write_bundle

WORDS = {"one": ("HOUSE", "RAIN", "SUN"), "two": ("HOUSE", "RAIN", "SUN", "WIND")}


def about(name):
    wer = {"wer": 0.25, "substitutions": 1, "deletions": 1, "insertions": 0, "glosses": 8}
    groups = {"all signers": wer, "known signers": wer}
    return {
        "corpus": {"name": name, "language": "none", "unit": "gloss", "fps": 30.0, "licence": "none",
                   "landmark_source": "none", "synthetic": False},
        "recipe": {},
        "training": {"sentences": 5, "hours": 0.01, "signers": 2},
        "quantisation": {"variant": DEFAULT, "weights": "post-training", "dev_wer": {"post-training": 0.25},
                         "calibration": []},
        "metrics": {"dev_wer_fp32": 0.25, "dev_wer_int8": 0.25, "dev_sentences": 4, "bytes_fp32": 10**6,
                    "dev_groups": {"FP32": groups, "INT8": groups}},
    }  # fmt: skip


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """Two whole bundles that differ in every file, of untrained networks."""
    root = tmp_path_factory.mktemp("bundles")
    for networks, (name, glosses) in enumerate(WORDS.items(), start=1):
        network = Mslr(MslrOptions(width=8, hidden=4), len(glosses) + 1)
        repairing = write_untrained_corrector(
            root / f"corrector-{name}",
            glosses,
            "SUN",
            Margins(),
            networks,
            seed=networks,
            rescoring=Rescoring() if networks == 2 else None,
        )
        write_bundle(root / name, convert(network, VARIANTS[DEFAULT]), Vocabulary(glosses), Normalisation(),
                     about(name), model_card, repairing)  # fmt: skip
    return {name: root / name for name in WORDS}


@pytest.fixture
def loaded(monkeypatch):
    """How many models were loaded."""
    made, real = [], interpreter.Interpreter
    monkeypatch.setattr(interpreter, "Interpreter", lambda **named: made.append(1) or real(**named))
    return made


def names_of(bundle):
    return sorted(str(path.relative_to(bundle)) for path in bundle.rglob("*") if path.is_file())


@contextlib.contextmanager
def put_back(bundle):
    """Restore a bundle's files afterwards: copying a whole bundle for each damage would take longer than the rest."""
    kept = {name: (bundle / name).read_bytes() for name in names_of(bundle)}
    try:
        yield
    finally:
        for name, content in kept.items():
            if (bundle / name).is_dir():
                shutil.rmtree(bundle / name)
            (bundle / name).write_bytes(content)


def assert_refused(bundle, what):
    for load in (Recognizer.load, read_bundle):
        with pytest.raises(SlrError) as refusal:
            load(bundle)
        assert refusal.type is BundleError, what
        assert str(bundle) in str(refusal.value), what
        assert len(str(refusal.value)) < 2000, what


def test_whole_bundles_are_loaded(bundles, loaded):
    for name, glosses in WORDS.items():
        bundle = read_bundle(bundles[name])
        assert bundle.vocabulary.glosses == glosses
        assert set(bundle.description["files"]) == set(names_of(bundles[name])) - {DESCRIPTION, SEAL}
        assert not loaded  # reading is not loading
        Recognizer(bundle)
        assert len(loaded) == 1 + Corrector.load(bundle.corrector).description.networks
        loaded.clear()


def flip(content, chance):
    place = chance.randrange(8 * len(content))
    changed = bytearray(content)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def truncate(content, chance):
    return content[: chance.randrange(len(content))]


def lengthen(content, chance):
    return content + chance.randbytes(chance.randint(1, 99))


def overwrite(content, chance):
    start = chance.randrange(len(content))
    count = min(len(content) - start, chance.randint(8, 64))
    return content[:start] + chance.randbytes(count) + content[start + count :]


@pytest.mark.parametrize("change", [flip, truncate, lengthen, overwrite])
def test_a_damaged_file_is_refused_whichever_it_is(bundles, loaded, change):
    chance = random.Random(change.__name__)
    for bundle in bundles.values():
        with put_back(bundle):
            for name in names_of(bundle):
                path, content = bundle / name, (bundle / name).read_bytes()
                for number in range(6):
                    path.write_bytes(change(content, chance))
                    assert_refused(bundle, f"{change.__name__} {number} of {name}")
                path.write_bytes(content)
    assert not loaded


def test_a_missing_file_or_a_folder_in_its_place_is_refused(bundles, loaded):
    for bundle in bundles.values():
        for name in names_of(bundle):
            with put_back(bundle):
                (bundle / name).unlink()
                assert_refused(bundle, f"no {name}")
                (bundle / name).mkdir()
                assert_refused(bundle, f"a folder for {name}")
    assert not loaded


def test_files_of_two_bundles_are_never_mixed(bundles, loaded):
    one, two = bundles.values()
    both = sorted(set(names_of(one)) & set(names_of(two)))
    for chosen in ([name] for name in both):
        for bundle, other in ((one, two), (two, one)):
            with put_back(bundle):
                for name in chosen:
                    (bundle / name).write_bytes((other / name).read_bytes())
                assert_refused(bundle, f"{chosen} of another bundle")
    with put_back(one):
        for name in (DESCRIPTION, SEAL):  # these fit each other, and nothing else
            (one / name).write_bytes((two / name).read_bytes())
        assert_refused(one, "description and seal of another bundle")
    assert not loaded


def change(*path, to):
    """Set what stands at a path of bundle.json."""

    def edit(description):
        for name in path[:-1]:
            description = description[name]
        description[path[-1]] = to

    return edit


DEEP: list = []
for _ in range(300):
    DEEP = [DEEP]
# Values of wrong types and numbers out of all bounds; the infinite ones are no JSON, but Python's reader takes them.
STRANGE = [
    None,
    True,
    -1,
    0,
    3,
    2.5,
    10**400,
    -(10**400),
    math.inf,
    math.nan,
    "",
    "x",
    "../x",
    [],
    [3],
    {},
    {"x": 3},
    DEEP,
]
PLACES = [
    ("format",), ("files",), ("bytes",), ("classes",), ("input",), ("normalisation",), ("corpus",), ("corpus", "fps"),
    ("files", "student.tflite"), ("bytes", "student.tflite"), ("files", "corrector/corrector.json"),
    ("bytes", "vocabulary.json"), ("normalisation", "limit"), ("normalisation", "version"),
    ("normalisation", "part_gain"),
]  # fmt: skip
# What is as good as what stood there: whole numbers for a rule's real ones, and a rate.
SOUND = {(("normalisation", "part_gain"), value) for value in (0, 3, 2.5)} | {
    (("normalisation", "limit"), 3), (("normalisation", "limit"), 2.5), (("corpus", "fps"), 3), (("corpus", "fps"), 2.5)
}  # fmt: skip


def sealed(bundle, content):
    """Replace bundle.json and its seal, as somebody does who writes bundles with another program."""
    (bundle / DESCRIPTION).write_bytes(content)
    (bundle / SEAL).write_bytes(seal_of(content))


def test_descriptions_that_are_whole_but_wrong_are_refused(bundles, loaded):
    bundle = bundles["one"]
    with put_back(bundle):
        original = (bundle / DESCRIPTION).read_text()
        for place in PLACES:
            for value in STRANGE:
                if not isinstance(value, bool | list | dict) and (place, value) in SOUND:
                    continue
                description = json.loads(original)
                if place == ("normalisation",) and value == {}:
                    continue  # the rule's own defaults
                change(*place, to=value)(description)
                sealed(bundle, json.dumps(description).encode())
                assert_refused(bundle, f"{'.'.join(place)} = {value!r:.40}")
        for place in PLACES:
            description = json.loads(original)
            inner = description if len(place) == 1 else description[place[0]]
            del inner[place[-1]]
            if place[0] == "normalisation" and len(place) == 2:
                continue  # defaults again
            sealed(bundle, json.dumps(description).encode())
            assert_refused(bundle, f"no {'.'.join(place)}")
    assert not loaded


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "corrector/../../x", "surprise.txt", "corrector/third.tflite", ""]
)
def test_names_that_no_bundle_has_are_refused_whatever_they_lead_to(bundles, loaded, name):
    bundle = bundles["one"]
    with put_back(bundle):
        description = json.loads((bundle / DESCRIPTION).read_text())
        description["files"][name], description["bytes"][name] = "0" * 64, 0
        sealed(bundle, json.dumps(description).encode())
        with pytest.raises(BundleError, match="expected 'files' to name"):
            read_bundle(bundle)
    assert not loaded


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"3", b"null", b'"x"', b"[" * 10**5, b'{"a":' * 10**5, b"9" * 10**5, b"\xff\xfe{\0}\0",
     b'{"format": 2, "classes": NaN}', b'{"format": 1e999}', b'{"format": 1' + b"0" * 4000 + b"}", b'{"format": 1}',
     b'{"format": 3}', b'{"format": "2"}', b" " * (2**24 + 1)],
)  # fmt: skip
def test_what_is_no_description_is_refused(bundles, loaded, content):
    bundle = bundles["two"]
    with put_back(bundle):
        sealed(bundle, content)
        assert_refused(bundle, content[:20])
    assert not loaded


CORRECTIONS = [
    {"format": 1}, {"files": 3}, {"files": {}}, {"glosses": ["A", "A"]}, {"glosses": 3}, {"unknown": 1}, {"unit": "x"},
    {"window": 10**9}, {"window": -1}, {"positions": 1.5}, {"method": "guess"}, {"networks": 2}, {"networks": 9},
    {"margins": None}, {"margins": {"replace": "x"}}, {"margins": {"replace": -(10**400)}}, {"margins": {"swap": 1}},
    {"search": []}, {"search": {"width": -1}}, {"metrics": DEEP}, {"rules": "none at all"}, {"rescoring": {"width": 0}},
    {"rescoring": {}}, {"rescoring": {"network": -1}}, {"rescoring": 2},
]  # fmt: skip


def test_correctors_that_are_whole_but_wrong_are_refused_before_any_model_is_loaded(bundles, loaded):
    bundle = bundles["one"]
    path = bundle / "corrector/corrector.json"
    with put_back(bundle):
        original, description = json.loads(path.read_text()), json.loads((bundle / DESCRIPTION).read_text())
        for wrong in CORRECTIONS:
            content = json.dumps(original | wrong).encode()
            path.write_bytes(content)
            description["files"]["corrector/corrector.json"] = seal_of(content).split()[0].decode()
            description["bytes"]["corrector/corrector.json"] = len(content)
            sealed(bundle, json.dumps(description).encode())
            with pytest.raises(BundleError):
                Recognizer.load(bundle)
            assert not loaded, wrong
            read_bundle(bundle)


def test_a_bundle_that_was_not_written_to_its_end_is_none(tmp_path, bundles, monkeypatch):
    whole = read_bundle(bundles["one"])
    copy = shutil.copytree(bundles["one"], tmp_path / "copy")

    def fails(_):
        raise SlrError("no card")

    with pytest.raises(SlrError, match="no card"):
        write_bundle(copy, whole.student, whole.vocabulary, whole.input, about("one"), fails)
    assert_refused(copy, "half written")


def test_a_bundle_is_written_anew_with_the_corrector_that_it_has(tmp_path, bundles):
    whole = read_bundle(bundles["two"])
    copy = shutil.copytree(bundles["two"], tmp_path / "copy")
    before = {path.name: path.read_bytes() for path in (copy / "corrector").iterdir()}
    write_bundle(copy, whole.student, whole.vocabulary, whole.input, about("two"), model_card, copy / "corrector")
    assert {path.name: path.read_bytes() for path in (copy / "corrector").iterdir()} == before
    Recognizer.load(copy)
    write_bundle(copy, whole.student, whole.vocabulary, whole.input, about("two"), model_card)
    assert not (copy / "corrector").exists()
    assert read_bundle(copy).corrector is None


def test_a_corrector_that_does_not_fit_leaves_the_bundle_as_it_was(tmp_path, bundles):
    whole = read_bundle(bundles["one"])
    copy = shutil.copytree(bundles["one"], tmp_path / "copy")
    strangers, repairing = Vocabulary(("LIMA", "OSLO")), bundles["one"] / "corrector"
    with pytest.raises(BundleError, match="knows none of the student's glosses"):
        write_bundle(copy, whole.student, strangers, whole.input, about("one"), model_card, repairing)
    Recognizer.load(copy)


def test_a_corrector_that_somebody_trained_is_not_replaced(tmp_path, bundles):
    """With --out runs where README's corrector is runs/corrector."""
    whole = read_bundle(bundles["one"])
    trained = shutil.copytree(bundles["one"] / "corrector", tmp_path / "corrector")
    arguments = (tmp_path, whole.student, whole.vocabulary, whole.input, about("one"), model_card)
    with pytest.raises(UsageError, match="choose another folder"):
        write_bundle(*arguments)
    (tmp_path / "student.tflite").write_bytes(whole.student)
    (trained / "recipe.toml").write_text("")
    with pytest.raises(UsageError, match="choose another folder"):
        write_bundle(*arguments)
    assert Corrector.load(trained)


def test_an_export_that_was_killed_while_it_wrote_can_be_repeated(tmp_path, bundles):
    whole = read_bundle(bundles["two"])
    copy = shutil.copytree(bundles["two"], tmp_path / "copy")
    script = (
        "import os, sys; from tf_slr.core import files\nwith files.atomic_path(sys.argv[1]): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, copy / "corrector/first.tflite"])
    assert list((copy / "corrector").glob(".tmp-*"))
    arguments = (whole.student, whole.vocabulary, whole.input, about("two"), model_card)
    write_bundle(copy, *arguments, bundles["two"] / "corrector")
    Recognizer.load(copy)
    assert not list(copy.rglob(".tmp-*"))


def remove(name):
    return lambda bundle: (bundle / name).unlink()


def turn_a_bit_of(name):
    def damage(bundle):
        content = bytearray((bundle / name).read_bytes())
        content[len(content) // 3] ^= 4
        (bundle / name).write_bytes(content)

    return damage


def describe(edit):
    """Change bundle.json, and seal it."""

    def damage(bundle):
        description = json.loads((bundle / DESCRIPTION).read_text())
        edit(description)
        sealed(bundle, json.dumps(description).encode())

    return damage


def give_another_vocabulary(bundle):
    """One that is whole, hashed, and of another size than the student."""
    whole = read_bundle(bundle)
    vocabulary = Vocabulary((*whole.vocabulary.glosses, "EXTRA"))
    write_bundle(bundle, whole.student, vocabulary, whole.input, about("one"), model_card)


def make_it_old(bundle):
    (bundle / SEAL).unlink()
    (bundle / DESCRIPTION).write_text('{"format": 1, "files": {}}')


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (turn_a_bit_of("student.tflite"), r"student\.tflite: is damaged or was replaced \(SHA-256"),
        (turn_a_bit_of("MODEL_CARD.md"), r"MODEL_CARD\.md: is damaged"),
        (turn_a_bit_of("corrector/first.tflite"), r"first\.tflite: is damaged"),
        (turn_a_bit_of("bundle.sha256"), r"bundle\.json: is damaged or was replaced: bundle\.sha256 holds another"),
        (remove("student.tflite"), r"student\.tflite: cannot be read \(No such file"),
        (remove("bundle.json"), r"bundle\.json: cannot be read"),
        (remove("bundle.sha256"), r"bundle\.sha256: cannot be read"),
        (lambda bundle: (bundle / "student.tflite").write_bytes(b""), r"damaged or was replaced \(0 bytes, expected"),
        (make_it_old, "bundle format 1, this program reads 2; export the bundle anew"),
        (describe(lambda d: d.pop("files")), "expected 'files' to name student.tflite"),
        (describe(lambda d: d["normalisation"].update(version=7)), "normalisation version 7"),
        (describe(lambda d: d["normalisation"].update(surprise=7)), "surprise"),
        (
            describe(lambda d: d["normalisation"].update(limit=-1)),
            r"normalisation\.limit: expected more than 0 and at most 1000, received -1",
        ),
        (describe(lambda d: d.update(input="sound")), "expected input landmarks or frames, found 'sound'"),
        (describe(lambda d: d.pop("input")), "lacks the key 'input'"),
        (
            describe(lambda d: d.update(input="frames", frames={"size": 5000})),
            r"frames\.size: expected from 8 to 1024, received 5000",
        ),
        (describe(lambda d: d.update(input="frames", frames={"size": 16})), r"\[276\] of a frame, .* \[16, 16, 3\]"),
        (describe(lambda d: d["corpus"].update(fps=0)), "fps from 1 to 1000, found 0"),
        (describe(lambda d: d.update(classes=9)), "the student has 9 classes, the vocabulary 4"),
        (give_another_vocabulary, "the student has 4 classes, the vocabulary 5"),
    ],
)
def test_a_refusal_says_what_is_wrong(tmp_path, bundles, damage, message):
    bundle = shutil.copytree(bundles["one"], tmp_path / "bundle")
    damage(bundle)
    with pytest.raises(BundleError, match=message):
        Recognizer.load(bundle)


def test_an_empty_or_absent_folder_is_refused(tmp_path):
    (tmp_path / "bundle").mkdir()
    assert_refused(tmp_path / "bundle", "an empty folder")
    assert_refused(Path(tmp_path / "nowhere"), "no folder")
