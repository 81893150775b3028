"""Damage files in many ways and read them.

`python -m tests.tools.mutations FORMAT FOLDER COUNT` prints what came of it.

Run as a process of its own, so that a crash, a hang and memory can be told.
"""

import json
import random
import resource
import shutil
import signal
import struct
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tf_slr.core.errors import SlrError

# Far beyond what any of these files takes; a reader that reaches it hangs.
HANG_SECONDS = 30


def mutate(content: bytes, rng: random.Random) -> bytes:
    """One of the ways in which files break, or are broken on purpose."""
    data = bytearray(content)
    kind = rng.randrange(8)
    place = rng.randrange(len(data))
    if rng.random() < 0.5:  # headers and footers decide most
        place = rng.choice((rng.randrange(min(256, len(data))), len(data) - 1 - rng.randrange(min(256, len(data)))))
    if kind == 0:
        for _ in range(rng.randint(1, 20)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[place] ^= 1 << rng.randrange(8)
    elif kind == 2:
        del data[place:]
    elif kind == 3:
        data[place : place + 4] = struct.pack("<I", rng.choice((0xFFFFFFFF, 0x7FFFFFFF, 0, 10**9)))
    elif kind == 4:
        data[place : place + 8] = struct.pack("<Q", rng.choice((2**64 - 1, 2**63 - 1, 2**40)))
    elif kind == 5:
        data[: rng.randint(1, 64)] = rng.randbytes(rng.randint(0, 64))
    elif kind == 6:
        other = rng.randrange(len(data))
        data[place : place + 64] = data[other : other + 64]
    else:
        data[place:place] = rng.choice((b"\0", b"9", b'"', b"\xff", b"\n", b"|", b",")) * rng.choice((1, 100, 10**6))
    return bytes(data)


class Format:
    """A file that can be read: where it lies, how it is read, and damage made by hand."""

    def __init__(self, path: Path, read: Callable[[], object], crafted: tuple[bytes, ...] = ()) -> None:
        self.path, self.read, self.crafted = path, read, crafted


def _corpus(folder: Path) -> Path:
    from tests.landmark_clips import moving_figure
    from tf_slr.corpus.manifest import CorpusInfo, Sample, landmark_path, write_clip, write_corpus

    samples = [Sample(f"clip{i}", "anna", 20, ("A", "B"), "text", landmark_path(f"clip{i}")) for i in range(4)]
    for sample in samples:
        write_clip(folder / sample.landmarks, moving_figure())
    write_corpus(folder, CorpusInfo("mutated", "none"), {"train": samples})
    return folder


def csv_lists(folder: Path) -> Format:
    from tf_slr.corpus.manifest import Corpus

    root = _corpus(folder)
    return Format(root / "train.csv", lambda: Corpus(root).split("train"))


def phoenix_lists(folder: Path) -> Format:
    from tf_slr.importers.phoenix import read_phoenix2014

    lists = folder / "annotations" / "manual"
    lists.mkdir(parents=True)
    for name in ("train", "dev", "test"):
        rows = [f"{name}{i}|{name}{i}/1/*.png|Signer01|__ON__ REGEN loc-NORD WIND" for i in range(20)]
        (lists / f"{name}.corpus.csv").write_text("\n".join(["id|folder|signer|annotation", *rows]) + "\n")
        (folder / "features" / "fullFrame-210x260px" / name).mkdir(parents=True)
    return Format(lists / "train.corpus.csv", lambda: read_phoenix2014(folder, False))


def toml(folder: Path) -> Format:
    from tf_slr.corpus.manifest import Corpus

    root = _corpus(folder)
    deep, long = b"name = " + b"[" * 100_000, b"fps = " + b"9" * 10**6
    return Format(
        root / "corpus.toml",
        lambda: Corpus(root),
        (deep, long, b"fps = 1e999\nname = 'x'\nlanguage = 'y'"),
    )


def npz(folder: Path) -> Format:
    from tf_slr.corpus.manifest import read_clip

    path = _corpus(folder) / "landmarks" / "clip0.npz"
    bomb, lie, pickled = folder / "bomb.npz", folder / "lie.npz", folder / "pickled.npz"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("landmarks.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, {"descr": "<f4", "fortran_order": False, "shape": (10**7, 92, 3)})
        for _ in range(600):
            member.write(bytes(2**20))
    with zipfile.ZipFile(lie, "w") as archive, archive.open("landmarks.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, {"descr": "<f4", "fortran_order": False, "shape": (10**9, 92, 3)})
    np.savez(pickled, landmarks=np.array([{}], dtype=object))
    crafted = tuple(path.read_bytes() for path in (bomb, lie, pickled))
    return Format(path, lambda: read_clip(path), crafted)


def parquet(folder: Path) -> Format:
    from tests.importers.test_kd_mslrt import columns_of, write
    from tests.landmark_clips import moving_figure
    from tf_slr.importers.kd_mslrt import read_landmarks

    columns = columns_of(moving_figure())
    path = write(folder / "clip.parquet", columns)
    bomb = {name: np.zeros(2_000_000, np.float32) for name in list(columns)[:3]}
    rest = dict.fromkeys(list(columns)[3:], np.zeros(2_000_000, np.float32))
    big = write(folder / "bomb.parquet", bomb | rest).read_bytes()
    return Format(path, lambda: read_landmarks(path), (big,))


def pose(folder: Path) -> Format:
    from tests.landmark_clips import moving_figure
    from tf_slr.importers.poses import read_pose, write_pose

    path = folder / "clip.pose"
    write_pose(path, moving_figure(), 25.0)
    return Format(path, lambda: read_pose(path))


def video(folder: Path, suffix: str, codec: str) -> Format:
    import cv2

    from tf_slr.video.decoding import open_video

    path = folder / f"clip{suffix}"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 25, (96, 64))
    rng = np.random.default_rng(0)
    for _ in range(12):
        writer.write(rng.integers(0, 255, (64, 96, 3), np.uint8))
    writer.release()

    def read() -> None:
        for _ in open_video(path).frames():
            pass

    return Format(path, read)


def image(folder: Path) -> Format:
    import cv2

    from tf_slr.video.decoding import read_frames

    for number in range(3):
        picture = np.random.default_rng(number).integers(0, 255, (64, 96, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    return Format(folder / "1.png", lambda: list(read_frames(folder)))


def tfrecord(folder: Path) -> Format:
    from tf_slr.corpus.manifest import Corpus
    from tf_slr.corpus.shards import FOLDER
    from tf_slr.features.records import pack
    from tf_slr.features.splits import load_split

    root = _corpus(folder)
    pack(Corpus(root), 10**9)
    (path,) = (root / FOLDER).glob("train-*.tfrecord")

    def read() -> None:
        for _ in load_split(Corpus(root), "train", "shards").clips:
            pass

    return Format(path, read)


def shard_index(folder: Path) -> Format:
    shards = tfrecord(folder)
    return Format(shards.path.with_name("shards.json"), shards.read, (b"[" * 200_000, b'{"splits": ' + b"9" * 10**6))


def transcripts(folder: Path) -> Format:
    from tf_slr.formats.transcripts import read_ctm

    path = folder / "x.ctm"
    path.write_text("".join(f"clip{i} 1 {i}.00 0.50 GLOSS{i}\n" for i in range(50)))
    return Format(path, lambda: read_ctm(path))


FORMATS: dict[str, Callable[[Path], Format]] = {
    "csv": csv_lists, "phoenix": phoenix_lists, "toml": toml, "npz": npz, "parquet": parquet, "pose": pose,
    "avi": lambda folder: video(folder, ".avi", "FFV1"), "mp4": lambda folder: video(folder, ".mp4", "mp4v"),
    "png": image, "tfrecord": tfrecord, "shards.json": shard_index, "ctm": transcripts,
}  # fmt: skip


def _hangs(*_) -> None:
    raise TimeoutError(f"a reader took more than {HANG_SECONDS} s")


def run(name: str, folder: Path, count: int) -> dict:
    """Read `count` mutations and every crafted file of a format; anything but the project's errors escapes."""
    rng = random.Random(f"{name} 0")
    case = FORMATS[name](folder)
    good = case.path.read_bytes()
    case.read()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.signal(signal.SIGALRM, _hangs)
    refused, slowest = 0, 0.0
    for number, content in enumerate((*case.crafted, *(mutate(good, rng) for _ in range(count)))):
        case.path.write_bytes(content)
        started = time.monotonic()
        signal.alarm(HANG_SECONDS)
        try:
            case.read()
        except SlrError as error:
            refused += 1
            if not str(error) or "\n" in str(error):
                raise AssertionError(f"{name}, mutation {number}: an error of no line or of several: {error}") from None
        except BaseException:
            print(f"{name}, mutation {number}", file=sys.stderr)
            shutil.copy(case.path, folder / "escaped")
            raise
        signal.alarm(0)
        slowest = max(slowest, time.monotonic() - started)
        if number < len(case.crafted) and refused != number + 1:
            raise AssertionError(f"{name}: crafted file {number} was accepted")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"format": name, "files": number + 1, "refused": refused, "slowest_s": slowest, "grown_mb": grown}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
