"""Files of logits: they come back as they were, and nothing else is read."""

import numpy as np
import pytest

from tf_slr.core import files
from tf_slr.core.errors import DataError
from tf_slr.core.glosses import Vocabulary
from tf_slr.formats.logits import read_logits, write_logits

VOCABULARY = Vocabulary(("REGEN", "WÜSTE"))


def clips():
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=(steps, 3)).astype(np.float32)
            for name, steps in (("a/b 1", 4), ("leer", 0), ("ünlü", 1))}  # fmt: skip


def test_what_was_written_comes_back(tmp_path):
    write_logits(tmp_path / "x.npz", VOCABULARY, clips())
    vocabulary, found = read_logits(tmp_path / "x.npz")
    assert vocabulary.glosses == VOCABULARY.glosses
    assert list(found) == list(clips())
    assert all(np.array_equal(found[name], logits) for name, logits in clips().items())
    write_logits(tmp_path / "none.npz", VOCABULARY, {})
    assert read_logits(tmp_path / "none.npz")[1] == {}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"logits": None}, "expected ids, glosses, steps and logits"),
        ({"steps": np.array([4, 0, 2])}, "steps of 3 clips to sum to 5"),
        ({"steps": np.array([6, -2, 1])}, "steps of 3 clips"),
        ({"glosses": np.array(["REGEN"])}, "2 finite logits"),
        ({"glosses": np.array(["REGEN", "REGEN"])}, "twice"),
        ({"ids": np.array(["a", "b", "a"])}, "an id stands twice"),
        ({"ids": np.arange(3)}, "lists of ids"),
        ({"logits": np.full((5, 3), np.nan, np.float32)}, "finite"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_name(tmp_path, changed, said):
    path = tmp_path / "x.npz"
    write_logits(path, VOCABULARY, clips())
    arrays = {name: array for name, array in (files.read_npz(path) | changed).items() if array is not None}
    files.write_npz(path, arrays)
    with pytest.raises(DataError, match=said) as caught:
        read_logits(path)
    assert "x.npz" in str(caught.value)
