"""From a trained student to TFLite."""

import tempfile
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tf_keras
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from export.stateless import of_length, stateless
from export.toom_cook import can_be_tiled, tiled
from export.variants import FP32, VARIANTS, Variant
from tf_slr.core.errors import UsageError
from tf_slr.core.landmarks import VALUES
from tf_slr.core.quiet import silent_stderr
from tf_slr.models import lrinet, mslr
from tf_slr.models.lrinet import LriNet
from tf_slr.models.mslr import Mslr
from tf_slr.runtime.lengths import LENGTHS, signature_of

# The networks that can be deployed, and how each becomes a graph of batch 1.
GRAPHS = {Mslr: mslr.inference_graph, LriNet: lrinet.inference_graph}


def convert(network: Mslr | LriNet, variant: Variant = VARIANTS[FP32], calibration: Sequence[np.ndarray] = ()) -> bytes:
    """Convert a student to TFLite: batch 1, any number of frames unless the variant has fixed lengths.

    Args:
        network: the trained student.
        variant: the form it gets.
        calibration: clips as the student reads them, [T, ...] each, for a variant that is calibrated; from the
            training split.

    Returns:
        The TFLite file's content, with built-in operators only.

    Raises:
        UsageError: the variant is for landmark students, or is calibrated and got no clips.
    """
    if (variant.calibrated or variant.bilstm == "lengths") and not isinstance(network, Mslr):
        raise UsageError("this variant is for students that read landmarks (mslr)")
    if variant.calibrated and not calibration:
        raise UsageError("this variant needs clips for calibration")
    graph = deployed_graph(network, variant)
    if variant.bilstm == "lengths":
        return _of_lengths(graph, variant)
    converter = _converter(graph)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if variant.numbers != "fp32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if variant.calibrated:
        converter.representative_dataset = lambda: ([clip[None]] for clip in calibration)
    with silent_stderr():  # it reports every one of its passes
        return without_cell_clip(converter.convert())


def tileable(network: Mslr | LriNet) -> bool:
    """Whether a variant with convolutions in tiles is another one for this student than the one without."""
    return isinstance(network, Mslr) and can_be_tiled(network.options.stack())


def deployed_graph(network: Mslr | LriNet, variant: Variant) -> tf_keras.Model:
    """The graph of batch 1 that is converted."""
    graph = GRAPHS[type(network)](network)
    if variant.bilstm != "fused":
        graph = stateless(graph)
    if variant.tiled and tileable(network):
        graph = tiled(graph, network.options.stack())
    return graph


def _converter(graph: tf_keras.Model) -> tf.lite.TFLiteConverter:
    # A module of the bare variables: given the Keras model, the converter would trace every
    # layer's every way of being called, which takes longer than all the rest.
    module = tf.Module()
    module.weights = graph.weights
    signature = tf.function(lambda clip: graph(clip), input_signature=[graph.inputs[0].type_spec])
    return tf.lite.TFLiteConverter.from_concrete_functions([signature.get_concrete_function()], module)


def _of_lengths(graph: tf_keras.Model, variant: Variant) -> bytes:
    """A signature for each of `LENGTHS`, which share the weights."""
    module = tf.Module()
    module.weights = graph.weights
    signatures = {}
    for length in LENGTHS:
        specs = [
            tf.TensorSpec((1, length, VALUES), tf.float32, "landmarks"),
            tf.TensorSpec((1,), tf.int32, "frames"),
        ]
        function = tf.function(lambda landmarks, frames: {"logits": of_length(graph, landmarks, frames)}, specs)
        signatures[signature_of(length)] = function.get_concrete_function()
    # Several signatures in one file can only be had from a saved model.
    with tempfile.TemporaryDirectory() as folder, silent_stderr():
        tf.saved_model.save(module, folder, signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(signatures))
        if variant.numbers != "fp32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        return converter.convert()


def without_cell_clip(model: bytes) -> bytes:
    """Let LSTM cells grow beyond 10, as Keras does.

    The converter gives every fused LSTM a clip at +-10 that the trained
    network never had. Few cells get there, and those give other logits.
    """
    content = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    for subgraph in content.subgraphs:
        for operator in subgraph.operators:
            if isinstance(operator.builtinOptions, schema.UnidirectionalSequenceLSTMOptionsT):
                operator.builtinOptions.cellClip = 0.0
    return bytes(flatbuffer_utils.convert_object_to_bytearray(content))
