"""Training, evaluation and checkpoints."""

from tf_slr import legacy_keras  # noqa: F401, before TensorFlow
