"""A short queue between two threads, which forgets the oldest when nobody may wait for the slower one."""

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Belt(Generic[Item]):
    """Items on their way from one thread to another.

    Args:
        length: how many it holds.
        drops: whether a full belt loses its oldest item to the next one; else whoever puts has to wait.

    Attributes:
        dropped: how many were lost.
    """

    def __init__(self, length: int, drops: bool = False) -> None:
        self._items: deque[Item] = deque()
        self._length, self._drops = length, drops
        self._changed = threading.Condition()
        self._ended = self._stopped = False
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> bool:
        """Put an item on the belt; False when nobody takes any more."""
        with self._changed:
            while len(self._items) == self._length and not self._stopped:
                if self._drops:
                    self._items.popleft()
                    self.dropped += 1
                else:
                    self._changed.wait()
            if not self._stopped:
                self._items.append(item)
                self._changed.notify_all()
            return not self._stopped

    def get(self) -> Item | None:
        """Wait for the next item; None when there will be no more."""
        with self._changed:
            while not (self._items or self._ended or self._stopped):
                self._changed.wait()
            if self._stopped or not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def end(self) -> None:
        """Say that nothing more will be put; what is on the belt may still be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Let nobody wait any longer, at either end."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
