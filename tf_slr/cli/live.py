"""`tf-slr live`: a camera, or a video as if it were one -> glosses while somebody signs."""

import argparse

from tf_slr.cli.common import EXIT_OK, add_command, within
from tf_slr.cli.paths import existing, video_source
from tf_slr.core.errors import UsageError
from tf_slr.core.kinds import Kind
from tf_slr.runtime.stream import StreamOptions


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command `live`."""
    live = add_command(commands, "live", _live, "recognise a camera's pictures while somebody signs")
    live.add_argument("--bundle", type=existing(Kind.BUNDLE), required=True)
    source = live.add_mutually_exclusive_group(required=True)
    source.add_argument("--camera", type=within(int, 0, 999), metavar="NUMBER", help="0 is the first camera")
    source.add_argument("--source", type=video_source, metavar="FILE", help="a video file or a folder of images")
    live.add_argument("--realtime", action="store_true", help="show the file as a camera would; late frames are lost")
    live.add_argument("--headless", action="store_true", help="open no window")
    live.add_argument("--json", action="store_true", help="print JSON lines: words, sentences, and a summary")
    live.add_argument("--threads", type=int, default=1, help="of the recogniser; MediaPipe has two of its own")
    live.add_argument("--look-ahead", type=float, default=StreamOptions.look_ahead, metavar="SECONDS",
                      help="what must be seen after a word before it is said")  # fmt: skip
    live.add_argument("--pause", type=float, default=StreamOptions.pause, metavar="SECONDS",
                      help="how long hands rest at the end of a sentence")  # fmt: skip


def _live(arguments: argparse.Namespace) -> int:
    from tf_slr.apps.live.session import Printer, Session
    from tf_slr.apps.live.sources import Camera, VideoFile
    from tf_slr.apps.live.window import Window
    from tf_slr.runtime.recognizer import Recognizer

    options = StreamOptions(look_ahead=arguments.look_ahead, pause=arguments.pause)
    if arguments.realtime and arguments.source is None:
        raise UsageError("--realtime belongs to --source; a camera is always in real time")
    recognizer = Recognizer.load(arguments.bundle, arguments.threads)
    if arguments.source is None:
        source = Camera(arguments.camera)
    else:
        source = VideoFile(arguments.source, arguments.realtime, usual_fps=recognizer.bundle.fps)
    window = None if arguments.headless else Window(recognizer.bundle.vocabulary)
    Session(recognizer, source, options, Printer(arguments.json), window).run()
    return EXIT_OK
