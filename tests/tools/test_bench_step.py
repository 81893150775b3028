"""The comparison of training steps: both frameworks run the same network, and equal weights give equal logits."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))  # where the tools find each other

import bench_step  # noqa: E402

pytestmark = pytest.mark.slow

TINY = {
    "mslr": bench_step.Case({"kind": "mslr", "width": 12, "hidden": 8, "dropout": 0.0}, 2, 33, classes=20, glosses=3),
    "corrnet": bench_step.Case(
        {"kind": "corrnet", "size": 32, "widths": [16] * 4, "blocks": [1] * 4, "temporal": {"width": 8}},
        2, 21, classes=20, glosses=3,
    ),
}  # fmt: skip


def test_the_landmark_student_is_the_same_network_in_pytorch():
    from tf_slr.models.mslr import Mslr, MslrOptions

    options = MslrOptions(width=12, hidden=8)
    ours, theirs = Mslr(options, 20), bench_step.torch_mslr(options, 20).eval()
    with torch.no_grad():
        modules = list(theirs.convolutions)
        for layer, module in zip(
            ours.convolutions, [m for m in modules if isinstance(m, torch.nn.Conv1d)], strict=True
        ):
            module.weight.copy_(torch.tensor(layer.kernel.numpy()[0].transpose(2, 1, 0)))
        for name, layer in (("", ours.bilstm.forward_lstm), ("_reverse", ours.bilstm.backward_lstm)):
            kernel, recurrent, bias = layer.get_weights()
            getattr(theirs.bilstm, f"weight_ih_l0{name}").copy_(torch.tensor(kernel.T))
            getattr(theirs.bilstm, f"weight_hh_l0{name}").copy_(torch.tensor(recurrent.T))
            getattr(theirs.bilstm, f"bias_ih_l0{name}").copy_(torch.tensor(bias))
            getattr(theirs.bilstm, f"bias_hh_l0{name}").zero_()
        theirs.dense.weight.copy_(torch.tensor(ours.dense.kernel.numpy().T))
        theirs.dense.bias.copy_(torch.tensor(ours.dense.bias.numpy()))
        theirs.classifier.copy_(torch.tensor(ours.classifier.kernel.numpy()))
        clips = np.random.default_rng(0).normal(0, 1, (2, 33, 276)).astype(np.float32)
        sequence, conv = theirs(torch.tensor(clips))
    found = ours({"landmarks": clips, "frames": np.array([33, 33])})
    for name, expected in (("sequence_logits", sequence), ("conv_logits", conv)):
        assert np.abs(found[name] - expected.permute(1, 0, 2).numpy()).max() < 1e-4


@pytest.mark.parametrize("name", list(TINY))
def test_both_frameworks_learn_the_same_batch(name):
    from tf_slr.core import config
    from tf_slr.training.recipe import Recipe

    case = TINY[name]
    options = config.build(Recipe, {"model": case.model}, name).model
    batch = bench_step.batch_of(case, options)
    assert (np.diff(batch["labels"]) != 0).all()
    assert batch["labels"].min() >= 1
    assert batch["labels"].max() < case.classes
    made = [make(case, options, batch) for make in (bench_step.tensorflow_step, bench_step.torch_step)]
    assert made[0][1] == made[1][1]  # parameters
    first, second = ([step() for _ in range(8)] for step, _ in made)
    # From other random weights, but the same losses, summed over both heads.
    assert first[0] == pytest.approx(second[0], rel=0.5)
    for losses in (first, second):
        assert losses[-1] < losses[0]


def test_the_result_says_what_was_timed(monkeypatch):
    result = bench_step.measure(TINY["mslr"], "mslr", count=4)
    assert result["steps"] == 6  # in turns of three
    for framework in ("TensorFlow", "PyTorch"):
        assert 0 < result[framework]["min_ms"] <= result[framework]["p50_ms"]
    shown = bench_step.table({"threads": 2, "versions": {"TensorFlow": "2", "PyTorch": "3"}, "machine": {"cpu": "x"},
                              "networks": {"mslr": result}})  # fmt: skip
    assert f"| mslr | {result['parameters']:,} | 2 | 33 | 6 |" in shown


def test_unequal_networks_are_not_timed(monkeypatch):
    from tf_slr.core.errors import UsageError

    narrower = bench_step.torch_mslr
    monkeypatch.setattr(bench_step, "torch_mslr", lambda options, classes: narrower(options, classes - 1))
    with pytest.raises(UsageError, match="expected equal networks, found parameters"):
        bench_step.measure(TINY["mslr"], "mslr", count=1)


def test_without_pytorch_the_tool_says_how_to_get_it(tmp_path):
    script = "import sys; sys.modules['torch'] = None; sys.path.insert(0, 'tools')\n" \
             "import bench_step; sys.exit(bench_step.main())"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", script, "--out", str(tmp_path / "b.json")], cwd=ROOT,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 1
    assert "pip install torch" in done.stderr
    assert not (tmp_path / "b.json").exists()
