"""The bundle: one folder that holds everything a recogniser needs.

student.tflite    landmarks -> logits, INT8 weights
vocabulary.json   what the classes mean
bundle.json       format, hashes, normalisation, corpus, recipe, metrics
"""

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path

from tf_slr import config, files
from tf_slr.errors import BundleError, DataError, UsageError
from tf_slr.glosses import Vocabulary
from tf_slr.landmarks import Normalisation

FORMAT = 1
STUDENT, VOCABULARY, DESCRIPTION = "student.tflite", "vocabulary.json", "bundle.json"
# The same student in FP32: left in the run, for parity and benchmarks, and no part of a bundle.
FP32_STUDENT = "student.fp32.tflite"


@dataclass(frozen=True)
class Bundle:
    """A bundle whose content was checked against its hashes.

    Attributes:
        root: the folder.
        student: the bytes of the TFLite model.
        vocabulary: what its classes mean.
        normalisation: the rule its input follows.
        description: all of bundle.json.
    """

    root: Path
    student: bytes
    vocabulary: Vocabulary
    normalisation: Normalisation
    description: dict

    @property
    def fps(self) -> float:
        """Frames per second of the landmarks it was trained on."""
        return self.description["corpus"]["fps"]


def write_bundle(root: Path | str, student: bytes, vocabulary: Vocabulary, rule: Normalisation, about: dict) -> None:
    """Write a bundle; `bundle.json` comes last, so that a folder with one is complete.

    Args:
        root: the folder.
        student: the TFLite model.
        vocabulary: what its classes mean.
        rule: how its input is normalised.
        about: "corpus", "recipe" and "metrics", stored as they are.
    """
    root = Path(root)
    # A folder that is being rewritten must not pass for complete.
    (root / DESCRIPTION).unlink(missing_ok=True)
    files.write_bytes(root / STUDENT, student)
    vocabulary.save(root / VOCABULARY)
    description = {
        "format": FORMAT,
        "files": {name: files.sha256(root / name) for name in (STUDENT, VOCABULARY)},
        "classes": vocabulary.classes,
        "normalisation": dataclasses.asdict(rule),
        **about,
    }
    files.write_json(root / DESCRIPTION, description)


def read_bundle(root: Path | str) -> Bundle:
    """Read a bundle; nothing of it is used before its hash was checked.

    Raises:
        BundleError: a file is missing or damaged, the format is another one,
            or its parts do not fit each other.
    """
    root = Path(root)
    if not root.is_dir():
        raise BundleError(f"{root}: is not a folder; expected a bundle as 'python -m export' writes it")
    try:
        description = files.read_json(root / DESCRIPTION)
    except DataError as error:
        raise BundleError(str(error)) from error
    if description.get("format") != FORMAT:
        raise BundleError(f"{root}: has bundle format {description.get('format')!r}, this program reads {FORMAT}")
    content = {name: _checked(root, name, description) for name in (STUDENT, VOCABULARY)}
    try:
        vocabulary = Vocabulary.parse(content[VOCABULARY].decode(), str(root / VOCABULARY))
        rule = config.build(Normalisation, description["normalisation"], str(root / DESCRIPTION))
        fps = description["corpus"]["fps"]
    except (DataError, UsageError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise BundleError(f"{root}: {error}") from error
    if vocabulary.classes != description.get("classes"):
        raise BundleError(
            f"{root}: the student has {description.get('classes')} classes, the vocabulary {vocabulary.classes}"
        )
    if rule.version != Normalisation().version:
        raise BundleError(
            f"{root}: normalisation version {rule.version}, this program has version {Normalisation().version}"
        )
    if not isinstance(fps, int | float) or not 1 <= fps <= 1000:
        raise BundleError(f"{root / DESCRIPTION}: expected corpus.fps from 1 to 1000, found {fps!r}")
    return Bundle(root, content[STUDENT], vocabulary, rule, description)


def _checked(root: Path, name: str, description: dict) -> bytes:
    expected = description.get("files", {}).get(name) if isinstance(description.get("files"), dict) else None
    try:
        content = (root / name).read_bytes()
    except OSError as error:
        raise BundleError(f"{root / name}: cannot be read ({error.strerror})") from error
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise BundleError(f"{root / name}: is damaged or was replaced (SHA-256 {found}, expected {expected})")
    return content
