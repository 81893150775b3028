"""MediaPipe Holistic, faster: its own graph and models, and to the last bit its values.

`mediapipe.solutions.holistic` runs one graph: the pose is found in the
picture; it says where face and hands are; those are then looked at closely.
The same graph is run here for about a seventh less of the processor's time:

- the pose model draws no silhouette (`pose_model`);
- what leads to results that nobody reads here is left out;
- it runs in the thread that calls it, where MediaPipe starts a pool of its own.

It is cut where only the picture and the pose cross, into pose, face and
hands. The halves, body (pose and face) and hands, take turns in one thread offline; a live tracker
can find the body of one frame while another thread finds the hands of the
frame before. Neither holds more than the previous frame's landmarks.

The graph: https://github.com/google-ai-edge/mediapipe, modules/holistic_landmark.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import mediapipe
import numpy as np
from mediapipe.framework.calculator_pb2 import CalculatorGraphConfig
from mediapipe.framework.formats.landmark_pb2 import NormalizedLandmarkList
from mediapipe.python import packet_creator, packet_getter
from mediapipe.python._framework_bindings import resource_util
from mediapipe.python._framework_bindings.calculator_graph import CalculatorGraph
from mediapipe.python._framework_bindings.packet import Packet
from mediapipe.python._framework_bindings.validated_graph_config import ValidatedGraphConfig

from tf_slr.core.errors import DataError
from tf_slr.tracking.pose_model import pose_model

PACKAGE = Path(mediapipe.__file__).parent
GRAPH = Path("modules") / "holistic_landmark" / "holistic_landmark_cpu.binarypb"
IMAGE, POSE, FACE = "image", "pose_landmarks", "face_landmarks"
LEFT_HAND, RIGHT_HAND = "left_hand_landmarks", "right_hand_landmarks"

# What Holistic is set to for a video: landmarks are smoothed and looked for where they just were.
SETTINGS = {"smooth_landmarks": True, "use_prev_landmarks": True, "refine_face_landmarks": False}
POSE_MODEL = "pose_model"

# Microseconds between frames. Holistic's smoothing believes in 30 frames a second whatever the video says.
FRAME_TIME = 33333


class Body(NamedTuple):
    """A frame of which the first half is known: packets for the second half, empty where nothing was found."""

    image: Packet
    pose: Packet
    face: Packet


class Found(NamedTuple):
    """What was found in a frame; None where it was not.

    Attributes:
        pose: 33 points, x and y divided by the picture's width and height.
        face: 468 points.
        left_hand: 21 points.
        right_hand: 21 points.
    """

    pose: NormalizedLandmarkList | None
    face: NormalizedLandmarkList | None
    left_hand: NormalizedLandmarkList | None
    right_hand: NormalizedLandmarkList | None


class Holistic:
    """MediaPipe Holistic at model complexity 1, for one clip after the other.

    After a `DataError` it is broken and has to be replaced. `find_body` and
    `find_hands` may run in two threads at once; each must see every frame of
    a clip in order, and both must have come to its end before `reset`.

    Raises:
        UsageError: MediaPipe's pose model is damaged.
    """

    def __init__(self) -> None:
        graph = _with_own_pose_model(_holistic_graph())
        packets = {name: packet_creator.create_bool(value) for name, value in SETTINGS.items()}
        packets[POSE_MODEL] = packet_creator.create_string(pose_model(PACKAGE))
        self._pose = _Part(graph, (IMAGE,), (POSE,), packets)
        self._face = _Part(graph, (IMAGE, POSE), (FACE,), packets)
        self._hands = _Part(graph, (IMAGE, POSE), (LEFT_HAND, RIGHT_HAND), packets)

    def reset(self) -> None:
        """Forget what was seen: the next frame is a clip's first."""
        self._pose.reset()
        self._face.reset()
        self._hands.reset()

    def process(self, frame: np.ndarray) -> Found:
        """Find everything in a frame (RGB uint8 [H, W, 3]).

        Raises:
            DataError: it is no such frame, or MediaPipe fails on it.
        """
        return self.find_hands(self.find_body(frame))

    def find_body(self, frame: np.ndarray, pose: Packet | None = None, face: Packet | None = None) -> Body:
        """The first half: pose and face of a frame (RGB uint8 [H, W, 3]).

        Args:
            frame: the picture.
            pose: that of an earlier frame, to be kept instead of looking for it again.
            face: the same for the face.

        Raises:
            DataError: it is no such frame, or MediaPipe fails on it.
        """
        image = _image(frame)
        if pose is None:
            pose = self._pose.step({IMAGE: image})[POSE]
        else:
            self._pose.skip()
        if face is None:
            face = self._face.step({IMAGE: image, POSE: pose})[FACE]
        else:
            self._face.skip()
        return Body(image, pose, face)

    def find_hands(self, body: Body) -> Found:
        """The second half: hands where the pose says.

        Raises:
            DataError: MediaPipe fails.
        """
        found = self._hands.step({IMAGE: body.image, POSE: body.pose})
        return Found(*map(_landmarks, (body.pose, body.face, found[LEFT_HAND], found[RIGHT_HAND])))


class _Part:
    """A part of the graph that runs in the thread that calls it, one frame after the other."""

    def __init__(
        self,
        graph: CalculatorGraphConfig,
        inputs: Sequence[str],
        outputs: Sequence[str],
        side_packets: dict[str, Packet],
    ) -> None:
        config = _part(graph, inputs, outputs)
        self._side_packets = {name: side_packets[name] for name in config.input_side_packet}
        self._graph = CalculatorGraph(graph_config=config)
        self._nothing = dict.fromkeys(outputs, Packet())
        self._found: dict[str, Packet] = {}
        for name in outputs:
            # The graph keeps what it calls. A method of this object would keep this object, which keeps the graph.
            self._graph.observe_output_stream(name, self._found.__setitem__)
        self._start()

    def _start(self) -> None:
        self._time = 0
        self._graph.start_run(self._side_packets)

    def reset(self) -> None:
        self._graph.close()
        self._start()

    def skip(self) -> None:
        """Let a frame's time pass without looking at it."""
        self._time += FRAME_TIME

    def step(self, streams: dict[str, Packet]) -> dict[str, Packet]:
        """Process a frame's packets, one for every input; an empty one, in and out, stands for nothing found.

        Without it the graph would keep the frame until it knows more, and a
        tracker that sees nobody for long would fill the memory.

        Raises:
            DataError: MediaPipe fails.
        """
        self._time += FRAME_TIME
        self._found.clear()
        try:
            for name, content in streams.items():
                self._graph.add_packet_to_input_stream(name, content.at(self._time))
            self._graph.wait_until_idle()
        except (RuntimeError, ValueError) as error:
            raise DataError(f"MediaPipe failed ({' '.join(str(error).split())})") from error
        return self._nothing | self._found


def _image(frame: np.ndarray) -> Packet:
    if not isinstance(frame, np.ndarray):
        raise DataError(f"expected a picture, an array uint8 [H, W, 3], received {type(frame).__name__}")
    # MediaPipe would read beyond the end of an array with fewer channels.
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise DataError(f"expected a picture, uint8 [H, W, 3], received {frame.dtype} {list(frame.shape)}")
    # A copy, because a camera may fill its array again while the second half still reads.
    return packet_creator.create_image_frame(data=frame, image_format=mediapipe.ImageFormat.SRGB, copy=True)


def _landmarks(packet: Packet) -> NormalizedLandmarkList | None:
    return None if packet.is_empty() else packet_getter.get_proto(packet)


def _holistic_graph() -> CalculatorGraphConfig:
    """Holistic's graph with every graph inside it unfolded."""
    # Where the graph's other models are looked for.
    resource_util.set_resource_dir(str(PACKAGE.parent))
    graph = ValidatedGraphConfig()
    graph.initialize(binary_graph_path=str(PACKAGE / GRAPH))
    return CalculatorGraphConfig.FromString(graph.binary_config)


def _with_own_pose_model(graph: CalculatorGraphConfig) -> CalculatorGraphConfig:
    """Let the graph take its pose model from the side packet POSE_MODEL."""
    (loader,) = (node for node in graph.node if node.name.endswith("__poselandmarkmodelloader__TfLiteModelCalculator"))
    loader.input_side_packet[:] = [f"MODEL_BLOB:{POSE_MODEL}"]
    return graph


def _part(graph: CalculatorGraphConfig, inputs: Sequence[str], outputs: Sequence[str]) -> CalculatorGraphConfig:
    """The nodes that lead from the streams `inputs` to the streams `outputs`, as a graph of its own."""
    maker = {
        _name(made): number
        for number, node in enumerate(graph.node)
        for made in (*node.output_stream, *node.output_side_packet)
    }
    needed: set[int] = set()
    given: set[str] = set()
    wanted = list(outputs)
    while wanted:
        name = wanted.pop()
        if name in inputs:
            continue
        if name not in maker:
            given.add(name)
        elif maker[name] not in needed:
            needed.add(maker[name])
            node = graph.node[maker[name]]
            wanted += map(_name, (*node.input_stream, *node.input_side_packet))
    part = CalculatorGraphConfig(input_stream=inputs, output_stream=outputs, input_side_packet=sorted(given))
    part.node.extend(graph.node[number] for number in sorted(needed))
    part.executor.add(type="ApplicationThreadExecutor")
    return part


def _name(connection: str) -> str:
    """The stream or side packet of a node's connection, 'TAG:index:name'."""
    return connection.rpartition(":")[2]
