"""`tf-slr export`, and `python -m export`."""

import argparse

from export.variants import DEFAULT, DEPLOYABLE, summaries
from tf_slr.cli.common import add_command, import_tensorflow
from tf_slr.cli.paths import existing, new_folder
from tf_slr.core.kinds import Kind
from tf_slr.core.outputs import claim_folder
from tf_slr.core.stdout import say


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command that makes a bundle of a run."""
    add_options(add_command(commands, "export", export_run, "make an INT8 bundle of a trained run"))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of an export."""
    parser.add_argument("--run", type=existing(Kind.RUN), required=True, help="folder of the trained run")
    parser.add_argument("--out", type=new_folder(Kind.BUNDLE), required=True, help="folder of the bundle")
    parser.add_argument("--variant", default=DEFAULT, choices=DEPLOYABLE, help=summaries())
    parser.add_argument("--qat", action=argparse.BooleanOptionalAction, default=None,
                        help="fine-tune with quantisation in the loop before; when not given as the recipe says "
                             "(qat.epochs), landmark students only")  # fmt: skip
    parser.add_argument("--corrector", type=existing(Kind.CORRECTOR), metavar="DIR",
                        help="a corrector that the bundle gets, as 'tf-slr train-corrector' wrote it")  # fmt: skip


def export_run(arguments: argparse.Namespace) -> int:
    """Export a run; returns the exit code."""
    from export.request import require_exportable
    from tf_slr.runtime.bundle import FP32_STUDENT
    from tf_slr.training.runs import Run

    chosen = (arguments.variant, arguments.qat, arguments.corrector)
    claim_folder("--out", arguments.out, "bundle", [arguments.run])
    require_exportable(Run(arguments.run), arguments.out, *chosen)
    import_tensorflow()
    from export.bundle import export

    metrics = export(arguments.run, arguments.out, *chosen)
    for weights, wer in metrics["dev_wer"].items():
        say(f"dev WER of INT8 with {weights} weights: {100 * wer:.2f} %")
    say(f"exported: {metrics['weights']} weights, variant {metrics['variant']}")
    say(f"dev WER: FP32 {100 * metrics['dev_wer_fp32']:.2f} %, INT8 {100 * metrics['dev_wer_int8']:.2f} %")
    say(f"size: FP32 {metrics['bytes_fp32'] / 1e6:.2f} MB, INT8 {metrics['bytes_int8'] / 1e6:.2f} MB")
    say(f"FP32 TFLite against Keras: largest difference {metrics['fp32_keras_difference']:.1e}")
    say(f"wrote {arguments.out} and {arguments.run / FP32_STUDENT}")
    return 0
