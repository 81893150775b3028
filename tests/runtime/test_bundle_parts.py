"""What a bundle's files hold, byte for byte, and what each refusal is about; no model takes part."""

import dataclasses
import hashlib
import json
import os

import pytest

from tf_slr.core.errors import BundleError, UsageError
from tf_slr.core.glosses import Vocabulary
from tf_slr.core.landmarks import Normalisation
from tf_slr.core.pictures import FrameOptions
from tf_slr.correction.corrector import Description
from tf_slr.runtime import bundle as bundles
from tf_slr.runtime.bundle import CORRECTOR, DESCRIPTION, SEAL, read_bundle, require_room, seal_of, write_bundle

GLOSSES = Vocabulary(("HOUSE", "RAIN", "SÖN"))
ABOUT = {"corpus": {"name": "x", "fps": 25.0}, "recipe": {"name": "ä"}, "metrics": {}}


@pytest.fixture
def bundle(tmp_path):
    write_bundle(tmp_path / "b", b"student", GLOSSES, Normalisation(limit=3.0), ABOUT, lambda _: "card\n")
    return tmp_path / "b"


def reseal(bundle, edit):
    """Change bundle.json as somebody does who writes bundles with another program."""
    description = json.loads((bundle / DESCRIPTION).read_text())
    edit(description)
    content = json.dumps(description).encode()
    (bundle / DESCRIPTION).write_bytes(content)
    (bundle / SEAL).write_bytes(seal_of(content))


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_bundle_is_written_as_its_format_says(tmp_path):
    asked = []
    root = tmp_path / "new" / "b"
    write_bundle(root, b"student", GLOSSES, Normalisation(limit=3.0), ABOUT,
                 lambda description: asked.append(json.dumps(description)) or "card\n")  # fmt: skip
    content = (root / DESCRIPTION).read_bytes()
    description = json.loads(content)
    names = ["student.tflite", "vocabulary.json", "MODEL_CARD.md"]
    assert sorted(path.name for path in root.iterdir()) == sorted([*names, "bundle.json", "bundle.sha256"])
    assert description == {
        "format": 2,
        "files": {name: digest(root / name) for name in names},
        "bytes": {name: (root / name).stat().st_size for name in names},
        "classes": 4,
        "input": "landmarks",
        "normalisation": {"version": 1, "part_gain": 4.0, "pose_z_gain": 0.0, "limit": 3.0},
        **ABOUT,
    }
    assert content.decode() == json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    assert (root / SEAL).read_text() == f"{digest(root / DESCRIPTION)}  bundle.json\n"
    (before,) = map(json.loads, asked)
    assert set(before["files"]) == set(before["bytes"]) == set(names[:2])
    del description["files"]["MODEL_CARD.md"], description["bytes"]["MODEL_CARD.md"]
    assert before == description
    with pytest.raises(ValueError, match="JSON"):
        write_bundle(root, b"s", GLOSSES, Normalisation(), ABOUT | {"metrics": {"wer": float("nan")}}, lambda _: "")


def test_what_was_written_is_read(bundle):
    read = read_bundle(str(bundle))
    assert (read.root, read.student, read.vocabulary.glosses) == (bundle, b"student", GLOSSES.glosses)
    assert read.input == read.normalisation == Normalisation(limit=3.0)
    assert read.description == json.loads((bundle / DESCRIPTION).read_text())
    assert read.fps == 25.0
    assert read.student_path == bundle / "student.tflite"
    assert read.corrector is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        read.student = b""


def test_a_student_that_reads_video_has_no_normalisation(tmp_path):
    write_bundle(tmp_path, b"student", GLOSSES, FrameOptions(size=16), ABOUT, lambda _: "card\n")
    description = json.loads((tmp_path / DESCRIPTION).read_text())
    assert description["input"] == "frames"
    assert description["frames"]["size"] == 16
    assert "normalisation" not in description
    read = read_bundle(tmp_path)
    assert read.input == FrameOptions(size=16)
    with pytest.raises(UsageError, match="student reads video; this needs one that reads landmarks"):
        _ = read.normalisation


def test_a_bundle_takes_no_place_of_a_corrector_that_is_not_its_own(tmp_path):
    require_room(tmp_path / "nowhere")
    (tmp_path / CORRECTOR).mkdir()
    with pytest.raises(UsageError, match="is not a bundle's"):
        require_room(str(tmp_path))  # there is no student beside it
    (tmp_path / "student.tflite").write_bytes(b"student")
    for name in ("corrector.json", "first.tflite", "second.tflite", f".tmp-{16 * 'a'}.json"):
        (tmp_path / CORRECTOR / name).write_bytes(b"x")
    require_room(tmp_path)
    write_bundle(tmp_path, b"new", GLOSSES, Normalisation(), ABOUT, lambda _: "card\n")
    assert not (tmp_path / CORRECTOR).exists()
    (tmp_path / CORRECTOR).write_bytes(b"a file")
    with pytest.raises(UsageError, match="is not a bundle's"):
        require_room(tmp_path)


def test_a_folder_that_is_rewritten_is_no_bundle_until_the_end(bundle):
    def card(_):
        assert not (bundle / DESCRIPTION).exists()
        assert (bundle / "student.tflite").read_bytes() == b"new"
        return "card\n"

    write_bundle(bundle, b"new", GLOSSES, Normalisation(), ABOUT, card)
    assert read_bundle(bundle).student == b"new"


@pytest.mark.parametrize(("fps", "sound"), [(1, True), (1000, True), (0.99, False), (1000.5, False), (True, False),
                                            ("25", False), (None, False)])  # fmt: skip
def test_frames_per_second_have_bounds(bundle, fps, sound):
    reseal(bundle, lambda description: description["corpus"].update(fps=fps))
    if sound:
        assert read_bundle(bundle).fps == fps
    else:
        with pytest.raises(BundleError, match=r"bundle\.json: expected corpus\.fps from 1 to 1000, found"):
            read_bundle(bundle)


def replace(name, content):
    return lambda bundle: (bundle / name).write_bytes(content)


def describe(**changes):
    return lambda bundle: reseal(bundle, lambda description: description.update(changes))


def a_pipe(bundle):
    (bundle / DESCRIPTION).unlink()
    os.mkfifo(bundle / DESCRIPTION)


def in_files(bundle):
    reseal(bundle, lambda description: description["files"].update({"student.tflite": "0" * 64}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (a_pipe, r"bundle\.json: cannot be read \(is no file\)"),
        (lambda bundle: (bundle / SEAL).unlink(), r"bundle\.sha256: cannot be read \(No such file"),
        (lambda bundle: (bundle / "vocabulary.json").unlink(), r"vocabulary\.json: cannot be read \(No such file"),
        (replace(SEAL, b"x" * 500), r"sha256: is damaged or was replaced: expected at most 78 bytes"),
        (replace(SEAL, b"x" * 78), r"bundle\.json: is damaged or was replaced: bundle\.sha256 holds another SHA-256"),
        (replace("student.tflite", b"studenT"), r"student\.tflite: is damaged or was replaced \(SHA-256 \w{64}, exp"),
        (replace("student.tflite", b"student "), r"tflite: is damaged or was replaced \(8 bytes, expected 7\)"),
        (in_files, "SHA-256 [0-9a-f]{64}, expected '0{64}'"),
        (replace(DESCRIPTION, b"[]"), "expected a JSON object, found list"),
        (replace(DESCRIPTION, b'{"format": NaN}'), r"is not valid JSON \(NaN is no number\)"),
        (replace(DESCRIPTION, b'{"format": "%s"}' % (b"x" * 1000)), "has bundle format 'x{299}, this program reads 2;"),
        (replace(DESCRIPTION, b'{"format": 2}'), "bundle.sha256 holds another SHA-256"),
        (describe(classes=5), "the student has 5 classes, the vocabulary 4"),
        (describe(input="sound"), "expected input landmarks or frames, found 'sound'"),
        (describe(normalisation=[3]), "expected normalisation to be an object, found list"),
        (describe(files=[]), r"expected 'files' to name student\.tflite, vocabulary\.json, MODEL_CARD\.md and"),
        (describe(bytes={"student.tflite": 7}), "expected 'bytes' to name"),
        (describe(corpus={}), "lacks the key 'fps'; export the bundle anew"),
        (describe(corpus=3), r"b: "),
    ],
)  # fmt: skip
def test_a_refusal_names_the_fault(bundle, damage, message):
    damage(bundle)
    with pytest.raises(BundleError, match=message) as refusal:
        read_bundle(bundle)
    assert len(str(refusal.value)) < 900


@pytest.mark.parametrize("name", ["file", "nothing"])
def test_only_a_folder_is_read(tmp_path, name):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(BundleError, match=f"{name}: .* 'tf-slr export'"):
        read_bundle(tmp_path / name)


@pytest.mark.parametrize("corrector", [["corrector.json"], ["corrector.json", "second.tflite"], ["first.tflite"]])
def test_a_bundle_has_a_whole_corrector_or_none(bundle, corrector):
    def edit(description):
        for name in corrector:
            description["files"][f"corrector/{name}"], description["bytes"][f"corrector/{name}"] = "0" * 64, 1

    reseal(bundle, edit)
    with pytest.raises(BundleError, match="expected 'files' to name"):
        read_bundle(bundle)


@pytest.mark.parametrize("rest", [(), ("second.tflite",)])
def test_a_bundle_gets_a_copy_of_its_corrector(tmp_path, monkeypatch, rest):
    """Whether the corrector itself is sound is `Corrector.load`'s concern, and its models are not run here."""
    source, names = tmp_path / "trained", ("corrector.json", "first.tflite", *rest)
    source.mkdir()
    for name in (*names, "recipe.toml"):
        (source / name).write_bytes(f"content of {name}".encode())
    known = {"glosses": ("RAIN", "OTHER")}

    class Loaded:
        def __init__(self, root):
            assert root == source
            self.description = Description(known["glosses"], "gloss", "none", 30, 32, networks=1 + len(rest))

    monkeypatch.setattr(bundles.Corrector, "load", Loaded)
    root = tmp_path / "b"
    write_bundle(root, b"student", GLOSSES, Normalisation(), ABOUT, lambda _: "card\n", source)
    assert sorted(path.name for path in (root / CORRECTOR).iterdir()) == sorted(names)
    for name in names:
        assert (root / CORRECTOR / name).read_bytes() == (source / name).read_bytes()
    description = json.loads((root / DESCRIPTION).read_text())
    assert {f"{CORRECTOR}/{name}" for name in names} < set(description["files"]) == set(description["bytes"])
    assert read_bundle(root).corrector == root / CORRECTOR
    known["glosses"] = ("OTHER",)
    with pytest.raises(BundleError, match="trained: the corrector knows none of the student's glosses"):
        write_bundle(root, b"new", GLOSSES, Normalisation(), ABOUT, lambda _: "card\n", source)
    assert read_bundle(root).student == b"student"


@pytest.mark.parametrize("rest", [[], ["second.tflite"], ["ngram.arpa"], ["second.tflite", "ngram.arpa"]])
def test_a_corrector_has_one_or_two_networks_and_perhaps_an_ngram(bundle, rest):
    (bundle / CORRECTOR).mkdir()
    names = [f"{CORRECTOR}/{name}" for name in ("corrector.json", "first.tflite", *rest)]

    def edit(description):
        for name in names:
            (bundle / name).write_bytes(name.encode())
            description["files"][name], description["bytes"][name] = digest(bundle / name), len(name)

    reseal(bundle, edit)
    assert read_bundle(bundle).corrector == bundle / CORRECTOR
    (bundle / names[-1]).write_bytes(b"x" * len(names[-1]))
    with pytest.raises(BundleError, match="is damaged or was replaced"):
        read_bundle(bundle)
