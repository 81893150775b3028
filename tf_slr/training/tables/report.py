"""What came of the runs: figures with their spread, as Markdown and JSON."""

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tf_slr.core.landmarks import VALUES
from tf_slr.models.cost import multiply_adds
from tf_slr.models.options import ModelOptions, MslrOptions
from tf_slr.training.tables import speed
from tf_slr.training.tables.ablations import Row, Table
from tf_slr.training.tables.cells import Cells

NOT_RUN = "not run"
# What the rate of a split is called as the corrector leaves it.
CORRECTED = "{}, corrected"

PREFACE = f"""\
WER in %, greedy decoding: mean ± standard deviation over the seeds that a row has runs of (of a sample, with n - 1); \
a single run has no spread. A difference from the first row of no more than the standard deviation of a difference, \
the root of the sum of both rows' squared deviations, is called *within the spread*. Multiply-adds and times are those \
of {speed.FRAMES} frames; times are the median of TensorFlow's in FP32 on one thread, for comparison among the rows. \
Values are numbers a frame that the network reads."""


class Figure(NamedTuple):
    """A quantity over seeds.

    Attributes:
        mean: over the runs.
        deviation: standard deviation of the sample, None of a single run.
        values: of every run.
    """

    mean: float
    deviation: float | None
    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure | None":
        """The figure of some runs' values, or None of no run's."""
        if not values:
            return None
        deviation = statistics.stdev(values) if len(values) > 1 else None
        return cls(statistics.fmean(values), deviation, tuple(values))

    def shown(self) -> str:
        """As percent: "12.34 ± 0.56", or "12.34" of a single run."""
        spread = "" if self.deviation is None else f" ± {100 * self.deviation:.2f}"
        return f"{100 * self.mean:.2f}{spread}"


def compared(figure: Figure | None, first: Figure | None) -> str:
    """How far a figure lies from the first row's, in percentage points, and whether seeds alone may do that."""
    if figure is None or first is None:
        return ""
    difference = figure.mean - first.mean
    shown = f"{100 * difference:+.2f}"
    if figure.deviation is None or first.deviation is None:
        return f"{shown} (spread unknown)"
    # A sum of rounded values may miss its limit by the last bit.
    within = abs(difference) <= math.hypot(figure.deviation, first.deviation) + 1e-12
    return f"{shown}, within the spread" if within else shown


def _values(options: ModelOptions, classes: int, speeds: Mapping[str, dict]) -> str:
    return f"{VALUES if isinstance(options, MslrOptions) else 3 * options.size**2:,}"


def _products(options: ModelOptions, classes: int, speeds: Mapping[str, dict]) -> str:
    return f"{multiply_adds(options, classes, speed.FRAMES) / 1e9:.3f} G"


def _milliseconds(options: ModelOptions, classes: int, speeds: Mapping[str, dict]) -> str:
    found = speeds.get(speed.key(options, classes))
    return f"{found['p50_ms']:.1f}" if found else "not measured"


# What a network costs: head of the column, and its text. Parameters are told by the run itself.
COSTS = {
    "values": ("values", _values),
    "milliseconds": ("CPU ms", _milliseconds),
    "multiply_adds": ("multiply-adds", _products),
}


class Report:
    """Tables over what is computed by now.

    Args:
        cells: the runs.
        speeds: what `speed.time_networks` measured.
        corrector: what repairs the sentences of the tables that ask for it; None for none.
    """

    def __init__(self, cells: Cells, speeds: Mapping[str, dict], corrector: Path | None = None) -> None:
        self.cells, self.speeds, self.corrector = cells, speeds, corrector
        self.label = cells.corpus.label
        self.classes = cells.corpus.vocabulary().classes

    def title(self, table: Table) -> str:
        """What stands above a table and its picture."""
        name = f"Table {table.key}" if table.key.isdecimal() else table.key.upper()
        return f"{name}: {table.title}, {self.label}"

    def results(self, row: Row) -> list[dict]:
        """The results that a row has."""
        found = (self.cells.result(cell) for cell in row.cells)
        return [result for result in found if result is not None]

    def corrects(self, table: Table) -> bool:
        """Whether the corrector has columns in a table."""
        return table.corrected and self.corrector is not None

    def figures(self, table: Table, row: Row) -> dict[str, Figure]:
        """WER by split, by group of signers where a split has both groups, and as the corrector leaves it."""
        rates: dict[str, list[float | None]] = {}
        for cell in row.cells if self.corrects(table) else ():
            found = self.cells.corrected(cell, self.corrector)
            for split, summary in found["splits"].items() if found else ():
                rates.setdefault(CORRECTED.format(split), []).append(summary["wer"])
        for result in self.results(row):
            for split, summary in result["splits"].items():
                rates.setdefault(split, []).append(summary["wer"])
                if len(summary["groups"]) > 1:
                    for group, counts in summary["groups"].items():
                        rates.setdefault(f"{split}, {group}", []).append(counts["wer"])
        # A rate is None where a split or group has no gloss at all.
        figures = {name: Figure.of([rate for rate in found if rate is not None]) for name, found in rates.items()}
        return {name: figure for name, figure in figures.items() if figure is not None}

    def markdown(self, tables: Sequence[Table]) -> str:
        """All tables, with what a reader must know to read them."""
        parts = [f"# Ablations, {self.label}", PREFACE]
        for table in tables:
            notes = [table.note] if table.note else []
            if self.corrects(table):
                notes.append(f"Corrected: as {self.corrector} repairs what the same runs recognise. What it does was "
                             "chosen on the dev sentences of one run; its figures on dev flatter it.")  # fmt: skip
            parts += [f"## {self.title(table)}", self._markdown(table), *notes]
        return "\n\n".join(parts) + "\n"

    def _markdown(self, table: Table) -> str:
        by_row = [self.figures(table, row) for row in table.rows]
        rates = list(dict.fromkeys(name for figures in by_row for name in figures)) or ["dev", "test"]
        rates.sort(key=lambda name: (not name.startswith("dev"), name))
        changes = [name for name in rates if "," not in name]
        heads = [self.label, *table.heads, "runs", *rates, *(f"{name} against the first row" for name in changes)]
        heads += [COSTS[cost][0] if cost in COSTS else cost for cost in table.costs]
        left = 1 + len(table.heads)
        lines = [_line(heads), _line(["---"] * left + ["---:"] * (len(heads) - left))]
        for row, figures in zip(table.rows, by_row, strict=True):
            runs = f"{len(self.results(row))} of {len(row.cells)}"
            shown = [figures[name].shown() if name in figures else NOT_RUN for name in rates]
            against = ["" if row is table.rows[0] else compared(figures.get(name), by_row[0].get(name))
                       for name in changes]  # fmt: skip
            lines.append(_line([row.name, *row.marks, runs, *shown, *against, *self._costs(table, row)]))
        return "\n".join(lines)

    def _costs(self, table: Table, row: Row) -> list[str]:
        options = row.cells[0].recipe.model
        texts = []
        for cost in table.costs:
            if cost in COSTS:
                texts.append(COSTS[cost][1](options, self.classes, self.speeds))
            else:  # the parameters
                texts += [f"{result['training'][cost]:,}" for result in self.results(row)[:1]] or [NOT_RUN]
        return texts

    def json(self, tables: Sequence[Table]) -> dict:
        """Every cell's figures, and the tables made of them."""
        cells, made = {}, {}
        for table in tables:
            rows = []
            for row in table.rows:
                results = self.results(row)
                cells |= {result["digest"]: result for result in results}
                rows.append({
                    "name": row.name,
                    "columns": dict(zip(table.heads, row.marks, strict=True)),
                    "wer": {name: figure._asdict() for name, figure in self.figures(table, row).items()},
                    "multiply_adds": multiply_adds(row.cells[0].recipe.model, self.classes, speed.FRAMES),
                    "cells": [result["digest"] for result in results],
                    "missing_seeds": [cell.seed for cell in row.cells if self.cells.result(cell) is None],
                })  # fmt: skip
            made[table.key] = {"title": self.title(table), "note": table.note, "rows": rows}
        return {
            "corpus": self.label,
            "fingerprint": self.cells.fingerprint,
            "spread": "standard deviation of a sample, over seeds",
            "frames": speed.FRAMES,
            "tables": made,
            "speed": dict(self.speeds),
            "cells": list(cells.values()),
        }


def _line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"
