"""Continuous sentences composed from isolated signs.

The way a community that has only a dictionary gets a recogniser: signs of
real people are put in a row, brought to one body, joined by transitions and
separated by stretches of background. The landmarks are real, the sentences
are not, and results say so.
"""

import dataclasses
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.landmarks import BodyFrame, Clip, body_frame, to_square
from tf_slr.core.resampling import clip_at
from tf_slr.corpus.isolated import IsolatedClip, gloss_name, hold_out, read_isolated
from tf_slr.corpus.manifest import SPLITS, CorpusInfo, Sample, begin_corpus, landmark_path, write_clip, write_corpus
from tf_slr.corpus.plausibility import corpus_notes, examine
from tf_slr.corpus.rates import brought_notes, common_rate, pace_of

# The picture of a composed sentence, in units of its height.
ASPECT = 4 / 3
BODY = BodyFrame(origin=(ASPECT / 2, 0.45), scale=0.35)


@dataclass(frozen=True)
class ComposeOptions:
    """How sentences are made.

    Attributes:
        train, dev, test: number of sentences.
        min_signs, max_signs: signs in a sentence.
        transition: shortest and longest transition between signs, in frames.
        background: gloss of the clips that show no sign, or "".
        pause: probability of a stretch of background before a sign.
        ending: probability of one after the last sign.
        dev_share: share of each sign's training takes that dev is made of.
        test_share: the same for test, where no test files are given.
        variation: speed and place of training signs vary by up to this share.
        seed: of all drawing.
    """

    train: int = bounded(3000, 1, 10**6)
    dev: int = bounded(200, 1, 10**6)
    test: int = bounded(400, 1, 10**6)
    min_signs: int = bounded(3, 1, 100)
    max_signs: int = bounded(8, 1, 100)
    transition: tuple[int, int] = bounded((2, 6), 0, 1000)
    background: str = ""
    pause: float = bounded(0.3, 0, 1)
    ending: float = bounded(0.0, 0, 1)
    dev_share: float = bounded(0.15, 0, 1, below=True)
    test_share: float = bounded(0.2, 0, 1, below=True)
    variation: float = bounded(0.2, 0, 1, below=True)
    seed: int = bounded(0, 0, 2**63)

    def __post_init__(self) -> None:
        check_bounds(self)
        if not 1 <= self.min_signs <= self.max_signs:
            raise UsageError(f"expected 1 <= min_signs <= max_signs, received {self.min_signs} and {self.max_signs}")


def prepare_isolated(
    train: Sequence[str], test: Sequence[str], out: Path | str, options: ComposeOptions, info: CorpusInfo,
    known_fps: bool = False,
) -> list[str]:  # fmt: skip
    """Compose a corpus from files of isolated signs.

    Args:
        train: paths of .npz sets, each as `PATH` or `PREFIX=PATH`; a prefix keeps
            signs of one name from two languages apart.
        test: the same for unseen takes; when empty, the last takes of the training sets.
        out: folder of the corpus.
        options: how sentences are made.
        info: what the corpus is; `fps` is its frame rate where that is known, or where no set says its own.
        known_fps: whether takes are brought to `info.fps`; else to the rate of most takes.

    Returns:
        One line for each clip or sentence that was left out, then one for everything else worth knowing ("note: ...").

    Raises:
        DataError: damaged file, one recording in train and test, or a split without a sign.
    """
    clips, left_out = _read_sets(train)
    if test:
        held_out, more = _read_sets(test)
        left_out += more
    else:
        clips, held_out = hold_out(clips, options.test_share)
    for path in dict.fromkeys(clip.source for clip in (*clips, *held_out)):
        takes = [clip for clip in (*clips, *held_out) if clip.source == path]
        left_out += corpus_notes(path, [(f"{clip.gloss} {clip.take}", examine(clip.clip)) for clip in takes])
    told = [clip.fps for clip in (*clips, *held_out) if clip.fps]
    fps = common_rate(told) if told and not known_fps else info.fps
    info = dataclasses.replace(info, fps=fps)
    changed = [clip for clip in (*clips, *held_out) if _at_rate(clip, fps) is not clip]
    names = [(f"{clip.gloss} {clip.take}", clip.fps) for clip in changed]
    left_out += brought_notes(names, len(clips) + len(held_out), fps)
    clips, held_out = ([_at_rate(clip, fps) for clip in some] for some in (clips, held_out))
    left_out += _refuse_shared(clips, held_out, "test")
    known = {clip.gloss for clip in clips}
    background = gloss_name(options.background)
    if background and not any(_is_background(gloss, background) for gloss in known):
        raise DataError(
            f"no training clip has the background gloss {background!r}; glosses: {', '.join(sorted(known))}"
        )
    left_out += [f"{clip.origin}: gloss {clip.gloss!r} has no training clip; left out"
                 for clip in held_out if clip.gloss not in known]  # fmt: skip
    held_out = [clip for clip in held_out if clip.gloss in known]
    clips, dev = hold_out(clips, options.dev_share)
    left_out += _refuse_shared(clips, dev, "dev")
    splits = {"train": clips, "dev": dev, "test": held_out}
    return left_out + compose(splits, out, dataclasses.replace(options, background=background), info)


def compose(
    splits: dict[str, list[IsolatedClip]], out: Path | str, options: ComposeOptions, info: CorpusInfo
) -> list[str]:
    """Compose a corpus from isolated signs that were divided already.

    Args:
        splits: clips of "train", "dev" and "test".
        out: folder of the corpus.
        options: how sentences are made.
        info: what the corpus is.

    Returns:
        One line for each sentence that was left out.

    Raises:
        DataError: a split without a sign.
    """
    composers = {name: _Composer(splits[name], options, name) for name in SPLITS}
    samples = {}
    begin_corpus(out)
    for number, name in enumerate(SPLITS):
        samples[name] = [
            composers[name].write(Path(out), f"{name}-{i:05d}", np.random.default_rng([options.seed, number, i]))
            for i in tqdm(range(getattr(options, name)), f"compose {name}", unit="sentence", disable=None)
        ]
    return write_corpus(out, info, samples)


def _at_rate(clip: IsolatedClip, fps: float) -> IsolatedClip:
    """A take as a camera of `fps` frames a second would have given it; itself where it has that rate, or says none."""
    frames = len(clip.clip.landmarks)
    pace = pace_of(frames, clip.fps, None)
    moments = pace and pace.moments(fps)
    if moments is None:
        return clip
    return dataclasses.replace(clip, clip=clip_at(clip.clip, np.arange(frames) / clip.fps, moments))


def _read_sets(arguments: Sequence[str]) -> tuple[list[IsolatedClip], list[str]]:
    clips, left_out = [], []
    for argument in arguments:
        prefix, equals, path = argument.partition("=")
        read, lines = read_isolated(path, prefix) if equals else read_isolated(argument)
        clips += read
        left_out += lines
    if not clips:
        raise DataError(f"no usable clip in {', '.join(arguments) or 'an empty list of files'}")
    return clips, left_out


def _refuse_shared(train: list[IsolatedClip], held_out: list[IsolatedClip], split: str) -> list[str]:
    """Drop recordings of dev or test that training has seen; a copied file must not make a good result."""
    seen = {_fingerprint(clip) for clip in train}
    shared = [clip for clip in held_out if _fingerprint(clip) in seen]
    for clip in shared:
        held_out.remove(clip)
    if shared and not held_out:
        raise DataError(f"{shared[0].origin}: every {split} recording is also a training recording")
    return [f"{clip.origin}: is also a training recording; left out of {split}" for clip in shared]


def _fingerprint(clip: IsolatedClip) -> tuple[int, int]:
    return len(clip.clip.landmarks), zlib.crc32(np.ascontiguousarray(clip.clip.landmarks, np.float32).tobytes())


def _is_background(gloss: str, background: str) -> bool:
    return gloss == background or gloss.endswith(f":{background}")


class _Composer:
    """Draws signs of one split and joins them."""

    def __init__(self, clips: list[IsolatedClip], options: ComposeOptions, split: str) -> None:
        self.options, self.natural = options, split != "train"
        self.takes: dict[str, list[Clip]] = {}
        self.pauses: list[Clip] = []
        for isolated in clips:
            clip = place(isolated.clip, BODY)
            if options.background and _is_background(isolated.gloss, options.background):
                self.pauses.append(clip)
            else:
                self.takes.setdefault(isolated.gloss, []).append(clip)
        self.glosses = sorted(self.takes)
        if not self.glosses:
            raise DataError(f"{split} has no sign: record more takes of each, or raise --dev-share or --test-share")

    def write(self, out: Path, sample_id: str, rng: np.random.Generator) -> Sample:
        """Compose one sentence and write its landmarks."""
        count = int(rng.integers(self.options.min_signs, self.options.max_signs + 1))
        glosses = tuple(self.glosses[i] for i in rng.integers(len(self.glosses), size=count))
        clip = self._join(glosses, rng)
        path = landmark_path(sample_id)
        write_clip(out / path, clip)
        return Sample(sample_id, "mixed", len(clip.landmarks), glosses, landmarks=path)

    def _join(self, glosses: tuple[str, ...], rng: np.random.Generator) -> Clip:
        pieces: list[np.ndarray] = []  # each [t, 94, 3]: landmarks, then shoulders
        for gloss in glosses:
            if self.pauses and rng.random() < self.options.pause:
                pieces.append(self._pause(rng))
            take = self.takes[gloss][rng.integers(len(self.takes[gloss]))]
            pieces.append(self._vary(_stacked(take), rng))
        if self.pauses and self.options.ending and rng.random() < self.options.ending:
            pieces.append(self._pause(rng))
        joined = [pieces[0]]
        for piece in pieces[1:]:
            length = int(rng.integers(self.options.transition[0], self.options.transition[1] + 1))
            joined += [transition(joined[-1][-1], piece[0], length), piece]
        frames = np.concatenate(joined).astype(np.float16)
        return Clip(frames[:, :-2], frames[:, -2:], ASPECT)

    def _pause(self, rng: np.random.Generator) -> np.ndarray:
        return _stacked(self.pauses[rng.integers(len(self.pauses))])[: rng.integers(5, 21)]

    def _vary(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Another tempo, and for training another signing space, as another signer would use."""
        if self.natural:
            return frames
        amount = self.options.variation
        frames = resample(frames, max(4, round(len(frames) * rng.uniform(1 - amount, 1 + amount))))
        scale = rng.uniform(1 - amount / 2, 1 + amount / 2)
        shift = rng.normal(0, amount / 4, 2) * BODY.scale / (ASPECT, 1.0)
        centre = np.array([BODY.origin[0] / ASPECT, BODY.origin[1]])
        frames[:, :-2, :2] = (frames[:, :-2, :2] - centre) * scale + centre + shift
        return frames


def _stacked(clip: Clip) -> np.ndarray:
    return np.concatenate([clip.landmarks, clip.shoulders], axis=1)


def place(clip: Clip, body: BodyFrame) -> Clip:
    """Move and scale a clip so that its signer stands at `body` in a picture of the composed aspect."""
    frame = body_frame(clip)
    ratio = body.scale / frame.scale

    def move(points: np.ndarray) -> np.ndarray:
        square = to_square(points, clip.aspect)
        square[..., :2] = (square[..., :2] - frame.origin) * ratio + body.origin
        square[..., 2] *= ratio
        return square / np.array([ASPECT, 1.0, ASPECT], np.float32)

    half = body.scale / 2
    ends = np.array([[body.origin[0] + half, body.origin[1], 0], [body.origin[0] - half, body.origin[1], 0]])
    shoulders = np.broadcast_to(ends / (ASPECT, 1.0, ASPECT), (len(clip.landmarks), 2, 3))
    return Clip(move(clip.landmarks), shoulders.astype(np.float32), ASPECT)


def transition(start: np.ndarray, end: np.ndarray, length: int) -> np.ndarray:
    """Frames [length, P, 3] that lead smoothly from one frame [P, 3] to the next.

    A minimum-jerk course, as hands move; a point missing at either end is missing on the way.
    """
    s = (np.arange(1, length + 1) / (length + 1))[:, None, None]
    course = s**3 * (10 - 15 * s + 6 * s**2)
    return (start + (end - start) * course).astype(np.float32)


def resample(frames: np.ndarray, length: int) -> np.ndarray:
    """Play [T, P, 3] in `length` frames: linear between neighbours, the nearer one where the other is missing."""
    place = np.linspace(0, len(frames) - 1, length)
    before = np.floor(place).astype(int)
    after = np.minimum(before + 1, len(frames) - 1)
    weight = (place - before)[:, None, None].astype(np.float32)
    mixed = frames[before] * (1 - weight) + frames[after] * weight
    nearest = np.where(weight < 0.5, frames[before], frames[after])
    return np.where(np.isnan(mixed), nearest, mixed).astype(np.float32)
