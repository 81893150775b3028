"""Table 5: rows differ in what the table is about, figures are those of the correctors, finished rows are kept."""

import dataclasses
import shutil

import numpy as np
import pytest

from tests.tiny_corrector import errors_in, sentence, tiny_corrector
from tf_slr.core.errors import UsageError
from tf_slr.correction.corrector import Corrector
from tf_slr.correction.symbols import text_slots
from tf_slr.correction.training.recipe import CorrectorRecipe
from tf_slr.correction.training.run import CorrectorRun
from tf_slr.correction.training.selection import DevSentence
from tf_slr.correction.training.table5 import PREPROCESSING, RATES, WAYS, markdown, row_recipe, table5
from tf_slr.correction.training.text import text_of_table
from tf_slr.scoring.cleanup import NONE

pytestmark = pytest.mark.slow


def test_rows_differ_in_their_noise_and_seed_alone():
    recipe = CorrectorRecipe()
    for name, kinds in PREPROCESSING.items():
        row = row_recipe(recipe, name, 7)
        assert row.training.seed == 7
        assert {kind for kind in RATES if getattr(row.noise, kind)} == set(kinds)
        assert (row.model, row.search, row.noise.clean) == (recipe.model, recipe.search, recipe.noise.clean)


def test_a_finished_run_is_measured_once_and_kept(tmp_path):
    shutil.copytree(tiny_corrector(), tmp_path / "all-seed0")
    rng = np.random.default_rng(8)
    truths = [sentence(rng) for _ in range(40)]
    heard = errors_in(truths, rng)
    systems = {"a": [DevSentence(text_slots(one), truth) for one, truth in zip(heard, truths, strict=True)]}
    text, recipe = text_of_table(tiny_corrector().parent / "list.csv", NONE), CorrectorRun(tiny_corrector()).recipe

    def exported(folder):
        return Corrector.load(folder).description

    def never(folder):
        raise AssertionError(folder)

    result = table5(text, recipe, ["all"], 1, systems, tmp_path, exported)
    assert table5(text, recipe, ["all"], 1, systems, tmp_path, never) == result
    # Other sentences of a system, and another system, are measured; what is asked of another recipe is refused.
    more = {"a": systems["a"][:30], "b": systems["a"]}
    again = table5(text, recipe, ["all"], 1, more, tmp_path, exported)
    assert all(ways["b"] == result["rows"]["all"][way]["a"] for way, ways in again["rows"]["all"].items())
    assert any(ways["a"] != ways["b"] for ways in again["rows"]["all"].values())
    other = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, batch=7))
    with pytest.raises(UsageError, match="another recipe"):
        table5(text, other, ["all"], 1, systems, tmp_path, never)
    rates = result["rows"]["all"]
    assert set(rates) == set(WAYS)
    assert all(rates[way]["a"][0] <= result["before"]["a"] for way in WAYS if "margins" in way)
    assert min(rates[way]["a"][0] for way in WAYS) < result["before"]["a"] / 2


def test_the_table_shows_mean_and_spread():
    result = {"before": {"a": 0.3}, "rows": {"raw": {way: {"a": [0.2, 0.22]} for way in WAYS}}, "seeds": 2}
    row = markdown(result).splitlines()[2]
    assert row.startswith("| raw | a | 30.00 | 21.00 ± 1.41 |")
    assert row.count("21.00 ± 1.41") == len(WAYS)
    single = markdown({**result, "rows": {"raw": {way: {"a": [0.2]} for way in WAYS}}, "seeds": 1})
    assert "±" not in single  # of one run no spread is known
    assert single.count("| 20.00") == len(WAYS)
