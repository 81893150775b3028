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
    converter = tf.lite.TFLiteConverter.from_keras_model(inference_graph(network))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    with silent_stderr():  # it reports every one of its passes
        return converter.convert()
