"""The weights of a landmark student as a file that other runtimes are given, where there is no TensorFlow.

python tools/student_weights.py --run RUN --out weights.npz

The file also holds Keras' logits of two clips, which every rival must give before it is timed.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from rivals import CHECKED, Weights

from tf_slr.cli.common import Parser, add_overwrite, import_tensorflow
from tf_slr.cli.main import guarded
from tf_slr.cli.paths import existing
from tf_slr.core import files
from tf_slr.core.errors import UsageError
from tf_slr.core.kinds import Kind
from tf_slr.core.outputs import Output, claim_files
from tf_slr.core.stdout import say


def weights_of(run_root: Path) -> Weights:
    """Read a run's student.

    Raises:
        UsageError: the run's network reads video.
        DataError: the run is not usable.
    """
    import_tensorflow()
    from tf_slr.models.mslr import Mslr
    from tf_slr.training.runs import Run

    run = Run(run_root)
    network = run.network(biased=False)
    if not isinstance(network, Mslr):
        raise UsageError(f"{run_root}: holds a {run.recipe.model.kind}; rivals are of landmark students (mslr)")
    return folded(network)


def folded(network) -> Weights:
    """The weights of an `Mslr` with batch normalisation folded in, and its logits of the clips that are checked."""
    from tf_slr.models.mslr import inference_graph

    graph = inference_graph(network)
    logits = {frames: graph(clip[None])[0].numpy() for frames, clip in CHECKED.items()}
    layers = {layer.name: layer.get_weights() for layer in graph.layers if layer.get_weights()}
    return Weights(network.options.temporal, network.options.hidden, layers, logits)


def main() -> int:
    """Write the file."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=existing(Kind.RUN), required=True, help="folder of the run")
    parser.add_argument("--out", type=Path, required=True, help="the .npz file")
    add_overwrite(parser)
    arguments = parser.parse_args()

    def work() -> int:
        claim_files([Output("--out", arguments.out, "student weights")], [arguments.run], arguments.overwrite)
        arrays = weights_of(arguments.run).arrays()
        with files.atomic_path(arguments.out) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)
        say(f"wrote {arguments.out}")
        return 0

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
