"""Recognition on a device: numpy and LiteRT only, never TensorFlow."""

from tf_slr.runtime.recognizer import Recognizer, Transcript, Word

__all__ = ["Recognizer", "Transcript", "Word"]
