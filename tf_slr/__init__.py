"""Continuous sign language recognition that runs in real time on an ordinary CPU."""

import os

__version__ = "0.1.0"

# keras-nlp 0.12 and tfmot 0.8 need Keras 2; the flag must stand before TensorFlow is first imported.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
