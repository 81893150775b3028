"""Work on a real Dask cluster of two worker processes on this machine."""

import functools
import operator
import signal

import pytest

from tests.dask_cluster import two_workers
from tf_slr.core.errors import UsageError
from tf_slr.tracking.cluster import on_cluster
from tf_slr.tracking.engines import Engine

distributed = pytest.importorskip("distributed", reason="needs tf_slr[cluster]")


@pytest.fixture
def cluster():
    with two_workers() as address_and_workers:
        yield address_and_workers


def test_a_worker_that_dies_midway_costs_no_item(cluster):
    address, workers = cluster
    items = [f"__import__('time').sleep(0.1) or {number}" for number in range(30)]
    results = on_cluster(eval, items, address, "lost: {}".format)
    done = [next(results) for _ in range(5)]
    workers[0].send_signal(signal.SIGKILL)
    assert sorted([*done, *results]) == list(range(30))


def test_an_item_that_kills_its_workers_is_lost_and_an_error_is_raised(cluster):
    address, _ = cluster
    suicide = "__import__('os').kill(__import__('os').getpid(), 9)"
    with pytest.raises(ZeroDivisionError):
        list(on_cluster(eval, ["1", "1 / 0"], address, str))
    assert list(on_cluster(functools.partial(operator.add, 1), [1], address, str)) == [2]
    results = on_cluster(eval, [suicide], address, lambda item: "lost")
    with distributed.Client(address, set_as_default=False) as client:
        client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 1))
    assert list(results) == ["lost"]


def test_no_scheduler_and_no_worker_are_explained(monkeypatch):
    monkeypatch.setattr("tf_slr.tracking.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(UsageError, match=r"tcp://127\.0\.0\.1:9: no Dask scheduler answers"):
        list(Engine("dask", scheduler="tcp://127.0.0.1:9").run(eval, ["1"], str))
    with pytest.raises(UsageError, match="no Dask scheduler answers"):
        list(Engine("dask", scheduler="nonsense://x").run(eval, ["1"], str))
