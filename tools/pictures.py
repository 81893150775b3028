"""The pictures of README.md: what the program itself draws, of a painted signer whom nobody is.

tf-slr prepare signsynth --out CORPUS --frame-size 360 --train 1 --dev 1 --test 4
python tools/pictures.py --bundle BUNDLE --corpus CORPUS --report RUN/report.html --out docs

Landmarks are those of the corpus, since MediaPipe finds nobody in painted pictures. The page's picture needs Chromium.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_slr.apps.drawing import default_font, draw_skeleton
from tf_slr.apps.film import write_film
from tf_slr.apps.inputs import Input
from tf_slr.apps.live import window
from tf_slr.apps.live.sources import Shot
from tf_slr.apps.live.tracking import Sight
from tf_slr.apps.teach import screens
from tf_slr.apps.teach.recorder import Recorder
from tf_slr.apps.teach.recordings import Recordings
from tf_slr.cli.common import EXIT_OK, Parser, add_overwrite
from tf_slr.cli.main import guarded
from tf_slr.cli.paths import existing, input_file
from tf_slr.core import files
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.kinds import Kind
from tf_slr.core.landmarks import Clip
from tf_slr.core.outputs import Output, claim_files
from tf_slr.core.pictures import FrameOptions
from tf_slr.core.stdout import say
from tf_slr.corpus.manifest import Corpus, Sample
from tf_slr.features.augment import unchanged
from tf_slr.features.frames import show
from tf_slr.features.views import View
from tf_slr.formats.subtitles import cues
from tf_slr.runtime.decoder import Word
from tf_slr.runtime.recognizer import Recognizer
from tf_slr.runtime.stream import Sentence, Stream
from tf_slr.video.decoding import Video, open_video

QUALITY = 88  # of JPEG
COLOURS = 200  # of PNG
STRIP = 8  # frames of the first picture
SHEETS, SHEET = 4, FrameOptions(240, margin=1.08)  # of the teacher's picture
MARGIN = 0.15  # after its end, in seconds, for the last gloss's name
PAGE = 1200, 1322  # how much of the report is shown, in pixels
TAKES = 15
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Scene(NamedTuple):
    """A clip of the corpus with what was recognised in it."""

    sample: Sample
    clip: Clip
    video: Video
    fps: float
    words: tuple[Word, ...]

    def sights(self) -> Iterator[Sight]:
        """Its frames, as if a camera saw them."""
        landmarks, shoulders, _ = self.clip
        for number, picture in enumerate(self.video.frames()):
            yield Sight(Shot(number / self.fps, 0.0, picture), landmarks[number], shoulders[number])


def scene_of(corpus: Corpus, recognizer: Recognizer) -> Scene:
    """The first test clip whose pictures are not squeezed, and in which something is recognised.

    Raises:
        DataError: there is none.
    """
    for sample in corpus.split("test"):
        if not sample.video or not sample.landmarks:
            continue
        clip, video = corpus.clip(sample), open_video(corpus.root / sample.video)
        words = recognizer.transcribe(clip, corpus.info.fps).words
        if words and abs(clip.aspect - video.width / video.height) < 0.01:
            return Scene(sample, clip, video, corpus.info.fps, words)
    raise DataError(f"{corpus.root}: in no test clip with landmarks and pictures of their shape is anything recognised;"
                    " write both with 'tf-slr prepare signsynth --frame-size 360'")  # fmt: skip


def example(scene: Scene, path: Path) -> None:
    """Frames of a clip above its recognised glosses in time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((12, 2.6), layout="constrained", dpi=100)
    above, below = figure.subfigures(2, 1, height_ratios=(1.5, 1.1))
    sights = list(scene.sights())
    for axes, number in zip(above.subplots(1, STRIP), np.linspace(0, len(sights) - 1, STRIP).round(), strict=True):
        sight = sights[int(number)]
        picture = sight.shot.picture.copy()
        draw_skeleton(picture, sight.landmarks, shoulders=sight.shoulders)
        axes.imshow(picture)
        axes.set_title(f"{sight.shot.time:.1f} s", fontsize=9)
        axes.axis("off")
    axes = below.subplots()
    for row, word in enumerate(scene.words):
        axes.axvspan(word.start, word.end, color=f"C{row}", alpha=0.45)
        axes.text((word.start + word.end) / 2, 0.15 + 0.45 * (row % 2), word.gloss, ha="center", fontsize=9)
    signed, recognised = " ".join(scene.sample.glosses), " ".join(word.gloss for word in scene.words)
    axes.set_title(f"signed: {signed}     recognised: {recognised}", fontsize=10, loc="left")
    axes.set(xlim=(0, len(sights) / scene.fps + MARGIN), ylim=(0, 1), yticks=[], xlabel="seconds")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    _write(path, np.asarray(canvas.buffer_rgba())[..., :3])


def teacher(scene: Scene, path: Path) -> None:
    """What a video teacher sees of some frames: signer, mouth and hands."""
    pictures = np.stack(list(scene.video.frames()))
    sheets = show(pictures, SHEET, unchanged(len(pictures)), scene.clip, view=View(close_up=3.0, details=0.7))
    # Neither the first nor the last, where hands rest.
    chosen = np.linspace(0, len(sheets) - 1, SHEETS + 2).round().astype(int)[1:-1]
    gap = np.full((SHEET.size, 8, 3), 255, np.uint8)
    strip = [part for number in chosen for part in (gap, sheets[number])][1:]
    _write(path, np.concatenate(strip, axis=1))


def film(scene: Scene, path: Path) -> None:
    """A frame of the film that `tf-slr recognize --draw` writes."""
    captions = cues((word.gloss, word.start, word.end) for word in scene.words)
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "film.mp4")
        times = np.arange(len(scene.clip.landmarks)) / scene.fps
        write_film(written, Input(scene.video.path, scene.clip, times, scene.video), captions, default_font())
        frames = list(open_video(written).frames())
    middle = captions[len(captions) // 2]
    _write(path, frames[round((middle.start + 200) / 1000 * scene.fps)])


def live(scene: Scene, recognizer: Recognizer, path: Path) -> None:
    """The window of `tf-slr live` when it has just said most of a sentence."""
    ended: list[Sentence] = []
    stream, said = Stream(recognizer, on_sentence=ended.append), []
    for sight in scene.sights():
        words = stream.feed(sight.shot.time, sight.landmarks, sight.aspect, sight.shoulders)
        said += [word.gloss for word in words]
        if len(said) >= len(scene.words) - 1 or ended:
            break
    _write(path, window.drawn(sight, " ".join(said), f"{scene.fps:.0f} fps, 0 dropped", default_font()))


def record(scene: Scene, path: Path) -> None:
    """The screen of `tf-slr record` when somebody is to sign."""
    sign = scene.sample.glosses[-1].lower()
    with tempfile.TemporaryDirectory() as folder:
        recordings = Recordings.open(folder, "signsynth")
        recordings.name_signs([sign])
        recorder = Recorder(recordings, [sign], TAKES, asks=True)
        for number, sight in enumerate(scene.sights()):
            points = np.concatenate([sight.landmarks, sight.shoulders])
            prompt = recorder.step(sight.shot.time, points, sight.aspect, begins=number == 0)
            if "sign now" in prompt.text:
                break
    _write(path, screens.drawn(sight, prompt, default_font()))


def page(report: Path, path: Path) -> None:
    """The upper part of a run's report.

    Raises:
        UsageError: no Chromium is installed.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise UsageError("a picture of the report needs Chromium; install it, or leave out --report")
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder, "page.png")
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                   f"--user-data-dir={folder}/profile", "--window-size={},{}".format(*PAGE), f"--screenshot={shot}",
                   report.resolve().as_uri()]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        _write(path, np.asarray(Image.open(shot).convert("RGB")))


def _write(path: Path, picture: np.ndarray) -> None:
    """Write RGB uint8 [H, W, 3] small: painted figures as JPEG, pages with letters as PNG of few colours."""
    from PIL import Image

    image = Image.fromarray(picture)
    with files.atomic_path(path) as temporary:
        if path.suffix == ".png":
            # Other methods lose colours that cover little, such as those of a legend.
            image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(temporary, "PNG", optimize=True)
        else:
            image.save(temporary, "JPEG", quality=QUALITY, optimize=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the pictures."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=existing(Kind.BUNDLE), required=True)
    parser.add_argument("--corpus", type=existing(Kind.CORPUS), required=True, help="with pictures and landmarks")
    parser.add_argument(
        "--report", type=input_file("a page of tools/html_report.py"), help="a page that tools/html_report.py wrote"
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder")
    add_overwrite(parser)
    arguments = parser.parse_args(argv)

    def work() -> int:
        names = ["example.jpg", "teacher.jpg", "recognize.jpg", "live.jpg", "record.jpg"]
        names += ["report.png"] if arguments.report else []
        made = [Output("--out", arguments.out / name, "picture") for name in names]
        claim_files(made, [arguments.bundle, arguments.corpus, arguments.report], arguments.overwrite)
        recognizer = Recognizer.load(arguments.bundle)
        scene = scene_of(Corpus(arguments.corpus), recognizer)
        out = arguments.out
        example(scene, out / "example.jpg")
        teacher(scene, out / "teacher.jpg")
        film(scene, out / "recognize.jpg")
        live(scene, recognizer, out / "live.jpg")
        record(scene, out / "record.jpg")
        if arguments.report:
            page(arguments.report, out / "report.png")
        say(f"wrote pictures of {scene.sample.id} to {out}")
        return EXIT_OK

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
