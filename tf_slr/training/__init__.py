"""Training, evaluation and checkpoints."""

from tf_slr.core import legacy_keras  # noqa: F401, before TensorFlow
