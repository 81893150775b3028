"""The forms of a student side by side: size, word error rate, speed, interleaved in one run.

python tools/compare_variants.py --run RUN --out variants.json
python tools/compare_variants.py --run RUN --out variants.json --test --variants fp32 stateless tiled
"""

import argparse
import functools
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import values_of
from publish import add_out, publish
from tqdm import tqdm
from turns import NOISY_SPREAD, NOISY_WAIT, ROUND, machine, summarise, time_runs

from tf_slr.cli.common import Parser, import_tensorflow, within
from tf_slr.cli.paths import existing
from tf_slr.core.errors import ExportError, UsageError
from tf_slr.core.kinds import Kind


@dataclass
class _Row:
    """A variant's line."""

    variant: str
    weights: str
    bytes: int
    wer: dict[str, float]
    flaw: str
    speed: dict[str, dict]


def compare(run_root: Path, names: Sequence[str], splits: Sequence[str], qat: bool, frames: int, runs: int) -> dict:
    """Convert a run's student to every variant, score each, and time all in turns.

    Args:
        run_root: the trained run of a landmark student.
        names: of variants.
        splits: to recognise.
        qat: also with weights fine-tuned with quantisation in the loop, where weights are in INT8.
        frames: length of the timed clip.
        runs: timed runs of each.
    """
    from export.variants import VARIANTS, variant_of
    from tf_slr.training.runs import Run

    names = names or list(VARIANTS)
    forms = {name: variant_of(name) for name in names}
    run = Run(run_root)
    run.require_trained()
    import_tensorflow()
    from export.bundle import FINE_TUNED, POST_TRAINING, fine_tuned
    from export.calibration import calibration_inputs, calibration_samples
    from export.convert import convert
    from export.variants import FP32
    from export.verify import check_operators, check_repeatable, parity_clips, reader_of, tflite_evaluation
    from tf_slr.features.splits import load_split
    from tf_slr.models.mslr import Mslr
    from tf_slr.training.networks import stream_under

    network, recipe, corpus = run.network(), run.recipe, run.corpus()
    if not isinstance(network, Mslr):
        raise UsageError(f"{run_root}: holds a {recipe.model.kind}; variants are compared of landmark students (mslr)")
    rule = recipe.features.normalisation
    samples = calibration_samples(corpus, recipe.training.seed)
    calibration = calibration_inputs(corpus, samples, rule)
    loaded = {split: load_split(corpus, split) for split in splits}
    few = parity_clips(loaded[splits[0]])
    tuned = fine_tuned(run, recipe.qat) if qat else None
    jobs = [(name, POST_TRAINING, network) for name in names]
    jobs += [(name, FINE_TUNED, tuned) for name in names if tuned and forms[name].numbers != FP32]
    rows, students = [], {}
    for name, weights, trained in tqdm(jobs, "convert and recognise", unit="variant", disable=None):
        model, read = convert(trained, forms[name], calibration), reader_of(forms[name])
        wer = {
            split: tflite_evaluation(read(model, 1), stream_under(rule, corpus, part), part.samples, run.vocabulary).wer
            for split, part in loaded.items()
        }
        flaw = ""
        try:
            check_operators(model, name)
            check_repeatable(model, stream_under(rule, corpus, few), len(few.samples), read)
        except ExportError as error:
            flaw = str(error)
        rows.append(_Row(name, weights, len(model), wer, flaw, {}))
        # Other weights take no other time.
        if weights == POST_TRAINING:
            students |= {(name, threads): read(model, threads) for threads in (1, 2)}
    rounds, waited = time_runs(students, values_of(rule, frames), runs)
    for (name, threads), parts in rounds.items():
        speed = summarise(parts, frames) | {"min_ms": round(1e3 * min(map(min, parts)), 3)}
        for row in rows:
            if row.variant == name:
                row.speed[str(threads)] = speed
    spread = max(figures["spread"] for row in rows for figures in row.speed.values())
    return {
        "corpus": corpus.label,
        "frames": frames,
        "runs": runs,
        "calibration": [sample.id for sample in samples],
        "rows": [asdict(row) for row in rows],
        "noisy": waited > NOISY_WAIT or spread > NOISY_SPREAD,
        "waited": round(waited, 3),
        "machine": machine(),
    }


def table(result: dict) -> str:
    """The result as Markdown."""
    splits = list(result["rows"][0]["wer"])
    heads = ["variant", "weights", "MB", *(f"{split} WER" for split in splits)]
    heads += [f"ms, {threads}: {figure}" for threads in ("1 thread", "2 threads") for figure in ("p50", "min")]
    lines = [
        f"{result['corpus']}; T = {result['frames']} frames, {result['runs']} runs each in turns; "
        f"{result['machine']['cpu']}, INT8 instructions: {', '.join(result['machine']['int8_instructions']) or 'none'}",
        "",
        "| " + " | ".join(heads) + " |",
        "| --- | --- |" + " ---: |" * (len(heads) - 2),
    ]
    for row in result["rows"]:
        cells = [row["variant"], row["weights"], f"{row['bytes'] / 1e6:.2f}"]
        cells += [f"{100 * row['wer'][split]:.2f} %" for split in splits]
        cells += [f"{row['speed'][threads][figure]:.2f}" for threads in "12" for figure in ("p50_ms", "min_ms")]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [f"{row['variant']} ({row['weights']}): {row['flaw']}" for row in result["rows"] if row["flaw"]]
    if result["noisy"]:
        share = f"{100 * result['waited']:.0f} %"
        lines += [
            "",
            f"The machine was noisy (other jobs held the core for {share} of the time): quote minima at most.",
        ]
    return "\n".join(lines)


def main() -> int:
    """Compare, print the table, write the JSON."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=existing(Kind.RUN), required=True, help="folder of the run")
    add_out(parser)
    parser.add_argument("--variants", nargs="+", default=[], help="names; all when not given")
    parser.add_argument("--test", action="store_true", help="recognise the test split too")
    parser.add_argument("--qat", action="store_true", help="with fine-tuned weights too; fine-tunes if not done yet")
    parser.add_argument("--frames", type=within(int, 1, 10**5), default=200, help="length of the timed clip")
    parser.add_argument("--runs", type=within(int, 1, 10**6), default=200, help="timed runs of each variant")
    arguments = parser.parse_args()
    if arguments.runs < 4 * ROUND or arguments.frames < 1:
        parser.error(f"expected at least {4 * ROUND} runs and 1 frame")
    splits = ("dev", "test") if arguments.test else ("dev",)
    measure = functools.partial(
        compare, arguments.run, arguments.variants, splits, arguments.qat, arguments.frames, arguments.runs
    )
    return publish(measure, table, arguments)


if __name__ == "__main__":
    sys.exit(main())
