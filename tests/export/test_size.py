"""What a bundle takes at PHOENIX14's vocabulary, with the recipes for such a corpus; weights do not matter."""

import json

import pytest

from export.convert import convert
from export.corrector import convert as convert_corrector
from export.variants import DEFAULT, VARIANTS
from export.verify import MAX_BYTES
from tf_slr.core.glosses import Vocabulary
from tf_slr.correction.symbols import Symbols
from tf_slr.correction.training.recipe import load_corrector_recipe
from tf_slr.models.corrector import CorrectorNetwork
from tf_slr.training.networks import build
from tf_slr.training.recipe import load_recipe

pytestmark = pytest.mark.slow

CLASSES = 1296  # blank included
REST = 100_000  # description, card and seal


def test_student_and_correctors_of_phoenix_fit_the_published_size():
    vocabulary = Vocabulary(tuple(f"GLOSS-{number:04d}" for number in range(CLASSES - 1)))
    recipe, repairing = load_recipe("default"), load_corrector_recipe("corrector")
    assert (recipe.model.width, recipe.model.hidden) == (512, 256)
    student = {name: len(convert(build(recipe.model, vocabulary.classes), VARIANTS[name]))
               for name in (DEFAULT, "stateless")}  # fmt: skip
    corrector = len(convert_corrector(CorrectorNetwork(repairing.model, Symbols(vocabulary).count), int8=True))
    lists = 2 * len(json.dumps(vocabulary.glosses))  # one beside the student, one beside the corrector
    rest = repairing.networks * corrector + lists + REST
    sizes = f"student {student}, corrector {repairing.networks} x {corrector}, lists {lists}"
    assert student[DEFAULT] + rest <= MAX_BYTES, sizes
    assert student["stateless"] + rest <= 10_500_000, sizes
