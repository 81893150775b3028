"""What several tests of training need."""

import pytest

from tests.tiny_video import RECIPE


@pytest.fixture
def recipe(tmp_path):
    """A function from settings to the recipe of the tiny world of videos with these."""
    from tf_slr.training.recipe import load_recipe

    def of(*settings):
        (tmp_path / "recipe.toml").write_text(RECIPE)
        return load_recipe(str(tmp_path / "recipe.toml"), settings)

    return of
