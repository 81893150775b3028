"""From a trained run to a checked INT8 bundle: `python -m export --run RUN --out DIR`."""
