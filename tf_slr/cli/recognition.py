"""`tf-slr recognize`: videos, folders of images, landmark files and .pose files -> glosses."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tqdm import tqdm

from tf_slr.cli.clips import clips_of
from tf_slr.cli.common import EXIT_FAULT, EXIT_OK, add_command, add_overwrite
from tf_slr.cli.paths import STREAM, existing, input_file
from tf_slr.core import files
from tf_slr.core.errors import FULL, SlrError, UsageError, shown
from tf_slr.core.kinds import Kind
from tf_slr.core.landmarks import Normalisation
from tf_slr.core.outputs import Output, claim_files
from tf_slr.core.stdout import print_json, printable, say
from tf_slr.formats import subtitles

if TYPE_CHECKING:
    from tf_slr.apps.inputs import Input, InputReader
    from tf_slr.runtime.decoder import Word
    from tf_slr.runtime.recognizer import Recognizer

# An option without a value: beside the clip.
BESIDE = ""
SUBTITLES = {"srt": subtitles.to_srt, "vtt": subtitles.to_webvtt}


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command `recognize`."""
    recognize = add_command(
        commands,
        "recognize",
        _recognize,
        "recognise videos, folders of images, landmark files (.npz), .pose files, and folders of these",
    )
    recognize.add_argument("--bundle", type=existing(Kind.BUNDLE), required=True)
    recognize.add_argument("--threads", type=int, default=1)
    recognize.add_argument("--fps", type=float, help="frame rate of clips that do not say theirs; the bundle's if none")
    recognize.add_argument("--uncorrected", action="store_true", help="leave the bundle's corrector out")
    recognize.add_argument("--json", action="store_true", help="print everything as JSON, one entry a clip")
    for kind, name in (("srt", "SubRip"), ("vtt", "WebVTT")):
        recognize.add_argument(f"--{kind}", nargs="?", const=BESIDE, metavar="DIR|FILE",
                               help=f"write {name} subtitles, into a folder, to a file, to standard output (-), or (no "
                                    "value) beside the clip; give it after the clips")  # fmt: skip
    recognize.add_argument("--draw", type=Path, metavar="OUT.mp4|DIR",
                           help="write the video with skeleton and captions; a folder for several clips")  # fmt: skip
    recognize.add_argument("--font", type=input_file("a font file"), help="font of the captions; DejaVu Sans and "
                           "installed ones are asked for what it lacks, or for all")  # fmt: skip
    add_overwrite(recognize)
    recognize.add_argument("clips", type=Path, nargs="+", metavar="CLIP")


def _recognize(arguments: argparse.Namespace) -> int:
    clips = clips_of(arguments.clips)
    streamed = _streamed(arguments, clips)
    if arguments.fps is not None and not 1 <= arguments.fps <= 1000:
        raise UsageError(f"--fps: expected 1 to 1000 frames a second, received {arguments.fps:g}")
    targets = {
        name: destinations(f"--{name}", getattr(arguments, name) if name != streamed else None, clips, f".{name}")
        for name in SUBTITLES
    } | {
        "draw": destinations("--draw", arguments.draw, clips, ".mp4"),
    }
    claim_files([Output(f"--{name}", path, name) for name, paths in targets.items() for path in paths],
                [*clips, arguments.bundle, arguments.font], arguments.overwrite)  # fmt: skip
    job = _Job.prepare(arguments, {name: paths for name, paths in targets.items() if paths})
    entries, code = [], EXIT_OK
    # Standard output is for results; where that is JSON or subtitles, everything else goes the other way.
    messages = sys.stderr if arguments.json or streamed else sys.stdout
    try:
        for number, path in enumerate(tqdm(clips, "recognise", unit="clip", disable=None if len(clips) > 1 else True)):
            try:
                clip, words, written = job.do(number, path)
            except (SlrError, OSError) as error:
                if getattr(error, "errno", None) in FULL:  # nor will the others find room
                    raise
                text = str(error)
                text = text if str(path) in text else f"{path}: {text}"
                tqdm.write(printable(f"error: {text}"), file=sys.stderr)
                entries.append({"clip": str(path), "error": text, "glosses": []})
                code = EXIT_FAULT
                continue
            notes = job.notes(clip)
            entries.append(_entry(clip, words, written, notes))
            for note in notes:
                tqdm.write(printable(f"note: {note}"), file=sys.stderr)
            if not arguments.json:
                tqdm.write(_table(path, words), file=messages)
            if streamed:
                tqdm.write(SUBTITLES[streamed](_cues(words)), file=sys.stdout, end="")
            for target in written.values():
                tqdm.write(printable(f"wrote {target}"), file=messages)
    finally:  # also of what was done until somebody had enough
        if arguments.json:
            print_json(entries, indent=2)
    return code


class _Job(NamedTuple):
    """What is done to every clip."""

    recognizer: "Recognizer"
    reader: "InputReader"
    targets: dict[str, list[Path]]
    fonts: tuple[Path, ...]

    @classmethod
    def prepare(cls, arguments: argparse.Namespace, targets: dict[str, list[Path]]) -> "_Job":
        """Load everything, so that what is missing is said before the first clip."""
        from tf_slr.apps.inputs import InputReader
        from tf_slr.runtime.recognizer import Recognizer

        recognizer = Recognizer.load(arguments.bundle, arguments.threads, not arguments.uncorrected)
        fonts = _fonts(arguments.font, recognizer.bundle.vocabulary.glosses) if "draw" in targets else ()
        reads_landmarks = isinstance(recognizer.bundle.input, Normalisation)
        return cls(recognizer, InputReader(arguments.fps or recognizer.bundle.fps, reads_landmarks), targets, fonts)

    def do(self, number: int, path: Path) -> tuple["Input", "tuple[Word, ...]", dict[str, Path]]:
        """Recognise a clip and write what was asked for."""
        clip = self.reader.read(path)
        rate = self.recognizer.bundle.fps
        shown = clip.landmarks_at(rate) if clip.clip else clip.pictures_at(rate)
        words = self.recognizer.transcribe(*shown).words
        cues = _cues(words)
        written = {name: paths[number] for name, paths in self.targets.items()}
        for name in SUBTITLES.keys() & written.keys():
            files.write_text(written[name], SUBTITLES[name](cues))
        if "draw" in written:
            from tf_slr.apps.film import write_film

            write_film(written["draw"], clip, cues, self.fonts)
        return clip, words, written

    def notes(self, clip: "Input") -> list[str]:
        """What was assumed about a clip, and what makes its words doubtful."""
        from tf_slr.corpus.plausibility import clip_notes, examine, rate_doubt

        doubts = [doubt] if (doubt := rate_doubt(clip.fps)) else []
        if clip.clip:
            finding = examine(clip.clip)
            doubts += clip_notes(finding)
            if finding.depth is False:
                doubts += depth_notes(self.recognizer.bundle.description)
        return [*([clip.note] if clip.note else []), *(f"{clip.path}: {doubt}" for doubt in doubts)]


def depth_notes(description: dict) -> list[str]:
    """What to say of a clip that has no depth, by what a bundle says it errs without: nothing where it learned none."""
    metrics = description.get("metrics", {})
    if "dev_wer_without_depth" not in metrics:
        return ["has no depth (z); what that costs this bundle was not measured, export it anew to know"]
    with_depth, without = metrics.get("dev_wer_int8"), metrics["dev_wer_without_depth"]
    if not isinstance(without, float) or not isinstance(with_depth, float):
        return []
    return [f"has no depth (z), which the bundle learned from: without it {without:.1%} instead of {with_depth:.1%} of "
            "dev's glosses are wrong"]  # fmt: skip


def _cues(words: "Sequence[Word]") -> list[subtitles.Cue]:
    return subtitles.cues((word.gloss, word.start, word.end) for word in words)


def _streamed(arguments: argparse.Namespace, clips: Sequence[Path]) -> str:
    """Which subtitles go to standard output, if any.

    Raises:
        UsageError: they would not be alone there.
    """
    names = [name for name in SUBTITLES if getattr(arguments, name) == STREAM]
    if str(arguments.draw) == STREAM:
        raise UsageError("--draw: a video is not written to standard output; name a file or folder")
    if names and (len(names) > 1 or arguments.json or len(clips) != 1):
        raise UsageError(f"--{names[0]} -: expected one clip and nothing else for standard output, received "
                         f"{len(clips)} clips{', and --json' if arguments.json else ''}; name a folder")  # fmt: skip
    return names[0] if names else ""


def _fonts(chosen: Path | None, glosses: Sequence[str]) -> tuple[Path, ...]:
    from tf_slr.apps.drawing import fonts_for, undrawable

    fonts = fonts_for(glosses, chosen)
    lacking = undrawable(glosses, fonts)
    if lacking:
        advice = f"install one and run again, or name {'another' if chosen else 'one'} with --font"
        say(f"note: captions show boxes for {len(lacking)} characters that no font here has "
              f"({shown(lacking)}); {advice}", file=sys.stderr)  # fmt: skip
    return fonts


def destinations(option: str, where: Path | str | None, clips: Sequence[Path], suffix: str) -> list[Path]:
    """Where a file made of each clip goes.

    Args:
        option: its name, for messages.
        where: a folder, a file (one clip only), `BESIDE`, or None.
        clips: the clips.
        suffix: of the files.

    Returns:
        One path a clip; none where `where` is None.

    Raises:
        UsageError: several clips would share a file, or a file would replace a clip.
    """
    if where is None:
        return []
    # A folder named '.' or '..' has another name in truth.
    clips = [clip if clip.name not in ("", "..") else clip.resolve() for clip in clips]
    names = [clip.name if clip.is_dir() else clip.stem for clip in clips]
    if where == BESIDE:
        made = [clip.parent / f"{name}{suffix}" for clip, name in zip(clips, names, strict=True)]
    elif Path(where).suffix.lower() == suffix and not Path(where).is_dir():
        made = [Path(where)] * len(clips)
    elif Path(where).is_file() or Path(where) in clips:
        raise UsageError(f"{option}: expected a folder or a {suffix} file, received {where}; "
                         f"clips stand before {option}")  # fmt: skip
    else:
        made = [Path(where) / f"{name}{suffix}" for name in names]
    taken: dict[Path, Path] = {clip.resolve(): clip for clip in clips}
    for clip, path in zip(clips, made, strict=True):
        other = taken.setdefault(path.resolve(), clip)
        if other is not clip or path.resolve() == clip.resolve():
            raise UsageError(f"{option}: {path} would be written for {clip} and is taken by {other}; "
                             "name a folder, or give clips of one name one at a time")  # fmt: skip
    return made


def _entry(clip: "Input", words: "Sequence[Word]", written: dict[str, Path], notes: list[str]) -> dict:
    return {
        "clip": str(clip.path),
        "frames": len(clip.times),
        "fps": round(clip.fps, 3),
        "glosses": [word._asdict() for word in words],
        "files": {name: str(path) for name, path in written.items()},
        "notes": notes,
    }


def _table(path: Path, words: "Sequence[Word]") -> str:
    """The sentence, and below it each gloss with its seconds and confidence."""
    lines = [f"{path}: {' '.join(word.gloss for word in words) or '(nothing recognised)'}"]
    lines += [f"  {word.start:8.2f} - {word.end:6.2f} s  {word.confidence:4.0%}  {word.gloss}" for word in words]
    return "\n".join(map(printable, lines))
