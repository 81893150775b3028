"""From a trained corrector to TFLite, checked, with margins chosen on dev."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from export.verify import MAX_DIFFERENCE, check_operators
from tf_slr.core import files
from tf_slr.core.errors import ExportError
from tf_slr.core.quiet import silent_stderr
from tf_slr.correction.corrector import DESCRIPTION, FORMAT, MODELS, NGRAM, Description
from tf_slr.correction.corrector_network import Network
from tf_slr.correction.symbols import Encoded, Symbols
from tf_slr.correction.training.run import CorrectorRun
from tf_slr.correction.training.selection import DevSentence, select
from tf_slr.decoding.ngram import NGram, write_arpa
from tf_slr.models.corrector import CorrectorNetwork

PARITY_SENTENCES = 8


def _signatures(network: CorrectorNetwork) -> dict[str, tf.types.experimental.ConcreteFunction]:
    """The four functions the runtime calls, for one sentence of any length and any number of beams."""
    options = network.options
    ids, floats = tf.TensorSpec((1, None, None), tf.int32), tf.TensorSpec((1, None, None))
    memory = tf.TensorSpec((1, None, options.width))
    layers, size = 2 * options.decoder_layers, options.width // options.heads

    def cache(length):
        return tf.TensorSpec((None, layers, length, options.heads, size))

    def encode(ids, weights, chosen):
        return {"memory": network.encode(ids, weights, chosen)}

    def edit(memory, ids, weights):
        slots, gaps = network.edits(memory, ids, weights)
        return {"slots": slots, "gaps": gaps}

    def cross(memory):
        return {"cross_cache": network.cross(memory)}

    def step(symbol, position, self_cache, cross_cache):
        logits, grown = network.step(symbol, position, self_cache, cross_cache)
        return {"logits": logits, "self_cache": grown}

    integer, place = tf.TensorSpec((None,), tf.int32), tf.TensorSpec((), tf.int32)
    inputs = {
        encode: (ids, floats, tf.TensorSpec((1, None))),
        edit: (memory, ids, floats),
        cross: (memory,),
        step: (integer, place, cache(options.positions), cache(None)),
    }
    return {
        work.__name__: tf.function(work, input_signature=specs, autograph=False).get_concrete_function()
        for work, specs in inputs.items()
    }


def convert(network: CorrectorNetwork, int8: bool) -> bytes:
    """Convert one network to TFLite with the signatures encode, edit, cross and step.

    Args:
        network: the trained network.
        int8: store weights in INT8 and compute with them ("dynamic range"); else FP32.

    Returns:
        The TFLite file's content, with built-in operators only and each weight once.
    """
    # A module of the bare variables: given the Keras model, saving would trace every layer's every way of being called.
    module = tf.Module()
    module.weights = network.weights
    with tempfile.TemporaryDirectory() as folder, silent_stderr():
        signatures = _signatures(network)
        tf.saved_model.save(module, folder, signatures=signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(signatures))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if int8:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        return converter.convert()


def check_parity(
    network: CorrectorNetwork, model: bytes, sentences: Sequence[Sequence[int]], symbols: Symbols
) -> float:
    """Hold the FP32 model's step-by-step logits to Keras' teacher-forced logits of the same sentences.

    Returns:
        The largest difference of any logit of a next symbol, a slot or a gap.

    Raises:
        ExportError: it is above 1e-4.
    """
    lite, largest = Network(model, network.options.positions), 0.0
    for sentence in sentences:
        marked = [symbols.begin, *sentence, symbols.end]
        encoded = Encoded([[symbol] for symbol in marked], [[1.0]] * len(marked), [1.0] * len(marked), ())
        memory = lite.encode(encoded)
        expected = network(
            {"ids": memory["ids"], "weights": memory["weights"], "chosen": np.ones((1, len(marked)), np.float32),
             "prefix": np.array([marked[:-1]], np.int32)}
        )  # fmt: skip
        state, rows = lite.state(memory), []
        for position, symbol in enumerate(marked[:-1]):
            logits, state = lite.step(np.array([symbol], np.int32), position, state)
            rows.append(logits[0])
        slots, gaps = lite.edits(memory)
        for found, name in ((np.stack(rows), "next"), (slots, "slots"), (gaps, "gaps")):
            logits = expected[name].numpy()[0]
            if name != "next":
                logits = tf.nn.log_softmax(logits[1:-1] if name == "slots" else logits).numpy()
            largest = max(largest, float(np.abs(found - logits).max(initial=0.0)))
    if largest > MAX_DIFFERENCE:
        raise ExportError(f"the corrector's FP32 TFLite differs from Keras by {largest:.2e}, "
                          f"allowed {MAX_DIFFERENCE:.0e}")  # fmt: skip
    return largest


def export_corrector(run_root: Path | str, dev: Sequence[DevSentence] = (), ngram: NGram | None = None) -> Description:
    """Export a trained corrector into its own folder, in INT8, with the FP32 models beside for comparison.

    Args:
        run_root: folder of the run.
        dev: recognised dev sentences to choose method and margins by; without any the method is "edit" with the
            cautious margins that are the default.
        ngram: of the training sentences; it becomes part of the corrector where it helps on dev.

    Returns:
        What was written to corrector.json.

    Raises:
        ExportError: a gate does not hold; then no corrector.json is there.
        DataError: the run is not trained.
    """
    run = CorrectorRun(run_root)
    recipe, about, vocabulary = run.recipe, run.about, run.vocabulary
    symbols = Symbols(vocabulary)
    (run.root / DESCRIPTION).unlink(missing_ok=True)
    models, differences, sizes = [], [], []
    rng = np.random.default_rng(0)
    window = min(max(about["longest"], 8), recipe.model.positions - 2)
    lengths = np.linspace(0, window, PARITY_SENTENCES).round().astype(int)
    sentences = [rng.integers(1, symbols.begin, length).tolist() for length in lengths]
    for number in range(recipe.networks):
        network = run.network(number)
        fp32, int8 = convert(network, int8=False), convert(network, int8=True)
        check_operators(fp32, "FP32")
        check_operators(int8, "INT8")
        differences.append(check_parity(network, fp32, sentences, symbols))
        files.write_bytes(run.root / MODELS[number].replace(".tflite", ".fp32.tflite"), fp32)
        files.write_bytes(run.root / MODELS[number], int8)
        models.append(int8)
        sizes.append({"bytes_fp32": len(fp32), "bytes_int8": len(int8)})
    plain = Description(
        vocabulary.glosses, vocabulary.unit, about["rules"], window, recipe.model.positions, search=recipe.search,
        metrics={"networks": sizes, "fp32_keras_difference": max(differences)},
    )  # fmt: skip
    description = select(models, plain, dev, calibrated=bool(about["evidence"]), ngram=ngram) if dev else plain
    if description.rescoring:
        write_arpa(run.root / NGRAM, ngram)
    hashes = {name: files.sha256(run.root / name) for name in description.files}
    files.write_json(run.root / DESCRIPTION, {"format": FORMAT, "files": hashes, **description.table()})
    return description
