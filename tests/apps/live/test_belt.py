"""Belts between threads: nothing lost unless it may be, nobody waits forever."""

import threading

from tf_slr.apps.live.belt import Belt


def in_thread(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_everything_arrives_in_order_although_the_belt_is_short():
    belt, taken = Belt(2), []

    def take():
        while (item := belt.get()) is not None:
            taken.append(item)

    thread = in_thread(take)
    assert all(belt.put(number) for number in range(500))
    belt.end()
    thread.join(10)
    assert taken == list(range(500))
    assert belt.dropped == 0


def test_the_oldest_is_lost_when_nobody_may_wait():
    belt = Belt(3, drops=True)
    assert all(belt.put(number) for number in range(10))
    belt.end()
    assert [belt.get() for _ in range(4)] == [7, 8, 9, None]
    assert belt.dropped == 7


def test_who_puts_waits_for_room():
    belt, done = Belt(1), []
    belt.put("first")
    thread = in_thread(lambda: done.append(belt.put("second")))
    thread.join(0.05)
    assert not done
    assert belt.get() == "first"
    thread.join(10)
    assert done == [True]
    assert belt.get() == "second"


def test_stopping_frees_both_ends():
    full, empty, results = Belt(1), Belt(1), []
    full.put("kept")
    threads = [in_thread(lambda: results.append(full.put("lost"))), in_thread(lambda: results.append(empty.get()))]
    for belt in (full, empty):
        belt.stop()
    for thread in threads:
        thread.join(10)
    assert sorted(map(str, results)) == ["False", "None"]
    assert full.get() is None
