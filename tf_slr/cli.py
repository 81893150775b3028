"""The command line: `tf-slr COMMAND`. Exit codes: 0 done, 1 data or use, 2 bug."""

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from tf_slr import __version__
from tf_slr.errors import SlrError, UsageError
from tf_slr.quiet import silent_stderr

EXIT_OK, EXIT_FAULT, EXIT_BUG = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    return guarded(lambda: arguments.command(arguments))


def guarded(work: Callable[[], int]) -> int:
    """Run a command's work; errors become one line and an exit code."""
    # TensorFlow and MediaPipe would greet every user with pages of log.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GLOG_minloglevel", "3")
    # Whoever follows a long job through a pipe or a log file sees each line when it is written.
    sys.stdout.reconfigure(line_buffering=True)
    try:
        return work()
    except SlrError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAULT
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        return EXIT_FAULT
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except OSError as error:
        # A full disk, a missing permission: the user's to mend, and named by the system.
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAULT
    except ImportError as error:
        if error.name and error.name.split(".")[0] in _EXTRAS:
            extra = _EXTRAS[error.name.split(".")[0]]
            print(f"error: this needs {error.name}; install it with: pip install 'tf_slr[{extra}]'", file=sys.stderr)
            return EXIT_FAULT
        traceback.print_exc()
        return EXIT_BUG
    except Exception:
        traceback.print_exc()
        print("This is a bug in tf_slr; please report it with the lines above.", file=sys.stderr)
        return EXIT_BUG


_EXTRAS = {"tensorflow": "train", "tf_keras": "train", "mediapipe": "video", "cv2": "video", "matplotlib": "report"}


def _report(lines: Sequence[str]) -> int:
    """Name what was refused or left out; 1 if anything was."""
    for line in lines:
        print(line, file=sys.stderr)
    return EXIT_FAULT if lines else EXIT_OK


def _prepare_signsynth(arguments: argparse.Namespace) -> int:
    from tf_slr.corpus.processes import cores
    from tf_slr.corpus.signsynth import SignsynthOptions, write_signsynth

    names = ("seed", "train", "dev", "test", "variation", "frame_size")
    chosen = {name: getattr(arguments, name) for name in names}
    options = SignsynthOptions(**chosen, workers=arguments.workers or cores())
    return _prepared(arguments.out, write_signsynth(arguments.out, options))


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
    return _prepared(arguments.out, prepare_isolated(arguments.train, arguments.test, arguments.out, options, info))


def _prepare_boston104(arguments: argparse.Namespace) -> int:
    from tf_slr.corpus.boston104 import prepare_boston104

    return _prepared(arguments.out, prepare_boston104(arguments.root, arguments.out))


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
    return _prepared(arguments.out, prepare_videos(arguments.index, arguments.out, options))


def _prepared(out: Path, lines: Sequence[str]) -> int:
    """Name what was left out, and say where the corpus is; notes alone are no fault."""
    notes = [line for line in lines if line.startswith("note: ")]
    left_out = [line for line in lines if not line.startswith("note: ")]
    _report(notes)
    code = _report(left_out)
    print(f"wrote {out}" + (f" ({len(left_out)} left out)" if left_out else ""))
    return code


def _shard(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    return int(number), int(count)


def _check(arguments: argparse.Namespace) -> int:
    from tf_slr.corpus.check import check_corpus

    code = _report(check_corpus(arguments.corpus))
    print(f"{arguments.corpus}: {'faulty' if code else 'no fault found'}")
    return code


def import_tensorflow() -> None:
    """Import TensorFlow before anything else does, without the page of warnings about absent GPUs it greets with."""
    with silent_stderr():
        import tensorflow  # noqa: F401


def _train(arguments: argparse.Namespace) -> int:
    import_tensorflow()
    from tf_slr.corpus.manifest import Corpus
    from tf_slr.training.recipe import load_recipe
    from tf_slr.training.trainer import Trainer

    trainer = Trainer(Corpus(arguments.corpus), load_recipe(arguments.recipe, arguments.set), arguments.run)
    code = _report(trainer.refused)
    summary = trainer.fit()
    label = trainer.corpus.label
    print(f"best dev WER {100 * summary['dev_wer']:.2f} % in epoch {summary['best_epoch']} on {label}")
    print(f"wrote {arguments.run}")
    return code


def _evaluate(arguments: argparse.Namespace) -> int:
    if (arguments.run is None) == (arguments.bundle is None):
        raise UsageError("expected either --run or --bundle")
    if arguments.bundle and not arguments.corpus:
        raise UsageError("--bundle needs --corpus: a bundle does not know where its corpus lies")
    import_tensorflow()
    from tf_slr.training.reporting import evaluate_model

    result, refused = evaluate_model(arguments.run, arguments.bundle, arguments.corpus, arguments.split, arguments.beam)
    code = _report(refused)
    if arguments.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return code
    for name, counts in {"all": result, **result["groups"]}.items():
        wer = "undefined (no reference gloss)" if counts["wer"] is None else f"{100 * counts['wer']:6.2f} %"
        print(f"{arguments.split}, {name:16s} WER {wer}  ({counts['substitutions']} substituted, {counts['deletions']} "
              f"deleted, {counts['insertions']} inserted of {counts['glosses']})  {result['corpus']}")  # fmt: skip
    return code


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
    return _report(faults)


class _ClipReader:
    """Reads landmark files and videos; MediaPipe is loaded at the first video only."""

    def __init__(self) -> None:
        self._tracker = None

    def __call__(self, path: Path) -> tuple:
        if path.suffix == ".npz":
            from tf_slr.corpus.manifest import read_clip

            return read_clip(path), None
        from tf_slr.corpus.extract import Tracker

        self._tracker = self._tracker or Tracker()
        extraction = self._tracker.extract(path)
        return extraction.clip, extraction.fps


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tf-slr", description="Continuous sign language recognition on a CPU.",
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)  # fmt: skip
    parser.add_argument("--version", action="version", version=f"tf_slr {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_prepare(commands)

    def command(name: str, work: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        return _subparser(commands, name, work, text)

    check = command("check", _check, "walk a corpus and name every fault")
    check.add_argument("corpus", type=Path)

    train = command("train", _train, "train a student; goes on where it was stopped")
    train.add_argument("--corpus", type=Path, required=True)
    train.add_argument("--run", type=Path, required=True, help="folder for checkpoints, metrics and weights")
    train.add_argument("--recipe", default="default", help="name of a shipped recipe, or path of a .toml file")
    train.add_argument("--set", action="append", default=[], metavar="A.B=VALUE", help="override a recipe field")

    evaluate = command("evaluate", _evaluate, "word error rate of a run or a bundle on a split")
    evaluate.add_argument("--run", type=Path, help="folder of a trained run")
    evaluate.add_argument("--bundle", type=Path, help="folder of an exported bundle")
    evaluate.add_argument("--corpus", type=Path, help="another corpus than the run's own")
    evaluate.add_argument("--split", choices=("train", "dev", "test"), default="dev")
    evaluate.add_argument("--beam", type=int, default=0, help="width of the beam search; 0 decodes greedily")
    evaluate.add_argument("--json", action="store_true", help="print everything, by signer and by sentence")

    recognize = command("recognize", _recognize, "recognise landmark files (.npz) and videos")
    recognize.add_argument("--bundle", type=Path, required=True)
    recognize.add_argument("--threads", type=int, default=1)
    recognize.add_argument("--json", action="store_true", help="print glosses with times and confidences")
    recognize.add_argument("clips", type=Path, nargs="+", metavar="CLIP")
    return parser


def _add_prepare(commands: argparse._SubParsersAction) -> None:
    prepare = commands.add_parser("prepare", help="make a corpus")
    kinds = prepare.add_subparsers(required=True, metavar="KIND")

    def kind(name: str, work: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        parser = _subparser(kinds, name, work, text)
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


def _subparser(
    commands: argparse._SubParsersAction, name: str, work: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=text, description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.set_defaults(command=work)
    return parser
