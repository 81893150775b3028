"""What streaming costs in accuracy, delay and time: clips of a signer in a row, as a stream and each as a whole.

python tools/bench_stream.py --bundle BUNDLE --corpus CORPUS --out bench_stream.json
    --sweep                compare windows and look-aheads (on dev: choose there, report on test)
    --hour                 watch the memory over 90,000 frames

A sign ends where it was generated to end (signsynth, with the --seed and --variation it was made with), or else where
the recogniser's forced alignment of the annotation puts it.
"""

import argparse
import itertools
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from publish import add_out, publish
from tqdm import tqdm
from turns import machine

from tf_slr.cli.common import Parser
from tf_slr.cli.paths import existing
from tf_slr.core import timing
from tf_slr.core.errors import DataError
from tf_slr.core.kinds import Kind
from tf_slr.core.landmarks import BodyFrame, Clip, body_frame, normalise, to_square
from tf_slr.corpus.compose import transition
from tf_slr.corpus.isolated import gloss_name, read_isolated
from tf_slr.corpus.manifest import SPLITS, Corpus, Sample
from tf_slr.decoding.alignment import forced_alignment
from tf_slr.runtime.decoder import Word
from tf_slr.runtime.recognizer import Recognizer
from tf_slr.runtime.stream import Stream, StreamOptions
from tf_slr.runtime.student import Student
from tf_slr.scoring.wer import Errors, align, count, score
from tf_slr.synth.signsynth import INFO, SignsynthOptions, performance

# Where every signer stands in the joined picture, which is square, in units of its height.
BODY = BodyFrame(origin=(0.5, 0.45), scale=0.3)
# A resting signer's points tremble by this much, in units of the picture's height.
TREMBLE = 0.003
# How long hands take to a rest and back, in seconds.
WAY = 0.24
WINDOWS, LOOK_AHEADS, HOPS = (3.0, 4.0, 6.0, 8.0), (0.32, 0.48, 0.64, 0.8, 0.96), (0.16, 0.32, 0.48)
HOUR = 90_000


class Piece(NamedTuple):
    """One clip in a stream.

    Attributes:
        sample: its annotation.
        clip: its landmarks.
        begin: its first frame in the stream.
        ends: when each of its signs ends, in seconds of the stream.
    """

    sample: Sample
    clip: Clip
    begin: int
    ends: tuple[float, ...]


@dataclass(frozen=True)
class Material:
    """Clips of one signer in a row: points float32 [T, 94, 3] of a square picture, landmarks then shoulders."""

    points: np.ndarray
    pieces: tuple[Piece, ...]

    @property
    def glosses(self) -> list[str]:
        """The annotations in a row."""
        return [gloss for piece in self.pieces for gloss in piece.sample.glosses]


def on_body(clip: Clip) -> np.ndarray:
    """Points [T, 94, 3] of a clip, moved and scaled so that its signer is at BODY; the shoulders move as they did."""
    frame = body_frame(clip)
    shoulders = clip.shoulders if clip.shoulders is not None else np.full((len(clip.landmarks), 2, 3), np.nan)
    points = to_square(np.concatenate([clip.landmarks, shoulders], axis=1), clip.aspect)
    points[..., :2] -= np.array(frame.origin, np.float32)
    points *= BODY.scale / frame.scale
    points[..., :2] += np.array(BODY.origin, np.float32)
    return points


def idle_clips(path: Path | None, gloss: str) -> list[np.ndarray]:
    """Points [T, 94, 3] of people who rest before a camera, from a set of isolated signs that has a gloss for it.

    Raises:
        DataError: the set cannot be read, or has no such clip.
    """
    if path is None:
        return []
    clips = [on_body(clip.clip) for clip in read_isolated(path)[0] if clip.gloss == gloss_name(gloss)]
    if not clips:
        raise DataError(f"{path}: has no usable clip of {gloss!r}")
    return clips


def rest_before(points: np.ndarray, frames: int, idle: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Resting hands for so many frames: an idle clip, played to and fro, or else the clip's first frame."""
    if idle:
        clip = idle[rng.integers(len(idle))]
        return np.resize(np.concatenate([clip, clip[::-1]]), (frames, *clip.shape[1:]))
    still = np.repeat(points[:1], frames, axis=0)
    return (still + rng.normal(0, TREMBLE, still.shape)).astype(np.float32)


def materials(
    corpus: Corpus,
    split: str,
    recognizer: Recognizer,
    rest: float,
    idle: Sequence[np.ndarray],
    made: SignsynthOptions,
) -> list[Material]:
    """The clips of a split, joined by signer, with `rest` seconds of resting hands between them."""
    rng = np.random.default_rng(0)
    student = Student(recognizer.bundle.student)
    fps = corpus.info.fps
    way = max(1, round(WAY * fps))
    joined = []
    samples = sorted(corpus.split(split), key=lambda sample: sample.signer)
    for _, group in itertools.groupby(samples, key=lambda sample: sample.signer):
        parts, pieces, length = [], [], 0
        for sample in group:
            clip = corpus.clip(sample)
            points = on_body(clip)
            if parts:
                pause = rest_before(points, max(1, round(rest * fps)), idle, rng)
                joint = [transition(parts[-1][-1], pause[0], way), pause, transition(pause[-1], points[0], way)]
                parts += joint
                length += sum(map(len, joint))
            ends = sign_ends(corpus, sample, clip, split, made, student, recognizer)
            pieces.append(Piece(sample, clip, length, tuple((length + end) / fps for end in ends)))
            parts.append(points)
            length += len(points)
        joined.append(Material(np.concatenate(parts), tuple(pieces)))
    return joined


def sign_ends(
    corpus: Corpus,
    sample: Sample,
    clip: Clip,
    split: str,
    made: SignsynthOptions,
    student: Student,
    recognizer: Recognizer,
) -> list[int]:
    """The frame after each sign of a clip.

    Raises:
        DataError: a clip of signsynth was not made as told.
    """
    if corpus.info.name == INFO.name:
        signed = performance(made, split, int(sample.id.rpartition("-")[2]), sample.glosses)
        if len(signed.hands) != sample.frames:
            raise DataError(f"{sample.id}: was not made with --seed {made.seed} --variation {made.variation}")
        return [stop for _, stop in signed.spans]
    known = [gloss for gloss in sample.glosses if gloss in recognizer.bundle.vocabulary]
    logits = student.logits(normalise(clip, recognizer.bundle.input))
    segments = forced_alignment(logits, recognizer.bundle.vocabulary.encode(known))
    found = iter(timing.span(segment.start, segment.stop, sample.frames)[1] for segment in segments)
    return [next(found) if gloss in recognizer.bundle.vocabulary else sample.frames for gloss in sample.glosses]


class Result(NamedTuple):
    """What streaming a material gave: words, when each was committed, the glosses of all sentences as they were
    corrected, and the seconds the processor needed.
    """

    words: list[Word]
    committed: list[float]
    corrected: list[str]
    seconds: float


def run(material: Material, recognizer: Recognizer, options: StreamOptions, fps: float) -> Result:
    """Stream a material as a camera of the training's rate would."""
    corrected = []
    stream = Stream(recognizer, options, on_sentence=lambda one: corrected.extend(word.gloss for word in one.corrected))
    words, committed = [], []
    processor = time.process_time()
    for number, points in enumerate(material.points):
        now, started = number / fps, time.perf_counter()
        new = stream.feed(now, points[:-2], 1.0, points[-2:])
        words += new
        committed += [now + time.perf_counter() - started] * len(new)
    new = stream.finish()
    words += new
    committed += [len(material.points) / fps] * len(new)
    return Result(words, committed, corrected, time.process_time() - processor)


def evaluate(material: Material, result: Result) -> tuple[Errors, list[float]]:
    """Errors of a streamed material's words, and the delays of the signs it got right."""
    pairs = align(material.glosses, [word.gloss for word in result.words])
    ends = itertools.chain.from_iterable(piece.ends for piece in material.pieces)
    committed = iter(result.committed)
    delays = []
    for reference, hypothesis in pairs:
        end = None if reference is None else next(ends)
        time_told = None if hypothesis is None else next(committed)
        if reference == hypothesis:
            delays.append(time_told - end)
    return count(pairs), delays


def bench(joined: Sequence[Material], recognizer: Recognizer, options: StreamOptions, fps: float) -> dict:
    """Stream all materials with some options."""
    errors, corrected, delays, seconds, frames = Errors(), Errors(), [], 0.0, 0
    for material in joined:
        result = run(material, recognizer, options, fps)
        found, late = evaluate(material, result)
        errors += found
        corrected += score([material.glosses], [result.corrected])
        delays += late
        seconds += result.seconds
        frames += len(material.points)
    p50, p95 = np.percentile(delays, (50, 95)) if delays else (float("nan"),) * 2
    return {
        "options": asdict(options),
        **errors.summary(),
        "corrected": corrected.summary(),
        "delay_p50_s": round(float(p50), 3),
        "delay_p95_s": round(float(p95), 3),
        "processor_ms_a_second": round(1e3 * seconds * fps / frames, 1),
    }


def whole(joined: Sequence[Material], recognizer: Recognizer) -> Errors:
    """Errors of the same clips, each recognised as a whole; counted over all clips of a signer in a row, as streams."""
    found = [[gloss for piece in material.pieces for gloss in recognizer.transcribe(piece.clip).glosses]
             for material in joined]  # fmt: skip
    return score([material.glosses for material in joined], found)


def swept(options: StreamOptions) -> Iterator[StreamOptions]:
    """Options that differ in one thing, or in window and look-ahead."""
    for window, look_ahead in itertools.product(WINDOWS, LOOK_AHEADS):
        yield replace(options, window=window, look_ahead=look_ahead)
    for hop in HOPS:
        yield replace(options, hop=hop)


def hour(joined: Sequence[Material], recognizer: Recognizer, options: StreamOptions, fps: float) -> dict:
    """Stream 90,000 frames; memory after each tenth, in MB, and frames a second."""
    points = itertools.cycle(itertools.chain.from_iterable(material.points for material in joined))
    sentences = []
    stream = Stream(recognizer, options, on_sentence=lambda sentence: sentences.append(len(sentence.words)))
    resident = []
    started = time.perf_counter()
    for number in tqdm(range(HOUR), "hour", unit="frame", disable=None):
        frame = next(points)
        stream.feed(number / fps, frame[:-2], 1.0, frame[-2:])
        if (number + 1) % (HOUR // 10) == 0:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            resident.append(round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1))
    return {
        "resident_mb": resident,
        "frames_per_second": round(HOUR / (time.perf_counter() - started)),
        "sentences": len(sentences),
        "words": sum(sentences),
    }


def table(result: dict) -> str:
    """The result as Markdown."""
    reference = result["whole"]["wer"]
    lines = [
        f"{result['corpus']}, {result['split']}, {result['clips']} clips of {result['signers']} signers in a row, "
        f"{result['rest']} s of rest between them; {result['machine']['cpu']}. "
        f"Each clip as a whole: WER {100 * reference:.2f} % ({result['whole']['glosses']} glosses).",
        "",
        "| window s | hop s | look-ahead s | WER % of words | of corrected sentences | against whole | delay p50 s "
        "| p95 s | processor ms a second |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in result["streams"]:
        options, corrected = row["options"], row["corrected"]["wer"]
        lines.append(
            f"| {options['window']:.1f} | {options['hop']:.2f} | {options['look_ahead']:.2f} | {100 * row['wer']:.2f} "
            f"| {100 * corrected:.2f} | {100 * (corrected - reference):+.2f} | {row['delay_p50_s']:.2f} "
            f"| {row['delay_p95_s']:.2f} | {row['processor_ms_a_second']:.1f} |"
        )
    if result["hour"]:
        memory = result["hour"]["resident_mb"]
        lines += ["", f"{HOUR} frames: resident MB after each tenth {', '.join(map(str, memory))}; "
                      f"{result['hour']['frames_per_second']} frames a second."]  # fmt: skip
    return "\n".join(lines)


def main() -> int:
    """Measure, print the table, write the JSON."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=existing(Kind.BUNDLE), required=True)
    parser.add_argument("--corpus", type=existing(Kind.CORPUS), required=True)
    add_out(parser)
    parser.add_argument("--split", default="dev", choices=SPLITS)
    parser.add_argument("--rest", type=float, default=1.5, help="seconds of resting hands between clips")
    parser.add_argument("--idle", type=existing(Kind.SIGNS), metavar="FILE.npz",
                        help="isolated signs, among them people at rest, for "
                        "clips that do not begin and end with resting hands, such as composed ones")  # fmt: skip
    parser.add_argument("--idle-gloss", default="REST", help="what the people at rest are called there")
    parser.add_argument("--seed", type=int, default=SignsynthOptions.seed, help="of the signsynth corpus")
    parser.add_argument("--variation", type=float, default=SignsynthOptions.variation, help="of the signsynth corpus")
    parser.add_argument("--sweep", action="store_true", help="compare windows, look-aheads and hops")
    parser.add_argument("--hour", action="store_true", help="watch the memory over 90,000 frames")
    arguments = parser.parse_args()

    def measure() -> dict:
        corpus, recognizer, options = Corpus(arguments.corpus), Recognizer.load(arguments.bundle), StreamOptions()
        made = SignsynthOptions(seed=arguments.seed, variation=arguments.variation)
        idle = idle_clips(arguments.idle, arguments.idle_gloss)
        joined = materials(corpus, arguments.split, recognizer, arguments.rest, idle, made)
        tried = list(swept(options)) if arguments.sweep else [options]
        fps = corpus.info.fps
        return {
            "corpus": corpus.label,
            "split": arguments.split,
            "clips": sum(len(material.pieces) for material in joined),
            "signers": len(joined),
            "rest": arguments.rest,
            "machine": machine(),
            "whole": whole(joined, recognizer).summary(),
            "streams": [bench(joined, recognizer, each, fps) for each in tqdm(tried, "streams", disable=None)],
            "hour": hour(joined, recognizer, options, fps) if arguments.hour else None,
        }

    return publish(measure, table, arguments)


if __name__ == "__main__":
    sys.exit(main())
