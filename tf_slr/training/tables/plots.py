"""A picture of each table: bars of WER with their spread, and every single run as a dot."""

from pathlib import Path

from tf_slr.core import files
from tf_slr.training.tables.ablations import Table
from tf_slr.training.tables.report import CORRECTED, NOT_RUN, Report

SPLITS = ("dev", "test")


def draw(report: Report, table: Table, path: Path) -> None:
    """Draw a table's rows, the first at the top, as PNG; rows without runs are named and say so."""
    from matplotlib.figure import Figure as Drawing
    from matplotlib.patches import Patch

    drawing = Drawing(figsize=(8, 1.4 + 0.55 * len(table.rows)), layout="constrained")
    axes = drawing.subplots()
    rates = ("{}", CORRECTED) if report.corrects(table) else ("{}",)
    splits = [rate.format(split) for split in SPLITS for rate in rates]
    height = 0.8 / len(splits)
    for number, row in enumerate(table.rows):
        figures = report.figures(table, row)
        if not figures:
            axes.text(0, number, f" {NOT_RUN}", va="center", color="gray")
        for place, split in enumerate(splits):
            figure = figures.get(split)
            if figure is None:
                continue
            y = number + (place - (len(splits) - 1) / 2) * height
            spread = None if figure.deviation is None else 100 * figure.deviation
            axes.barh(y, 100 * figure.mean, height, xerr=spread, capsize=3, color=f"C{place}", alpha=0.7)
            axes.plot([100 * value for value in figure.values], [y] * len(figure.values), "k.", markersize=3)
    names = [", ".join([row.name, *_named(table, row.marks)]) for row in table.rows]
    axes.set_yticks(range(len(table.rows)), names)
    axes.set(xlabel="WER in %, mean and standard deviation over seeds", title=report.title(table))
    axes.set(xlim=(0, None), ylim=(len(table.rows) - 0.5, -0.5))
    patches = [Patch(color=f"C{place}", alpha=0.7, label=split) for place, split in enumerate(splits)]
    drawing.legend(handles=patches, loc="outside lower left", ncols=len(splits))
    with files.atomic_path(path) as temporary:
        drawing.savefig(temporary, dpi=110)


def _named(table: Table, marks: tuple[str, ...]) -> list[str]:
    """A row's marks as words: a tick alone says nothing beside a bar."""
    return [f"{head} {mark}" if len(mark) == 1 else mark for head, mark in zip(table.heads, marks, strict=True)]
