"""How a slow machine gives up detail, and gets it back."""

import itertools

from tf_slr.apps.live.effort import CALM, LEVELS, WATCH, Effort


class Machine:
    """A camera of 25 frames a second, of which a share is lost at each level."""

    def __init__(self, lost):
        self.effort, self.lost = Effort(), lost
        self.time, self.frames, self.dropped = 0.0, 0, 0.0

    def run(self, seconds):
        """The levels it has been at, in order."""
        levels = [self.effort.level]
        for _ in range(round(25 * seconds)):
            self.time += 1 / 25
            self.frames += 1
            self.dropped += self.lost[self.effort.level]
            if self.effort.update(self.time, self.frames, int(self.dropped)):
                levels.append(self.effort.level)
        return levels


def test_a_machine_that_keeps_pace_does_everything():
    assert Machine([0, 0, 0, 0]).run(600) == [0]


def test_a_hiccup_changes_nothing():
    machine = Machine([0, 0, 0, 0])
    machine.run(10)
    machine.dropped += 2
    assert machine.run(60) == [0]


def test_a_slow_machine_gives_up_as_much_as_it_must():
    assert Machine([0.5, 0.2, 0, 0]).run(CALM) == [0, 1, 2]
    assert Machine([0.9, 0.9, 0.9, 0.9]).run(120) == [0, 1, 2, 3]


def test_hands_are_never_given_up():
    assert LEVELS[0] == (1, 1)
    assert all(a.face <= b.face and a.pose <= b.pose for a, b in itertools.pairwise(LEVELS))
    assert "hands in every frame" in str(LEVELS[-1])


def test_what_was_given_up_comes_back_when_the_machine_is_free_again():
    machine = Machine([0.5, 0.5, 0, 0])
    machine.run(20)
    machine.lost = [0, 0, 0, 0]
    assert machine.run(3 * CALM + 5 * WATCH) == [2, 1, 0]


def test_a_machine_that_is_always_slow_tries_ever_less_often():
    machine = Machine([0.5, 0, 0, 0])
    tries = [machine.run(300).count(0) for _ in range(8)]
    assert tries[0] > tries[-1]
    assert tries[-1] <= 1
