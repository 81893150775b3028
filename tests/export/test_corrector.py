"""The corrector's export: the same logits, one copy of the weights, built-in operators."""

import numpy as np
import pytest

from export.corrector import check_parity, convert
from export.verify import check_operators
from tests.tiny_corrector import sentence, tiny_corrector
from tf_slr.core import files
from tf_slr.core.errors import ExportError
from tf_slr.correction.corrector import Corrector
from tf_slr.correction.symbols import Symbols
from tf_slr.correction.training.run import CorrectorRun

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained():
    run = CorrectorRun(tiny_corrector())
    return run.network(), Symbols(run.vocabulary), (run.root / "first.fp32.tflite").read_bytes()


def encoded(symbols, count):
    rng = np.random.default_rng(4)
    return [symbols.vocabulary.encode(sentence(rng)) for _ in range(count)]


def test_step_by_step_logits_are_those_of_teacher_forcing(trained):
    network, symbols, model = trained
    assert check_parity(network, model, [[], [1], *encoded(symbols, 6), [1] * 20], symbols) < 1e-4


def test_parity_notices_other_weights(trained):
    network, symbols, model = trained
    table = network.table.numpy()
    network.table.assign(table + 0.001)
    with pytest.raises(ExportError, match="differs from Keras"):
        check_parity(network, model, encoded(symbols, 2), symbols)
    network.table.assign(table)


def test_weights_are_stored_once_for_all_signatures(trained):
    network, _, model = trained
    weights = 4 * network.count_params()
    # The positions, and what describes four graphs.
    assert weights < len(model) < weights + 300_000


def test_operators_are_built_in(trained):
    network, _, model = trained
    for content, name in ((model, "FP32"), ((tiny_corrector() / "first.tflite").read_bytes(), "INT8")):
        assert check_operators(content, name)
    assert len(convert(network, int8=True)) < len(model)


def test_int8_corrects_as_fp32_does():
    root = tiny_corrector()
    description = Corrector.load(root).description
    rng = np.random.default_rng(5)
    both = [
        Corrector([(root / f"first{kind}.tflite").read_bytes()], description) for kind in ("", ".fp32")
    ]  # fmt: skip
    from tests.tiny_corrector import errors_in
    from tf_slr.correction.symbols import text_slots

    wrong = errors_in([sentence(rng) for _ in range(40)], rng)
    results = [[corrector.correct(text_slots(one)) for one in wrong] for corrector in both]
    assert np.mean([a == b for a, b in zip(*results, strict=True)]) > 0.95
    assert files.read_json(root / "corrector.json")["metrics"]["fp32_keras_difference"] < 1e-4
