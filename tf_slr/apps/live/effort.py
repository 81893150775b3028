"""How often face and pose are looked for: less often on a machine that would lose frames otherwise.

Hands are looked for in every frame, since they are what a sign is made of.
"""

from typing import NamedTuple


class Level(NamedTuple):
    """An amount of work.

    Attributes:
        face: the face is looked for in every so many frames.
        pose: the same for the pose.
    """

    face: int
    pose: int

    def __str__(self) -> str:
        every = {1: "every frame", 2: "every 2nd frame", 3: "every 3rd frame"}
        return f"face in {every[self.face]}, pose in {every[self.pose]}, hands in every frame"


LEVELS = (Level(1, 1), Level(3, 1), Level(3, 2), Level(3, 3))

# Over so many seconds more than this share of the frames lost: the next level. Fewer may be a hiccup.
WATCH, TOO_MANY = 2.0, 0.05
# So many seconds without a lost frame: the level before is tried again, and each time it fails, this doubles.
CALM = 30.0


class Effort:
    """Chooses the level.

    Attributes:
        level: place in LEVELS.
    """

    def __init__(self) -> None:
        self.level = 0
        self._calm = CALM
        self._since = self._quiet_since = 0.0  # when the watch began, when a frame was last lost
        self._frames = self._dropped = 0  # counts when the watch began
        self._tried = False  # whether this level was reached from a lower one

    def update(self, time: float, frames: int, dropped: int) -> bool:
        """Weigh what happened so far; whether the level changed.

        Args:
            time: now, in seconds since the start.
            frames: how many came.
            dropped: how many of them were lost.
        """
        if time - self._since < WATCH:
            return False
        came, lost = frames - self._frames, dropped - self._dropped
        self._since, self._frames, self._dropped = time, frames, dropped
        if lost:
            self._quiet_since = time
        if lost > TOO_MANY * came and self.level + 1 < len(LEVELS):
            if self._tried:
                self._calm *= 2
            self._tried = False
            self.level += 1
            return True
        if self.level and time - self._quiet_since >= self._calm:
            self._quiet_since = time
            self._tried = True
            self.level -= 1
            return True
        return False
