"""The golden vectors in tests/golden.json, and the clip and the student that they are of.

`python -m tests.golden` writes them anew. That is right where normalisation gets a new version, or where a student is
meant to compute something else; any other difference is a fault. Everything is drawn from `RandomState`, whose streams
NumPy has frozen, by uniform numbers alone, so that no library of mathematics takes part.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from tf_slr.core.landmarks import LEFT_HAND, LIPS, POINTS, RIGHT_HAND, Clip, Normalisation, body_frame, normalise

PATH = Path(__file__).with_name("golden.json")
GLOSSES = ("HOUSE", "RAIN", "SUN", "WIND")
FRAMES, POSTURES = 48, 6
# These frames are kept whole, of all a random projection: without a left hand, and with a point far away.
WHOLE = (9, 13)
FPS = 25.0
# Of the weights; of the first 60 it is the one whose likeliest classes are the surest.
SEED = 8


def clip() -> Clip:
    """A signer in a wide picture who goes from posture to posture, with hands that are lost for some frames."""
    random = np.random.RandomState(24)
    postures = random.uniform(0.3, 0.7, (POSTURES + 1, POINTS, 3))
    for part in (LIPS, LEFT_HAND, RIGHT_HAND):  # points of a part lie near its first
        postures[:, part] = postures[:, part.start : part.start + 1] + random.uniform(
            -0.06, 0.06, postures[:, part].shape
        )
    place = np.linspace(0, POSTURES - 1e-9, FRAMES)
    before, share = place.astype(int), (place % 1)[:, None, None]
    landmarks = postures[before] * (1 - share) + postures[before + 1] * share
    landmarks[9:13, LEFT_HAND] = np.nan
    landmarks[30:32] = np.nan
    landmarks[13, 3] = 4.0  # far outside the picture
    shoulders = np.tile([[0.62, 0.41, -0.1], [0.38, 0.39, -0.1]], (FRAMES, 1, 1)) + random.uniform(
        -0.01, 0.01, (FRAMES, 2, 3)
    )
    return Clip(landmarks.astype(np.float32), shoulders.astype(np.float32), 1.5)


def clips() -> dict[str, Clip]:
    """The clip as it is, and with less to find the signer by."""
    whole = clip()
    nobody = whole.landmarks.copy()
    nobody[:, 0] = np.nan
    return {"shoulders": whole, "elbows": whole._replace(shoulders=None), "extent": Clip(nobody, None, whole.aspect)}


def network():
    """A student of fixed weights."""
    from tf_slr.models.mslr import Mslr, MslrOptions

    student = Mslr(MslrOptions(width=8, hidden=4), len(GLOSSES) + 1)
    for number, weight in enumerate(sorted(student.weights, key=lambda one: one.name)):
        random = np.random.RandomState(100 * SEED + number)
        if "step" in weight.name:
            continue  # how often a dropout was drawn
        low, high = (0.5, 2.0) if "variance" in weight.name or "gamma" in weight.name else (-1.0, 1.0)
        scale = 3.0 if "head_norm/gamma" in weight.name else 1.0
        weight.assign((scale * random.uniform(low, high, weight.shape)).astype(np.float32))
    return student


def write_bundle(folder: Path, student) -> Path:
    """A bundle of a student in INT8."""
    from export.convert import convert
    from export.variants import VARIANTS
    from tf_slr.core.glosses import Vocabulary
    from tf_slr.runtime import bundle

    model, about = convert(student, VARIANTS["stateless"]), {"corpus": {"name": "golden", "fps": FPS}}
    bundle.write_bundle(folder, model, Vocabulary(GLOSSES), Normalisation(), about, lambda _: "golden\n")
    return folder


def recognised(folder: Path) -> dict[str, tuple[np.ndarray, tuple]]:
    """Logits and words of the clip: of the student in FP32 by Keras, and in INT8 by the runtime.

    Args:
        folder: gets the bundle.
    """
    from tf_slr.core.glosses import Vocabulary
    from tf_slr.runtime import Recognizer
    from tf_slr.runtime.decoder import SentenceDecoder

    student, values = network(), normalise(clip(), Normalisation())
    logits = student({"landmarks": values[None], "frames": np.array([FRAMES])})["sequence_logits"].numpy()[0]
    recognizer = Recognizer.load(write_bundle(folder, student))
    return {
        "fp32": (logits, SentenceDecoder(Vocabulary(GLOSSES))(logits, FRAMES, FPS)),
        "int8": (recognizer.logits(values), recognizer.transcribe(clip()).words),
    }


def projection(values: np.ndarray) -> np.ndarray:
    """What a random direction says of each frame's values, [T]."""
    return values.astype(np.float64) @ np.random.RandomState(276).uniform(-1, 1, values.shape[1])


def vectors(folder: Path) -> dict:
    """All golden vectors.

    Args:
        folder: gets the bundle.
    """
    rule = Normalisation()
    found = recognised(folder)
    return {
        "command": "python -m tests.golden",
        "version": rule.version,
        "frames": {name: [*body_frame(one).origin, body_frame(one).scale] for name, one in clips().items()},
        "values": {str(t): normalise(clip(), rule)[t].tolist() for t in WHOLE},
        "projections": {name: projection(normalise(one, rule)).tolist() for name, one in clips().items()},
        "logits": {name: logits.tolist() for name, (logits, _) in found.items()},
        "words": {name: words for name, (_, words) in found.items()},
    }


def main() -> None:
    """Write the vectors."""
    from tf_slr.cli.common import import_tensorflow
    from tf_slr.core import files

    import_tensorflow()
    with tempfile.TemporaryDirectory() as folder:
        found = vectors(Path(folder))
    margins = {}
    for name, logits in found["logits"].items():
        ordered = np.sort(logits, axis=1)
        margins[name] = float((ordered[:, -1] - ordered[:, -2]).min())
    short = json.loads(json.dumps(found), parse_float=lambda number: round(float(number), 5))
    files.write_text(PATH, json.dumps(short).replace("], [", "],\n[").replace(', "', ',\n"') + "\n")
    print(f"wrote {PATH}; least margins between the two likeliest classes of a step: {margins}")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(main())
