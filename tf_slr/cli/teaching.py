"""`tf-slr record` and `tf-slr teach`: signs of one's own, from the camera to a recogniser."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tf_slr.cli.common import EXIT_OK, add_command, import_tensorflow, report, within
from tf_slr.cli.paths import existing, input_file, new_folder
from tf_slr.core.errors import UsageError
from tf_slr.core.kinds import Kind
from tf_slr.core.outputs import claim_folder
from tf_slr.core.stdout import say

if TYPE_CHECKING:
    from tf_slr.apps.teach.recordings import Recordings


def add(commands: argparse._SubParsersAction) -> None:
    """Add the commands `record` and `teach`."""
    record = add_command(commands, "record", _record, "record takes of single signs, for 'tf-slr teach'")
    what = record.add_mutually_exclusive_group(required=True)
    what.add_argument("--signs", metavar="NAME,NAME", help="signs to record, separated by commas")
    what.add_argument(
        "--signs-file",
        type=input_file("a list of signs, one a line"),
        metavar="FILE",
        help="signs to record, one a line",
    )
    what.add_argument("--sign", metavar="NAME", help="one sign, whose name may hold commas")
    what.add_argument("--rest", action="store_true", help="idle movement between signs, in takes of one second")
    record.add_argument("--takes", type=int, default=15, help="of each sign, those that are there already among them")
    record.add_argument(
        "--out",
        type=new_folder(Kind.RECORDINGS),
        required=True,
        help="folder of the recordings; the same command goes on",
    )
    record.add_argument("--language", default="", help="the sign language")
    source = record.add_mutually_exclusive_group()
    source.add_argument("--camera", type=within(int, 0, 999), default=0, metavar="NUMBER", help="0 is the first camera")
    source.add_argument("--source", type=Path, nargs="+", default=[], metavar="FILE", help="take the takes from "
                        "videos, each with one or several of --sign, or of --rest")  # fmt: skip
    record.add_argument("--headless", action="store_true", help="open no window: prompts in the terminal")

    teach = add_command(commands, "teach", _teach, "make a recogniser of recorded signs; goes on where it was stopped")
    teach.add_argument(
        "recordings", type=existing(Kind.RECORDINGS), metavar="DIR", help="folder that 'tf-slr record' has filled"
    )
    teach.add_argument(
        "--out", type=new_folder(Kind.LESSON), required=True, help="folder of the recogniser and its results"
    )
    teach.add_argument("--minutes", type=float, default=12.0, help="about how long it may take on two cores")
    teach.add_argument("--test-takes", type=int, help="last takes of each sign that are kept for the test; one in "
                                                      "five if not given")  # fmt: skip
    teach.add_argument("--recipe", default="composed", help="whose network and augmentation are taken; how long it "
                       "is trained, --minutes decides")  # fmt: skip
    teach.add_argument("--seed", type=int, default=0)


def _record(arguments: argparse.Namespace) -> int:
    from tf_slr.apps.teach.recordings import Recordings
    from tf_slr.tracking.tracker import landmark_source

    if not 1 <= arguments.takes <= 1000:
        raise UsageError(f"--takes: expected 1 to 1000, received {arguments.takes}")
    if arguments.source and not (arguments.sign is not None or arguments.rest):
        raise UsageError("--source belongs to --sign NAME or --rest: which sign is in a video, nobody else can say")
    signs = _signs(arguments)
    if arguments.source:
        recordings = Recordings.open(arguments.out, landmark_source(), arguments.language)
        recordings.name_signs(filter(None, signs))
        return _record_videos(recordings, signs[0], arguments.source)

    from tf_slr.apps.live.sources import Camera
    from tf_slr.apps.teach.recorder import Recorder
    from tf_slr.apps.teach.screens import Terminal, Window
    from tf_slr.apps.teach.session import record

    # What can fail is tried before the folder is made.
    source, tracker = Camera(arguments.camera), landmark_source()
    screen = Terminal() if arguments.headless else Window([sign or "" for sign in signs])
    recordings = Recordings.open(arguments.out, tracker, arguments.language)
    recordings.name_signs(filter(None, signs))
    recorder = Recorder(recordings, signs, arguments.takes, screen.asks)
    if not recorder.done:
        record(recorder, source, screen, lambda text: say(f"note: {text}"))
    ending = "" if recorder.done else "; the same command goes on"
    say(f"wrote {recorder.written} takes to {arguments.out} ({recorder.refused} refused){ending}")
    return EXIT_OK


def _signs(arguments: argparse.Namespace) -> list[str | None]:
    """What is to be recorded; None stands for rest."""
    from tf_slr.apps.teach.recordings import read_sign_names, sign_name

    if arguments.rest:
        return [None]
    if arguments.signs_file:
        return list(dict.fromkeys(read_sign_names(arguments.signs_file)))
    names = [arguments.sign] if arguments.sign is not None else arguments.signs.split(",")
    return list(dict.fromkeys(map(sign_name, names)))


def _record_videos(recordings: "Recordings", sign: str | None, paths: list[Path]) -> int:
    from tf_slr.apps.teach.session import read_videos

    written, refused = read_videos(recordings, sign, paths)
    code = report(refused)
    say(f"wrote {written} takes to {recordings.root}" + (f" ({len(refused)} refused)" if refused else ""))
    return code


def _teach(arguments: argparse.Namespace) -> int:
    claim_folder("--out", arguments.out, "lesson", [arguments.recordings])
    from tf_slr.apps.teach.lesson import Lesson, LessonOptions
    from tf_slr.apps.teach.recordings import Recordings
    from tf_slr.apps.teach.results import next_command, summary_lines

    options = LessonOptions(arguments.minutes, arguments.test_takes, arguments.recipe, arguments.seed)
    lesson = Lesson(Recordings(arguments.recordings), arguments.out, options)
    report(lesson.notes)
    code = report(lesson.left_out)
    if not lesson.learnt:
        say(f"learning {lesson.plan.sentences} composed sentences, {lesson.plan.epochs} times")
        report(lesson.compose())
        # Whatever is wrong with the recordings was said before these seconds.
        import_tensorflow()
        lesson.train()
        lesson.export()
    for line in summary_lines(lesson.evaluate(), lesson.division):
        say(line)
    say(f"wrote {arguments.out / 'teach.md'}, {arguments.out / 'teach.json'} and {lesson.bundle}")
    say(f"next: {next_command(lesson.bundle)}")
    return code
