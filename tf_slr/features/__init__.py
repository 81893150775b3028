"""What a network sees: augmented, normalised, batched clips."""

from tf_slr.core import legacy_keras  # noqa: F401, before TensorFlow
