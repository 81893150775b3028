"""A Markdown report of a run: results, speed, the learning curve, and one clip with its recognised glosses.

python tools/report.py --run RUN --bundle BUNDLE --bench bench.json --out DIR
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from bench import table
from matplotlib.figure import Figure

from tf_slr import files
from tf_slr.cli import guarded
from tf_slr.commands.common import Parser, import_tensorflow
from tf_slr.corpus.manifest import Corpus, Sample
from tf_slr.landmarks import BONES, LEFT_ELBOW, RIGHT_ELBOW, Clip, to_square
from tf_slr.runtime.recognizer import Recognizer, Transcript

PICTURES = 10  # skeletons drawn of the example clip


def draw_learning_curve(metrics: list[dict], label: str, path: Path) -> None:
    """Loss and dev WER over epochs."""
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    left = figure.subplots()
    left.plot([line["epoch"] for line in metrics], [line["loss"] for line in metrics], color="tab:blue")
    left.set(xlabel="epoch", ylabel="training loss", yscale="log", title=f"Learning curve, {label}")
    left.yaxis.label.set_color("tab:blue")
    scored = [line for line in metrics if "dev_wer" in line]
    right = left.twinx()
    right.plot([line["epoch"] for line in scored], [100 * line["dev_wer"] for line in scored], color="tab:red")
    right.set(ylabel="dev WER (%)", ylim=(0, 105))
    right.yaxis.label.set_color("tab:red")
    _save(figure, path)


def draw_clip(clip: Clip, transcript: Transcript, reference: tuple[str, ...], fps: float, path: Path) -> None:
    """Skeletons at even moments of a clip above the glosses recognised over time."""
    points = to_square(clip.landmarks, clip.aspect)[..., :2]
    shoulders = None if clip.shoulders is None else to_square(clip.shoulders, clip.aspect)[..., :2]
    moments = np.linspace(0, len(points) - 1, PICTURES + 2).round().astype(int)[1:-1]
    figure = Figure(figsize=(14, 3.6), layout="constrained")
    rows = figure.add_gridspec(2, PICTURES, height_ratios=(3, 1))
    low, high = np.nanpercentile(points.reshape(-1, 2), (0.5, 99.5), axis=0)
    for column, moment in enumerate(moments):
        axes = figure.add_subplot(rows[0, column])
        axes.set(xlim=(low[0] - 0.1, high[0] + 0.1), ylim=(high[1] + 0.1, low[1] - 0.1), aspect="equal")
        axes.set_title(f"{moment / fps:.1f} s", fontsize=8)
        axes.axis("off")
        for a, b in BONES:
            axes.plot(*points[moment, [a, b]].T, color="black", linewidth=0.8)
        if shoulders is not None:
            body = [points[moment, LEFT_ELBOW], *shoulders[moment], points[moment, RIGHT_ELBOW]]
            axes.plot(*np.array(body).T, color="gray", linewidth=2)
    axes = figure.add_subplot(rows[1, :])
    axes.set(xlim=(0, len(points) / fps), ylim=(0, 1), yticks=[], xlabel="seconds")
    for number, word in enumerate(transcript.words):
        axes.axvspan(word.start, word.end, color=f"C{number % 10}", alpha=0.4)
        axes.text(
            (word.start + word.end) / 2, 0.25 + 0.5 * (number % 2), word.gloss, ha="center", va="center", fontsize=8
        )
    axes.set_title(f"recognised: {' '.join(transcript.glosses)}\nsigned:     {' '.join(reference)}",
                   loc="left", fontsize=8, family="monospace")  # fmt: skip
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with files.atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)


def results_table(results: dict[str, dict]) -> str:
    """WER of FP32 and INT8 by split and group of signers, as Markdown."""
    lines = ["| split | FP32 WER | INT8 WER | glosses |", "| --- | ---: | ---: | ---: |"]
    for split, by_model in results.items():
        rows = {f"{split}, all": {name: result for name, result in by_model.items()}}
        for group in by_model["FP32"]["groups"]:
            rows[f"{split}, {group}"] = {name: result["groups"][group] for name, result in by_model.items()}
        for name, counts in rows.items():
            fp32, int8 = (f"{100 * counts[model]['wer']:.2f} %" for model in ("FP32", "INT8"))
            lines.append(f"| {name} | {fp32} | {int8} | {counts['FP32']['glosses']} |")
    return "\n".join(lines)


def example(corpus: Corpus, split: str) -> Sample:
    """The clip that is drawn: the first of the split with a usual number of glosses."""
    samples = corpus.split(split)
    usual = int(np.median([len(sample.glosses) for sample in samples]))
    return next(sample for sample in samples if len(sample.glosses) == usual)


def report(run_root: Path, bundle_root: Path, bench_path: Path, out: Path) -> str:
    """Write the report; returns its text."""
    import_tensorflow()
    from tf_slr.training.reporting import evaluate_model
    from tf_slr.training.runs import Run

    run = Run(run_root)
    corpus, summary = run.corpus(), files.read_json(run.summary_path)
    results = {
        split: {
            "FP32": evaluate_model(run_root, None, None, split, 0)[0],
            "INT8": evaluate_model(None, bundle_root, corpus.root, split, 0)[0],
        }
        for split in ("dev", "test")
    }
    files.write_json(out / "results.json", results)
    sample = example(corpus, "test")
    clip = corpus.clip(sample)
    transcript = Recognizer.load(bundle_root).transcribe(clip)
    draw_learning_curve(run.metrics(), corpus.label, out / "learning.png")
    draw_clip(clip, transcript, sample.glosses, corpus.info.fps, out / "example.png")
    text = "\n\n".join(
        [
            f"# {run_root.name}: {corpus.label}",
            f"{summary['parameters'] / 1e6:.2f} M parameters, {summary['epochs']} epochs, best on dev in epoch "
            f"{summary['best_epoch']}, trained in {summary['seconds'] / 60:.1f} minutes.",
            f"## Recognition ({corpus.label}, greedy decoding)",
            results_table(results),
            "## Speed on this CPU (the student alone, without landmark extraction)",
            table(files.read_json(bench_path)),
            "## Learning curve",
            "![learning curve](learning.png)",
            f"## An example: test clip {sample.id}, recognised by the INT8 bundle",
            "![example clip](example.png)",
        ]
    )
    files.write_text(out / "report.md", text + "\n")
    return text


def main() -> int:
    """Write the report and print its results."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("run", "bundle", "bench", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()

    def work() -> int:
        text = report(arguments.run, arguments.bundle, arguments.bench, arguments.out)
        print(text.partition("## Speed")[0].strip())
        print(f"wrote {arguments.out / 'report.md'}")
        return 0

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
