"""Import of weights that PyTorch trained."""

import contextlib
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.models.test_corrnet import CLASSES, clip, reference_outputs, run  # noqa: E402
from tests.models.torch_corrnet import randomised  # noqa: E402
from tests.tiny_video import RECIPE  # noqa: E402
from tf_slr.cli.main import main  # noqa: E402
from tf_slr.core import files  # noqa: E402
from tf_slr.core.errors import DataError, UsageError  # noqa: E402
from tf_slr.core.glosses import Vocabulary  # noqa: E402
from tf_slr.corpus.manifest import Corpus  # noqa: E402
from tf_slr.features.splits import load_split  # noqa: E402
from tf_slr.models.corrnet import CorrNet, CorrNetOptions  # noqa: E402
from tf_slr.models.temporal import TemporalOptions  # noqa: E402
from tf_slr.models.torch_weights import corrnet_options, corrnet_weights  # noqa: E402
from tf_slr.models.weights import load_into, named_weights  # noqa: E402
from tf_slr.training.evaluation import network_outputs  # noqa: E402
from tf_slr.training.networks import stream_of  # noqa: E402
from tf_slr.training.runs import Run  # noqa: E402
from tools.import_torch import (  # noqa: E402
    for_vocabulary,
    import_corrnet,
    import_resnet18,
    read_checkpoint,
    read_classes,
)

ROOT = Path(__file__).parents[2]
WIDTHS, BLOCKS, WIDTH = (16, 32, 48, 64), (1, 2, 1, 1), 32
# The glosses of the corpus of videos in the order of a dictionary of its own, and two that are not in it.
GLOSSES = ["RIGHT", "NEVER", "UP", "LEFT", "DOWN", "OTHER"]


@pytest.fixture(scope="module")
def reference():
    return randomised(CLASSES, WIDTHS, BLOCKS, WIDTH)


@pytest.fixture
def state(reference):
    return {name: value.numpy().copy() for name, value in reference.state_dict().items()}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, reference):
    """What the authors' code saves: a data-parallel frame network, optimiser, schedule and random states beside it."""
    optimizer = torch.optim.Adam(reference.parameters(), lr=0.0)  # a step that makes moments and changes no weight
    sum(parameter.sum() for parameter in reference.parameters()).backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [20, 35], 0.2)
    path = tmp_path_factory.mktemp("torch") / "best_model.pt"
    content = {
        "epoch": 3,
        "model_state_dict": {
            name.replace("conv2d.", "conv2d.module."): value for name, value in reference.state_dict().items()
        },
        "optimizer_state_dict": optimizer.state_dict(),
        "scheduler_state_dict": schedule.state_dict(),
        "rng_state": {"torch": torch.get_rng_state(), "numpy": np.random.RandomState(0).get_state(),
                      "random": random.getstate()},
    }  # fmt: skip
    torch.save(content, path)
    return path


def import_torch(*arguments):
    command = [sys.executable, ROOT / "tools/import_torch.py", *arguments]
    return subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def imported(tmp_path_factory, checkpoint, video_corpus):
    """A run made of the checkpoint by the command: (its folder, the finished process)."""
    root = tmp_path_factory.mktemp("imported")
    (root / "glosses.txt").write_text("\n".join(GLOSSES))
    done = import_torch("corrnet", checkpoint, "--corpus", video_corpus, "--vocabulary", root / "glosses.txt",
                        "--size", 64, "--out", root / "run")  # fmt: skip
    return root / "run", done


def test_an_official_checkpoint_becomes_a_run(imported, video_corpus, checkpoint):
    out, done = imported
    assert done.returncode == 0, done.stderr
    assert f"wrote {out}" in done.stdout
    assert "note: dropped the classes of NEVER, OTHER" in done.stderr
    run = Run(out)
    assert run.vocabulary == Corpus(video_corpus).vocabulary()
    assert run.recipe.model == CorrNetOptions(
        size=64, widths=WIDTHS, blocks=BLOCKS, temporal=TemporalOptions(width=WIDTH)
    )
    assert run.corpus().root == video_corpus.resolve()
    summary = files.read_json(run.summary_path)
    assert summary["imported"] == {"file": checkpoint.name, "sha256": files.sha256(checkpoint)}


def test_an_imported_run_recognises_what_the_checkpoint_does(imported, reference):
    """On the corpus' own clips, class by class."""
    run = Run(imported[0])
    corpus, recipe, network = run.corpus(), run.recipe, run.network()
    split = load_split(corpus, "test")
    stream = stream_of(recipe.model, recipe.features, corpus, split)
    columns = [0, *(1 + GLOSSES.index(gloss) for gloss in run.vocabulary.glosses)]
    outputs = network_outputs(network, stream, split.frames, ["sequence_logits", "conv_logits"])
    for i, found in enumerate(outputs):
        video = stream.shown(i, None) / np.float32(127.5) - 1
        expected = reference_outputs(reference, video)
        for name, logits in zip(("sequence_logits", "conv_logits"), found, strict=True):
            wanted = expected[name].numpy()[:, columns]
            assert np.abs(logits - wanted).max() < 1e-3 * np.abs(wanted).max()


def test_an_imported_run_is_evaluated_and_teaches(imported, tmp_path, video_corpus, capsys):
    out, _ = imported
    assert main(["evaluate", "--run", str(out), "--split", "test"]) == 0
    assert "WER" in capsys.readouterr().out
    (tmp_path / "student.toml").write_text(RECIPE + "\n[distill]\nsequence = 1.0\nconv = 1.0\n")
    options = ["--recipe", str(tmp_path / "student.toml"), "--teacher", str(out), "--set", "training.epochs=1"]
    assert main(["train", "--corpus", str(video_corpus), "--run", str(tmp_path / "run"), *options]) == 0
    assert Run(tmp_path / "run").metrics()[0]["kd_sequence"] > 0


def test_a_classifier_gets_the_columns_of_a_corpus():
    kernel = np.arange(8.0).reshape(2, 4)
    found, dropped = for_vocabulary(kernel, Vocabulary(("C", "A", "B")), Vocabulary(("B", "C")))
    assert found.tolist() == [[0, 3, 1], [4, 7, 5]]
    assert dropped == ["A"]
    with pytest.raises(UsageError, match="the checkpoint never learned X, Y of the corpus"):
        for_vocabulary(kernel, Vocabulary(("C", "A", "B")), Vocabulary(("Y", "A", "X")[::-1]))


def test_every_weight_of_the_reference_shows_in_its_outputs(reference):
    """Else equal outputs would not prove that all of them are in their places."""
    outputs = reference(torch.tensor(clip(7, 64)).permute(0, 3, 1, 2))
    generator = torch.Generator().manual_seed(0)
    shown = sum((y / y.abs().max() * torch.randn(y.shape, generator=generator)).sum() for y in outputs)
    for (name, weight), slope in zip(
        reference.named_parameters(), torch.autograd.grad(shown, list(reference.parameters())), strict=True
    ):
        assert weight.abs().mean() * slope.norm() > 1e-3, name  # ten times what outputs may differ by


def test_resnet18_gives_its_frame_features(tmp_path, reference):
    """With torchvision's names and shapes, which have no axis of time."""
    frames = randomised(3, width=8, seed=2).conv2d
    frames.alpha.data.zero_()
    state = {name: value.squeeze(2) if value.ndim == 5 else value for name, value in frames.state_dict().items()
             if not name.startswith(("corr", "alpha"))}  # fmt: skip
    torch.save(state | {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}, tmp_path / "resnet18.pth")
    done = import_torch("resnet18", tmp_path / "resnet18.pth", "--out", tmp_path / "resnet18.npz")
    assert done.returncode == 0, done.stderr
    network = CorrNet(CorrNetOptions(size=64, correlated=(), temporal=TemporalOptions(width=8)), 3)
    left = load_into(network, files.read_npz(tmp_path / "resnet18.npz"))
    assert left == [name for name in named_weights(network) if name.startswith("head/")]
    video = clip(2, 64)
    with torch.no_grad():
        expected = frames.features(torch.tensor(video).permute(3, 0, 1, 2)[None])[0].permute(1, 2, 3, 0).numpy()
    found = run(network, video)["frame_features"][0].numpy()
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: s.pop("conv2d.corr2.weights2"), "conv2d.corr2.weights2: is missing"),
        (lambda s: s.pop("temporal_model.rnn.bias_hh_l1_reverse"), "rnn.bias_hh_l1_reverse: is missing"),
        (lambda s: s.update({"conv2d.extra.weight": np.zeros(3)}), "conv2d.extra.weight: is unexpected"),
        (lambda s: s.update({"conv2d.bn1.bias": np.zeros(3)}), r"conv2d.bn1.bias: expected \[16\], found \[3\]"),
        (lambda s: s.update({"conv1d.fc.weight": s["conv1d.fc.weight"] + 1}), "one classifier must serve both heads"),
        (lambda s: s.pop("classifier.weight"), "classifier.weight"),
        (lambda s: s.pop("conv2d.layer3.0.conv1.weight"), "is no CorrNet"),
        (lambda s: s.pop("conv1d.temporal_conv.4.weight"), "is no CorrNet"),
    ],
)
def test_wrong_weights_are_named(state, spoil, message):
    spoil(state)
    with pytest.raises(DataError, match=message):
        corrnet_weights(state, corrnet_options(state, 64)[0])


def test_weights_of_another_shape_change_nothing(state):
    options, classes = corrnet_options(state, 64)
    weights = corrnet_weights(state, options)
    network = CorrNet(options, classes)
    before = network.get_weights()
    for wrong in ({"stem/conv/kernel": np.zeros((7, 7, 3, 8))}, {"stem/extra": np.zeros(3)}):
        with pytest.raises(DataError, match=next(iter(wrong))):
            load_into(network, weights | wrong)
    assert all(np.array_equal(old, new) for old, new in zip(before, network.get_weights(), strict=True))


class Hostile:
    """Unpickled, it would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_code_in_a_checkpoint_never_runs(tmp_path, state):
    torch.save({"model_state_dict": state, "extra": Hostile(tmp_path / "proof")}, tmp_path / "hostile.pt")
    with pytest.raises(DataError, match="not a PyTorch checkpoint of weights alone"):
        read_checkpoint(tmp_path / "hostile.pt")
    assert not (tmp_path / "proof").exists()


def test_damaged_checkpoints_are_refused(tmp_path, checkpoint):
    content = checkpoint.read_bytes()
    rng = np.random.default_rng(0)
    damaged = {"empty": b"", "text": b"weights", "half": content[: len(content) // 2], "list": None}
    for i in range(20):
        spoiled = bytearray(content)
        for place in rng.integers(0, 4000, 8):
            spoiled[place] = rng.integers(256)
        damaged[f"flipped{i}"] = bytes(spoiled)
    refused = 0
    for name, spoiled in damaged.items():
        path = tmp_path / f"{name}.pt"
        if spoiled is None:
            torch.save([1, 2], path)
        else:
            path.write_bytes(spoiled)
        with contextlib.suppress(DataError):
            read_checkpoint(path)
            refused -= 1
        refused += 1
    assert refused > len(damaged) // 2
    with pytest.raises(DataError, match="cannot be read"):
        read_checkpoint(tmp_path / "absent.pt")


def test_a_tensor_larger_than_its_bytes_is_refused(tmp_path):
    torch.save({"conv2d.conv1.weight": torch.zeros(1).expand(10**7, 10**6)}, tmp_path / "vast.pt")
    with pytest.raises(DataError, match="declares more than"):
        read_checkpoint(tmp_path / "vast.pt")


def test_a_vocabulary_must_have_the_checkpoints_classes(video_corpus):
    assert read_classes(video_corpus, 5).glosses == ("DOWN", "LEFT", "RIGHT", "UP")
    with pytest.raises(UsageError, match="holds 4 glosses, the checkpoint has classes for 6"):
        read_classes(video_corpus, 7)


def test_what_cannot_be_imported_leaves_nothing(tmp_path, checkpoint, video_corpus):
    (tmp_path / "two.txt").write_text("ONE\nTWO")
    (tmp_path / "others.txt").write_text("\n".join(["A", *GLOSSES[1:]]))
    for name, message in (("two", r"two\.txt: holds 2 glosses"), ("others", "never learned RIGHT of the corpus")):
        with pytest.raises(UsageError, match=message):
            import_corrnet(checkpoint, video_corpus, tmp_path / "out", tmp_path / f"{name}.txt", 64)
    with pytest.raises(UsageError, match="holds 4 glosses, the checkpoint has classes for 6"):
        import_corrnet(checkpoint, video_corpus, tmp_path / "out", None, 64)
    with pytest.raises(DataError, match=r"best_model\.pt: .*conv1\.weight: is missing"):
        import_resnet18(checkpoint, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_trained_run_is_never_replaced(tmp_path, checkpoint, video_corpus):
    (tmp_path / "last.npz").touch()
    with pytest.raises(UsageError, match="holds a run that was trained"):
        import_corrnet(checkpoint, video_corpus, tmp_path, None, 64)


def test_a_missing_pytorch_is_said_with_its_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match=r"pip install 'tf_slr\[torch\]'"):
        read_checkpoint(tmp_path / "any.pt")


def test_the_command_names_the_fault(tmp_path):
    (tmp_path / "none.pt").write_text("weights")
    done = import_torch("resnet18", tmp_path / "none.pt", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path / 'none.pt'}: ")
    assert done.stderr.count("\n") == 1
