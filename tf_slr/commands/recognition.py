"""`tf-slr recognize`: landmark files, .pose files and videos -> glosses."""

import argparse
import json
from pathlib import Path

from tf_slr.commands.common import add_command, report
from tf_slr.errors import SlrError


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command `recognize`."""
    recognize = add_command(commands, "recognize", _recognize, "recognise landmark files (.npz, .pose) and videos")
    recognize.add_argument("--bundle", type=Path, required=True)
    recognize.add_argument("--threads", type=int, default=1)
    recognize.add_argument("--json", action="store_true", help="print glosses with times and confidences")
    recognize.add_argument("clips", type=Path, nargs="+", metavar="CLIP")


def _recognize(arguments: argparse.Namespace) -> int:
    from tf_slr.runtime.recognizer import Recognizer

    recognizer = Recognizer.load(arguments.bundle, arguments.threads)
    results, faults, read = [], [], _ClipReader()
    for path in arguments.clips:
        try:
            clip, fps = read(path)
            words = recognizer.transcribe(clip, fps).words
        except SlrError as error:
            text = str(error)
            faults.append(f"error: {text}" if str(path) in text else f"error: {path}: {text}")
            continue
        results.append({"clip": str(path), "glosses": [word._asdict() for word in words]})
        if not arguments.json:
            print(f"{path}: {' '.join(word.gloss for word in words) or '(nothing recognised)'}")
    if arguments.json:
        print(json.dumps(results, indent=2, ensure_ascii=False))
    return report(faults)


class _ClipReader:
    """Reads landmark files and videos; MediaPipe is loaded at the first video only."""

    def __init__(self) -> None:
        self._tracker = None

    def __call__(self, path: Path) -> tuple:
        if path.suffix == ".npz":
            from tf_slr.corpus.manifest import read_clip

            return read_clip(path), None
        if path.suffix == ".pose":
            from tf_slr.corpus.poses import read_pose

            return read_pose(path)[:2]
        from tf_slr.corpus.tracker import Tracker

        self._tracker = self._tracker or Tracker()
        extraction = self._tracker.extract(path)
        return extraction.clip, extraction.fps
