"""From a trained student to TFLite."""

import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from tf_slr.models.mslr import Mslr, inference_graph
from tf_slr.quiet import silent_stderr


def convert(network: Mslr, int8: bool) -> bytes:
    """Convert a student to TFLite: batch 1, any number of frames.

    Args:
        network: the trained student.
        int8: store weights in INT8 and compute with them ("dynamic range":
            activations are quantised on the fly, so no calibration data is
            needed and none can leak); else FP32.

    Returns:
        The TFLite file's content, with built-in operators only.
    """
    graph = inference_graph(network)
    # A module of the bare variables: given the Keras model, the converter would trace every
    # layer's every way of being called, which takes longer than all the rest.
    module = tf.Module()
    module.weights = graph.weights
    signature = tf.function(lambda landmarks: graph(landmarks), input_signature=[graph.inputs[0].type_spec])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([signature.get_concrete_function()], module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    with silent_stderr():  # it reports every one of its passes
        return without_cell_clip(converter.convert())


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
