"""Every number of a recipe, of a bundle and of a search has bounds, and what lies without is refused in one line."""

import dataclasses
import math
import time
import types
import typing
from importlib import resources

import pytest

from tf_slr.cli import main as cli
from tf_slr.core.bounds import MOST_ITEMS, Bounds, bounded, check_bounds
from tf_slr.core.errors import UsageError
from tf_slr.core.landmarks import Normalisation
from tf_slr.core.pictures import FrameOptions
from tf_slr.corpus.compose import ComposeOptions
from tf_slr.correction.corrector import Description
from tf_slr.correction.evidence import EvidenceOptions
from tf_slr.correction.rescoring import Rescoring
from tf_slr.correction.training.recipe import CorrectorRecipe, load_corrector_recipe
from tf_slr.decoding.beam import BeamOptions
from tf_slr.models.options import CorrNetOptions, LriNetOptions, MslrOptions
from tf_slr.models.options.corrector import CorrectorOptions
from tf_slr.runtime.stream import StreamOptions
from tf_slr.synth.signsynth import SignsynthOptions
from tf_slr.training.recipe import Recipe, load_recipe

ROOTS = (
    Recipe, CorrectorRecipe, CorrNetOptions, LriNetOptions, MslrOptions, CorrectorOptions, Description, FrameOptions,
    StreamOptions, BeamOptions, Rescoring, EvidenceOptions, ComposeOptions, SignsynthOptions,
)  # fmt: skip
# The number of a rule, of which a program knows one.
EXACT = {(Normalisation, "version")}


def numbers():
    """Every field that holds numbers, of the classes above and of those within them."""
    waiting, seen = list(ROOTS), set()
    while waiting:
        cls = waiting.pop()
        if cls in seen:
            continue
        seen.add(cls)
        hints = typing.get_type_hints(cls)
        for field in dataclasses.fields(cls):
            kinds = [hints[field.name]]
            while any(typing.get_origin(kind) in (types.UnionType, tuple) for kind in kinds):
                kinds = [one for kind in kinds for one in (typing.get_args(kind) or [kind])]
            waiting += [kind for kind in kinds if dataclasses.is_dataclass(kind)]
            if {int, float} & set(kinds):
                yield cls, field


def test_every_number_has_bounds_and_its_default_lies_within():
    found = list(numbers())
    assert len(found) > 120
    for cls, field in found:
        if (cls, field.name) in EXACT:
            continue
        bounds = field.metadata.get("bounds")
        assert bounds, f"{cls.__name__}.{field.name} has no bounds"
        if field.default not in (None, dataclasses.MISSING):
            values = field.default if isinstance(field.default, tuple) else (field.default,)
            assert all(value in bounds for value in values), f"{cls.__name__}.{field.name}"


def test_the_recipes_that_come_with_the_package_are_within():
    for entry in (resources.files("tf_slr") / "recipes").iterdir():
        name = entry.name.removesuffix(".toml")
        load = load_corrector_recipe if name.startswith("corrector") else load_recipe
        try:
            load(name)
        except UsageError as error:
            if "--teacher" not in str(error):
                raise
            load(name, ["distill.teacher=run"])


@pytest.mark.parametrize(
    ("load", "setting", "message"),
    [
        (load_recipe, "model.width=100000000", r"model\.width: expected from 1 to 4096, received 100000000"),
        (load_recipe, "model.width=0", r"model\.width: expected from 1 to 4096, received 0"),
        (load_recipe, "model.temporal=K99999-P2-K5-P2", r"model\.temporal: .*sizes up to 99"),
        (load_recipe, "training.batch=1000000000", r"training\.batch: expected from 1 to 16384"),
        (load_recipe, "training.learning_rate=1e30", r"training\.learning_rate: expected more than 0 and at most 10"),
        (load_recipe, "features.workers=100000", r"features\.workers"),
        (load_recipe, "features.normalisation.limit=-1", r"normalisation\.limit: expected more than 0"),
        (load_recipe, "features.normalisation.version=7", r"normalisation version 7, this program has version 1"),
        (load_recipe, "features.normalisation.part_gain=1e300", r"normalisation\.part_gain"),
        (load_corrector_recipe, "model.positions=10000000", r"model\.positions: expected from 16 to 4096"),
        (load_corrector_recipe, "search.width=1000000", r"search\.width: expected from 1 to 1000"),
    ],
)
def test_numbers_out_of_bounds_are_refused_at_once(load, setting, message):
    started = time.monotonic()
    with pytest.raises(UsageError, match=message):
        load("default" if load is load_recipe else "corrector", [setting])
    assert time.monotonic() - started < 1


def test_a_search_that_would_never_end_is_refused():
    with pytest.raises(UsageError, match=r"rescoring\.width: expected from 1 to 10000, received 1000000"):
        Rescoring(10**6)


def test_options_of_commands_are_bounded(capsys):
    for command in (["live", "--camera", "1000000", "--bundle", "b"], ["record", "--camera", "x", "--signs", "a"]):
        with pytest.raises(SystemExit) as end:
            cli.main(command)
        assert end.value.code == 1
        assert "argument --camera: expected a whole number from 0 to 999, received" in capsys.readouterr().err


def test_bounds():
    assert math.nan not in Bounds(-math.inf, math.inf)
    assert [value in Bounds(0, 1, above=True, below=True) for value in (0, 0.5, 1)] == [False, True, False]
    texts = [str(Bounds(0, 1, above, below)) for above in (False, True) for below in (False, True)]
    assert texts == ["from 0 to 1", "from 0 to below 1", "more than 0 and at most 1", "more than 0 and below 1"]
    assert str(Bounds(2, math.inf)) == "at least 2"

    @dataclasses.dataclass(frozen=True)
    class Options:
        sizes: tuple[int, ...] = bounded((1, 2), 1, 9)
        most: int | None = bounded(None, 1, 9)

    check_bounds(Options(), "a.")
    with pytest.raises(UsageError, match=r"^a\.sizes: expected from 1 to 9, received 10$"):
        check_bounds(Options(sizes=(1, 10)), "a.")
    with pytest.raises(UsageError, match=r"^a\.sizes: expected at most 16 numbers, received 17$"):
        check_bounds(Options(sizes=(1,) * (MOST_ITEMS + 1)), "a.")
