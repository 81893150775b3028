"""A video file as FFmpeg reads it: its pictures, upright and with square pixels, and when each is shown.

Phones store what the sensor saw, with a note how to turn it; cameras and
television store pixels that are no squares. What leaves here needs neither.
"""

import functools
import math
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.pictures import opencv

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.stream import VideoStream

# How pictures leave a file, for records of what was made of them. 2: upright, with square pixels.
PICTURES = 2

# Matroska without a rate claims 1000 frames a second.
MAX_FPS = 480
# Four times those of the largest screens: beyond that a header is damaged, or made to fill the memory.
MAX_PIXELS = 2**27
# Pixels this close to squares are meant to be squares; beyond the other bound the ratio is damaged.
SQUARE, MAX_PIXEL_RATIO = 0.01, 10

# FFmpeg would film a text as a terminal shows it.
_TEXT = ("tty", "bin", "xbin", "adf", "idf")

# How often FFmpeg may ask to be called again.
_RETRIES = 100

# Bytes; glibc learns from blocks of less than 32 MiB only.
_KEPT = 31 << 20

# Nothing that a file names is opened: no network, no other file by a pattern in the name.
_OPTIONS = {"protocol_whitelist": "file", "pattern_type": "none"}


@functools.cache
def pyav() -> ModuleType:
    """The module av, which is FFmpeg.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise UsageError(f"videos need PyAV: pip install 'tf_slr[video]' ({error})") from error
    # A block so large, freed once, makes glibc keep the memory of pictures; else it is mapped anew for each of them.
    np.empty(_KEPT, np.uint8)
    return av


class Container:
    """An open video file; a context manager that closes it. It can be read once.

    Args:
        path: the file. Its name is never taken for an address or a pattern.
        threads: how many decode it; 0 for as many as there are processors.

    Attributes:
        fps: frames per second, or None where the file does not say.
        promised: number of frames the header promises, or 0 where it promises none.

    Raises:
        DataError: it is missing, empty, or no video.
        UsageError: PyAV is not installed.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        av = pyav()
        self._path = path
        _require_content(path)
        try:
            # FFmpeg takes what stands before a colon for a protocol.
            self._file = av.open(f"file:{path.absolute()}", options=_OPTIONS, metadata_errors="replace")
        except (av.FFmpegError, ValueError) as error:
            raise DataError(
                f"{path}: is no readable video (damaged, no picture track, or an unknown format)"
            ) from error
        try:
            if self._file.format.name in _TEXT:
                raise DataError(f"{path}: is no video, but text")
            # PyAV lets FFmpeg invent times where AVI has none, in the wrong order; it then shows frames as they come.
            self._file.flags &= ~av.container.Flags.gen_pts.value
            self._stream = _picture_track(path, self._file)
            self._stream.thread_type, self._stream.codec_context.thread_count = "AUTO", threads
            self._timed = not self._file.format.flags & av.format.Flags.no_timestamps.value
            self.fps, self.promised = self._header()
            self._threads, self._ratio = threads, _pixel_ratio(self._stream)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "Container":
        return self

    def __exit__(self, *reason: object) -> None:
        self._file.close()

    def _header(self) -> tuple[float | None, int]:
        """Frame rate and number of frames, as far as the header can be believed."""
        stream = self._stream
        rates = [float(rate) for rate in (stream.guessed_rate, stream.average_rate) if rate]
        fps = next((rate for rate in rates if 1 <= rate <= MAX_FPS), None) if self._timed else None
        seconds = 0.0
        if stream.duration and stream.time_base:
            seconds = float(stream.duration * stream.time_base)
        elif self._file.duration:
            # Matroska's duration is the time at which it ends, wherever it begins.
            begins = max(self._file.start_time or 0, 0) if "matroska" in self._file.format.name else 0
            seconds = (self._file.duration - begins) / pyav().time_base
        promised = max(stream.frames, 0)
        if seconds > 0 and promised and stream.average_rate and "mp4" in self._file.format.name:
            # A phone cuts a video by a note that only a part of it is shown; all of its frames are still counted.
            promised = min(promised, round(seconds * stream.average_rate))
        elif seconds > 0 and fps and not promised:
            promised = round(seconds * fps)
        return fps, promised

    def times(self) -> Iterator[float]:
        """When each frame is shown, in seconds of the file's own clock; not a number where it does not say."""
        for frame in self._frames():
            yield self._time(frame)

    def pictures(self) -> Iterator[tuple[float, np.ndarray]]:
        """When each frame is shown, as `times`, and its picture, RGB uint8 [height, width, 3].

        Raises:
            DataError: a picture is too large, or FFmpeg cannot turn it into RGB.
        """
        av = pyav()
        reformatter = av.video.reformatter.VideoReformatter()
        # OpenCV, and with it MediaPipe's own examples, take the colours of every video for BT.601.
        colours = av.video.reformatter.Colorspace.ITU601
        bicubic = av.video.reformatter.Interpolation.BICUBIC
        for frame in self._frames():
            width, height = _square_size(frame.width, frame.height, self._ratio)
            _require_size(self._path, width, height)
            try:
                picture = reformatter.reformat(frame, width, height, "rgb24", colours, colours, bicubic,
                                               threads=self._threads).to_ndarray()  # fmt: skip
            except (av.FFmpegError, ValueError) as error:
                raise DataError(f"{self._path}: pictures of format {frame.format.name} cannot be read") from error
            yield self._time(frame), _upright(picture, _display_matrix(frame))

    def _time(self, frame: "VideoFrame") -> float:
        ticks = frame.dts if frame.pts is None else frame.pts
        # What the decoder held back when reading failed has no time base of its own.
        unit = frame.time_base or self._stream.time_base
        return float(ticks * unit) if self._timed and ticks is not None and unit else math.nan

    def _frames(self) -> Iterator["VideoFrame"]:
        """Frames as they are stored, until they end for whatever reason; damaged ones are left out.

        Raises:
            DataError: reading ends early, and no promised number of frames tells so.
        """
        av, again = pyav(), _RETRIES
        packets = self._file.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                if isinstance(error, av.BlockingIOError) and again:  # a damaged broadcast goes on behind the gap
                    packets, again = self._file.demux(self._stream), again - 1
                    continue
                if not self.promised:
                    raise DataError(f"{self._path}: cannot be read to its end ({error.strerror})") from error
                packet = None
            try:
                yield from self._stream.decode(packet)
            except av.FFmpegError:  # whoever counts will miss it
                pass
            if packet is None:
                return


def _require_content(path: Path) -> None:
    if not path.exists():
        raise DataError(f"{path}: does not exist")
    if not path.is_file():
        raise DataError(f"{path}: is neither a file nor a folder")
    try:
        with path.open("rb") as stream:
            content = stream.read(1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if not content:
        raise DataError(f"{path}: is empty")


def _picture_track(path: Path, file: object) -> "VideoStream":
    """The track of moving pictures; a sound file's cover is none."""
    cover = pyav().stream.Disposition.attached_pic
    tracks = [track for track in file.streams.video if not track.disposition & cover]
    if not tracks:
        raise DataError(f"{path}: is no readable video (it has no track of moving pictures)")
    best = file.streams.best("video")
    track = best if best in tracks else tracks[0]
    context = track.codec_context
    if context is None:
        raise DataError(f"{path}: is no readable video (PyAV has no decoder for its pictures)")
    _require_size(path, context.width, context.height)
    return track


def _require_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise DataError(f"{path}: {width} x {height} pixels are too many (expected {MAX_PIXELS:,} or fewer)")


def _pixel_ratio(track: "VideoStream") -> float:
    """How much wider than high a pixel is shown."""
    ratio = float(track.sample_aspect_ratio or 1)
    damaged = not 1 / MAX_PIXEL_RATIO <= ratio <= MAX_PIXEL_RATIO
    return 1.0 if damaged or abs(ratio - 1) < SQUARE else ratio


def _square_size(width: int, height: int, ratio: float) -> tuple[int, int]:
    """Width and height in square pixels; no side loses any."""
    return (round(width * ratio), height) if ratio >= 1 else (width, round(height / ratio))


def _display_matrix(frame: "VideoFrame") -> tuple[int, int, int, int]:
    """What the file says of how to turn its pictures: (a, b, c, d) that take x and y to ax + cy and bx + dy."""
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV does not know another kind of what is stored beside the frame
        a, b = {90: (0, -1), -90: (0, 1), 180: (-1, 0), -180: (-1, 0)}.get(frame.rotation, (1, 0))
        return a, b, -b, a
    if matrix is None:
        return 1, 0, 0, 1
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    return a, b, c, d


def _upright(picture: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """A picture turned by quarters and mirrored, as near to a display matrix as that comes."""
    a, b, c, d = matrix
    if abs(b) + abs(c) > abs(a) + abs(d):
        picture, a, d = opencv().transpose(picture), c, b
    if a < 0 or d < 0:
        picture = opencv().flip(picture, -1 if a < 0 and d < 0 else 1 if a < 0 else 0)
    return picture
