"""One network of a corrector in LiteRT: four signatures that share their weights."""

import numpy as np

from tf_slr.core.errors import BundleError
from tf_slr.core.quiet import silent_stderr
from tf_slr.correction.symbols import Encoded
from tf_slr.decoding.greedy import log_softmax
from tf_slr.litert.interpreter import FAULTS, open_model, unfit

# What a network's file can do: arguments and results of each of its signatures.
SIGNATURES = {
    "encode": ({"ids", "weights", "chosen"}, {"memory"}),
    "edit": ({"memory", "ids", "weights"}, {"slots", "gaps"}),
    "cross": ({"memory"}, {"cross_cache"}),
    "step": ({"symbol", "position", "self_cache", "cross_cache"}, {"logits", "self_cache"}),
}


class Network:
    """One Transformer in LiteRT.

    Args:
        model: the TFLite file's content, whose hash was checked.
        positions: length of its cache.
        threads: number of CPU threads.
        source: what messages call the file.

    Attributes:
        symbols: how many symbols it tells apart.

    Raises:
        BundleError: it is no corrector's network.
    """

    def __init__(self, model: bytes, positions: int, threads: int = 1, source: str = "the corrector") -> None:
        self._source = source
        try:
            self._interpreter = open_model(model, threads, source)
            with silent_stderr():
                names = self._interpreter.get_signature_list()
                self._run = {name: self._interpreter.get_signature_runner(name) for name in names}
            found = {name: (set(ends["inputs"]), set(ends["outputs"])) for name, ends in names.items()}
            cache = self._run["step"].get_input_details()["self_cache"]["shape_signature"].tolist()
            logits = self._run["step"].get_output_details()["logits"]["shape_signature"].tolist()
        except FAULTS as error:
            raise unfit(source, f"lacks one of the signatures {', '.join(SIGNATURES)}: {error}") from error
        if found != SIGNATURES or len(cache) != 5 or cache[2] != positions or -1 in cache[1:] or len(logits) != 2:
            raise BundleError(f"{source}: has the signatures {', '.join(found)}, a cache of {cache} and logits of "
                              f"{logits}; expected {', '.join(SIGNATURES)} and {positions} positions")  # fmt: skip
        self._cache = np.zeros((1, *cache[1:]), np.float32)
        self.symbols = int(logits[-1])

    def encode(self, encoded: Encoded) -> dict[str, np.ndarray]:
        """Slots -> "memory" [1, P, width], with the arrays "ids" and "weights" it was made from."""
        width = max(map(len, encoded.ids))
        ids = np.zeros((1, len(encoded.ids), width), np.int32)
        weights = np.zeros(ids.shape, np.float32)
        for place, (symbols, posteriors) in enumerate(zip(encoded.ids, encoded.weights, strict=True)):
            ids[0, place, : len(symbols)], weights[0, place, : len(symbols)] = symbols, posteriors
        chosen = np.array([encoded.chosen], np.float32)
        memory = self._called("encode", {"memory": (1, ids.shape[1], None)}, ids=ids, weights=weights, chosen=chosen)
        return memory | {"ids": ids, "weights": weights}

    def edits(self, memory: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Log posteriors [N, symbols] of each slot and [N + 1, symbols] of each gap."""
        count = memory["ids"].shape[1]
        shapes = {"slots": (1, count, self.symbols), "gaps": (1, count - 1, self.symbols)}
        logits = self._called("edit", shapes, **memory)
        return log_softmax(logits["slots"][0, 1:-1]), log_softmax(logits["gaps"][0])

    def state(self, memory: dict[str, np.ndarray]) -> np.ndarray:
        """What `step` starts with, [1, layers, positions + P, heads, size]."""
        count, (_, layers, _, heads, size) = memory["memory"].shape[1], self._cache.shape
        shape = {"cross_cache": (1, layers, count, heads, size)}
        return np.concatenate([self._cache, self._called("cross", shape, memory=memory["memory"])["cross_cache"]], 2)

    def step(self, symbols: np.ndarray, position: int, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The `decoding.generation.Step` of this network."""
        positions = self._cache.shape[2]
        beams = len(symbols), *self._cache.shape[1:]
        outputs = self._called(
            "step", {"logits": (len(symbols), self.symbols), "self_cache": beams}, symbol=symbols,
            position=np.int32(position), self_cache=state[:, :, :positions], cross_cache=state[:, :, positions:],
        )  # fmt: skip
        return outputs["logits"], np.concatenate([outputs["self_cache"], state[:, :, positions:]], 2)

    def _called(self, signature: str, shapes: dict[str, tuple[int | None, ...]], **arrays) -> dict[str, np.ndarray]:
        """Run a signature, and hold what it gives to the shapes that it must have; None for any size.

        Raises:
            BundleError: it cannot be run, or gives something else.
        """
        try:
            outputs = self._run[signature](**arrays)
        except FAULTS as error:
            raise unfit(self._source, f"{signature}: {error}") from error
        for name, shape in shapes.items():
            found = outputs[name]
            sizes = zip(found.shape, shape, strict=True) if found.ndim == len(shape) else [(0, 1)]
            if not all(size == wanted or wanted is None for size, wanted in sizes) or not np.isfinite(found).all():
                raise unfit(self._source, f"{signature} gives {name} of {list(found.shape)}, expected finite numbers "
                            f"of {list(shape)}")  # fmt: skip
        return outputs
