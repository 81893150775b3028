"""What is kept of the steps of an epoch, and shown of them."""

import math

import tf_keras
from tqdm import tqdm

from tf_slr.core.errors import DataError


class Progress(tf_keras.callbacks.Callback):
    """Sums losses over an epoch, moves the bar, and stops at the first loss that is no number.

    Args:
        state: "epoch", the "batch" to come, and "sums" of the losses by name; changed in place.
        bar: of all steps.
        rate: name of the learning rate's option.
    """

    def __init__(self, state: dict, bar: tqdm, rate: str) -> None:
        super().__init__()
        self.state, self.bar, self.rate = state, bar, rate

    def on_train_batch_end(self, batch, logs=None):
        """Count a step."""
        if not math.isfinite(logs["loss"]):
            raise DataError(
                f"the loss became {logs['loss']} in epoch {self.state['epoch'] + 1}, batch {self.state['batch'] + 1}; "
                f"lower {self.rate}, or look for damaged clips with 'tf-slr check'"
            )
        for name, value in logs.items():
            self.state["sums"][name] = self.state["sums"].get(name, 0.0) + float(value)
        self.state["batch"] += 1
        self.bar.update()
        self.bar.set_postfix(loss=f"{logs['loss']:.3f}", refresh=False)
