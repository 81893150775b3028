"""Keras 2 within TensorFlow, for whoever imports this before TensorFlow: keras-nlp 0.12 and tfmot 0.8 know no other."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
