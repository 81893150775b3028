"""Streams: what a whole clip gives, soon, for good, from any clock, without end and without growing."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runtime.signing import FPS, Signing, feed, resting, signing
from tests.tiny_corrector import write_corrected_bundle
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.landmarks import POINTS, Clip
from tf_slr.correction.edits import Margins
from tf_slr.correction.rescoring import Rescoring
from tf_slr.runtime import Recognizer
from tf_slr.runtime.stream import Stream, StreamOptions
from tf_slr.scoring.wer import score

# The sentences of the tiny corpus are composed, with rests of up to 0.7 s between signs.
PATIENT = StreamOptions(pause=0.8)


@pytest.fixture(scope="module")
def recognizer(tiny_bundle):
    return Recognizer.load(tiny_bundle)


@pytest.fixture(scope="module")
def shown(tiny_corpus):
    return signing(tiny_corpus, 8)


@pytest.fixture(scope="module")
def told(recognizer, shown):
    """What a stream makes of it: words, each with the time of its commitment, and sentences."""
    sentences, words = [], []
    stream = Stream(recognizer, PATIENT, on_sentence=sentences.append)
    for number in range(len(shown.points)):
        words += [(number / FPS, word) for word in feed(stream, shown, start=number, stop=number + 1)]
    words += [(len(shown.points) / FPS, word) for word in stream.finish()]
    return [time for time, _ in words], [word for _, word in words], sentences


# Ways to decode, of which no two agree on the tiny corpus: the n-gram knows sentences of one gloss only, the corrector
# hears CLAP everywhere.
WAYS = {
    "greedy, edited": (Margins(-3, -3, -3, -3),),
    "beam": (Margins.never(), Rescoring(weight=0.0, insertion=0.0)),
    "n-gram": (Margins.never(), Rescoring(weight=9.0, insertion=0.0)),
    "n-gram and network": (Margins.never(), Rescoring(weight=0.1, insertion=0.0, network=1.0)),
}


@pytest.fixture(scope="module")
def correcting(tmp_path_factory, tiny_bundle):
    """Recognisers whose bundles decode in these ways."""
    return {
        way: Recognizer.load(write_corrected_bundle(tmp_path_factory.mktemp("way"), tiny_bundle, *decides))
        for way, decides in WAYS.items()
    }


def streamed(recognizer, shown, options=None):
    """The sentences of a stream."""
    sentences = []
    stream = Stream(recognizer, options or PATIENT, on_sentence=sentences.append)
    feed(stream, shown)
    stream.finish()
    return sentences


def glosses_of(words):
    return [word.gloss for word in words]


def test_a_stream_gives_what_whole_clips_give(recognizer, shown, told):
    whole = []
    for _, begin, end in shown.clips:
        points = shown.points[begin:end]
        whole += recognizer.transcribe(Clip(points[:, :POINTS], points[:, POINTS:], shown.aspect)).glosses
    assert score([shown.glosses], [whole]).wer < 0.3, "else the next line says nothing"
    assert score([whole], [glosses_of(told[1])]).wer < 0.1


def test_every_pause_ends_a_sentence(shown, told):
    _, words, sentences = told
    assert len(sentences) == len(shown.clips)
    assert [word for sentence in sentences for word in sentence.words] == words
    for sentence, (_, begin, end) in zip(sentences, shown.clips, strict=True):
        assert sentence.end == pytest.approx(end / FPS, abs=0.4)
        assert begin / FPS - 0.5 < sentence.words[0].start
        assert sentence.words[-1].end < end / FPS + 0.5
        assert sentence.words[-1].end <= sentence.end


def test_words_come_in_order_and_soon(told):
    times, words, _ = told
    options = PATIENT
    assert all(a.start < a.end <= b.start for a, b in itertools.pairwise(words))
    assert all(word.end <= time for time, word in zip(times, words, strict=True))
    longest = max(options.look_ahead + options.hop, options.pause + options.margin) + 0.3
    assert max(time - word.end for time, word in zip(times, words, strict=True)) < longest


def test_without_a_corrector_a_sentence_is_what_was_committed(told):
    assert all(sentence.corrected == sentence.words for sentence in told[2])


@pytest.mark.parametrize("hop", [0.16, 0.48])
def test_a_sentence_in_one_window_is_decoded_as_its_clip(recognizer, correcting, shown, hop):
    """The signing with rest around it, all of it read as one sentence."""
    options = StreamOptions(window=60.0, hop=hop, pause=20.0, margin=20.0)
    changed = set()
    for number, (_, begin, end) in enumerate(shown.clips[:3]):
        points = shown.points[begin - 20 : end + 20].copy()
        # A clip's signer is found in all of its frames, that of a stream in some: let them agree.
        points[:, POINTS:] = points[0, POINTS:]
        alone = Signing(points, shown.aspect, [])
        (heard,) = streamed(recognizer, alone, options)
        for way, one in correcting.items():
            (sentence,) = streamed(one, alone, options)
            assert sentence.words == heard.words, "no corrector takes back what was committed"
            assert (
                sentence.corrected == one.transcribe(Clip(points[:, :POINTS], points[:, POINTS:], shown.aspect)).words
            )
            if glosses_of(sentence.corrected) != glosses_of(sentence.words):
                changed.add((way, number))
    assert {way for way, _ in changed} >= set(WAYS) - {"beam"}


def test_sentences_between_pauses_are_decoded_as_their_clips(correcting, shown, told):
    # A network that has learned nothing is of two minds about two cuts of one clip.
    for way in ("greedy, edited", "beam", "n-gram"):
        one, whole = correcting[way], []
        for _, begin, end in shown.clips:
            points = shown.points[begin:end]
            whole.append(one.transcribe(Clip(points[:, :POINTS], points[:, POINTS:], shown.aspect)).glosses)
        sentences = streamed(one, shown)
        assert [sentence.words for sentence in sentences] == [sentence.words for sentence in told[2]]
        corrected = [glosses_of(sentence.corrected) for sentence in sentences]
        assert score(whole, corrected).wer < 0.15, way
        for sentence in sentences:
            assert all(word.start < word.end for word in sentence.corrected if word.confidence)
            assert all(-0.5 < word.start - sentence.words[0].start and word.end < sentence.end + 0.5
                       for word in sentence.corrected)  # fmt: skip


def test_a_sentence_of_many_windows_is_decoded_as_a_whole(correcting, shown, told):
    """Windows of 1.6 s over longer sentences; the beam alone changes little."""
    sentences = streamed(correcting["beam"], shown, StreamOptions(window=1.6, look_ahead=0.6, hop=0.27))
    found = [gloss for sentence in sentences for gloss in glosses_of(sentence.corrected)]
    assert max(sentence.words[-1].end - sentence.words[0].start for sentence in sentences) > 1.6
    assert score([shown.glosses], [found]).wer < 0.4
    for sentence in sentences:
        assert all(a.end <= b.start + 1e-3 for a, b in itertools.pairwise(sentence.corrected))


def test_a_sentence_without_pause_is_cut_between_signs(correcting, shown):
    parts = [shown.points[begin:end] for _, begin, end in shown.clips]
    restless = Signing(np.concatenate(parts), shown.aspect, shown.clips)
    sentences = streamed(correcting["beam"], restless, StreamOptions(window=3.0, longest=4.0))
    assert len(sentences) > 3
    committed, found = [
        [glosses_of(one) for one in each]
        for each in zip(*((one.words, one.corrected) for one in sentences), strict=True)
    ]
    assert score(committed, found).wer < 0.06, "a sign that is cut in two is recognised twice"
    corrected = [word for sentence in sentences for word in sentence.corrected]
    assert all(a.end <= b.start + 1e-3 for a, b in itertools.pairwise(corrected))
    assert max(one.corrected[-1].end - one.corrected[0].start for one in sentences) < 5.5


@pytest.mark.parametrize("way", ["n-gram", "n-gram and network"])
def test_corrected_streams_do_not_disturb_each_other(correcting, shown, way):
    one, late = correcting[way], 77
    alone = streamed(one, shown)
    sentences = ([], [])
    streams = [Stream(one, PATIENT, on_sentence=each.append) for each in sentences]
    for number in range(len(shown.points) + late):
        for which, place in enumerate((number, number - late)):
            if 0 <= place < len(shown.points):
                feed(streams[which], shown, start=place, stop=place + 1)
    for which in (0, 1):
        streams[which].finish()
        assert sentences[which] == alone


def test_streams_do_not_disturb_each_other(recognizer, shown, told):
    """One stream behind the other, frame by frame, with one recogniser."""
    streams, late = (Stream(recognizer, PATIENT), Stream(recognizer, PATIENT)), 77
    words = ([], [])
    for number in range(len(shown.points) + late):
        for which, place in enumerate((number, number - late)):
            if 0 <= place < len(shown.points):
                words[which].extend(feed(streams[which], shown, start=place, stop=place + 1))
    for which in (0, 1):
        assert words[which] + streams[which].finish() == told[1]


def test_repeated_and_late_frames_change_nothing(recognizer, shown, told):
    stream, words = Stream(recognizer, PATIENT), []
    for number in range(len(shown.points)):
        words += feed(stream, shown, start=number, stop=number + 1)
        if number % 3 == 0:
            words += feed(stream, shown, start=number, stop=number + 1)
        if number % 7 == 5:
            words += feed(stream, shown, start=number - 4, stop=number - 2)
        for time in (float("nan"), float("inf")):
            words += stream.feed(time, None, shown.aspect)
    assert words + stream.finish() == told[1]
    assert stream.ignored > 2 * len(shown.points)


@pytest.mark.parametrize("fps", [15, 24, 60])
def test_any_frame_rate(recognizer, shown, told, fps):
    numbers = np.arange(0, len(shown.points) - 1, FPS / fps)
    before = numbers.astype(int)
    weight = (numbers - before)[:, None, None]
    other = shown._replace(points=shown.points[before] * (1 - weight) + shown.points[before + 1] * weight)
    stream = Stream(recognizer, PATIENT)
    words = feed(stream, other, times=5000 + numbers / FPS) + stream.finish()
    assert score([glosses_of(told[1])], [glosses_of(words)]).wer < 0.15
    assert words[0].start == pytest.approx(5000 + told[1][0].start, abs=0.2)


def test_a_trembling_clock(recognizer, shown, told):
    rng = np.random.default_rng(1)
    times = np.arange(len(shown.points)) / FPS + rng.uniform(0, 0.02, len(shown.points))
    stream = Stream(recognizer, PATIENT)
    words = feed(stream, shown, times=times) + stream.finish()
    assert score([glosses_of(told[1])], [glosses_of(words)]).wer < 0.15


@pytest.mark.parametrize("leap", [30.0, -1000.0])
def test_a_clock_that_leaps_ends_the_sentence(recognizer, shown, leap):
    glosses, begin, end = shown.clips[0]
    _, _, far = shown.clips[1]
    sentences = []
    stream = Stream(recognizer, PATIENT, on_sentence=sentences.append)
    times = np.arange(len(shown.points)) / FPS
    times[end:] += leap
    feed(stream, shown, times=times, start=begin, stop=end)
    assert len(sentences) == 0
    committed = feed(stream, shown, times=times, start=end, stop=end + 1)
    assert len(sentences) == 1
    assert score([glosses], [glosses_of(sentences[0].words)]).wer < 0.5
    assert sentences[0].words[len(sentences[0].words) - len(committed) :] == tuple(committed)
    feed(stream, shown, times=times, start=end + 1, stop=far + 40)
    assert len(sentences) == 2
    assert times[end] <= sentences[1].words[0].start <= times[far]


def test_a_short_gap_is_no_pause(recognizer, shown, told):
    """Frames lost in a row while somebody signs, as when a machine is busy."""
    sentences = []
    stream = Stream(recognizer, PATIENT, on_sentence=sentences.append)
    _, begin, end = shown.clips[0]
    middle = (begin + end) // 2
    kept = [*range(middle), *range(middle + 9, len(shown.points))]
    lossy = shown._replace(points=shown.points[kept])
    feed(stream, lossy, times=np.array(kept) / FPS)
    stream.finish()
    assert len(sentences) == len(shown.clips)


def test_hands_that_rest_or_are_away_are_silent(recognizer, shown):
    sentences = []
    stream = Stream(recognizer, PATIENT, on_sentence=sentences.append)
    rest = resting(300, np.random.default_rng(3))
    assert feed(stream, Signing(rest, shown.aspect, [])) == []
    for number in range(300):
        assert stream.feed(10 + number / FPS, None, shown.aspect) == []
    assert stream.finish() == []
    assert sentences == []


def test_who_leaves_the_picture_ends_the_sentence(recognizer, shown):
    for _, begin, end in shown.clips[:4]:
        points = shown.points[begin:end]
        whole = recognizer.transcribe(Clip(points[:, :POINTS], points[:, POINTS:], shown.aspect)).glosses
        sentences = []
        stream = Stream(recognizer, PATIENT, on_sentence=sentences.append)
        words = feed(stream, shown, start=begin, stop=end)
        for number in range(end, end + 40):
            words += stream.feed(number / FPS, None, shown.aspect)
        assert [list(sentence.words) for sentence in sentences] == [words]
        assert len(words) >= len(whole) - 1


def test_a_sentence_without_pause_is_ended_in_time(recognizer, shown, told):
    """Signing that never stops: the clips without the rest between them."""
    parts = [shown.points[begin:end] for _, begin, end in shown.clips]
    restless = Signing(np.concatenate(parts), shown.aspect, shown.clips)
    sentences = []
    stream = Stream(recognizer, StreamOptions(window=3.0, pause=0.8, longest=6.0), on_sentence=sentences.append)
    words = feed(stream, restless) + stream.finish()
    assert [word for sentence in sentences for word in sentence.words] == words
    assert len(sentences) >= len(restless.points) // (7 * FPS)
    assert max(sentence.words[-1].end - sentence.words[0].start for sentence in sentences) < 7.5
    assert all(one.words[-1].end <= one.end for one in sentences)
    assert all(one.end <= other.words[0].start + 1e-3 for one, other in itertools.pairwise(sentences))
    assert (
        score([restless.glosses], [glosses_of(words)]).wer < score([restless.glosses], [glosses_of(told[1])]).wer + 0.2
    )


def test_windows_reach_far_enough(recognizer, shown):
    """A stream of short windows over long sentences still gives each word once."""
    stream = Stream(recognizer, StreamOptions(window=1.6, look_ahead=0.6, hop=0.27))
    words = feed(stream, shown) + stream.finish()
    assert score([shown.glosses], [glosses_of(words)]).wer < 0.4


@st.composite
def frames(draw):
    """A frame that may be anything a tracker or a broken driver gives."""
    kind = draw(st.sampled_from(["rest", "sign", "none", "nan", "part", "wild"]))
    return kind, draw(st.sampled_from([1 / 30, 1 / 30, 1 / 25, 0.0, -0.04, 0.2, 1.5, -3.0, float("nan"), float("inf")]))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(frames(), st.integers(1, 40)), max_size=12), st.integers(0, 2**31))
def test_nothing_that_is_fed_breaks_a_stream(correcting, shown, bursts, seed):
    rng = np.random.default_rng(seed)
    options = StreamOptions(window=2.0, longest=3.0)
    sentences, words, time, number = [], [], 0.0, 0
    stream = Stream(correcting["n-gram and network"], options, on_sentence=sentences.append)
    begin = shown.clips[0][1]
    for (kind, step), count in bursts:
        for _ in range(count):
            points = shown.points[begin + number % 60 if kind == "sign" else 0].copy()
            number += 1
            if kind == "nan":
                points[:] = np.nan
            elif kind == "part":
                points[rng.random(len(points)) < 0.7] = np.nan
            elif kind == "wild":
                points[rng.random(points.shape) < 0.1] = rng.choice([np.inf, -np.inf, 1e30, -1e9, 3.0])
            time = time + step if np.isfinite(step) else time
            landmarks = None if kind == "none" else points[:POINTS]
            words += stream.feed(time if np.isfinite(step) else step, landmarks, shown.aspect, points[POINTS:])
    words += stream.finish()
    assert [word for sentence in sentences for word in sentence.words] == words
    corrected = [word for sentence in sentences for word in sentence.corrected]
    assert all(np.isfinite([word.start, word.end]).all() and word.start < word.end for word in [*words, *corrected])


def resident_megabytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell a process' memory")
def test_memory_does_not_grow(correcting, shown):
    sentences = []
    stream = Stream(correcting["n-gram"], PATIENT, on_sentence=lambda one: sentences.append(len(one.words)))
    count = 0
    numbers = itertools.cycle(range(len(shown.points)))
    for number in range(16_000):
        points = shown.points[next(numbers)]
        count += len(stream.feed(number / FPS, points[:POINTS], shown.aspect, points[POINTS:]))
        if number == 3_000:
            before = resident_megabytes()
    assert count > 100
    assert len(sentences) > 20
    assert resident_megabytes() - before <= 5


@pytest.mark.parametrize(
    ("landmarks", "aspect", "shoulders", "message"),
    [
        (np.zeros((91, 3), np.float32), 1.0, None, r"landmarks of shape \[92, 3\], received float32 \[91, 3\]"),
        (np.zeros((92, 3), int), 1.0, None, "floating-point landmarks"),
        (np.zeros((92, 3), np.float32), 1.0, np.zeros((3, 3), np.float32), "shoulders"),
        (None, 0.0, None, "aspect"),
        (None, float("nan"), None, "aspect"),
    ],
)
def test_what_is_no_frame_is_refused(recognizer, landmarks, aspect, shoulders, message):
    with pytest.raises(DataError, match=message):
        Stream(recognizer).feed(0.0, landmarks, aspect, shoulders)


@pytest.mark.parametrize(
    "options",
    [{"window": 0.5}, {"hop": 0.0}, {"pause": float("nan")}, {"look_ahead": -1.0}, {"longest": 2.0}, {"memory": 1e9}],
)
def test_unfit_options_are_refused(options):
    with pytest.raises(UsageError, match="stream"):
        StreamOptions(**options)
