"""`tf-slr prepare KIND`: make a corpus."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tf_slr.cli.common import Work, add_command, add_overwrite, prepared
from tf_slr.cli.paths import input_file, input_folder, new_folder
from tf_slr.core.errors import UsageError
from tf_slr.core.kinds import Kind
from tf_slr.core.outputs import claim_folder

if TYPE_CHECKING:
    from tf_slr.importers.assemble import Assembly
    from tf_slr.importers.plan import Plan

_INDEX = input_file("a list with the columns file and glosses")


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command `prepare` and its kinds."""
    prepare = commands.add_parser("prepare", help="make a corpus")
    kinds = prepare.add_subparsers(required=True, metavar="KIND")

    def kind(name: str, work: Work, text: str) -> argparse.ArgumentParser:
        parser = add_command(kinds, name, work, text)
        parser.add_argument(
            "--out", type=new_folder(Kind.CORPUS, Kind.PARTS), required=True, help="folder of the corpus"
        )
        add_overwrite(parser)
        return parser

    synth = kind("signsynth", _prepare_signsynth, "generate the embedded synthetic corpus")
    synth.add_argument("--seed", type=int, default=0)
    synth.add_argument("--train", type=int, default=1600, help="number of training sentences")
    synth.add_argument("--dev", type=int, default=160)
    synth.add_argument("--test", type=int, default=320)
    synth.add_argument("--variation", type=float, default=1.0, help="how much signers and tokens differ")
    synth.add_argument("--frame-size", type=int, default=0, help="also render videos of this size; 0 for none")
    synth.add_argument("--gloves", action="store_true", help="in the videos a colour for each finger")
    synth.add_argument("--hand-loss", type=float, default=0.3, help="share of hands that the tracker does not find; "
                       "MediaPipe missed 0.12 to 0.48 on real clips")  # fmt: skip
    synth.add_argument("--jitter", type=float, default=1.0, help="factor on the tracker's noise")
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
    _add_fps(isolated)
    isolated.add_argument("--seed", type=int, default=0)
    _add_description(isolated)

    boston = kind("boston104", _prepare_boston104, "read the RWTH-BOSTON-104 tracking release")
    boston.add_argument("--root", type=input_folder, required=True)

    phoenix = kind("phoenix2014", _prepare_phoenix2014, "read RWTH-PHOENIX-Weather 2014")
    phoenix.add_argument(
        "--root", type=input_folder, required=True, help="phoenix2014-release, or one of its two folders"
    )
    phoenix.add_argument("--signer-independent", action="store_true", help="of the two, the one that trains without "
                         "signer 5")  # fmt: skip
    _add_assembly(phoenix)

    translation = kind("phoenix2014T", _prepare_phoenix2014t, "read RWTH-PHOENIX-Weather 2014T")
    translation.add_argument(
        "--root", type=input_folder, required=True, help="PHOENIX-2014-T, or the folder that holds it"
    )
    _add_assembly(translation)

    csl = kind("csl-daily", _prepare_csl_daily, "read CSL-Daily")
    csl.add_argument("--root", type=input_folder, required=True, help="the folder with sentence_label and sentence")
    csl.add_argument("--unit", choices=("gloss", "character"), default="gloss", help="signs, or characters of the text")
    _add_assembly(csl)

    videos = kind("videos", _prepare_videos, "run MediaPipe on labelled videos")
    videos.add_argument(
        "--index", type=_INDEX, required=True, help="list with the columns file and glosses, as spreadsheets save it"
    )
    videos.add_argument("--unit", choices=("gloss", "character"), default="gloss")
    _add_fps(videos)
    _add_shares(videos)
    _add_assembly(videos)
    _add_description(videos)

    pose = kind("pose", _prepare_pose, "read labelled .pose files of MediaPipe Holistic")
    pose.add_argument(
        "--index", type=_INDEX, required=True, help="list with the columns file and glosses, as spreadsheets save it"
    )
    pose.add_argument("--unit", choices=("gloss", "character"), default="gloss")
    _add_fps(pose)
    pose.add_argument("--workers", type=int, default=0, help="processes; 0 for one a core")
    _add_shares(pose)
    _add_description(pose)

    kd_mslrt = kind("kd-mslrt", _prepare_kd_mslrt, "read landmarks in the layout of KD-MSLRT: CSV lists, Parquet files")
    kd_mslrt.add_argument("--root", type=input_folder, required=True, help="the folder with the lists; their names "
                          "say the split (..._dev.csv), or it is drawn")  # fmt: skip
    kd_mslrt.add_argument("--unit", choices=("gloss", "character"), default="gloss")
    kd_mslrt.add_argument("--aspect", type=float, default=210 / 260, help="width / height of the videos, which the "
                          "files do not say; the default is PHOENIX14's 210 / 260")  # fmt: skip
    kd_mslrt.add_argument("--fps", type=float, default=25.0, help="of the videos, which the files do not say")
    kd_mslrt.add_argument("--workers", type=int, default=0, help="processes; 0 for one a core")
    _add_shares(kd_mslrt)
    _add_description(kd_mslrt)

    merge = add_command(commands, "merge", _merge, "make one corpus of the parts that 'prepare --shard I/N' left")
    merge.add_argument("parts", type=input_folder, nargs="+", metavar="PART", help="folder of one or more parts")
    merge.add_argument(
        "--out",
        type=new_folder(Kind.CORPUS, Kind.PARTS),
        required=True,
        help="folder of the corpus; it may be one of the parts",
    )
    add_overwrite(merge)


def _add_assembly(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-landmarks", dest="landmarks", action="store_false", help="write lists only, for networks "
                        "that read the video")  # fmt: skip
    parser.add_argument("--workers", type=int, default=0, help="processes of this machine; 0 for one a core")
    parser.add_argument("--shard", type=_shard, default=(1, 1), metavar="I/N",
                        help="track part I of N only; 'tf-slr merge' makes a corpus of all parts")  # fmt: skip
    parser.add_argument("--engine", choices=("processes", "dask"), default="processes", help="who tracks")
    parser.add_argument(
        "--scheduler", default="", metavar="ADDRESS", help="of the Dask scheduler, e.g. tcp://head:8786"
    )


def _add_fps(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fps",
        type=float,
        help="frame rate of the corpus, to which clips of other rates are brought; by default that of most clips, or "
        "30 where none says its own; clips that do not say, such as image folders, are taken to have it",
    )


def _fps_of(arguments: argparse.Namespace) -> float:
    """The frame rate that the option names, or else that of clips none of which says its own."""
    if arguments.fps is None:
        return 30.0
    if not 1 <= arguments.fps <= 1000:
        raise UsageError(f"--fps: expected 1 to 1000 frames a second, received {arguments.fps:g}")
    return arguments.fps


def _add_shares(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dev-share", type=float, default=0.1, help="share of clips for dev, without a column split")
    parser.add_argument("--test-share", type=float, default=0.1, help="the same for test")


def _add_description(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", default="", help="of the corpus; the folder's when not given")
    parser.add_argument("--language", default="unknown", help="the sign language")
    parser.add_argument("--licence", default="unknown", help="of the data")


def _prepare_signsynth(arguments: argparse.Namespace) -> int:
    _claim(arguments, more=("video/*.avi",) if arguments.frame_size else ())
    from tf_slr.core.processes import cores
    from tf_slr.synth.signsynth import SignsynthOptions, write_signsynth

    names = ("seed", "train", "dev", "test", "variation", "frame_size", "gloves", "hand_loss", "jitter")
    chosen = {name: getattr(arguments, name) for name in names}
    options = SignsynthOptions(**chosen, workers=arguments.workers or cores())
    return prepared(arguments.out, write_signsynth(arguments.out, options))


def _prepare_isolated(arguments: argparse.Namespace) -> int:
    # Each may begin with the prefix of its glosses.
    sets = [path for text in (*arguments.train, *arguments.test) for path in (text, text.partition("=")[2])]
    _claim(arguments, *sets)
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
        arguments.name or arguments.out.name, arguments.language, fps=_fps_of(arguments), licence=arguments.licence,
        landmark_source="isolated signs, composed to sentences",
    )  # fmt: skip
    known = arguments.fps is not None
    lines = prepare_isolated(arguments.train, arguments.test, arguments.out, options, info, known)
    return prepared(arguments.out, lines)


def _prepare_boston104(arguments: argparse.Namespace) -> int:
    _claim(arguments, arguments.root)
    from tf_slr.importers.boston104 import prepare_boston104

    return prepared(arguments.out, prepare_boston104(arguments.root, arguments.out))


def _prepare_phoenix2014(arguments: argparse.Namespace) -> int:
    _claim(arguments, arguments.root)
    from tf_slr.importers.phoenix import read_phoenix2014

    return _assembled(arguments, read_phoenix2014(arguments.root, arguments.signer_independent))


def _prepare_phoenix2014t(arguments: argparse.Namespace) -> int:
    _claim(arguments, arguments.root)
    from tf_slr.importers.phoenix import read_phoenix2014t

    return _assembled(arguments, read_phoenix2014t(arguments.root))


def _prepare_csl_daily(arguments: argparse.Namespace) -> int:
    _claim(arguments, arguments.root)
    from tf_slr.importers.csl_daily import read_csl_daily

    return _assembled(arguments, read_csl_daily(arguments.root, arguments.unit))


def _prepare_videos(arguments: argparse.Namespace) -> int:
    _claim(arguments, arguments.index)
    from tf_slr.corpus.manifest import CorpusInfo
    from tf_slr.importers.videos import prepare_videos

    info = CorpusInfo(
        arguments.name or arguments.out.name, arguments.language, arguments.unit, _fps_of(arguments), arguments.licence
    )
    options = arguments.dev_share, arguments.test_share, arguments.fps is not None
    return prepared(arguments.out, prepare_videos(arguments.index, arguments.out, info, _assembly(arguments), *options))


def _prepare_pose(arguments: argparse.Namespace) -> int:
    _claim(arguments, arguments.index)
    from tf_slr.corpus.manifest import CorpusInfo
    from tf_slr.importers.poses import LANDMARK_SOURCE, prepare_pose

    info = CorpusInfo(
        arguments.name or arguments.out.name, arguments.language, arguments.unit, _fps_of(arguments), arguments.licence,
        landmark_source=LANDMARK_SOURCE,
    )  # fmt: skip
    options = arguments.dev_share, arguments.test_share, arguments.workers, arguments.fps is not None
    return prepared(arguments.out, prepare_pose(arguments.index, arguments.out, info, *options))


def _prepare_kd_mslrt(arguments: argparse.Namespace) -> int:
    _claim(arguments, arguments.root)
    from tf_slr.corpus.manifest import CorpusInfo
    from tf_slr.importers.kd_mslrt import LANDMARK_SOURCE, prepare_kd_mslrt

    info = CorpusInfo(
        arguments.name or arguments.out.name, arguments.language, arguments.unit, arguments.fps, arguments.licence,
        landmark_source=LANDMARK_SOURCE,
    )  # fmt: skip
    options = arguments.aspect, arguments.dev_share, arguments.test_share, arguments.workers
    return prepared(arguments.out, prepare_kd_mslrt(arguments.root, arguments.out, info, *options))


def _merge(arguments: argparse.Namespace) -> int:
    _claim(arguments)
    from tf_slr.importers.assemble import merge_parts

    return prepared(arguments.out, merge_parts(arguments.parts, arguments.out))


def _claim(arguments: argparse.Namespace, *inputs: Path | str, more: Sequence[str] = ()) -> None:
    """See that the corpus replaces nothing of the user's, and none of what is read."""
    # Of a release the lists, which links may lead to.
    lists = [path for given in inputs if Path(given).is_dir() for path in Path(given).glob("*.csv")]
    shards = ("parts/*-of-*.json",) if getattr(arguments, "shard", (1, 1))[1] > 1 else ()
    claim_folder("--out", arguments.out, "corpus", [*inputs, *lists], arguments.overwrite, [*more, *shards])


def _assembled(arguments: argparse.Namespace, plan: "Plan") -> int:
    from tf_slr.importers.assemble import assemble

    return prepared(arguments.out, assemble(plan, arguments.out, _assembly(arguments)))


def _assembly(arguments: argparse.Namespace) -> "Assembly":
    """The options of `_add_assembly` as one."""
    from tf_slr.importers.assemble import Assembly
    from tf_slr.tracking.engines import Engine

    engine = Engine(arguments.engine, arguments.workers, arguments.scheduler)
    return Assembly(engine, *arguments.shard, landmarks=arguments.landmarks)


def _shard(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected two numbers such as 2/8, received {text!r}")
    return int(number), int(count)
