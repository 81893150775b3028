"""Continuous sign language recognition that runs in real time on an ordinary CPU."""

import os

__version__ = "0.1.0"

# keras-nlp 0.12 and tfmot 0.8 need Keras 2; the flag must stand before TensorFlow is first imported.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
# The matrices that numpy multiplies here are small. OpenBLAS' threads have nothing to do with them, and wait for it by
# spinning: on two cores they took a third of one from training. It must stand before numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
