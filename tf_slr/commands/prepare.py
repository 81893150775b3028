"""`tf-slr prepare KIND`: make a corpus."""

import argparse
from pathlib import Path

from tf_slr.commands.common import Work, add_command, prepared


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command `prepare` and its kinds."""
    prepare = commands.add_parser("prepare", help="make a corpus")
    kinds = prepare.add_subparsers(required=True, metavar="KIND")

    def kind(name: str, work: Work, text: str) -> argparse.ArgumentParser:
        parser = add_command(kinds, name, work, text)
        parser.add_argument("--out", type=Path, required=True, help="folder of the corpus")
        return parser

    synth = kind("signsynth", _prepare_signsynth, "generate the embedded synthetic corpus")
    synth.add_argument("--seed", type=int, default=0)
    synth.add_argument("--train", type=int, default=1600, help="number of training sentences")
    synth.add_argument("--dev", type=int, default=160)
    synth.add_argument("--test", type=int, default=320)
    synth.add_argument("--variation", type=float, default=1.5, help="how much signers and tokens differ")
    synth.add_argument("--frame-size", type=int, default=0, help="also render videos of this size; 0 for none")
    synth.add_argument("--workers", type=int, default=0, help="processes; 0 for one a core")

    isolated = kind("isolated", _prepare_isolated, "compose sentences from isolated signs")
    isolated.add_argument("--train", nargs="+", required=True, metavar="[PREFIX=]SET.npz")
    isolated.add_argument("--test", nargs="+", default=[], metavar="[PREFIX=]SET.npz",
                          help="sets of unseen takes; without it the last takes of the training sets")  # fmt: skip
    isolated.add_argument("--background", default="", metavar="GLOSS", help="gloss of the clips that show no sign")
    isolated.add_argument("--sentences", type=int, default=3000, help="number of training sentences")
    isolated.add_argument("--dev-sentences", type=int, default=200)
    isolated.add_argument("--test-sentences", type=int, default=400)
    isolated.add_argument("--signs", type=int, nargs=2, default=(3, 8), metavar=("MIN", "MAX"))
    isolated.add_argument("--dev-share", type=float, default=0.15, help="share of training takes that dev is made of")
    isolated.add_argument("--test-share", type=float, default=0.2, help="the same for test, without --test")
    isolated.add_argument("--fps", type=float, default=30.0)
    isolated.add_argument("--seed", type=int, default=0)
    _add_description(isolated)

    boston = kind("boston104", _prepare_boston104, "read the RWTH-BOSTON-104 tracking release")
    boston.add_argument("--root", type=Path, required=True)

    videos = kind("videos", _prepare_videos, "run MediaPipe on labelled videos")
    videos.add_argument(
        "--index", type=Path, required=True, help="tab-separated list with the columns file and glosses"
    )
    videos.add_argument("--unit", choices=("gloss", "character"), default="gloss")
    videos.add_argument("--workers", type=int, default=0, help="processes; 0 for one a core")
    videos.add_argument("--fps", type=float, default=30.0, help="of clips that do not say, such as image folders")
    videos.add_argument("--dev-share", type=float, default=0.1, help="share of clips for dev, without a column split")
    videos.add_argument("--test-share", type=float, default=0.1, help="the same for test")
    videos.add_argument("--shard", type=_shard, default=(1, 1), metavar="I/N",
                        help="track part I of N only; a last run without it writes the lists")  # fmt: skip
    _add_description(videos)


def _add_description(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", default="", help="of the corpus; the folder's when not given")
    parser.add_argument("--language", default="unknown", help="the sign language")
    parser.add_argument("--licence", default="unknown", help="of the data")


def _prepare_signsynth(arguments: argparse.Namespace) -> int:
    from tf_slr.corpus.processes import cores
    from tf_slr.corpus.signsynth import SignsynthOptions, write_signsynth

    names = ("seed", "train", "dev", "test", "variation", "frame_size")
    chosen = {name: getattr(arguments, name) for name in names}
    options = SignsynthOptions(**chosen, workers=arguments.workers or cores())
    return prepared(arguments.out, write_signsynth(arguments.out, options))


def _prepare_isolated(arguments: argparse.Namespace) -> int:
    from tf_slr.corpus.compose import ComposeOptions, prepare_isolated
    from tf_slr.corpus.manifest import CorpusInfo

    options = ComposeOptions(
        train=arguments.sentences,
        dev=arguments.dev_sentences,
        test=arguments.test_sentences,
        min_signs=arguments.signs[0],
        max_signs=arguments.signs[1],
        background=arguments.background,
        dev_share=arguments.dev_share,
        test_share=arguments.test_share,
        seed=arguments.seed,
    )
    info = CorpusInfo(
        arguments.name or arguments.out.name, arguments.language, fps=arguments.fps, licence=arguments.licence,
        landmark_source="isolated signs, composed to sentences",
    )  # fmt: skip
    return prepared(arguments.out, prepare_isolated(arguments.train, arguments.test, arguments.out, options, info))


def _prepare_boston104(arguments: argparse.Namespace) -> int:
    from tf_slr.corpus.boston104 import prepare_boston104

    return prepared(arguments.out, prepare_boston104(arguments.root, arguments.out))


def _prepare_videos(arguments: argparse.Namespace) -> int:
    from tf_slr.corpus.videos import VideosOptions, prepare_videos

    options = VideosOptions(
        name=arguments.name or arguments.out.name,
        language=arguments.language,
        licence=arguments.licence,
        unit=arguments.unit,
        workers=arguments.workers,
        dev_share=arguments.dev_share,
        test_share=arguments.test_share,
        fps=arguments.fps,
        shard=arguments.shard[0],
        shards=arguments.shard[1],
    )
    return prepared(arguments.out, prepare_videos(arguments.index, arguments.out, options))


def _shard(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    return int(number), int(count)
