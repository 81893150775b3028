"""Small films of every kind: a bright corner shows which way is up, and a moving bar tells the frame."""

import io
import struct
from fractions import Fraction

import av
import numpy as np

FRAMES, WIDTH, HEIGHT = 8, 144, 96


def pictures(width=WIDTH, height=HEIGHT, frames=FRAMES):
    """RGB uint8 [H, W, 3]: grey, white at the top left, red at the top right, and a dark bar that moves down."""
    made = np.full((frames, height, width, 3), 128, np.uint8)
    made[:, : height // 3, : width // 4] = 230
    made[:, : height // 3, -width // 4 :] = (200, 60, 60)
    for number, picture in enumerate(made):
        top = height // 3 + number * (height // 2) // frames
        picture[top : top + height // 8] = 40
    return list(made)


def film(path, shown, codec, pix_fmt="yuv420p", times=None, options=None, pixel=None, stream=None, format=None):
    """Write pictures shown at `times`, in milliseconds; 25 a second where none are told."""
    times = range(0, 40 * len(shown), 40) if times is None else times
    with av.open(stream or str(path), "w", format=format) as container:
        track = container.add_stream(codec, rate=25, options=options or {})
        track.height, track.width, _ = shown[0].shape
        track.pix_fmt, track.codec_context.time_base = pix_fmt, Fraction(1, 1000)
        if codec in ("mpeg2video", "mjpeg", "prores_ks", "libsvtav1", "gif") or str(path).endswith(".avi"):
            track.codec_context.time_base = Fraction(1, 25)
        if pixel:
            track.sample_aspect_ratio = pixel
        for picture, time in zip(shown, times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = int(time), Fraction(1, 1000)
            container.mux(track.encode(frame))
        container.mux(track.encode())
    return path


class Pipe(io.RawIOBase):
    """What a browser records into: it cannot go back to write the duration."""

    def __init__(self):
        self.content = b""

    def writable(self):
        return True

    def write(self, content):
        self.content += bytes(content)
        return len(content)


def turn(path, matrix):
    """Note in an .mp4 or .mov how its pictures are to be turned: (a, b, c, d) take x and y to ax + cy and bx + dy."""
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 44
    a, b, c, d = (65536 * value for value in matrix)
    content[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


# What is done to a picture before it is stored, and the note that undoes it.
TURNED = {
    "90": (lambda picture: np.rot90(picture, 1), (0, 1, -1, 0)),
    "180": (lambda picture: np.rot90(picture, 2), (-1, 0, 0, -1)),
    "270": (lambda picture: np.rot90(picture, 3), (0, -1, 1, 0)),
    "mirrored": (lambda picture: picture[:, ::-1], (-1, 0, 0, 1)),
    "upside down": (lambda picture: picture[::-1], (1, 0, 0, -1)),
    "90, mirrored": (lambda picture: picture.transpose(1, 0, 2), (0, 1, 1, 0)),
}


def with_cover(path, shown, cover):
    """An .mp4 whose first track is a still picture, as shops and phones put it there."""
    with av.open(str(path), "w") as container:
        track = container.add_stream("libx264", rate=25)
        picture = container.add_stream("png", rate=25)
        for each, (height, width, _), pix_fmt in ((track, shown[0].shape, "yuv420p"), (picture, cover.shape, "rgb24")):
            each.width, each.height, each.pix_fmt = width, height, pix_fmt
        picture.disposition = av.stream.Disposition.attached_pic
        container.mux(picture.encode(av.VideoFrame.from_ndarray(cover, format="rgb24")))
        for each in shown:
            container.mux(track.encode(av.VideoFrame.from_ndarray(each, format="rgb24")))
        container.mux(track.encode())
    content = path.read_bytes()
    start = content.index(b"moov") - 4
    end = start + int.from_bytes(content[start : start + 4], "big")
    boxes, place = [], start + 8
    while place < end:
        size = int.from_bytes(content[place : place + 4], "big")
        boxes.append(content[place : place + size])
        place += size
    boxes.sort(key=lambda box: box[4:8] == b"trak")  # what describes the cover comes first
    path.write_bytes(content[: start + 8] + b"".join(boxes) + content[end:])
    return path
