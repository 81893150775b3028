"""Where training runs: in one process, on several GPUs, or in several processes that keep in step.

Each replica (a process, or a GPU of one) trains on its part of every batch. Gradients, losses and the statistics of
batch normalisation are sums over all replicas divided by what all of them have, so that without dropout the weights
are those of one process that sees the whole batch, but for the last digits of float32.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import tensorflow as tf

from tf_slr.core.errors import UsageError
from tf_slr.features.batches import Share

# The cluster and this process' place in it, as TensorFlow's users know it.
VARIABLE = "TF_CONFIG"
_EXAMPLE = '{"cluster": {"worker": ["host1:5000", "host2:5000"]}, "task": {"type": "worker", "index": 0}}'

# What collectives fail with when a process at the other end is gone; which of them is a matter of chance.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.FailedPreconditionError,
)

Result = TypeVar("Result")


def strategy_here() -> tf.distribute.Strategy:
    """The strategy for this process' surroundings; TensorFlow must not have computed anything before.

    Several workers where TF_CONFIG names them (this waits until all have started, for an hour at most), else all GPUs
    where there are several, else TensorFlow's default: the one GPU, or the CPU.

    Raises:
        UsageError: TF_CONFIG is not what it should be, or its workers do not come together.
    """
    text = os.environ.get(VARIABLE)
    if text and _workers_in(text) > 1:
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except tf.errors.OpError as error:
            raise UsageError(
                f"{VARIABLE}: the workers do not come together ({_reason(error)}); received {text}"
            ) from error
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def _workers_in(text: str) -> int:
    """How many workers TF_CONFIG names."""
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        fits = (
            set(config["cluster"]) == {"worker"}
            and all(isinstance(worker, str) and worker.rpartition(":")[2].isdecimal() for worker in workers)
            and task["type"] == "worker"
            and 0 <= int(task["index"]) < len(workers)
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        fits = False
    if not fits:
        raise UsageError(f"{VARIABLE}: expected e.g. {_EXAMPLE}, with the index of this worker; received {text}")
    return len(workers)


def _reason(error: tf.errors.OpError) -> str:
    """What TensorFlow says, without the operator's name before it."""
    return error.message.partition("\n")[0].rpartition("}} ")[2]


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes what all of them made."""
    return strategy.extended.should_checkpoint


def workers_of(strategy: tf.distribute.Strategy) -> tuple[int, int]:
    """Number of this process, and how many there are."""
    resolver = strategy.cluster_resolver
    return (resolver.task_id, resolver.cluster_spec().num_tasks("worker")) if resolver else (0, 1)


def shared_dataset(
    strategy: tf.distribute.Strategy, make: Callable[[Share], tf.data.Dataset]
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """The dataset of which each replica gets its own elements.

    Args:
        strategy: what trains.
        make: the elements of the replicas of one process; all processes have equally many, and nobody asks for more.
    """
    total = strategy.num_replicas_in_sync
    if total == 1:
        return make(Share())

    def of_process(context: tf.distribute.InputContext) -> tf.data.Dataset:
        here = total // context.num_input_pipelines
        dataset = make(Share(context.input_pipeline_id * here, here, total))
        # Of one that might end TensorFlow asks all workers before every step whether they have another element.
        return dataset.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))

    return strategy.distribute_datasets_from_function(of_process)


def shares(**counts: tf.Tensor) -> dict[str, tf.Tensor | float]:
    """What part this replica has of what there is in the whole batch; call it in a replica.

    A mean over the replica's clips times its part of them, summed over all replicas, is the mean over the whole
    batch's clips. (The mean of the replicas' means is not: clips, steps and the rest are not dealt evenly.)

    Args:
        counts: scalars, how many the replica has of each.

    Returns:
        From 0 to 1, by the same names.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return dict.fromkeys(counts, 1.0)
    here = tf.stack([tf.cast(count, tf.float32) for count in counts.values()])
    total = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, here)
    return dict(zip(counts, tf.unstack(tf.math.divide_no_nan(here, total)), strict=True))


def sum_over_workers(strategy: tf.distribute.Strategy, values: Sequence[int]) -> list[int]:
    """Add whole numbers up over all processes, each of which must call this; they wait for each other."""
    _, count = workers_of(strategy)
    if count == 1:
        return list(values)
    here = strategy.num_replicas_in_sync // count

    def of_replica(context: tf.distribute.experimental.ValueContext) -> tf.Tensor:
        return tf.constant(values if context.replica_id_in_sync_group % here == 0 else [0] * len(values), tf.int64)

    mine = strategy.experimental_distribute_values_from_function(of_replica)
    with worker_loss_told(strategy):
        return strategy.reduce(tf.distribute.ReduceOp.SUM, mine, axis=None).numpy().tolist()


def chief_first(strategy: tf.distribute.Strategy, work: Callable[[], Result]) -> Result:
    """Let the chief do work that leaves files, then the others, who find them."""
    if is_chief(strategy):
        result = work()
        sum_over_workers(strategy, [0])
        return result
    sum_over_workers(strategy, [0])
    return work()


@contextlib.contextmanager
def worker_loss_told(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Turn what TensorFlow raises when another process died into advice.

    Raises:
        UsageError: a worker was lost.
    """
    try:
        yield
    except _LOST as error:
        if workers_of(strategy)[1] == 1:
            raise
        raise UsageError(
            f"worker lost; start all workers again: training goes on from the checkpoint ({_reason(error)})"
        ) from error
