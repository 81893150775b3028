"""Layers and shapes. Every recogniser returns its logits and its named features."""

from tf_slr.core import legacy_keras  # noqa: F401, before TensorFlow
