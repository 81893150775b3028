"""From a trained student to TFLite."""

import tensorflow as tf

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
        return converter.convert()
