"""Options from TOML."""

from dataclasses import dataclass, field
from typing import Literal

import pytest

from tf_slr.core import config
from tf_slr.core.errors import DataError, UsageError


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1
    mode: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Round:
    kind: Literal["round"] = "round"
    radius: float = 1.0


@dataclass(frozen=True)
class Square:
    kind: Literal["square"] = "square"
    side: float = 1.0


@dataclass(frozen=True)
class Shaped:
    shape: Round | Square | None = None


@dataclass(frozen=True)
class Outer:
    count: int = 1
    sizes: tuple[int, ...] = (1, 2)
    promise: float | None = None
    inner: Inner = field(default_factory=Inner)


@pytest.fixture
def toml(tmp_path):
    def write(text):
        (tmp_path / "o.toml").write_text(text)
        return tmp_path / "o.toml"

    return write


def test_values_and_settings(toml):
    path = toml("count = 3\nsizes = [4, 5]\n[inner]\nrate = 1\n")
    assert config.load(Outer, path) == Outer(3, (4, 5), None, Inner(1.0))
    changed = config.load_recipe(Outer, str(path), ["inner.rate=2e-3", "inner.mode=b", "promise=0.5"])
    assert changed == Outer(3, (4, 5), 0.5, Inner(0.002, "b"))


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("cuont = 3", [], "did you mean count"),
        ("[inner]\nrat = 3", [], "inner.rat.*inner.rate"),
        ("count = 1.5", [], "count: expected int, received 1.5"),
        ("count = true", [], "count: expected int"),
        ("inner = 3", [], "inner: expected Inner"),
        ("sizes = [1, 'x']", [], "sizes: expected int"),
        ("", ["inner.mode=c"], "expected 'a' or 'b', received 'c'"),
        ("", ["count"], "expected a.b=value"),
        ("count = 1", ["count.x=1"], "is a value, not a table"),
        ("count = ", [], "not valid TOML"),
        ("promise = nan", [], "expected a finite number, received nan"),
        ("", ["inner.rate=inf"], "inner.rate: expected float, received 'inf'"),
        ("", ["inner.rate=1e999"], "inner.rate: expected float, received '1e999'"),
    ],
)
def test_faults_are_named(toml, text, settings, message):
    with pytest.raises(UsageError, match=message):
        config.load_recipe(Outer, str(toml(text)), settings)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.toml"):
        config.load(Outer, tmp_path / "none.toml")


def test_written_toml_reads_back(tmp_path):
    options = Outer(7, (3,), 0.25, Inner(0.5, "b"))
    (tmp_path / "o.toml").write_text(config.to_toml(config.to_table(options)))
    assert config.load(Outer, tmp_path / "o.toml") == options


def test_one_of_several_classes_is_chosen_by_its_kind(toml):
    assert config.load(Shaped, toml("")).shape is None
    assert config.load(Shaped, toml("[shape]\nradius = 2.0")).shape == Round(radius=2.0)
    options = config.load(Shaped, toml("[shape]\nkind = 'square'\nside = 3"))
    assert options.shape == Square(side=3.0)
    assert config.load(Shaped, toml(config.to_toml(config.to_table(options)))) == options
    with pytest.raises(UsageError, match=r"shape\.kind: expected 'round' or 'square', received 'flat'"):
        config.load(Shaped, toml("[shape]\nkind = 'flat'"))
    with pytest.raises(UsageError, match=r"shape: expected a table, such as shape\.kind = VALUE, received 'square'"):
        config.load(Shaped, toml("shape = 'square'"))
    with pytest.raises(UsageError, match=r"shape\.kind: expected 'round' or 'square', received \['square'\]"):
        config.load(Shaped, toml("[shape]\nkind = ['square']"))
    with pytest.raises(UsageError, match=r"unknown key shape\.radius"):
        config.load(Shaped, toml("[shape]\nkind = 'square'\nradius = 3"))


def test_a_recipe_holds_what_differs_from_the_one_it_extends(tmp_path):
    (tmp_path / "base.toml").write_text("count = 3\nsizes = [4]\n[inner]\nrate = 1\nmode = 'b'\n")
    (tmp_path / "deeper").mkdir()
    own = tmp_path / "deeper/own.toml"
    own.write_text("extends = '../base.toml'\nsizes = [5]\n[inner]\nrate = 2\n")
    assert config.load_recipe(Outer, str(own)) == Outer(3, (5,), None, Inner(2.0, "b"))
    assert config.load_recipe(Outer, str(own), ["inner.rate=4", "count=7"]) == Outer(7, (5,), None, Inner(4.0, "b"))
    third = tmp_path / "third.toml"
    third.write_text("extends = 'deeper/own.toml'\ncount = 9\n")
    assert config.load_recipe(Outer, str(third)) == Outer(9, (5,), None, Inner(2.0, "b"))

    (tmp_path / "base.toml").write_text("cuont = 3")
    with pytest.raises(UsageError, match=r"third\.toml extends .*own\.toml extends .*base\.toml: unknown key cuont"):
        config.load_recipe(Outer, str(third))
    (tmp_path / "base.toml").write_text("extends = 'third.toml'")
    with pytest.raises(UsageError, match=r"base\.toml: extends 'third\.toml', which in the end extends this one"):
        config.load_recipe(Outer, str(third))
    for wrong, message in (("1", "expected the name or path"), ("'none'", "no recipe 'none'")):
        own.write_text(f"extends = {wrong}")
        with pytest.raises(UsageError, match=message):
            config.load_recipe(Outer, str(own))
    with pytest.raises(UsageError, match="unknown key extends"):
        config.load(Outer, own)
