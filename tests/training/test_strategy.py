"""Two workers train as one process does, survive the loss of one, and a network may compute in 16 bits."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from hypothesis import given
from hypothesis import strategies as st

from tests.training.mirrored import CLASSES, NETWORKS, batch_for
from tf_slr.core import files
from tf_slr.core.errors import UsageError
from tf_slr.corpus.manifest import Corpus
from tf_slr.features.batches import Share, TrainingBatches, batch_count, plan
from tf_slr.features.splits import load_split
from tf_slr.training import checkpoints
from tf_slr.training.networks import build, inputs_of, stream_of
from tf_slr.training.precision import computing_in, scaled, variables_of
from tf_slr.training.recipe import load_recipe
from tf_slr.training.recogniser import Recogniser
from tf_slr.training.runs import Run
from tf_slr.training.strategy import strategy_here
from tf_slr.training.teacher import SEEN
from tf_slr.training.trainer import Trainer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# Nothing is dropped, because replicas draw masks of their own. Batches of 11 and, last, 9 clips are not dealt evenly.
# The term between the heads is a mean over steps, the others are means over clips.
SETTINGS = [
    "model.dropout=0.0", "training.epochs=2", "training.batch=11", "training.checkpoint_steps=2", "distill.inner=1.0",
]  # fmt: skip
PRECISIONS = ("mixed_bfloat16", "mixed_float16")


def ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    found = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return found


def start(corpus, run, recipe, log, environment=None):
    command = [sys.executable, "-m", "tf_slr", "train", "--corpus", corpus, "--run", run, "--recipe", recipe]
    command += [part for setting in SETTINGS for part in ("--set", setting)]
    log.parent.mkdir(exist_ok=True)
    with log.open("w") as stream:
        return subprocess.Popen(
            list(map(str, command)), cwd=ROOT, env=os.environ | (environment or {}), stdout=stream, stderr=stream
        )


def start_workers(corpus, run, recipe, logs):
    """Two processes of the command line on the loopback; each writes to a log of its own."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports(2)]}
    places = [json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}) for index in range(2)]
    return [
        start(corpus, run, recipe, logs / f"{index}.txt", {"TF_CONFIG": place}) for index, place in enumerate(places)
    ]


def finish(processes, logs):
    for index, process in enumerate(processes):
        assert process.wait() == 0, (logs / f"{index}.txt").read_text()


@pytest.fixture(scope="module")
def run_of_two(tmp_path_factory, tiny_corpus, tiny_recipe):
    """An unbroken run of two workers, and their logs."""
    root = tmp_path_factory.mktemp("two")
    finish(start_workers(tiny_corpus, root / "run", tiny_recipe, root / "logs"), root / "logs")
    return root


def test_two_workers_train_as_one_process(run_of_two, tmp_path, tiny_corpus, tiny_recipe):
    finish([start(tiny_corpus, tmp_path / "run", tiny_recipe, tmp_path / "0.txt")], tmp_path)
    one, two = Run(tmp_path / "run").metrics(), Run(run_of_two / "run").metrics()
    # Sums of float32 in another order: 3e-6 of the loss in the first epoch. Adam, which divides by a gradient's size,
    # makes it 4e-4 in the second. (By plain descent `test_two_devices` comes nearer.)
    for name in ("loss", "ctc_sequence", "ctc_conv", "kd_inner"):
        assert two[0][name] == pytest.approx(one[0][name], rel=5e-5), name
        assert two[1][name] == pytest.approx(one[1][name], rel=2e-3), name
    assert [line["dev_wer"] for line in two] == pytest.approx([line["dev_wer"] for line in one], abs=0.05)


def test_the_chief_alone_reports(run_of_two):
    chief, other = ((run_of_two / f"logs/{index}.txt").read_text() for index in range(2))
    assert "best dev WER" in chief
    assert "done; the chief wrote" in other
    assert sorted(path.name for path in (run_of_two / "run").iterdir()) == [
        ".lock", "best.npz", "corpus.json", "last.npz", "metrics.jsonl", "recipe.toml", "summary.json",
        "vocabulary.json",
    ]  # fmt: skip


def test_a_run_that_lost_either_worker_ends_with_the_weights_of_an_unbroken_one(
    run_of_two, tmp_path, tiny_corpus, tiny_recipe
):
    run, logs = tmp_path / "run", tmp_path / "logs"
    for lost in (1, 0):
        seen = (run / "last.npz").stat().st_mtime_ns if (run / "last.npz").exists() else 0
        processes = start_workers(tiny_corpus, run, tiny_recipe, logs)
        while not (run / "last.npz").exists() or (run / "last.npz").stat().st_mtime_ns == seen:
            assert all(process.poll() is None for process in processes), (logs / "0.txt").read_text()
            time.sleep(0.01)
        processes[lost].send_signal(signal.SIGKILL)
        other = 1 - lost
        assert processes[other].wait(timeout=180) == 1
        assert "worker lost; start all workers again" in (logs / f"{other}.txt").read_text()
        processes[lost].wait()
    assert not (run / "summary.json").exists()
    finish(start_workers(tiny_corpus, run, tiny_recipe, logs), logs)
    for name in ("last.npz", "best.npz"):
        unbroken, resumed = (files.read_npz(root / name) for root in (run_of_two / "run", run))
        assert all(np.array_equal(unbroken[key], resumed[key]) for key in unbroken if key != "state")


TASK = '"task": {"type": "worker", "index": 0}'


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a"]}, ' + TASK + "}",
        '{"cluster": {"worker": []}, ' + TASK + "}",
        '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, ' + TASK + "}",
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
    ],
)
def test_a_wrong_cluster_is_refused(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UsageError, match=r"TF_CONFIG: expected e\.g\. .*received"):
        strategy_here()


def test_without_a_cluster_and_gpus_it_is_one_process(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert strategy_here().num_replicas_in_sync == 1


@given(
    st.lists(st.integers(8, 300), min_size=8, max_size=60), st.integers(4, 12), st.integers(1, 4), st.integers(0, 99)
)
def test_every_replica_has_a_clip_in_every_batch(lengths, size, least, seed):
    dealt = plan(lengths, size, np.random.default_rng(seed), least)
    assert sorted(np.concatenate(dealt).tolist()) == list(range(len(lengths)))
    assert least <= min(map(len, dealt))
    assert len(dealt) == batch_count(len(lengths), size, least)
    # 9 clips cannot be batches of 4 only: then the last has more.
    possible = len(lengths) // least >= -(-len(lengths) // size)
    assert max(map(len, dealt)) <= (size if possible else size + least)


@pytest.mark.parametrize(("count", "size", "batches"), [(10, 5, 2), (11, 3, 3), (10, 3, 3)])
def test_an_epoch_has_no_more_batches_than_have_a_clip_for_each_replica(tiny_corpus, tiny_recipe, count, size, batches):
    """11 clips in batches of 3 for 3 replicas are 3 batches, of which one has 5 clips, not 4."""
    corpus, recipe = Corpus(tiny_corpus), load_recipe(str(tiny_recipe))
    split = load_split(corpus, "train").part(range(count))
    stream = stream_of(recipe.model, recipe.features, corpus, split)
    data = TrainingBatches(split, [stream], corpus.vocabulary(), recipe.features, size, 0, replicas=3)
    assert len(data) == batches
    met = [part["frames"].shape[0] for part in data.dataset(0, 0, len(data), Share(0, 3, 3))]
    assert len(met) == 3 * batches
    assert sum(met) == count
    assert min(met) > 0


def test_a_worker_reads_its_part_of_each_batch_only(tiny_corpus, tiny_recipe):
    corpus, recipe = Corpus(tiny_corpus), load_recipe(str(tiny_recipe))
    split = load_split(corpus, "train")
    stream = stream_of(recipe.model, recipe.features, corpus, split)
    read, shown = [], stream.shown
    stream.shown = lambda index, change: read.append(index) or shown(index, change)
    batches = TrainingBatches(split, [stream], corpus.vocabulary(), recipe.features, 11, 0, replicas=3)

    def epoch(share):
        read.clear()
        found = [{name: tensor.numpy() for name, tensor in batch.items()} for batch in batches.dataset(0, 0, 6, share)]
        return found, sorted(read)

    (whole, everything), (first, some), (last, others) = map(epoch, (Share(), Share(0, 1, 3), Share(1, 2, 3)))
    assert sorted(some + others) == everything
    assert len(last) == 2 * len(first) == 2 * len(whole)
    for batch, *parts in zip(whole, first, last[::2], last[1::2], strict=True):
        for place, part in enumerate(parts):
            assert np.array_equal(part["frames"], batch["frames"][place::3])
            longest = part["landmarks"].shape[1]
            assert np.array_equal(part["landmarks"], batch["landmarks"][place::3, :longest])


def test_two_devices_train_a_network_as_one_does():
    command = [sys.executable, "-m", "tests.training.mirrored", "lrinet"]  # which has every kind of layer
    # oneDNN adds in another order for another size of batch, which Adam's first steps blow up.
    environment = os.environ | {"TF_ENABLE_ONEDNN_OPTS": "0"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout)
    assert result["two"] == pytest.approx(result["one"], rel=1e-5), result
    # A moving variance of Keras' own is another by a factor of N / (N - 1), the N being thousands here.
    assert result["apart"] < 2e-3 < 1e-2 < result["moved"], result


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_mixed_precision_has_logits_losses_and_weights_of_float32(name, precision):
    options = NETWORKS[name]
    batch = {key: tf.constant(array) for key, array in batch_for(options).items()}
    tf_keras.utils.set_random_seed(3)
    with computing_in(precision):
        network = build(options, CLASSES)
    assert tf_keras.mixed_precision.global_policy().name == "float32"
    full = build(options, CLASSES)
    full.set_weights(network.get_weights())
    assert {weight.dtype for weight in network.weights} <= {tf.float32, tf.int64}
    exact, outputs = (each(inputs_of(batch), training=True) for each in (full, network))
    for head in ("sequence_logits", "conv_logits"):
        assert outputs[head].dtype == tf.float32
        # Within 16 bits, but not the same: the network did compute in them.
        assert 0 < np.abs(outputs[head] - exact[head]).max() < 0.1 * np.abs(exact[head]).max()
    model = Recogniser(network, 1.0)
    model.compile(scaled(tf_keras.optimizers.AdamW(1e-2), precision))
    batch.pop(SEEN, None)
    first, *_, last = [model.train_step(batch) for _ in range(3)]
    assert {loss.dtype for loss in first.values()} == {tf.float32}
    assert float(last["loss"]) < float(first["loss"])


def test_bfloat16_learns_and_its_run_opens_in_float32(tmp_path, tiny_corpus, tiny_recipe):
    recipe = load_recipe(str(tiny_recipe), ["training.precision=mixed_bfloat16", "training.epochs=2"])
    trainer = Trainer(Corpus(tiny_corpus), recipe, tmp_path / "run")
    trainer.fit()
    lines = trainer.run.metrics()
    assert lines[-1]["loss"] < 0.7 * lines[0]["loss"]
    stored = files.read_npz(trainer.run.last)
    assert {array.dtype for name, array in stored.items() if name != "state"} == {
        np.dtype(np.float32), np.dtype(np.int64)
    }  # fmt: skip
    network = trainer.run.network()
    assert network.compute_dtype == "float32"


def test_a_loss_scale_is_saved_and_goes_on(tmp_path):
    weight = tf.Variable([1.0])
    ours, theirs = (scaled(tf_keras.optimizers.AdamW(1e-3), "mixed_float16") for _ in range(2))
    for optimizer in (ours, theirs):
        optimizer.build([weight])
    before = float(ours.loss_scale)
    ours.apply_gradients([(tf.constant([np.inf]), weight)])
    assert weight.numpy() == 1
    ours.apply_gradients([(tf.constant([1.0]), weight)])
    assert weight.numpy() != 1
    checkpoints.save(tmp_path / "c.npz", {}, optimizer=variables_of(ours))
    checkpoints.load(tmp_path / "c.npz", optimizer=variables_of(theirs))
    assert float(theirs.loss_scale) == before / 2
    assert int(theirs.dynamic_counter) == 1
    assert int(theirs.iterations) == int(ours.iterations)
