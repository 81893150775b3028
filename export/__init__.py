"""From a trained run to a checked INT8 bundle: `python -m export --run RUN --out DIR`."""

from tf_slr.core import legacy_keras  # noqa: F401, before TensorFlow
