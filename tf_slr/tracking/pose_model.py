"""MediaPipe's pose model without its silhouette.

Beside the landmarks the model draws a mask of the person, through 46 of its
332 operators at up to half the picture's resolution. Holistic throws the mask
away unless it is asked for it; not computing it changes no landmark and saves
about a tenth of Holistic's time.

Bazarevsky et al., BlazePose: On-device Real-time Body Pose tracking, 2020
(https://arxiv.org/abs/2006.10204); the model is `pose_landmark_full.tflite`
of the wheel, which is only read.
"""

import hashlib
from pathlib import Path

import numpy as np

from tf_slr.core import files
from tf_slr.core.errors import DataError, UsageError

# The last release with Holistic, and with models in its wheel. Earlier ones have other models, which
# find other points: a recogniser must be fed by the one it was trained with.
MEDIAPIPE = "0.10.21"

# Inside the package mediapipe.
PATH = Path("modules") / "pose_landmark" / "pose_landmark_full.tflite"
SHA256 = "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f"

# The outputs: landmarks, presence, mask, heat map, landmarks in metres.
MASK = 2


def pose_model(package: Path) -> bytes:
    """The pose model without its mask, made of the one in the installed MediaPipe.

    Args:
        package: folder of the package mediapipe.

    Raises:
        UsageError: the file there is not the one that MediaPipe came with.
    """
    path = package / PATH
    try:
        model = files.read_bytes(path)
    except DataError as error:
        raise UsageError(f"{error}; {_REPAIR}") from error
    if hashlib.sha256(model).hexdigest() != SHA256:
        raise UsageError(f"{path}: is not the model that MediaPipe comes with ; {_REPAIR}")
    return without_output(model, MASK)


_REPAIR = f"install MediaPipe again: pip install --force-reinstall --no-deps mediapipe=={MEDIAPIPE}"


def without_output(model: bytes, place: int) -> bytes:
    """Leave out of a TFLite model every operator that only one of its outputs needs.

    Whoever runs the model finds its outputs by their places, so that one's
    place is filled by the first of the others.

    Args:
        model: content of a .tflite file with one subgraph.
        place: of the output that nobody reads.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    content = schema.ModelT.InitFromPackedBuf(model, 0)
    (graph,) = content.subgraphs
    outputs = graph.outputs.tolist()
    outputs[place] = next(output for other, output in enumerate(outputs) if other != place)
    maker = {tensor: number for number, operator in enumerate(graph.operators) for tensor in operator.outputs.tolist()}
    needed: set[int] = set()
    wanted = list(outputs)
    while wanted:
        number = maker.get(wanted.pop())
        if number is not None and number not in needed:
            needed.add(number)
            wanted += graph.operators[number].inputs.tolist()
    graph.operators = [graph.operators[number] for number in sorted(needed)]
    graph.outputs = np.array(outputs, np.int32)
    builder = flatbuffers.Builder(len(model))
    builder.Finish(content.Pack(builder), b"TFL3")
    return bytes(builder.Output())
