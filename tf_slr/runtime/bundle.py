"""The bundle: one folder that holds everything a recogniser needs.

student.tflite    landmarks or pictures -> logits, INT8 weights
vocabulary.json   what the classes mean
corrector/        what repairs recognised sentences (see `tf_slr.correction.corrector`); not in every bundle
MODEL_CARD.md     what the recogniser is, for people
bundle.json       format, sizes and hashes of the files above, input, corpus, recipe, metrics
bundle.sha256     the hash of bundle.json, as `sha256sum --check` reads it

A bundle is used as it was written or not at all: one changed bit anywhere, and it is refused before any model is
loaded. The hashes find damage; they are no signature against somebody who computes them anew. What a model's file
holds is checked before it is run (`tf_slr.litert.model_check`).
"""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tf_slr.core import config, files, outputs
from tf_slr.core.errors import BundleError, DataError, UsageError
from tf_slr.core.glosses import Vocabulary
from tf_slr.core.kinds import Kind, require
from tf_slr.core.landmarks import Normalisation
from tf_slr.core.pictures import FrameOptions
from tf_slr.correction.corrector import DESCRIPTION as CORRECTOR_DESCRIPTION
from tf_slr.correction.corrector import MODELS, NGRAM, Corrector
from tf_slr.correction.corrector import Description as CorrectorDescription
from tf_slr.runtime.inputs import InputRule

FORMAT = 2
STUDENT, VOCABULARY, DESCRIPTION = "student.tflite", "vocabulary.json", "bundle.json"
CARD, SEAL, CORRECTOR = "MODEL_CARD.md", "bundle.sha256", "corrector"
# Some kilobytes, most of them the names of calibration clips; a larger file is none of ours, and is not read.
MAX_DESCRIPTION_BYTES = 2**24
# The same student in FP32: left in the run, for parity and benchmarks, and no part of a bundle.
FP32_STUDENT = "student.fp32.tflite"

# What "input" in bundle.json may be: the key of the rule that stands beside it, and the rule's type.
INPUTS = {"landmarks": ("normalisation", Normalisation), "frames": ("frames", FrameOptions)}


@dataclass(frozen=True)
class Bundle:
    """A bundle whose content was checked against its hashes.

    Attributes:
        root: the folder.
        student: the bytes of the TFLite model.
        vocabulary: what its classes mean.
        input: the rule its input follows.
        description: all of bundle.json.
        corrector: the folder of its corrector, or None.
    """

    root: Path
    student: bytes
    vocabulary: Vocabulary
    input: InputRule
    description: dict
    corrector: Path | None = None

    @property
    def student_path(self) -> Path:
        """The file of the student, for messages about it."""
        return self.root / STUDENT

    @property
    def normalisation(self) -> Normalisation:
        """The rule of a student that reads landmarks.

        Raises:
            UsageError: it reads video.
        """
        if not isinstance(self.input, Normalisation):
            raise UsageError(f"{self.root}: its student reads video; this needs one that reads landmarks")
        return self.input

    @property
    def fps(self) -> float:
        """Frames per second of the clips it was trained on."""
        return self.description["corpus"]["fps"]


def write_bundle(
    root: Path | str,
    student: bytes,
    vocabulary: Vocabulary,
    rule: InputRule,
    about: dict,
    card: Callable[[dict], str],
    corrector: Path | None = None,
) -> None:
    """Write a bundle; `bundle.json` comes last, so that a folder with one is complete.

    Args:
        root: the folder.
        student: the TFLite model.
        vocabulary: what its classes mean.
        rule: how a clip becomes its input.
        about: "corpus", "recipe" and "metrics", stored as they are.
        card: writes the model card; asked with the content of `bundle.json`, in which the card itself is not yet named.
        corrector: folder of a corrector that the bundle gets a copy of, or None.

    Raises:
        BundleError: the corrector is damaged, or knows none of the vocabulary's glosses.
        UsageError: the folder cannot hold a bundle, see `require_room`.
    """
    root = Path(root)
    require_room(root)
    # Read before anything is removed: it may be the one of the bundle that is replaced.
    repairing = {} if corrector is None else _corrector_files(corrector, vocabulary)
    outputs.mark(root, "bundle")
    # A folder that is being rewritten must not pass for complete.
    (root / DESCRIPTION).unlink(missing_ok=True)
    files.write_bytes(root / STUDENT, student)
    vocabulary.save(root / VOCABULARY)
    for name in _OF_CORRECTORS:
        (root / CORRECTOR / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # there is none
        (root / CORRECTOR).rmdir()
    for name, content in repairing.items():
        files.write_bytes(root / name, content)
    names = [STUDENT, VOCABULARY, *repairing]
    name, key = next((name, key) for name, (key, kind) in INPUTS.items() if isinstance(rule, kind))
    description = {
        "format": FORMAT,
        "files": {name: files.sha256(root / name) for name in names},
        "bytes": {name: (root / name).stat().st_size for name in names},
        "classes": vocabulary.classes,
        "input": name,
        key: dataclasses.asdict(rule),
        **about,
    }
    files.write_text(root / CARD, card(description))
    description["files"][CARD] = files.sha256(root / CARD)
    description["bytes"][CARD] = (root / CARD).stat().st_size
    content = json.dumps(description, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    files.write_bytes(root / SEAL, seal_of(content))
    files.write_bytes(root / DESCRIPTION, content)
    # A bundle is carried to other machines, and is its own files alone.
    outputs.unmark(root, "bundle")


def require_room(root: Path | str) -> None:
    """See that nothing would be lost if a bundle was written into a folder.

    Raises:
        UsageError: its folder `corrector` is no bundle's, but where somebody trained one.
    """
    there = Path(root) / CORRECTOR
    if not there.exists():
        return
    files.sweep(there)  # what a killed export left
    unknown = {path.name for path in there.iterdir()} - _OF_CORRECTORS if there.is_dir() else {CORRECTOR}
    if unknown or not (Path(root) / STUDENT).is_file():
        raise UsageError(f"{there}: is not a bundle's, and would be replaced; choose another folder for the bundle")


_OF_CORRECTORS = {CORRECTOR_DESCRIPTION, *MODELS, NGRAM}


def fitting_corrector(source: Path, vocabulary: Vocabulary) -> CorrectorDescription:
    """The description of a corrector that a student's bundle can have.

    Raises:
        BundleError: it is damaged, or knows none of the vocabulary's glosses.
    """
    description = Corrector.load(source).description
    if not set(description.glosses) & set(vocabulary.glosses):
        raise BundleError(f"{source}: the corrector knows none of the student's glosses; train both on one corpus")
    return description


def _corrector_files(source: Path, vocabulary: Vocabulary) -> dict[str, bytes]:
    """What a corrector needs, by its names within a bundle."""
    names = [CORRECTOR_DESCRIPTION, *fitting_corrector(source, vocabulary).files]
    return {f"{CORRECTOR}/{name}": files.read_bytes(source / name) for name in names}


def read_bundle(root: Path | str) -> Bundle:
    """Read a bundle; nothing of it is used before its hash was checked.

    Raises:
        BundleError: a file is missing or damaged, the format is another one,
            or its parts do not fit each other.
    """
    root = Path(root)
    require(root, Kind.BUNDLE, error=BundleError)
    description = _description(root)
    content = {name: _checked(root, name, description) for name in _names(root, description)}
    try:
        vocabulary = Vocabulary.parse(content[VOCABULARY].decode(), str(root / VOCABULARY))
        rule = _input_rule(description, root / DESCRIPTION)
        fps = description["corpus"]["fps"]
    except KeyError as error:
        raise BundleError(f"{root / DESCRIPTION}: lacks the key {error}; export the bundle anew") from error
    except (DataError, UsageError, TypeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{root}: {error!s:.{_SHOWN}}") from error
    if vocabulary.classes != description.get("classes"):
        raise BundleError(
            f"{root}: the student has {description.get('classes')!r:.{_SHOWN}} classes, "
            f"the vocabulary {vocabulary.classes}"
        )
    if type(fps) not in (int, float) or not 1 <= fps <= 1000:
        raise BundleError(f"{root / DESCRIPTION}: expected corpus.fps from 1 to 1000, found {fps!r:.{_SHOWN}}")
    corrected = f"{CORRECTOR}/{CORRECTOR_DESCRIPTION}" in content
    return Bundle(root, content[STUDENT], vocabulary, rule, description, root / CORRECTOR if corrected else None)


# Of what a damaged file holds, a message shows no more characters.
_SHOWN = 300


def seal_of(description: bytes) -> bytes:
    """What SEAL holds for the content of bundle.json."""
    return f"{hashlib.sha256(description).hexdigest()}  {DESCRIPTION}\n".encode()


def _description(root: Path) -> dict:
    """Read bundle.json, and hold it to its seal.

    Raises:
        BundleError: either is missing or damaged, or the format is another one.
    """
    path = root / DESCRIPTION
    content = _content(path, MAX_DESCRIPTION_BYTES)
    try:
        description = json.loads(content.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: is not valid JSON ({error})") from error
    if not isinstance(description, dict):
        raise BundleError(f"{path}: expected a JSON object, found {type(description).__name__}")
    # Before the seal, so that a bundle of another version is told what it is.
    if description.get("format") != FORMAT:
        raise BundleError(f"{root}: has bundle format {description.get('format')!r:.{_SHOWN}}, this program reads "
                          f"{FORMAT}; export the bundle anew")  # fmt: skip
    seal = seal_of(content)
    if _content(root / SEAL, len(seal)) != seal:
        raise BundleError(f"{path}: is damaged or was replaced: {SEAL} holds another SHA-256; fetch or export the "
                          f"bundle anew")  # fmt: skip
    return description


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _names(root: Path, description: dict) -> set[str]:
    """The files of a bundle: maybe with a corrector of one or two networks and an n-gram, and nothing else."""
    student = {STUDENT, VOCABULARY, CARD}
    correctors = [{CORRECTOR_DESCRIPTION, *MODELS[:count], *ngram} for count in (1, 2) for ngram in ((), (NGRAM,))]
    forms = [student, *(student | {f"{CORRECTOR}/{name}" for name in names} for names in correctors)]
    for key in ("files", "bytes"):
        listed = description.get(key)
        if not isinstance(listed, dict) or set(listed) not in forms:
            raise BundleError(f"{root / DESCRIPTION}: expected {key!r} to name {STUDENT}, {VOCABULARY}, {CARD} and, "
                              f"where there is one, a corrector, found {listed!r:.{_SHOWN}}")  # fmt: skip
    return set(description["files"])


def _input_rule(description: dict, path: Path) -> InputRule:
    name = description["input"]
    if name not in INPUTS:
        raise BundleError(f"{path}: expected input {' or '.join(INPUTS)}, found {name!r:.{_SHOWN}}")
    key, kind = INPUTS[name]
    if not isinstance(description[key], dict):
        raise BundleError(f"{path}: expected {key} to be an object, found {type(description[key]).__name__}")
    return config.build(kind, description[key], str(path))


def _checked(root: Path, name: str, description: dict) -> bytes:
    """Content of a file that is as bundle.json promises."""
    size, digest = description["bytes"].get(name), description["files"][name]
    try:
        found = (root / name).stat().st_size
    except OSError as error:
        raise BundleError(f"{root / name}: cannot be read ({error.strerror})") from error
    # Sizes first: a wrong file is not even read.
    if found != size:
        raise BundleError(f"{root / name}: is damaged or was replaced ({found} bytes, expected {size!r:.{_SHOWN}})")
    content = _content(root / name, found)
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise BundleError(f"{root / name}: is damaged or was replaced (SHA-256 {found}, "
                          f"expected {digest!r:.{_SHOWN}})")  # fmt: skip
    return content


def _content(path: Path, limit: int) -> bytes:
    """A file's content.

    Raises:
        BundleError: it cannot be read, or is larger than allowed.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise BundleError(f"{path}: cannot be read (is no file)")
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from error
    if len(content) > limit:
        raise BundleError(f"{path}: is damaged or was replaced: expected at most {limit} bytes")
    return content
