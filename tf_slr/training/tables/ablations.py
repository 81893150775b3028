"""Which runs the tables of the papers are made of.

Tables 1, 4, 6 and 7 are those of KD-MSLRT (https://arxiv.org/abs/2501.02321)
whose text correction is a column beside table 4's rows; "crkd" is the question of CRKD
(https://arxiv.org/abs/2303.06820). Rows of one table differ in what the table
is about and in nothing else. Only table 1 compares two recipes as they are.
"""

import dataclasses
import itertools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tf_slr.core.errors import UsageError
from tf_slr.features.augment import NONE
from tf_slr.models.options import LriNetOptions, MslrOptions
from tf_slr.training.recipe import Recipe
from tf_slr.training.tables.cells import Cell

# The paper's table has four rows whose kernels cannot be read in its public text; it says that large ones do worse.
KERNELS = (3, 5, 7, 9)
# The rows of the paper's table 7 (convolution heads, sequence heads, own heads), and the one it leaves out.
TERMS = (
    (), ("conv",), ("conv", "inner"), ("sequence",), ("inner",), ("sequence", "inner"), ("conv", "sequence"),
    ("conv", "sequence", "inner"),
)  # fmt: skip
YES, NO = "✓", "×"  # noqa: RUF001
UNLIKE = "The recipes of MSLR and KD-MSLR differ in more than distillation; table 4 shows distillation alone."
AUGMENTED = "With the recipe's augmentation; the paper's table is without."


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        name: what was trained.
        marks: the row's values in the columns that tell it from others.
        cells: one for each seed.
    """

    name: str
    marks: tuple[str, ...]
    cells: tuple[Cell, ...]


class Table(NamedTuple):
    """A table. The other rows are held against its first one.

    Attributes:
        key: "1", "4", "6", "7" or "crkd".
        title: what the table shows.
        heads: of the columns of the rows' marks.
        costs: which costs of the network are shown, see `report.COSTS`.
        rows: in order.
        corrected: whether it also asks what a corrector makes of the rows' sentences.
        note: what a reader must know to compare it, or empty.
    """

    key: str
    title: str
    heads: tuple[str, ...]
    costs: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""
    corrected: bool = False


@dataclass(frozen=True)
class Recipes:
    """The recipes of the tables: names of shipped ones, or paths; empty where no table needs one.

    Attributes:
        student: MSLR that learns alone.
        distilled: MSLR with a teacher, all of its three terms weighted.
        lrinet: LRINet with a teacher.
        settings: `a.b=value`, applied to all students.
        seeds: how many runs of each student.
    """

    student: str = ""
    distilled: str = ""
    lrinet: str = ""
    settings: tuple[str, ...] = ()
    seeds: int = 3


class Ablations:
    """The tables for some recipes.

    Every recipe is read, and every row's settings tried, when a table is asked for: what does not go
    together is refused before anything is trained.

    Args:
        recipes: of the students.
        teacher: the run that teaches, or None where no table needs one.
        teacher_root: its run folder, which may not exist yet.
    """

    def __init__(self, recipes: Recipes, teacher: Cell | None, teacher_root: Path | None) -> None:
        self.recipes, self.teacher, self.teacher_root = recipes, teacher, teacher_root

    def table(self, key: str) -> Table:
        """The table of a key, see `Table`.

        Raises:
            UsageError: a recipe is missing or unfit for it.
        """
        make = {"1": self._table1, "4": self._table4, "6": self._table6, "7": self._table7, "crkd": self._crkd}
        return make[key]()

    def _table1(self) -> Table:
        student = self._row("MSLR", ("landmarks",), "student")
        distilled = self._row("KD-MSLR", ("landmarks",), "distilled", self._distilled("distilled"))
        reads = "landmarks" if isinstance(self.teacher.recipe.model, MslrOptions) else "video"
        teacher = Row("teacher", (reads,), (self.teacher,))
        undistilled = self._row("MSLR", ("landmarks",), "distilled", "distill={}")
        note = "" if undistilled == student else UNLIKE
        costs = ("values", "milliseconds", "multiply_adds", "parameters")
        return Table("1", "Students and teacher", ("reads",), costs, (student, distilled, teacher), note)

    def _table4(self) -> Table:
        still = tuple(
            f"features.augment.{field.name}={json.dumps(getattr(NONE, field.name))}"
            for field in dataclasses.fields(NONE)
        )
        rows = []
        for kd, augmented in itertools.product((False, True), (False, True)):
            marks = (YES if augmented else NO, YES if kd else NO)
            terms = self._distilled("distilled") if kd else "distill={}"
            rows.append(
                self._row("KD-MSLR" if kd else "MSLR", marks, "distilled", terms, *(() if augmented else still))
            )
        return Table("4", "Augmentation and distillation", ("augmentation", "KD"), (), tuple(rows), corrected=True)

    def _table6(self) -> Table:
        model = self._recipe("student").model
        if not isinstance(model, MslrOptions):
            raise UsageError(f"{self.recipes.student}: table 6 is about the kernels of model.kind = 'mslr', "
                             f"the recipe has {model.kind!r}")  # fmt: skip
        rows = []
        for kernel in KERNELS:
            stack = re.sub(r"K\d+", f"K{kernel}", model.temporal)
            rows.append(self._row("MSLR", (stack,), "student", f"model.temporal={json.dumps(stack)}"))
        costs = ("multiply_adds", "parameters")
        return Table("6", "Kernel size of the convolutions over time", ("stack",), costs, tuple(rows), AUGMENTED)

    def _table7(self) -> Table:
        options = self._recipe("distilled").distill
        for term in ("conv", "sequence", "inner"):
            if not getattr(options, term):
                raise UsageError(
                    f"{self.recipes.distilled}: table 7 needs a weight above 0 of distill.{term}; the recipe has 0"
                )
        rows = []
        for terms in TERMS:
            marks = tuple(YES if term in terms else NO for term in ("conv", "sequence", "inner"))
            settings = self._distilled("distilled", terms) if terms else "distill={}"
            rows.append(self._row("MSLR", marks, "distilled", settings))
        heads = ("KD, convolution heads", "KD, sequence heads", "own heads")
        return Table("7", "What is distilled", heads, (), tuple(rows), AUGMENTED)

    def _crkd(self) -> Table:
        recipe = self._recipe("lrinet")
        model = recipe.model
        if not isinstance(model, LriNetOptions) or model.recover != "equal-scale":
            raise UsageError(f"{self.recipes.lrinet}: table crkd needs model.kind = 'lrinet' with recover = "
                             "'equal-scale', which it holds against up-sampling")  # fmt: skip
        taught = getattr(self.teacher.recipe.model, "sides", [None])[-1]
        if recipe.distill.features and taught != model.scale:
            raise UsageError(
                f"{self.recipes.lrinet}: frame-level features have a side of {model.scale}, expected the teacher's, "
                f"{taught}; change model.scale"
            )
        rows = []
        for size, stride, recover in _resolutions(model):
            if recover == "upsample" and not recipe.distill.features:
                continue  # which way features get the teacher's scale is a question for who compares them
            shape = (f"model.size={size}", f"model.stem_stride={stride}", f'model.recover="{recover}"')
            for kd in (False, True):
                marks = (f"{size} x {size}", recover, YES if kd else NO)
                terms = self._distilled("lrinet") if kd else "distill={}"
                rows.append(self._row("LRINet", marks, "lrinet", terms, *shape))
        heads = ("frame", "features' scale", "KD")
        costs = ("values", "multiply_adds", "parameters")
        return Table("crkd", "Distillation across resolutions", heads, costs, tuple(rows))

    def _row(self, name: str, marks: tuple[str, ...], role: str, *settings: str) -> Row:
        """A row: a recipe with settings, for every seed."""
        cells = tuple(
            Cell.of(self._name(role), (*self.recipes.settings, *settings, f"training.seed={seed}"))
            for seed in range(self.recipes.seeds)
        )
        return Row(name, marks, cells)

    def _name(self, role: str) -> str:
        name = getattr(self.recipes, role)
        if not name:
            raise UsageError(f"expected a recipe --{role} for the tables that were asked for")
        return name

    def _recipe(self, role: str) -> Recipe:
        """A recipe as the tables' settings leave it, with a teacher where it can have one."""
        settings = self.recipes.settings
        if role != "student":
            settings += (f"distill.teacher={json.dumps(str(self.teacher_root))}",)
        return Cell.of(self._name(role), settings).recipe

    def _distilled(self, role: str, terms: Iterable[str] = ("conv", "sequence", "features", "inner")) -> str:
        """The setting that leaves some terms of a recipe's distillation, with nothing that only others need.

        So two ways to one loss are one recipe, and one cell.
        """
        options = self._recipe(role).distill
        kept = {term: getattr(options, term) for term in terms if getattr(options, term)}
        if "inner" in kept:
            kept |= {"inner_temperature": options.inner_temperature, "inner_blank": options.inner_blank}
        if set(kept) & {"conv", "sequence", "features"}:
            kept |= {name: getattr(options, name) for name in ("teacher", "temperature", "blank", "online", "fade")}
        return "distill={" + ", ".join(f"{name} = {json.dumps(value)}" for name, value in kept.items()) + "}"


def _resolutions(model: LriNetOptions) -> list[tuple[int, int, str]]:
    """Size, stride of the stem, and how features get the teacher's scale: the recipe's, and two to hold it against.

    The second sees half the resolution, or twice where the stem does not shrink it, through a stem that makes maps as
    wide. The third sees the recipe's resolution through a stem that makes them half as wide.
    """
    size, stride = model.size, model.stem_stride
    other = (size // 2, stride // 2) if size % 2 == stride % 2 == 0 else (2 * size, 2 * stride)
    return [(size, stride, "equal-scale"), (*other, "equal-scale"), (size, 2 * stride, "upsample")]
