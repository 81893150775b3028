"""Recognition on a device: numpy and LiteRT, OpenCV for students that read video, never TensorFlow."""

from tf_slr.runtime.decoder import Word
from tf_slr.runtime.recognizer import Recognizer, Transcript
from tf_slr.runtime.stream import Sentence, Stream, StreamOptions

__all__ = ["Recognizer", "Sentence", "Stream", "StreamOptions", "Transcript", "Word"]
