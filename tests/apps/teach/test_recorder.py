"""The course of a recording, on made-up landmarks: prompts, countdowns, takes again, and going on."""

import itertools

import numpy as np
import pytest

from tests.apps.teach.streams import frames, seated
from tf_slr.apps.teach.recorder import FIRST_COUNTDOWN, NEXT_COUNTDOWN, PATIENCE, Recorder
from tf_slr.apps.teach.recordings import Recordings
from tf_slr.core.landmarks import LEFT_HAND, RIGHT_HAND
from tf_slr.corpus.manifest import read_clip
from tf_slr.synth.motion import FPS


@pytest.fixture
def recordings(tmp_path):
    made = Recordings.open(tmp_path / "r", "test", fps=FPS)
    made.name_signs(["ONE", "GOOD"])
    return made


class Person:
    """Sits before the recorder and does what it says."""

    def __init__(self, recorder):
        self.recorder, self.time, self.texts, self.statuses = recorder, 0.0, [], []

    def see(self, clip, begins=False):
        """Show a clip; the wish to begin comes with its first frame."""
        for _, points, aspect in frames(clip):
            if self.recorder.done:
                return
            prompt = self.recorder.step(self.time, points, aspect, begins)
            self.texts += [prompt.text] if prompt.text not in self.texts[-1:] else []
            self.statuses.append(prompt.status)
            self.time, begins = self.time + 1 / FPS, False

    def rest(self, seconds, begins=False):
        """Sit still."""
        still = seated(["ONE"], rest=1)
        count = round(seconds * FPS)
        one = still._replace(landmarks=np.repeat(still.landmarks[:1], count, axis=0),
                             shoulders=np.repeat(still.shoulders[:1], count, axis=0))  # fmt: skip
        self.see(one, begins)

    def sign(self, gloss, seed=0, hidden=False):
        """Sign one sign and rest."""
        clip = seated([gloss], seed)
        if hidden:
            clip.landmarks[:, LEFT_HAND.start : RIGHT_HAND.stop] = np.nan
        self.see(clip)


def test_without_keys_a_recording_goes_by_itself(recordings):
    person = Person(Recorder(recordings, ["ONE", "GOOD"], 2, asks=False))
    person.rest(FIRST_COUNTDOWN + 0.2)
    for seed, gloss in enumerate(("ONE", "ONE", "GOOD", "GOOD")):
        person.sign(gloss, seed)
        person.rest(FIRST_COUNTDOWN + 0.2)
    assert person.recorder.done
    assert (person.recorder.written, person.recorder.refused) == (4, 0)
    assert [len(recordings.takes(sign)) for sign in ("ONE", "GOOD")] == [2, 2]
    assert person.texts[:5] == [
        "ONE: in 3", "ONE: in 2", "ONE: in 1", "ONE: sign now, then let your hands rest", "ONE: be ready"]  # fmt: skip
    assert "GOOD: in 3" in person.texts
    assert person.texts[-1] == "thank you, that is all"
    assert all(0.4 < len(read_clip(path).landmarks) / FPS < 2.5 for path in recordings.takes("ONE"))


def test_with_keys_each_sign_waits_for_one(recordings):
    person = Person(Recorder(recordings, ["ONE"], 2, asks=True))
    person.rest(10)
    person.sign("ONE")
    assert set(person.texts) == {"ONE: space to begin"}
    person.rest(FIRST_COUNTDOWN + 0.2, begins=True)
    person.sign("ONE", 1)
    person.rest(NEXT_COUNTDOWN + 0.2)
    person.sign("ONE", 2)
    assert person.recorder.done
    assert len(recordings.takes("ONE")) == 2


def test_a_take_may_be_begun_again(recordings):
    person = Person(Recorder(recordings, ["ONE"], 1, asks=True))
    person.rest(FIRST_COUNTDOWN + 0.2, begins=True)
    half = seated(["ONE"])
    cut = len(half.landmarks) // 2
    person.see(half._replace(landmarks=half.landmarks[:cut], shoulders=half.shoulders[:cut]))
    person.rest(FIRST_COUNTDOWN + 0.2, begins=True)
    assert recordings.takes("ONE") == []
    person.sign("ONE", 1)
    assert len(recordings.takes("ONE")) == 1


def test_a_take_without_hands_is_asked_for_again(recordings):
    person = Person(Recorder(recordings, ["ONE"], 1, asks=False))
    person.rest(FIRST_COUNTDOWN + 0.2)
    person.sign("ONE", hidden=True)
    assert (person.recorder.written, person.recorder.refused) == (0, 1)
    assert "take 1 of 1 - the last take shows a hand in 0 of" in person.statuses[-1]
    person.rest(NEXT_COUNTDOWN + 0.2)
    person.sign("ONE")
    assert person.recorder.done


def test_nobody_who_signs_is_told_so(recordings):
    person = Person(Recorder(recordings, ["ONE"], 1, asks=False))
    person.rest(FIRST_COUNTDOWN + PATIENCE + 1)
    assert any("are you in the picture?" in status for status in person.statuses)
    assert not person.recorder.done


def test_takes_that_are_there_are_counted(recordings):
    first = Person(Recorder(recordings, ["ONE", "GOOD"], 1, asks=False))
    first.rest(FIRST_COUNTDOWN + 0.2)
    first.sign("ONE")
    again = Recorder(Recordings(recordings.root), ["ONE", "GOOD"], 1, asks=False)
    assert not again.done
    assert Person(again).recorder.step(0.0, np.full((94, 3), np.nan, np.float32), 1.0).text.startswith("GOOD")
    assert Recorder(recordings, ["ONE"], 1, asks=False).done


def test_rest_is_one_recording_of_many_stretches(recordings):
    person = Person(Recorder(recordings, [None], 4, asks=False))
    for number in itertools.count():
        person.sign("ONE", seed=number)
        if person.recorder.done:
            break
    assert len(recordings.takes(None)) == 4
    assert person.texts.count("rest: move as you like, but do not sign") == 1
